"""Sockets -> codec -> shared memory. One process for all carriers; an engine may die and begin anew beside it.

Carriers never connect again, so nothing here may close a socket but the call itself, a breach of its protocol, or
silence. Each connection is bounded: so much JSON, so much sound, so many messages a second; a flood meets its own limit
and nobody else's call.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from affekt.errors import UsageError
from affekt.registry import need
from affekt.service import wire
from affekt.service.bus import Client
from affekt.service.gateway import codec, events
from affekt.service.gateway.events import Request
from affekt.service.gateway.reception import Admitted, Reception, Token
from affekt.service.metrics import Meters
from affekt.service.shared import PAUSED, REFUSED, Board, Slot

need("picows", extra="serve")
import picows  # noqa: E402
from picows import WSMsgType, WSTransport, WSUpgradeRequest  # noqa: E402

log = logging.getLogger("affekt.service.gateway")

HELLO = 5.0
"""Seconds in which a connection must have said what it is."""
IDLE = 30.0
"""Seconds without a message after which a connection is closed."""
_RATE, _BURST = 500.0, 6000.0  # messages a second, on average and after a pause: Vonage holds back 3072
_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
_MESSAGE = 1 << 20  # bytes, of all fragments
_PUMP = 0.02  # s
_SWEEP = 1.0  # s
_FULL, _POLICY, _AWAY = 1013, 1008, 1001


@dataclass(slots=True)
class Line:
    """A call that is being heard: one slot, and the connections that fill it."""

    slot: Slot
    facts: Mapping[str, Any]
    began: float
    legs: int = 1
    paused: bool = False


class Exchange:
    """All connections: who they are, and what of them goes on to the engine."""

    def __init__(
        self,
        board: Board,
        reception: Reception,
        *,
        meters: Meters | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make ready to take calls."""
        self.meters = meters or Meters("gateway")
        self.heard: dict[str, float] = {}
        "protocol -> s of sound, summed over tracks, since this was last told"
        self.clock = clock
        self.reception = reception
        self.draining = False
        self.open: set[Connection] = set()
        self.refused: dict[str, int] = {}
        "why -> how often"
        self.messages = 0
        self.lost = 0.0
        "s of sound that platforms say they have dropped"
        self._board = board
        self._lines: dict[tuple[str, str], Line] = {}
        self._protocols: dict[str, int] = {}
        self._said, self._begun = 0, 0  # of the engine's promises, the last; calls that have begun since

    @property
    def full(self) -> bool:
        """Whether no further call can be heard."""
        return self.draining or self._board.level >= 3 or not self._board.free() or not self._room()

    def _room(self) -> bool:
        """Whether the engine can hear another call: as many as it last promised, less those that began since."""
        calls, said = self._board.promised
        if said != self._said:
            self._said, self._begun = said, 0
        return said == 0 or self._begun < calls

    @property
    def slots(self) -> int:
        """How many calls there is room for."""
        return len(self._board.slots)

    def calls(self) -> dict[str, int]:
        """Count the calls that are being heard, by protocol; a protocol that had one stays, with 0."""
        for protocol in self._protocols:
            self._protocols[protocol] = 0
        for line in self._lines.values():
            protocol = line.facts["protocol"]
            self._protocols[protocol] = self._protocols.get(protocol, 0) + 1
        return self._protocols

    def begin(self, admitted: Admitted) -> Line | None:
        """Take a slot for a call, or the one that another leg of it has; None when there is none."""
        facts, now = admitted.facts, self.clock()
        key = (facts["tenant"], facts["call"])
        if (line := self._lines.get(key)) is not None and facts["protocol"] == "audiosocket":
            line.legs += 1
            return line
        slot = None if self.full else self._board.open(wire.write(dict(facts)))
        if slot is None:
            return None
        self._begun += 1
        line = self._lines[key] = Line(slot, facts, now)
        if admitted.refused:
            slot.flags |= REFUSED
        return line

    def end(self, line: Line, reason: str) -> None:
        """A connection of a call has ended; with the last one, the call."""
        line.legs -= 1
        if line.legs <= 0:
            line.slot.end(wire.write({"reason": reason}), arrived=self.clock())
            key = (line.facts["tenant"], line.facts["call"])
            if self._lines.get(key) is line:
                del self._lines[key]

    def refuse(self, protocol: str, why: str, *, as_: str) -> None:
        """Count a refusal."""
        self.meters.add("affekt_connections_total", protocol=protocol, result=as_)
        why = f"{protocol}: {why}"
        why = why if why in self.refused or len(self.refused) < 64 else "other"
        self.refused[why] = self.refused.get(why, 0) + 1

    def obey(self, command: Mapping[str, Any]) -> None:
        """Do what control wants."""
        kind = command.get("type")
        if kind == "ingest":
            self.reception.learn(command["snapshot"])
        elif kind == "drain":
            self.draining = True
        elif kind in ("pause", "resume", "consent"):
            for connection in list(self.open):
                if connection.line is not None and connection.line.facts["call"] == command.get("call"):
                    connection.command(str(kind), str(command.get("state", "")))

    def sweep(self) -> None:
        """Close what has said nothing for too long."""
        now = self.clock()
        for connection in list(self.open):
            if connection.line is None and now - connection.opened > HELLO:
                connection.close(_POLICY, "no first message within 5 s", "timeout")
            elif now - connection.heard > IDLE:
                connection.close(_POLICY, "no message within 30 s", "timeout")

    def close(self, reason: str = "shutdown") -> None:
        """End all calls."""
        for connection in list(self.open):
            connection.close(_AWAY, "the service stops", reason)


class Connection:
    """One socket: what comes is fed to its codec, what the codec says goes to the call's slot."""

    def __init__(self, exchange: Exchange, protocol: str, request: Request, tokens: Sequence[Token]) -> None:
        self.line: Line | None = None
        self.opened = self.heard = exchange.clock()
        self.send: Callable[[bytes | str], None] = lambda message: None
        self.shut: Callable[[int, str], None] = lambda code, text: None
        self._exchange, self._protocol, self._request, self._tokens = exchange, protocol, request, tokens
        self._codec = codec.load(protocol).Codec(request)
        self._numbers: Mapping[str, int] = {}
        self._shift = 0
        self._credit = _BURST
        self._over = False
        self._probe = False
        exchange.open.add(self)

    def feed(self, data: codec.Message) -> None:
        """Take what has come."""
        if self._over:
            return
        now = self._exchange.clock()
        self._credit = min(_BURST, self._credit + (now - self.heard) * _RATE) - 1
        self.heard = now
        self._exchange.messages += 1
        if self._credit < 0:
            self.close(_POLICY, "more messages than sound can have", "flood")
            return
        for event in self._codec.feed(data):
            if type(event) is events.Audio:
                self._sound(event, now)
            else:
                self._heed(event, now)
        for reply in self._codec.replies():
            self.send(reply)

    def _sound(self, audio: events.Audio, now: float) -> None:
        line = self.line
        if line is None or line.paused or line.slot.flags & REFUSED:
            return
        start = audio.start + self._shift
        heard = self._exchange.heard
        heard[self._protocol] = heard.get(self._protocol, 0.0) + len(audio.samples) / audio.rate
        line.slot.write(
            "audio", audio.samples, arrived=now, track=self._numbers[audio.track], start=start, rate=audio.rate
        )

    def _heed(self, event: events.Event, now: float) -> None:
        if isinstance(event, events.Started):
            self._start(event, now)
        elif isinstance(event, events.Violation):
            self._exchange.meters.add("affekt_violations_total", protocol=self._protocol)
            log.warning("%s: %s", self._protocol, event.text)
            self.close(event.code, event.text, "error")
        elif isinstance(event, events.Ended):
            self.close(1000, "", event.reason)
        elif self.line is None:
            return
        elif isinstance(event, events.Paused | events.Resumed):
            self._pause(isinstance(event, events.Paused), now)
        elif isinstance(event, events.Consent):
            self._consent(event.state, now)
        elif isinstance(event, events.Lost):
            self._exchange.lost += event.count / max(1, self.line.facts["rate"])

    def _start(self, started: events.Started, now: float) -> None:
        if started.probe:
            self._probe = True
            return
        admitted = self._exchange.reception.admit(self._protocol, started, self._tokens, self._request)
        if isinstance(admitted, str):
            self._refuse(admitted, _POLICY)
            return
        line = self._exchange.begin(admitted)
        if line is None:
            self._refuse("full", _FULL)
            return
        self.line, self._numbers = line, admitted.numbers
        if line.legs > 1:
            self._shift = round((now - line.began) * started.rate)

    def _refuse(self, why: str, code: int) -> None:
        self._exchange.refuse(self._protocol, why, as_="unauthorized" if code == _POLICY else "full")
        self._codec.say("refuse")
        self.close(code, "not allowed" if code == _POLICY else "no room for another call", "refused")

    def _pause(self, paused: bool, now: float) -> None:
        line = self.line
        if line is None or line.paused == paused:
            return
        line.paused = paused
        line.slot.flags = line.slot.flags | PAUSED if paused else line.slot.flags & ~PAUSED
        line.slot.write("pause" if paused else "resume", arrived=now)

    def _consent(self, state: str, now: float, *, by: str = "platform") -> None:
        """Refused is at once: nothing more is written, and the engine forgets what it has."""
        line = self.line
        if line is None:
            return
        line.slot.write("words", wire.write({"type": "consent", "state": state, "by": by}), arrived=now)
        if state == "refused":
            line.slot.flags |= REFUSED
            self._codec.say("pause")

    def command(self, kind: str, state: str) -> None:
        """Do what a person at the dashboard wants of this call."""
        now = self._exchange.clock()
        if kind == "consent":
            self._consent(state, now, by="person")
        else:
            self._codec.say("pause" if kind == "pause" else "resume")
            self._pause(kind == "pause", now)
        for reply in self._codec.replies():
            self.send(reply)

    def close(self, code: int, text: str, reason: str) -> None:
        """End it from this side."""
        if self._over:
            return
        if reason in ("shutdown", "timeout", "flood"):
            self._codec.say("end")
        for reply in self._codec.replies():
            self.send(reply)
        self.gone(reason)
        self.shut(code, text)

    def gone(self, reason: str = "vanished") -> None:
        """The socket is no more."""
        if self._over:
            return
        self._over = True
        self._exchange.open.discard(self)
        if self.line is not None:
            self._exchange.end(self.line, reason)


class _WebSocket(picows.WSListener):  # type: ignore[misc]
    """A WebSocket of a carrier."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._parts = bytearray()
        self._kind: WSMsgType | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        def send(message: bytes | str) -> None:
            text = isinstance(message, str)
            transport.send(_TEXT if text else _BINARY, message.encode() if isinstance(message, str) else message)

        def shut(code: int, text: str) -> None:
            transport.send_close(code, text.encode()[:120])
            transport.disconnect()

        self._connection.send, self._connection.shut = send, shut

    def on_ws_frame(self, transport: WSTransport, frame: picows.WSFrame) -> None:
        kind = frame.msg_type
        if frame.fin and not self._parts and kind in (_TEXT, _BINARY):
            payload = frame.get_payload_as_memoryview()
            self._connection.feed(payload if kind == _BINARY else str(payload, "utf-8", "replace"))
        elif kind in (_TEXT, _BINARY, WSMsgType.CONTINUATION):
            self._fragment(frame)
        elif kind == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def _fragment(self, frame: picows.WSFrame) -> None:
        if frame.msg_type != WSMsgType.CONTINUATION:
            self._kind = frame.msg_type
            self._parts.clear()
        self._parts += frame.get_payload_as_memoryview()
        if len(self._parts) > _MESSAGE:
            self._connection.close(1009, "a message of more than 1 MiB", "error")
        elif frame.fin:
            whole = bytes(self._parts)
            self._parts.clear()
            self._connection.feed(whole if self._kind == _BINARY else whole.decode("utf-8", "replace"))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._connection.gone()


class _Stream(asyncio.Protocol):
    """A TCP connection of Asterisk's AudioSocket."""

    def __init__(self, exchange: Exchange, allowed: Sequence[Any]) -> None:
        self._exchange, self._allowed = exchange, allowed
        self._connection: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = str(transport.get_extra_info("peername", ("",))[0])
        if not any(ipaddress.ip_address(peer) in network for network in self._allowed):
            self._exchange.refuse("audiosocket", "a network that is not allowed", as_="unauthorized")
            transport.close()
            return
        request = Request("/v1/ingest/audiosocket", peer=peer)
        tokens = self._exchange.reception.ask("audiosocket", request, self._exchange.clock())
        self._connection = Connection(self._exchange, "audiosocket", request, [] if isinstance(tokens, str) else tokens)
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream server
        self._connection.send = lambda message: transport.write(
            message.encode() if isinstance(message, str) else message
        )
        self._connection.shut = lambda code, text: transport.close()

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._connection is not None:
            self._connection.gone("hangup" if error is None else "vanished")


def paths() -> dict[str, str]:
    """Path -> protocol, of those that come by WebSocket."""
    modules = {name: codec.load(name) for name in codec.names()}
    return {module.Codec.PATH: name for name, module in modules.items() if module.Codec.TRANSPORT == "websocket"}


class Gateway:
    """The servers, and what they do by the clock."""

    def __init__(self, exchange: Exchange, bus: Client, *, public: str | None = None) -> None:
        """Make ready.

        Args:
            exchange: takes the calls.
            bus: tells control.
            public: the address that platforms were told, `wss://host`, where a proxy stands between: they sign it.
        """
        self.exchange = exchange
        self.lag: list[float] = []
        "s by which the loop was late, since this was last told"
        self._bus, self._public = bus, public
        self._paths = paths()
        self._servers: list[asyncio.AbstractServer] = []

    async def listen(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Take WebSockets; give the port."""
        try:
            server = await picows.ws_create_server(
                self._meet,
                host,
                port,
                ssl=tls,
                max_frame_size=_MESSAGE,
                websocket_handshake_timeout=HELLO,
                backlog=1024,
            )
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self._servers.append(server)
        found: int = server.sockets[0].getsockname()[1]
        return found

    async def listen_audiosocket(self, host: str, port: int, allow: Sequence[str]) -> int:
        """Take Asterisk's AudioSocket from these networks; give the port."""
        allowed = [ipaddress.ip_network(network) for network in allow]
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: _Stream(self.exchange, allowed), host, port)
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self._servers.append(server)
        found: int = server.sockets[0].getsockname()[1]
        return found

    async def run(self, stopped: asyncio.Event, *, drain: float = 0.0) -> None:
        """Go on until told to stop; then let calls end by themselves for so many seconds."""
        swept = 0.0
        leave: float | None = None
        while True:
            due = time.perf_counter() + _PUMP
            await asyncio.sleep(_PUMP)
            self.lag.append(max(0.0, time.perf_counter() - due))
            for command in self._bus.pump():
                self.exchange.obey(command)
            if (now := time.perf_counter()) - swept > _SWEEP:
                swept = now
                self.exchange.sweep()
                self._tell()
            if stopped.is_set() and leave is None:
                self.exchange.draining = True
                leave = now + drain
            if leave is not None and (now >= leave or not self.exchange.open):
                break
        self.exchange.close()
        for server in self._servers:
            server.close()
        await asyncio.sleep(0.05)  # for the last words on the wire
        self._bus.close()

    def _tell(self) -> None:
        lag, self.lag = sorted(self.lag), []
        self._measure(lag)
        self._bus.send(
            {
                "type": "gateway",
                "sender": "gateway",
                "at": time.time(),
                "connections": len(self.exchange.open),
                "messages": self.exchange.messages,
                "refused": dict(self.exchange.refused),
                "lost": round(self.exchange.lost, 3),
                "lag_p50": lag[len(lag) // 2] if lag else 0.0,
                "lag_max": lag[-1] if lag else 0.0,
                "draining": self.exchange.draining,
            }
        )

    def _measure(self, lag: Sequence[float]) -> None:
        exchange, meters = self.exchange, self.exchange.meters
        for late in lag:
            meters.observe("affekt_gateway_loop_lag_seconds", late)
        for protocol, seconds in exchange.heard.items():
            meters.add("affekt_audio_seconds_total", seconds, protocol=protocol)
        exchange.heard.clear()
        for protocol, count in exchange.calls().items():
            meters.set("affekt_calls_live", count, protocol=protocol)
        meters.set("affekt_slots", exchange.slots)
        meters.set("affekt_messages_waiting", self._bus.held)
        self._bus.send(meters.message())

    def _meet(self, upgrade: WSUpgradeRequest) -> Any:
        """Answer an upgrade: a listener, or why there is none, in three digits."""
        request = self._request(upgrade)
        if request.path in ("/v1/health", "/v1/ready"):
            return _answer(503 if self.exchange.draining else 200)
        protocol = self._paths.get(request.path)
        if protocol is None:
            return _answer(404)
        if self.exchange.full:
            self.exchange.refuse(protocol, "full", as_="full")
            return _answer(503)
        tokens = self.exchange.reception.ask(protocol, request, self.exchange.clock())
        if isinstance(tokens, str):
            self.exchange.refuse(protocol, tokens, as_="unauthorized")
            return _answer(401)
        self.exchange.meters.add("affekt_connections_total", protocol=protocol, result="accepted")
        listener = _WebSocket(Connection(self.exchange, protocol, request, tokens))
        chosen = _subprotocol(protocol, request)
        more = {"Sec-WebSocket-Protocol": chosen} if chosen else None
        return picows.WSUpgradeResponseWithListener(picows.WSUpgradeResponse.create_101_response(more), listener)

    def _request(self, upgrade: WSUpgradeRequest) -> Request:
        raw = upgrade.path.decode("latin-1")
        path, _, query = raw.partition("?")
        headers = {name.lower(): value for name, value in upgrade.headers.items()}
        base = self._public or f"wss://{headers.get('host', '')}"
        return Request(path, dict(parse_qsl(query, max_num_fields=64)), headers, url=base + raw)


def _subprotocol(protocol: str, request: Request) -> str | None:
    """The first subprotocol that both sides know: who asks for one goes away if none is chosen."""
    offered = [one.strip() for one in request.headers.get("sec-websocket-protocol", "").split(",")]
    known = getattr(codec.load(protocol).Codec, "SUBPROTOCOLS", ())
    return next((one for one in offered if one in known), None)


def _answer(status: int) -> Any:
    made = picows.WSUpgradeResponse.create_error_response(status, b"", {"Retry-After": "5"} if status == 503 else None)
    return picows.WSUpgradeResponseWithListener(made, None)
