"""Who asks to be heard -> whose call it is, or why not. Tokens, roles, notice and consent; no socket.

What a tenant's tokens allow is learnt from control and kept, so that calls are let in while control is away. The
answer to whoever is refused says nothing; the reason goes to the log.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from affekt.service.gateway import codec
from affekt.service.gateway.events import Request, Started
from affekt.service.gateway.protocols._proof import shown
from affekt.service.seal import digest
from affekt.service.subject import subject
from affekt.types import Role

ROLES: dict[str, Role] = {
    **dict.fromkeys(("inbound", "external", "caller", "customer", "audio", "left"), "customer"),
    **dict.fromkeys(("outbound", "internal", "callee", "agent", "right"), "agent"),
}
"""What the tracks of the platforms are, unless a token says otherwise: inbound is what the customer says."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "affekt")


@dataclass(frozen=True, slots=True)
class Token:
    """By what calls are let in."""

    tenant: str = "default"
    hash: str = ""
    protocol: str | None = None
    "the only one that it opens"
    material: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    notice: bool = False
    consent: str = "unknown"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that is let in: what the engine and control are told of it."""

    facts: Mapping[str, Any]
    numbers: Mapping[str, int]
    "the platform's track -> its number"
    refused: bool
    "the customer does not want it: nothing may be heard"


class Reception:
    """Knows who may send calls."""

    def __init__(self, secret: bytes, *, open_to_all: bool = False, notice: bool = False) -> None:
        """Know nobody yet.

        Args:
            secret: of which the keyed hash of telephone numbers is made.
            open_to_all: take every call, as the tenant `default`: on loopback, for trying.
            notice: callers are told of the analysis, unless the platform says that they are not.
        """
        self._notice = notice
        self._secret = secret
        self._open = open_to_all
        self._tokens: list[Token] = []
        self._tenants: Mapping[str, Mapping[str, Any]] = {}
        self._expected: dict[str, list[Mapping[str, Any]]] = {}

    def learn(self, snapshot: Mapping[str, Any]) -> None:
        """Take what control says of all tenants, in the place of what it said before."""
        self._tokens = [
            Token(
                tenant=row["tenant"],
                hash=row["hash"],
                protocol=row.get("protocol"),
                material=row.get("material") or {},
                roles=row.get("roles") or {},
                notice=bool(row.get("notice")),
                consent=row.get("consent") or "unknown",
            )
            for row in snapshot.get("tokens", ())
        ]
        self._tenants = snapshot.get("tenants", {})
        self._expected = {}
        for row in snapshot.get("expected", ()):
            self._expected.setdefault(row["id"], []).append(row)

    def ask(self, protocol: str, request: Request, now: float) -> Sequence[Token] | str:
        """Say by which tokens this request may be let in, or why not: one if it has proved itself, else several."""
        if self._open:
            return [Token()]
        if protocol == "audiosocket":
            return [Token()]  # its UUID is the proof, and comes later
        why = "there is no token for this protocol: make one with POST /v1/tokens"
        module, given = codec.load(protocol), shown(request)
        hashed = digest(given) if given else ""
        allowed = []
        for token in self._tokens:
            if token.protocol not in (None, protocol):
                continue
            mine = {"token": given} if hashed == token.hash else {"token": "-"}
            refused = module.authorize(request, {**token.material, **mine}, now)
            if refused is None and (given is None or hashed == token.hash or not _by_token(module, token)):
                allowed.append(token)
            why = refused or why
        return allowed or why

    def admit(self, protocol: str, started: Started, tokens: Sequence[Token], request: Request) -> Admitted | str:
        """Let a call in, or say why not."""
        if protocol == "audiosocket" and not self._open:
            return self._await(started)
        token = self._token(protocol, started, tokens, request)
        if isinstance(token, str):
            return token
        return self._facts(protocol, started, token, started.tracks, started.external)

    def _token(self, protocol: str, started: Started, tokens: Sequence[Token], request: Request) -> Token | str:
        if self._open:
            return tokens[0]
        given = started.parameters.get("token")
        if given is not None:
            hashed = digest(given)
            found = [token for token in tokens if token.hash == hashed]
            return found[0] if found else "a wrong token in the first message"
        needs = [token for token in tokens if not (shown(request) or _signs(protocol, token))]
        if len(needs) == len(tokens):
            return "no token"
        proved = [token for token in tokens if token not in needs]
        if len({token.tenant for token in proved}) > 1:
            return "the request fits the tokens of several tenants"
        return proved[0]

    def _await(self, started: Started) -> Admitted | str:
        """A leg whose UUID somebody has announced; all legs of its call are announced before the first comes."""
        rows = self._expected.get(started.external)
        if not rows:
            return "a UUID that nobody has announced: POST /v1/expected before the call"
        row = rows[0]
        legs = [one for own in self._expected.values() for one in own if _call(one) == _call(row)]
        token = Token(row["tenant"], roles={one["track"]: one["role"] for one in legs})
        details = row.get("details") or {}
        told = Started(
            external=row["external"],
            stream=started.stream,
            tracks=tuple(one["track"] for one in legs),
            rate=started.rate,
            caller=details.get("caller"),
            agent=details.get("agent"),
            queue=details.get("queue"),
            direction=details.get("direction"),
            notice=details.get("notice"),
            consent=details.get("consent"),
        )
        made = self._facts("audiosocket", told, token, told.tracks, row["external"])
        if isinstance(made, Admitted):  # this connection carries one of them
            return Admitted(made.facts, {started.tracks[0]: made.numbers[row["track"]]}, made.refused)
        return made

    def _facts(
        self, protocol: str, started: Started, token: Token, tracks: Sequence[str], external: str
    ) -> Admitted | str:
        roles: dict[str, Role] = {}
        for track in tracks:
            role = token.roles.get(track) or ROLES.get(track)
            if role is None:
                return (
                    f"nobody says whose voice the track {track!r} carries: give the token roles, e.g. {track}=customer"
                )
            roles[track] = role
        names = _names(list(roles.values()))
        consent = started.consent or token.consent
        records = bool(self._tenants.get(token.tenant, {}).get("record_audio"))
        key = f"{token.tenant}/{protocol}/{external}" if external else str(uuid.uuid4())
        facts = {
            "call": str(uuid.uuid5(_NAMESPACE, key)),
            "stream": str(uuid.uuid4()),
            "tenant": token.tenant,
            "protocol": protocol,
            "external": external or None,
            "subject": subject(self._secret, started.callee if started.direction == "out" else started.caller),
            "agent": started.agent,
            "queue": started.queue,
            "direction": started.direction,
            "tracks": dict(zip(names, roles.values(), strict=True)),
            "rate": started.rate,
            "notice": token.notice or self._notice if started.notice is None else started.notice,
            "consent": consent,
            "may_record": records,
            "record": records and consent == "given",
        }
        return Admitted(facts, {track: number for number, track in enumerate(roles)}, consent == "refused")


def _by_token(module: codec.Module, token: Token) -> bool:
    """Whether a token in the request is what lets in, as no signature of the platform does."""
    return not any(key != "token" for key in token.material)


def _signs(protocol: str, token: Token) -> bool:
    """Whether the platform has signed the request with what this token holds."""
    keys = {"twilio": "auth_token", "audiohook": "api_key", "vonage": "signature_secret"}
    return protocol in keys and bool(token.material.get(keys[protocol]))


def _call(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["tenant"], row["external"]


def _names(roles: Sequence[Role]) -> list[str]:
    """Tracks go by their roles; a second one of a role has a number."""
    found: list[str] = []
    for role in roles:
        before = sum(name.split()[0] == role for name in found)
        found.append(role if not before else f"{role} {before + 1}")
    return found
