"""Connection of a call <-> socket: a WebSocket by picows, or TCP. It sends, and tells what comes and when it ends."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from affekt.registry import need
from affekt.service.load.leg import Message

need("picows", extra="serve")
from picows import (  # noqa: E402
    WSCloseCode,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

_CONNECT = 10.0  # s

Hear = Callable[["Wire", Message], None]
"told what comes; the socket is there for an answer"
End = Callable[[str], None]
"told once, when the connection has ended, why"


class Wire(Protocol):
    """An open socket."""

    choked: bool
    "the other end does not read: the buffers are full"

    def send(self, message: Message) -> None:
        """Send text or bytes."""

    def audio(self, message: bytes, *, text: bool) -> None:
        """Send sound, in a frame of either kind."""

    def close(self) -> None:
        """Say goodbye, and close when all is sent."""

    def cut(self) -> None:
        """Be gone without a word."""


class _WebSocket(WSListener):  # type: ignore[misc]
    def __init__(self, hear: Hear, end: End) -> None:
        self._hear, self._end = hear, end
        self._why = "the connection was lost"
        self.choked = False
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._hear(self, frame.get_payload_as_utf8_text())
        elif frame.msg_type == WSMsgType.BINARY:
            self._hear(self, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            text = (frame.get_close_message() or b"").decode(errors="replace")
            self._why = f"closed with {_code(frame.get_close_code())} {text}".strip()
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end(self._why)

    def pause_writing(self) -> None:
        self.choked = True

    def resume_writing(self) -> None:
        self.choked = False

    def send(self, message: Message) -> None:
        self.transport.send(WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY, _bytes(message))

    def audio(self, message: bytes, *, text: bool) -> None:
        self.transport.send(WSMsgType.TEXT if text else WSMsgType.BINARY, message)

    def close(self) -> None:
        self.transport.send_close(WSCloseCode.OK)
        self.transport.disconnect()

    def cut(self) -> None:
        self.transport.underlying_transport.abort()


class _Tcp(asyncio.Protocol):
    def __init__(self, hear: Hear, end: End) -> None:
        self._hear, self._end = hear, end
        self.choked = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._hear(self, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._end("the connection was lost" if error else "closed")

    def pause_writing(self) -> None:
        self.choked = True

    def resume_writing(self) -> None:
        self.choked = False

    def send(self, message: Message) -> None:
        self.transport.write(_bytes(message))

    def audio(self, message: bytes, *, text: bool) -> None:
        self.transport.write(message)

    def close(self) -> None:
        self.transport.close()

    def cut(self) -> None:
        self.transport.abort()


async def connect(url: str, headers: dict[str, str], hear: Hear, end: End, *, trusting: bool) -> Wire:
    """Open a WebSocket (ws, wss) or a TCP connection (tcp).

    Args:
        url: all of it, with the query.
        headers: of the request.
        hear: what comes.
        end: that it has ended, and why.
        trusting: take any certificate, as on the own machine, where nobody stands between.

    Raises:
        ConnectionError: it was refused; the text says why, without a number that differs from call to call.
    """
    place = urlsplit(url)
    try:
        if place.scheme == "tcp":
            loop = asyncio.get_running_loop()
            opening = loop.create_connection(lambda: _Tcp(hear, end), place.hostname or "", place.port or 0)
            return (await asyncio.wait_for(opening, _CONNECT))[1]
        _, wire = await ws_connect(
            lambda: _WebSocket(hear, end),
            url,
            extra_headers=headers,
            ssl_context=_trusting() if trusting and place.scheme == "wss" else None,
            websocket_handshake_timeout=_CONNECT,
            max_redirects=0,
        )
    except WSHandshakeError as error:
        status = getattr(getattr(error, "response", None), "status", None)
        raise ConnectionError(f"HTTP {int(status)}" if status else f"no WebSocket: {error}") from error
    except TimeoutError as error:
        raise ConnectionError(f"no answer within {_CONNECT:g} s") from error
    except ssl.SSLError as error:
        raise ConnectionError(f"TLS: {error.reason or error}") from error
    except OSError as error:
        raise ConnectionError(os.strerror(error.errno) if error.errno else str(error)) from error
    made: Wire = wire
    return made


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the faster loop, where it is installed: it leaves more of the machine to the service."""
    try:
        import uvloop
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _bytes(message: Message) -> bytes:
    return message.encode() if isinstance(message, str) else message


def _code(code: WSCloseCode | int) -> int:
    return int(getattr(code, "value", code))
