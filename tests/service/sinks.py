"""A server of tests: sockets of loads -> the gateway's real codecs -> what each connection has told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import picows

from affekt.service.gateway import codec
from affekt.service.gateway.events import Event, Request


class Heard:
    """One connection."""

    def __init__(self, request: Request, module: codec.Module) -> None:
        self.request, self.codec = request, module.Codec(request)
        self.events: list[Event] = []
        self.closed = ""

    def take(self, data: bytes | str) -> list[bytes | str]:
        self.events += self.codec.feed(data)
        return self.codec.replies()


class Sink:
    """Listens on a free port of loopback, in a thread of its own.

    `refuse` is asked first: it may say why a request is not let in. `after` hears each message that has come, with the
    socket, and may close it. `paths` lets in what is another protocol's.
    """

    def __init__(
        self,
        protocol: str,
        *,
        refuse: Callable[[Request], bool] = lambda request: False,
        after: Callable[[Heard, picows.WSTransport], None] = lambda heard, transport: None,
        paths: tuple[str, ...] = (),
    ) -> None:
        self.module = codec.load(protocol)
        self._paths = {self.module.Codec.PATH, *paths}
        self.heard: list[Heard] = []
        self._refuse, self._after = refuse, after
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Sink:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        tcp = self.module.Codec.TRANSPORT == "tcp"
        opening = (
            self._loop.create_server(lambda: _Tcp(self), "127.0.0.1", 0)
            if tcp
            else picows.ws_create_server(self._upgrade, "127.0.0.1", 0)
        )
        server = self._loop.run_until_complete(opening)
        self.url = f"{'tcp' if tcp else 'ws'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()

    def _upgrade(self, said: picows.WSUpgradeRequest) -> picows.WSListener | None:
        target = urlsplit(said.path.decode())
        headers = {name.lower(): value for name, value in said.headers.items()}
        url = f"ws://{headers['host']}{said.path.decode()}"
        request = Request(target.path, dict(parse_qsl(target.query)), headers, "127.0.0.1", url)
        if self._refuse(request) or target.path not in self._paths:
            return None
        heard = Heard(request, self.module)
        self.heard.append(heard)
        return _Listener(heard, self._after)


class _Listener(picows.WSListener):
    def __init__(self, heard: Heard, after: Callable[[Heard, picows.WSTransport], None]) -> None:
        self._heard, self._after = heard, after

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            self._heard.closed = "goodbye"
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()
        elif frame.msg_type in (picows.WSMsgType.TEXT, picows.WSMsgType.BINARY):
            text = frame.msg_type == picows.WSMsgType.TEXT
            data = frame.get_payload_as_utf8_text() if text else frame.get_payload_as_bytes()
            for reply in self._heard.take(data):
                kind = picows.WSMsgType.TEXT if isinstance(reply, str) else picows.WSMsgType.BINARY
                transport.send(kind, reply.encode() if isinstance(reply, str) else reply)
            self._after(self._heard, transport)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._heard.closed = self._heard.closed or "cut"


class _Tcp(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._heard = Heard(Request("", peer="127.0.0.1"), sink.module)
        sink.heard.append(self._heard)

    def data_received(self, data: bytes) -> None:
        self._heard.take(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._heard.closed = "cut" if error else "goodbye"
