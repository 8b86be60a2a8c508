"""`Place`, body -> what the receiver answered. The one way out: every connection goes to an address that was checked.

Nothing is followed, kept or trusted: no redirects, no proxies from the environment, a connection for each delivery,
one time limit around all of it, and of an answer no more than is needed to say what went wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import email.utils
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from affekt.errors import AffektError
from affekt.registry import need
from affekt.service.deliver import reach as reaches
from affekt.service.deliver.delivery import Failed, Outcome, Sent
from affekt.service.deliver.reach import Address, Place, Reach

need("h11", extra="serve")
import h11  # noqa: E402

T = TypeVar("T")

TIMEOUT = 15.0
"""Seconds from the look-up of the name to the answer."""

ANSWER = 64 * 1024
"""Bytes of an answer that are read at most."""

_CONNECT = 5.0  # s for one address of several
_THREADS = 64  # that may wait for name servers and mail servers at once
_LONGEST_REST = 3600.0  # s: no receiver silences its destination for longer with one answer


class NotSentError(AffektError):
    """The receiver was not reached, or has not answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said."""

    status: int
    headers: Mapping[str, str]
    "names in lower case"
    body: bytes = field(default=b"", repr=False)
    "its beginning, where it was no success"


class Net:
    """The way out, for all destinations. `async with Net() as net:`."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, timeout: float = TIMEOUT) -> None:
        """Make ready; connect to nothing.

        Args:
            tls: which certificates are trusted; the system's if None.
            timeout: seconds for one delivery.
        """
        self.tls = tls or ssl.create_default_context()
        self.timeout = timeout
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="deliver")
        self._asked: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def __aenter__(self) -> Net:
        """Give itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the threads go; one that waits for a name server ends when that answers."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, run: Callable[..., T], *given: Any) -> T:
        """Run what blocks, in threads of its own: a dead name server holds up no SQL and no other service."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(run, *given))

    async def addresses(self, host: str, port: int, reach: Reach) -> Sequence[Address]:
        """Look a host up and judge what comes; the caller connects to these addresses and to no name.

        All that ask for a name at the same moment wait for one look-up, so a dead name server holds one thread.

        Raises:
            RefusedError: the name has no address, or one that must not be reached.
        """
        key = host, port
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self.in_thread(reaches.looked_up, host, port))
            self._asked[key].add_done_callback(partial(self._answered, key))
        return reaches.judged(host, await asyncio.shield(self._asked[key]), reach)

    def _answered(self, key: tuple[str, int], task: asyncio.Task[list[Address]]) -> None:
        del self._asked[key]
        if not task.cancelled():
            task.exception()  # where nobody waits any more, nobody misses it

    async def post(self, place: Place, body: bytes, *, headers: Mapping[str, str], reach: Reach) -> Answer:
        """Send a body by HTTP/1.1, once.

        Args:
            place: where to, by `reach.place`.
            body: bytes.
            headers: beside Host and Content-Length.
            reach: which addresses may be connected to.

        Raises:
            RefusedError: the name has no address, or one that must not be reached.
            NotSentError: no connection, or no answer in time.
        """
        try:
            async with asyncio.timeout(self.timeout):
                return await self._posted(place, body, headers, reach)
        except TimeoutError:
            raise NotSentError(f"{place.host} has not answered within {self.timeout:g} s") from None
        except h11.LocalProtocolError:
            raise NotSentError("a header cannot be sent") from None  # its text would hold the header, and so a secret
        except h11.RemoteProtocolError:
            raise NotSentError(f"{place.host} has closed the connection without an answer of HTTP/1.1") from None
        except OSError as error:
            raise NotSentError(f"{place.host}: {_said(error)}") from None

    async def _posted(self, place: Place, body: bytes, headers: Mapping[str, str], reach: Reach) -> Answer:
        head = [("Host", place.header), ("Content-Length", str(len(body))), ("Connection", "close"), *headers.items()]
        protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=ANSWER)
        request = protocol.send(h11.Request(method="POST", target=place.target, headers=head)) or b""
        reader, writer = await self._connected(place, reach)
        try:
            writer.write(request + (protocol.send(h11.Data(data=body)) or b""))
            protocol.send(h11.EndOfMessage())
            await writer.drain()
            return await _answer(protocol, reader)
        finally:
            writer.close()

    async def _connected(self, place: Place, reach: Reach) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to one of the addresses that were judged; the certificate must be that of the name."""
        secure = place.scheme == "https"
        more: dict[str, Any] = {"ssl": self.tls, "server_hostname": place.host} if secure else {}
        problem: OSError = OSError("no address")
        for address in await self.addresses(place.host, place.port, reach):
            try:
                async with asyncio.timeout(_CONNECT):
                    return await asyncio.open_connection(str(address), place.port, **more)
            except TimeoutError:
                problem = ConnectionError(f"no connection within {_CONNECT:g} s")
            except OSError as error:
                problem = error
        raise problem


async def _answer(protocol: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    """Read the answer's head, and the beginning of its body where it is no success.

    A success needs no body, and one that drips for ever must not undo it.
    """
    event = await _event(protocol, reader)
    while isinstance(event, h11.InformationalResponse):
        event = await _event(protocol, reader)
    names = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
    status, body = event.status_code, bytearray()
    with contextlib.suppress(h11.RemoteProtocolError):  # what came of it will do
        while not 200 <= status < 300 and len(body) < ANSWER:
            event = await _event(protocol, reader)
            if not isinstance(event, h11.Data):
                break
            body += event.data
    return Answer(status, names, bytes(body[:ANSWER]))


async def _event(protocol: h11.Connection, reader: asyncio.StreamReader) -> Any:
    while (event := protocol.next_event()) is h11.NEED_DATA:
        protocol.receive_data(await reader.read(ANSWER))
    return event


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200] if str(error) else type(error).__name__


def judged(answer: Answer, *, now: datetime.datetime | None = None) -> Outcome:
    """Say what an answer means: 2xx is taken, 410 ends the destination, everything else is tried again.

    >>> judged(Answer(204, {})), judged(Answer(429, {"retry-after": "30"})).after, judged(Answer(410, {})).ends
    (Sent(status=204), 30.0, 'destination')
    """
    status = answer.status
    if 200 <= status < 300:
        return Sent(status)
    if status == 410:
        return Failed("410: the receiver says that it is gone for good", ends="destination", status=status)
    if 300 <= status < 400:
        return Failed(f"{status}: a redirect is not followed; give the destination its new URL", status=status)
    rest = _rest(answer.headers.get("retry-after"), now)
    return Failed(f"the receiver answered {status}", after=rest, status=status)


def _rest(text: str | None, now: datetime.datetime | None) -> float | None:
    """Seconds that a Retry-After asks for: a number, or a date (RFC 9110, 10.2.3); None where it says neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return min(float(text.strip()[:9]), _LONGEST_REST)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=datetime.UTC)
    seconds = (until - (now or datetime.datetime.now(datetime.UTC))).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_REST)
