"""What the API says of itself: shapes of requests, which are checked, and of answers, which are told with an example.

An answer may have more keys than its shape; a test holds each example against what the service really says.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from affekt.service.auth.passwords import LONGEST, SHORTEST

Role = Literal["viewer", "supervisor", "admin", "auditor"]

_TENANT = "default"
_CALL_ID = "5d0f1a52-8a0e-5a5c-9a53-3c1a4d4b8f10"
_ALERT_ID = "99d27d3b-0c3c-5e3e-8b2f-6b1a52b0c1de"
_ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
_WHEN = "2026-07-01T12:00:00.000Z"


def _asks(**example: Any) -> ConfigDict:
    """A request: unknown keys are refused, so that a slip is told."""
    return ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_extra={"example": example})


def _says(**example: Any) -> ConfigDict:
    return ConfigDict(extra="allow", json_schema_extra={"example": example})


# Problems ---------------------------------------------------------------------------------------------------------


class ProblemShape(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[dict[str, Any]] | None = None
    model_config = _says(
        type="/v1/docs#not-found",
        title="Not Found",
        status=404,
        detail="there is no call 7",
        instance=f"urn:uuid:{_ID}",
    )


# Session ----------------------------------------------------------------------------------------------------------


class SignIn(BaseModel):
    """Name and password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=LONGEST)
    tenant: str | None = Field(None, max_length=100, description="Where two tenants have a user of this name.")
    model_config = _asks(name="ada", password="correct horse battery")  # noqa: S106  an example


class NewPassword(BaseModel):
    """The old password, and the new one."""

    old: str = Field(max_length=LONGEST)
    new: str = Field(min_length=SHORTEST, max_length=LONGEST)
    model_config = _asks(old="correct horse battery", new="staple battery horse")


class SessionShape(BaseModel):
    """Who is signed in."""

    tenant: str
    name: str
    role: Role
    csrf: str | None = Field(description="To be sent as X-CSRF-Token with whatever changes something; null: a key.")
    expires: str | None
    model_config = _says(tenant=_TENANT, name="ada", role="admin", csrf="k3X...", expires=_WHEN)


# Service ----------------------------------------------------------------------------------------------------------


class Health(BaseModel):
    """It runs."""

    status: Literal["ok"]
    version: str
    model_config = _says(status="ok", version="0.1.0")


class Ready(BaseModel):
    """It can work: the store answers, gateway and engine are there."""

    ready: bool
    checks: dict[str, str]
    model_config = _says(ready=True, checks={"store": "ok", "gateway": "ok", "engine": "ok"})


class System(BaseModel):
    """The processes, and what waits."""

    version: str
    processes: dict[str, Any]
    predict: dict[str, Any]
    settings: dict[str, Any]
    model_config = _says(
        version="0.1.0",
        processes={"gateway": {"up": True}},
        predict={"now": {"waiting": 0, "running": True}},
        settings={"model": "default", "single_sign_on": None},
    )


class Model(BaseModel):
    """The card of a model, in short."""

    name: str
    id: str
    title: str
    licence: str
    use: str
    languages: list[str]
    labels: list[str]
    model_config = _says(
        name="default", id="default@1", title="...", licence="...", use="research", languages=["en"], labels=["anger"]
    )


class Models(BaseModel):
    """All models."""

    items: list[Model]


# Predict ----------------------------------------------------------------------------------------------------------


class Result(BaseModel):
    """One recording: its timeline, as `affekt predict --json` writes it, or its problem."""

    file: str
    timeline: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None


class Results(BaseModel):
    """One for each recording, in their order."""

    results: list[Result]
    model_config = _says(
        results=[
            {
                "file": "call.wav",
                "timeline": {
                    "schema": "affekt.timeline/1",
                    "source": "call.wav",
                    "duration": 4.2,
                    "turns": [
                        {
                            "start": 0.3,
                            "end": 2.9,
                            "speaker": "left",
                            "role": "customer",
                            "emotion": "anger",
                            "confidence": 0.71,
                            "uncertain": False,
                        }
                    ],
                },
            },
            {
                "file": "notes.txt",
                "problem": {
                    "type": "/v1/docs#invalid",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "notes.txt: looks like plain text; WAV, FLAC, OGG, MP3 and others can be read",
                },
            },
        ]
    )


class JobTaken(BaseModel):
    """The recordings will be judged; ask `location` how far it is."""

    job: str
    location: str
    model_config = _says(job=_ID, location=f"/v1/jobs/{_ID}")


class Job(BaseModel):
    """Recordings that are judged in the background."""

    id: str
    state: str = Field(description="waiting, running, done or failed")
    progress: float = Field(description="Share that is done, in [0, 1].")
    request: dict[str, Any] | None = None
    result: dict[str, Any] | None = Field(None, description='`{"results": [...]}` as of POST /v1/predict.')
    created: str
    model_config = _says(
        id=_ID,
        state="running",
        progress=0.42,
        request={"files": ["call.wav"], "model": "default"},
        result=None,
        created=_WHEN,
    )


# Calls and alerts -------------------------------------------------------------------------------------------------


class Text(BaseModel):
    """A note."""

    text: str = Field(min_length=1, max_length=10_000)
    model_config = _asks(text="Called back, all is well.")


class Note(BaseModel):
    """A note that was kept."""

    id: str
    at: str
    by: str
    text: str
    model_config = _says(id=_ID, at=_WHEN, by="ada", text="Called back, all is well.")


class ConsentState(BaseModel):
    """What the customer has said."""

    state: Literal["given", "refused"]
    model_config = _asks(state="refused")


class Acknowledgement(BaseModel):
    """Perhaps a note."""

    note: str | None = Field(None, max_length=10_000)
    model_config = _asks(note="I have joined the call.")


class Snoozing(BaseModel):
    """For how long nobody wants to hear of this rule in this call."""

    seconds: float = Field(gt=0, le=86400)
    model_config = _asks(seconds=300)


class Subject(BaseModel):
    """A person: by number, or by the subject that stands for it."""

    number: str | None = Field(None, max_length=100)
    subject: str | None = Field(None, max_length=64, pattern="^[0-9a-f]+$")
    model_config = _asks(number="+49 30 123456")


class Count(BaseModel):
    """How many calls were erased."""

    erased: int
    model_config = _says(erased=3)


class Ways(BaseModel):
    """How one may sign in."""

    password: bool
    single_sign_on: str | None
    model_config = _says(password=True, single_sign_on="single sign-on")


class Done(BaseModel):
    """It was told to whom it concerns."""

    done: bool
    model_config = _says(done=True)


class Alert(BaseModel):
    """A rule's finding on one speaker of one call. Times are seconds of the call."""

    id: str
    call: str
    rule: str
    speaker: str | None
    state: str
    reason: str
    time: float
    fired: str
    model_config = _says(
        id=_ALERT_ID,
        call=_CALL_ID,
        rule="sustained",
        speaker="in",
        state="firing",
        reason="anger above 0.6 for 9 s of speech",
        time=62.4,
        fired=_WHEN,
    )


class Call(BaseModel):
    """A call, in short."""

    id: str
    started: str
    ended: str | None
    protocol: str | None
    agent: str | None
    queue: str | None
    consent: str
    model_config = _says(
        id=_CALL_ID,
        started=_WHEN,
        ended=None,
        protocol="twilio",
        agent="agent 7",
        queue="support",
        consent="given",
    )


class Listing(BaseModel):
    """A page of a list; `next` is the `cursor` of the next one."""

    items: list[dict[str, Any]]
    next: str | None = None
    model_config = _says(items=[{"id": _ID}], next=None)


class Trends(BaseModel):
    """A row per day."""

    items: list[dict[str, Any]]
    model_config = _says(items=[{"day": "2026-07-01", "calls": 12, "minutes": 40.5, "emotions": {"anger": 0.1}}])


# Administration ---------------------------------------------------------------------------------------------------


class NewUser(BaseModel):
    """Somebody who may sign in."""

    name: str = Field(min_length=1, max_length=200)
    password: str | None = Field(None, min_length=SHORTEST, max_length=LONGEST, description="null: single sign-on only")
    role: Role
    model_config = _asks(name="grace", password="correct horse battery", role="supervisor")  # noqa: S106  an example


class UserChange(BaseModel):
    """What is to be another."""

    password: str | None = Field(None, min_length=SHORTEST, max_length=LONGEST)
    role: Role | None = None
    disabled: bool | None = None
    model_config = _asks(role="viewer")


class User(BaseModel):
    """A user; never the password, nor its hash."""

    id: str
    name: str
    role: Role
    disabled: bool
    model_config = _says(id=_ID, name="grace", role="supervisor", disabled=False)


class NewKey(BaseModel):
    """A program that may ask."""

    name: str = Field(min_length=1, max_length=200)
    role: Role
    days: float | None = Field(None, gt=0, le=3650, description="null: it does not expire")
    model_config = _asks(name="nightly batch", role="viewer", days=90)


class Key(BaseModel):
    """A key; `key` itself is shown once, when it is made."""

    id: str
    name: str
    prefix: str
    role: Role
    expires: str | None
    key: str | None = None
    model_config = _says(
        id=_ID, name="nightly batch", prefix="afk_x1y2z3w4", role="viewer", expires=_WHEN, key="afk_..."
    )


class NewToken(BaseModel):
    """A platform that may send calls."""

    name: str = Field(min_length=1, max_length=200)
    protocol: str | None = Field(None, max_length=40, description="null: any")
    material: dict[str, str] | None = Field(None, description="What the platform signs with; kept encrypted.")
    roles: dict[str, Literal["customer", "agent", "speaker"]] = Field(default_factory=dict, description="track -> role")
    notice: bool = False
    consent: Literal["given", "refused", "unknown"] = "unknown"
    model_config = _asks(
        name="Twilio", protocol="twilio", material={"auth_token": "..."}, roles={"inbound": "customer"}
    )


class Token(BaseModel):
    """A token of a platform; `token` itself is shown once, when it is made."""

    id: str
    name: str
    protocol: str | None
    token: str | None = None
    model_config = _says(id=_ID, name="Twilio", protocol="twilio", token="afi_...")  # noqa: S106  an example


class CallDetails(BaseModel):
    """What the connection itself cannot say of its call."""

    caller: str | None = Field(default=None, max_length=200)
    agent: str | None = Field(default=None, max_length=200)
    queue: str | None = Field(default=None, max_length=200)
    direction: Literal["in", "out"] | None = None
    notice: bool | None = None
    consent: Literal["given", "refused", "unknown"] | None = None
    model_config = {"extra": "forbid"}


class NewExpected(BaseModel):
    """A connection that will come: which call it is, and whose voice it carries."""

    external: str = Field(min_length=1, max_length=200)
    track: str = Field(min_length=1, max_length=40)
    role: Literal["customer", "agent", "speaker"]
    seconds: float = Field(300, gt=0, le=86400, description="for which it is expected")
    details: CallDetails = CallDetails()
    id: UUID | None = Field(None, description="that the platform will send; null: one is made")
    model_config = _asks(external="pbx-17", track="customer", role="customer", seconds=300)


class NewDestination(BaseModel):
    """Where alerts go."""

    kind: str = Field(min_length=1, max_length=40)
    name: str = Field(min_length=1, max_length=200)
    settings: dict[str, Any] = Field(default_factory=dict)
    secret: str | None = Field(None, max_length=4000)
    model_config = _asks(kind="webhook", name="our desk", settings={"url": "https://desk.example.com/hooks/affekt"})


class Expected(BaseModel):
    """A connection that will come."""

    id: str
    external: str
    track: str
    role: str
    expires: str
    model_config = _says(id=_ID, external="pbx-17", track="customer", role="customer", expires=_WHEN)


class Destination(BaseModel):
    """Where alerts go; never the secret."""

    id: str
    kind: str
    name: str
    settings: dict[str, Any]
    disabled: str | None
    model_config = _says(
        id=_ID,
        kind="webhook",
        name="our desk",
        settings={"url": "https://desk.example.com/hooks/affekt"},
        disabled=None,
    )


class Tried(BaseModel):
    """What came of a trial."""

    sent: bool
    status: int | None = None
    why: str | None = None
    model_config = _says(sent=True, status=200, why=None)


class Tenant(BaseModel):
    """A customer of this installation; `admin` is shown once, when it is made."""

    id: str
    name: str
    record_audio: bool
    retention_days: int
    admin: dict[str, str] | None = None
    model_config = _says(id="acme", name="Acme Ltd", record_audio=False, retention_days=30)


class NewTenant(BaseModel):
    """One more customer of this installation."""

    id: str = Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")
    name: str = Field(min_length=1, max_length=200)
    record_audio: bool | None = None
    retention_days: int | None = Field(None, ge=1, le=36500)
    model_config = _asks(id="acme", name="Acme Ltd", record_audio=False, retention_days=30)


class TenantChange(BaseModel):
    """What is to be another."""

    name: str | None = Field(None, min_length=1, max_length=200)
    record_audio: bool | None = None
    retention_days: int | None = Field(None, ge=1, le=36500)
    model_config = _asks(retention_days=14)


class ExportAsked(BaseModel):
    """The days that are written."""

    since: str | None = Field(None, max_length=40)
    until: str | None = Field(None, max_length=40)
    model_config = _asks(since="2026-07-01", until="2026-08-01")


class Exported(BaseModel):
    """A job that writes Parquet; its result names the folder."""

    job: str
    location: str
    model_config = _says(job=_ID, location=f"/v1/jobs/{_ID}")
