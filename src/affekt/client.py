"""HTTP -> values: a client of `affekt serve`, for programs.

    with Client("https://affekt.example.com", key="afk_...") as affekt:
        for result in affekt.predict("call.wav", agent="right"):
            print(result["file"], result["timeline"]["summary"]["emotions"])
        for event in affekt.events():                     # what is being heard, until the program ends
            print(event.kind, event.data)

Needs `pip install "affekt[serve]"`, or httpx alone. What the service refuses is an `AffektError`: `RefusedError` has
the problem as the service told it, `BusyError` the seconds to wait. Times are ISO 8601 in UTC. docs/api.md has more.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NotRequired, Self, TypedDict, cast

from affekt.errors import AffektError, UsageError
from affekt.registry import need

if TYPE_CHECKING:
    import httpx

Source = str | os.PathLike[str] | bytes
"""A path, or the bytes of a file."""

_TIMEOUT = 60.0  # s
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0  # s between two looks at a job
_LOST = 40.0  # s without a heartbeat after which the stream of events counts as lost; it beats every 15 s
_PAGE = 200


class Problem(TypedDict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: NotRequired[str]
    errors: NotRequired[list[dict[str, Any]]]


class Result(TypedDict):
    """One recording: its `timeline`, the JSON of `affekt predict --json`, or its `problem`."""

    file: str
    timeline: NotRequired[dict[str, Any]]
    problem: NotRequired[Problem]


class Job(TypedDict):
    """Recordings that are judged in the background."""

    id: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: float
    result: NotRequired[dict[str, Any] | None]


class Alert(TypedDict):
    """A rule's finding; `time`, `start` and `end` are seconds of the call."""

    id: str
    call: str
    rule: str
    speaker: str | None
    state: Literal["firing", "acknowledged", "snoozed", "resolved", "expired"]
    reason: str
    time: float
    start: float
    end: float
    fired: str


class Call(TypedDict):
    """A call, in short; that of `Client.call` has `turns`, `points`, `alerts`, `notes`, `gaps` and `talk`, too."""

    id: str
    started: str
    ended: str | None
    live: bool
    seconds: float
    protocol: str | None
    agent: str | None
    queue: str | None
    consent: Literal["given", "refused", "unknown"]
    emotion: str | None
    emotions: dict[str, float]


@dataclass(frozen=True, slots=True)
class Event:
    """What is new of the calls that are going on."""

    kind: str
    "snapshot: everything; delta: what has changed since"
    data: dict[str, Any]


class RefusedError(AffektError):
    """The service has refused; `problem` says why, as it told it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        places = "; ".join(f"{e.get('place')}: {e.get('detail')}" for e in problem.get("errors", []))
        super().__init__(f"{problem['detail']}{f' ({places})' if places else ''} [{problem['status']}]")

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.problem["status"]


class BusyError(RefusedError):
    """Too many requests, or too much to do: come back in `seconds`."""

    def __init__(self, problem: Problem, seconds: float) -> None:
        super().__init__(problem)
        self.seconds = seconds


class UnreachableError(AffektError):
    """Nobody answers there, or the answer broke off."""


class Client:
    """One service, asked with one key. Safe to use from several threads."""

    def __init__(
        self, url: str = "http://127.0.0.1:8000", *, key: str | None = None, timeout: float = _TIMEOUT
    ) -> None:
        """Make ready; nothing is asked yet.

        Args:
            url: of the service.
            key: an API key, `afk_...`; None: a service without sign-in, on this machine.
            timeout: seconds that an answer may take.

        Raises:
            MissingExtraError: httpx is not installed.
        """
        self._httpx = need("httpx", extra="serve")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http: httpx.Client = self._httpx.Client(base_url=url, headers=headers, timeout=timeout)
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    # Recordings

    def predict(
        self,
        *files: Source,
        model: str = "default",
        agent: str | None = None,
        channel: str = "auto",
        whole: bool = False,
        window: float = 3.0,
        hop: float = 1.0,
        denoise: str = "none",
    ) -> list[Result]:
        """Have recordings judged; waits where they are long.

        Args:
            files: paths, or the bytes of files.
            model: a bundled model.
            agent: an employee's channel, who is not judged: left, right, ch3.
            channel: auto, left, right, mix or each.
            whole: one prediction per recording and channel.
            window: seconds judged at once.
            hop: seconds from one window to the next.
            denoise: none, wiener or deepfilter.

        Returns:
            one result for each, in their order; a bad recording has a `problem`, and the others are judged.

        Raises:
            RefusedError: the call is wrong, or may not be made.
        """
        asked = {"model": model, "agent": agent, "channel": channel, "whole": whole, "window": window, "hop": hop}
        answer = self._send(files, asked | {"denoise": denoise})
        return self.wait(answer["job"]) if "job" in answer else cast(list[Result], answer["results"])

    def submit(self, *files: Source, **options: Any) -> str:
        """Have recordings judged in the background; give the job's id for `job`, `wait` and `forget`.

        Args:
            files: as for `predict`.
            options: as for `predict`.
        """
        return str(self._send(files, options | {"async": True})["job"])

    def job(self, id: str) -> Job:
        """Say how far a job is, and what came of it."""
        return cast(Job, self._ask("GET", f"/v1/jobs/{_part(id)}"))

    def wait(self, id: str, *, seconds: float | None = None) -> list[Result]:
        """Wait for a job.

        Args:
            id: of the job.
            seconds: at most; None: for ever.

        Raises:
            RefusedError: it has failed.
            UnreachableError: it was not done in time.
        """
        pause, begun = _FIRST_WAIT, time.monotonic()
        while True:
            found = self.job(id)
            result = found.get("result") or {}
            if found["state"] == "done":
                return cast(list[Result], result["results"])
            if found["state"] in ("failed", "cancelled"):
                raise RefusedError(_problem(result.get("problem"), 500, f"the job was {found['state']}"))
            if seconds is not None and time.monotonic() - begun > seconds:
                raise UnreachableError(f"the job {id} was not done in {seconds:g} s; it is at {found['progress']:.0%}")
            time.sleep(pause)
            pause = min(_LONGEST_WAIT, pause * 1.5)

    def forget(self, id: str) -> None:
        """End a job, and erase its result."""
        self._ask("DELETE", f"/v1/jobs/{_part(id)}")

    # Calls and alerts

    def calls(self, **filters: Any) -> Iterator[Call]:
        """Give calls, the newest first, page by page.

        Args:
            filters: q, since, until, live, emotion, rule, agent, queue.
        """
        return cast(Iterator[Call], self._pages("/v1/calls", filters))

    def call(self, id: str) -> dict[str, Any]:
        """Give all of a call."""
        return self._ask("GET", f"/v1/calls/{_part(id)}")

    def erase_call(self, id: str) -> None:
        """Erase all that is kept of a call."""
        self._ask("DELETE", f"/v1/calls/{_part(id)}")

    def erase_number(self, number: str) -> int:
        """Erase all calls of a person; give how many there were."""
        return int(self._ask("POST", "/v1/subjects/erase", {"number": number})["erased"])

    def consent(self, call: str, state: Literal["given", "refused"]) -> None:
        """Record what the customer has said; after a refusal nothing more is heard."""
        self._ask("POST", f"/v1/calls/{_part(call)}/consent", {"state": state})

    def pause(self, call: str) -> None:
        """Stop listening to a call."""
        self._ask("POST", f"/v1/calls/{_part(call)}/pause")

    def resume(self, call: str) -> None:
        """Listen to a call again."""
        self._ask("POST", f"/v1/calls/{_part(call)}/resume")

    def note(self, call: str, text: str) -> None:
        """Keep a note with a call."""
        self._ask("POST", f"/v1/calls/{_part(call)}/notes", {"text": text})

    def alerts(self, **filters: Any) -> Iterator[Alert]:
        """Give alerts, the newest first, page by page.

        Args:
            filters: state ("open": firing or acknowledged), rule, since.
        """
        return cast(Iterator[Alert], self._pages("/v1/alerts", filters))

    def acknowledge(self, alert: str, note: str | None = None) -> Alert:
        """Say that somebody takes care of it."""
        return cast(Alert, self._ask("POST", f"/v1/alerts/{_part(alert)}/acknowledge", {"note": note}))

    def snooze(self, alert: str, seconds: float) -> Alert:
        """Hear nothing of this rule in this call for a while."""
        return cast(Alert, self._ask("POST", f"/v1/alerts/{_part(alert)}/snooze", {"seconds": seconds}))

    def trends(self, since: str | None = None, until: str | None = None) -> list[dict[str, Any]]:
        """Give a row per day: calls, minutes, shares of the emotions, alerts of each rule."""
        found = self._ask("GET", "/v1/trends", query={"since": since, "until": until})
        return cast(list[dict[str, Any]], found["items"])

    def models(self) -> list[dict[str, Any]]:
        """Give the cards of the models."""
        return cast(list[dict[str, Any]], self._ask("GET", "/v1/models")["items"])

    def events(self, call: str | None = None) -> Iterator[Event]:
        """Give what is new of the calls that are going on, as it comes: a snapshot first, then deltas.

        A connection that breaks is made anew, and begins with a snapshot again. A refusal ends it, but for one
        that passes: too many requests, a restart.

        Args:
            call: of this call only.
        """
        pause = _FIRST_WAIT
        while True:
            try:
                for event in self._stream({} if call is None else {"call": call}):
                    pause = _FIRST_WAIT
                    yield event
            except UnreachableError:
                pass
            except RefusedError as error:
                if error.status < 500 and not isinstance(error, BusyError):  # others pass, such as a restart
                    raise
            time.sleep(pause)
            pause = min(_LONGEST_WAIT, pause * 2)

    # How it is done

    def _stream(self, query: Mapping[str, str]) -> Iterator[Event]:
        try:
            with self._http.stream("GET", "/v1/events", params=query, timeout=_LOST) as answer:
                if answer.status_code >= 400:
                    answer.read()
                self._check(answer)
                yield from _events(answer.iter_lines())
        except self._httpx.HTTPError as error:
            raise UnreachableError(f"{self._url}: {error or type(error).__name__}") from error

    def _send(self, files: Sequence[Source], options: Mapping[str, Any]) -> dict[str, Any]:
        if not files:
            raise UsageError("no recording is given; give paths, or the bytes of files")
        with ExitStack() as stack:
            parts = [("files", _opened(file, i, stack)) for i, file in enumerate(files)]
            return self._ask("POST", "/v1/predict", query=options, files=parts)

    def _pages(self, path: str, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        query: dict[str, Any] = {"limit": _PAGE, **filters}
        while True:
            found = self._ask("GET", path, query=query)
            yield from found["items"]
            if not found["next"]:
                return
            query["cursor"] = found["next"]

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        files: Any = None,
    ) -> dict[str, Any]:
        params = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            answer = self._http.request(method, path, params=params, json=body, files=files)
        except self._httpx.HTTPError as error:
            raise UnreachableError(f"{self._url}: {error or type(error).__name__}") from error
        self._check(answer)
        try:
            return cast(dict[str, Any], answer.json())
        except ValueError as error:
            raise UnreachableError(f"{self._url} answers no JSON; is it affekt serve?") from error

    def _check(self, answer: httpx.Response) -> None:
        """Raise what the service has refused."""
        if answer.status_code < 400:
            return
        try:
            said = answer.json()
        except ValueError:
            said = None
        problem = _problem(said, answer.status_code, answer.reason_phrase)
        if "retry-after" in answer.headers:
            raise BusyError(problem, float(answer.headers["retry-after"]))
        raise RefusedError(problem)


def _problem(said: Any, status: int, detail: str) -> Problem:
    if isinstance(said, dict) and "detail" in said and "status" in said:
        return cast(Problem, said)
    return {"type": "about:blank", "title": detail, "status": status, "detail": str(said or detail)}


def _opened(file: Source, index: int, stack: ExitStack) -> tuple[str, bytes | BinaryIO]:
    if isinstance(file, bytes):
        return f"recording {index + 1}", file
    path = Path(file)
    try:
        return path.name, stack.enter_context(path.open("rb"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _part(text: str) -> str:
    """Make an id fit for a path.

    >>> _part("a/../b")
    'a%2F..%2Fb'
    """
    from urllib.parse import quote

    return quote(text, safe="")


def _events(lines: Iterator[str]) -> Iterator[Event]:
    """Lines of a stream -> events; comments are heartbeats.

    >>> list(_events(iter(["retry: 2000", "", ": beat", "", "event: delta", 'data: {"calls": []}', ""])))
    [Event(kind='delta', data={'calls': []})]
    """
    kind, data = "message", ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data += value
        elif not line:
            if data:
                yield Event(kind, json.loads(data))
            kind, data = "message", ""
