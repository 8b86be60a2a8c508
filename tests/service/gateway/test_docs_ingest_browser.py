"""The browser's example of docs/ingest.md, in a browser: Chromium's false microphone, heard by our codec."""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from gateway_heard import Audio, Request, codec

from affekt.service.gateway.events import Ended, Started

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test installs it")
picows = pytest.importorskip("picows", reason="picows is not installed: make test installs it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGE = Path(__file__).parents[3] / "docs" / "ingest.md"
FLAGS = (
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"),
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=LocalNetworkAccessChecks",  # the page comes from nowhere, the WebSocket from this machine
)


class Server:
    """A WebSocket that feeds our codec, in a thread of its own."""

    def __init__(self):
        self.told, self.port, self.ready = [], 0, threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        self.loop.run_until_complete(self.serve())

    async def serve(self):
        heard, told = codec.load("affekt").Codec(Request("/v1/ingest/affekt")), self.told

        class Listener(picows.WSListener):
            def on_ws_frame(self, transport, frame):
                if frame.msg_type == picows.WSMsgType.TEXT:
                    told.extend(heard.feed(frame.get_payload_as_utf8_text()))
                elif frame.msg_type == picows.WSMsgType.BINARY:
                    told.extend(heard.feed(frame.get_payload_as_bytes()))

        self.end = asyncio.Event()
        server = await picows.ws_create_server(lambda request: Listener(), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.end.wait()
        server.close()

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.end.set)
        self.thread.join(10)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_is_heard_without_a_gap():
    (script,) = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    with Server() as server, playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_context(permissions=["microphone"]).new_page()
        page.route("http://localhost/", lambda route: route.fulfill(content_type="text/html", body="<p>hear me</p>"))
        page.goto("http://localhost/")
        page.evaluate(
            f"async () => {{ {script}; const stop = await listen('ws://127.0.0.1:{server.port}/v1/ingest/affekt', 'T');"
            "await new Promise(done => setTimeout(done, 2000)); stop();"
            "await new Promise(done => setTimeout(done, 200)); }"
        )
        browser.close()
    started, *sound, ended = server.told
    assert isinstance(started, Started)
    assert (started.rate, started.parameters["token"], started.consent) == (16000, "T", "given")
    assert ended == Ended("bye")
    assert all(isinstance(event, Audio) for event in sound)
    ends = [event.start + len(event.samples) for event in sound]
    assert [event.start for event in sound[1:]] == ends[:-1]
    assert ends[-1] - sound[0].start > 16000
    assert np.abs(np.concatenate([event.samples for event in sound])).max() > 1000
