"""Destinations are checked before they are kept, and tried over a real connection; with the dashboard around it."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from control_site import run

from affekt.service import dashboard
from affekt.service.control.app import app, gated
from affekt.service.control.trial import Trial
from affekt.service.deliver.net import Net

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(BaseHTTPRequestHandler):
    heard: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.heard.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


class Late:
    """A `Trial` with a way out of the loop that it is asked in."""

    check = staticmethod(Trial(None).check)

    async def test(self, tenant, destination):
        async with Net() as net:
            return await Trial(net).test(tenant, destination)


def test_a_destination_is_checked_kept_and_tried(tmp_path, receiver):
    for site in run(tmp_path):
        site.application.state.parts.deliver = Late()
        place = {"url": f"http://127.0.0.1:{receiver}/hook", "allow_plain": True}
        place |= {"allow_private": ["127.0.0.0/8"], "ports": [receiver]}
        body = {"kind": "webhook", "name": "desk", "settings": place, "secret": SECRET}
        with site.client() as client:
            for wrong in ({"kind": "pigeon"}, {"secret": "x"}, {"settings": {"url": "ftp://x"}}, {"settings": {}}):
                answer = client.post("/v1/destinations", json=body | wrong)
                assert answer.status_code == 422
            made = client.post("/v1/destinations", json=body)
            assert made.status_code == 201
            assert client.post("/v1/destinations", json=body).status_code == 409
            tried = client.post(f"/v1/destinations/{made.json()['id']}/test")
            assert tried.json() == {"sent": True, "status": 204, "why": None}
            assert b'"test"' in Receiver.heard[-1]
            assert SECRET not in made.text + tried.text + client.get("/v1/destinations").text
            assert client.post("/v1/destinations/nobody/test").status_code == 404


def test_a_receiver_that_is_away_is_said_to_be():
    place = {"url": "http://127.0.0.1:9/", "allow_plain": True, "allow_private": ["127.0.0.0/8"], "ports": [9]}
    to = {"id": "d", "kind": "webhook", "name": "n", "settings": place, "secret": SECRET}
    found = asyncio.run(Late().test("default", to))
    assert found["sent"] is False
    assert found["why"]


def test_the_dashboard_is_around_the_api_and_hides_none_of_its_refusals(tmp_path):
    """With the pages and the events of the dashboard, as `affekt serve` puts them together."""
    from starlette.testclient import TestClient

    from affekt.service.control import events
    from affekt.service.control.hub import Hub

    for site in run(tmp_path):
        parts, hub = site.application.state.parts, Hub()
        made = app(
            parts.settings,
            site.store,
            hub,
            site.bus,
            secrets=parts.secrets,
            routers=[events.router(hub, gated("GET", "/v1/events"))],
            pages=dashboard.pages(),
        )
        with TestClient(made, base_url=site.url) as client:
            assert client.get("/").headers["content-type"].startswith("text/html")
            for status, (method, path) in {404: ("GET", "/v1/nothing"), 405: ("PUT", "/v1/calls")}.items():
                answer = client.request(method, path)
                assert answer.status_code == status
                assert answer.headers["content-type"] == "application/problem+json"
            assert client.get("/v1/events").status_code == 401
            assert "/v1/events" in client.get("/v1/openapi.json").json()["paths"]
            assert client.get("/v1/docs").status_code == 200
