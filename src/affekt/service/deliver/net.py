"""`Place`, body -> what the receiver answered. The one way out: every connection goes to an address that was checked.

Nothing is followed, kept or trusted: no redirects, no proxies from the environment, a connection for each delivery,
one time limit around all of it, and of an answer no more than is needed to say what went wrong.
"""

from __future__ import annotations

import asyncio
import datetime
import email.utils
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
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

need("httpcore", extra="serve")
import httpcore  # noqa: E402

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
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise NotSentError(f"{place.host}: {_said(error)}") from None

    async def _posted(self, place: Place, body: bytes, headers: Mapping[str, str], reach: Reach) -> Answer:
        url = httpcore.URL(scheme=place.scheme, host=place.host, port=place.port, target=place.target)
        head = [("Host", place.header), ("Content-Length", str(len(body))), ("Connection", "close"), *headers.items()]
        backend = _Checked(self, reach)
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self.tls, network_backend=backend) as pool,
            pool.stream("POST", url, headers=head, content=body) as response,
        ):
            names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            # A success needs no body, and one that drips for ever must not undo it.
            taken = 200 <= response.status < 300
            return Answer(response.status, names, b"" if taken else await _beginning(response.aiter_stream()))


class _Checked(httpcore.AsyncNetworkBackend):
    """Looks the name up, judges the addresses, and connects to one of those: nothing is looked up twice."""

    def __init__(self, net: Net, reach: Reach) -> None:
        self._net, self._reach, self._inner = net, reach, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return await self._first(await self._net.addresses(host, port, self._reach), port)

    async def _first(self, found: Sequence[Address], port: int) -> httpcore.AsyncNetworkStream:
        problem: Exception | None = None
        for address in found:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout=_CONNECT)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem or NotSentError("no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise NotSentError("deliveries go by the network")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _beginning(chunks: Any) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) >= ANSWER:
            break
    return bytes(body[:ANSWER])


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
