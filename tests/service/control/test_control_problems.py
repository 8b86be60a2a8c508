"""Every error is a problem of RFC 9457, and none leaks."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from control_site import run

from affekt.service.control import gate
from affekt.service.control.shell import HEADERS


def test_errors_of_every_kind_are_problems(site):
    with site.client() as client:
        answers = {
            404: client.get("/v1/nothing"),
            405: client.put("/v1/calls"),
            422: client.get("/v1/calls?limit=0"),
            400: client.post("/v1/keys", content=b"{", headers={"Content-Type": "application/json"}),
            413: client.post("/v1/keys", content=b" " * 300_000, headers={"Content-Type": "application/json"}),
            415: client.post("/v1/predict", content=b"x"),
            409: client.post("/v1/users", json={"name": "ada", "password": "x" * 12, "role": "viewer"}),
            501: client.get("/v1/session/oidc"),
        }
    with site.client(None) as client:
        answers[401] = client.get("/v1/calls")
    for status, answer in answers.items():
        body = answer.json()
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["status"] == status
        assert body["type"].startswith("/v1/docs#")
        assert body["title"]
        assert body["detail"]
        assert body["instance"].startswith("urn:uuid:")
    assert answers[405].headers["allow"] == "GET"
    assert answers[422].json()["errors"][0]["place"] == "query.limit"
    assert answers[401].headers["www-authenticate"] == "Bearer"


def test_a_fault_says_a_number_for_the_log_and_nothing_else(tmp_path, caplog):
    for site in run(tmp_path):
        site.store.calls = lambda *_, **__: 1 / 0  # a fault of ours
        with site.client() as client:
            answer = client.get("/v1/calls")
        assert answer.status_code == 500
        assert "division" not in answer.text
        number = answer.json()["instance"].removeprefix("urn:uuid:")
        assert any(number in record.getMessage() and record.exc_info for record in caplog.records)
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/v1/health", "/v1/nothing", "/v1/docs", "/v1/calls"])
def test_every_answer_has_the_headers_that_protect(site, path):
    with site.client(None) as client:
        answer = client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"


def raw(site, request: bytes) -> bytes:
    with socket.create_connection((urlsplit(site.url).hostname, urlsplit(site.url).port), timeout=20) as line:
        line.sendall(request)
        return line.recv(65536)


def test_a_body_without_a_length_is_bounded_too(site):
    head = f"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {site.keys['admin']}\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    answer = raw(site, head.encode() + chunk * 10)
    assert answer.startswith(b"HTTP/1.1 413")


def test_who_may_not_is_told_before_the_body_is_read(site):
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    assert raw(site, head).startswith(b"HTTP/1.1 401")


def test_a_body_that_does_not_come_is_not_waited_for(site, monkeypatch):
    from affekt.service.control import shell

    monkeypatch.setattr(shell, "PATIENCE", 0.2)
    head = f"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {site.keys['admin']}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
    assert raw(site, head.encode()).startswith(b"HTTP/1.1 408")


def test_docs_load_nothing_from_elsewhere(site):
    with site.client(None) as client:
        page = client.get("/v1/docs").text
        assert "http://" not in page
        assert "https://" not in page.replace("https://desk.example.com/hooks/affekt", "")
        assert "<script" not in page
        assert client.get("/v1/docs.css").headers["content-type"].startswith("text/css")
        for line in ("/v1/predict", "/v1/calls/{id}", "x-csrf-token", "too-many-requests"):
            assert line.lower() in page.lower()


def test_openapi_tells_of_each_route_its_roles_an_example_and_how_to_sign_in(site):
    with site.client(None) as client:
        api = client.get("/v1/openapi.json").json()
    from affekt.service.control.pages import example

    assert set(api["components"]["securitySchemes"]) == {"key", "session"}
    for path, methods in api["paths"].items():
        for method, route in methods.items():
            place = f"{method} {path}"
            assert route["tags"], place
            assert route["summary"], place
            assert route["description"], place
            assert route["security"] == ([{"key": []}, {"session": []}] if route["x-roles"] else []), place
            good = [a for status, a in route["responses"].items() if status[0] == "2"]
            bodies = [
                answer["content"]["application/json"]
                for answer in good
                if "application/json" in answer.get("content", {})
            ]
            assert all(example(body["schema"], api) is not None for body in bodies), place
            body = route.get("requestBody", {}).get("content", {}).get("application/json")
            assert body is None or example(body["schema"], api) is not None, place
            assert "application/problem+json" in route["responses"]["default"]["content"], place


def test_a_route_of_others_is_gated_by_the_dependency(site):
    from fastapi import Depends, FastAPI
    from starlette.testclient import TestClient

    from affekt.service.control import problems
    from affekt.service.control.app import gated

    made = FastAPI()
    made.state.parts = site.application.state.parts
    problems.install(made)

    @made.get("/v1/events")
    def events(tenant: str = Depends(gated("GET", "/v1/events"))) -> str:
        return tenant

    with TestClient(made) as client:
        assert client.get("/v1/events").status_code == 401
        headers = {"Authorization": f"Bearer {site.keys['viewer']}"}
        assert client.get("/v1/events", headers=headers).json() == "default"
    assert gate.COOKIE == "affekt_session"
