"""Single sign-on by OpenID Connect: code flow with PKCE (RFC 7636), state and nonce.

    url, state = sign_on.begin("https://.../v1/session/oidc/callback")      the browser goes to the issuer
    person = sign_on.finish(state, code)                                    and comes back with a code

Blocking: the issuer is asked over the network. What is begun is kept for ten minutes, in memory, and works once.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from affekt.errors import AffektError
from affekt.registry import need
from affekt.service.auth.roles import Role
from affekt.service.settings import Oidc

ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]
"""Of signatures; none by a shared secret, and never `none`."""

_PATIENCE = 600.0  # s for which somebody may sit at the issuer's page
_BEGUN = 1000  # at once
_TIMEOUT = 10.0  # s for each answer of the issuer
_LEEWAY = 60  # s by which clocks may differ
_RANK: tuple[Role, ...] = ("viewer", "auditor", "supervisor", "admin")


class SignOnError(AffektError):
    """The issuer, or what it says, cannot be believed."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the issuer vouches for."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class _Begun:
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    back: str
    at: float


class SignOn:
    """One issuer."""

    def __init__(self, settings: Oidc, secret: str | None, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._secret, self._clock = secret, clock
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._lock = threading.Lock()
        self._known: Mapping[str, Any] | None = None
        need("authlib.integrations.httpx_client", extra="oidc")

    def begin(self, back: str) -> tuple[str, str]:
        """Give the issuer's page to go to, and the state that comes back with the code.

        Args:
            back: address of ours to which the issuer sends the browser back.

        Raises:
            SignOnError: the issuer does not answer, or is another than it should be.
        """
        begun = _Begun(secrets.token_urlsafe(48), secrets.token_urlsafe(32), back, self._clock())
        state = secrets.token_urlsafe(32)
        with self._client(back) as client:
            url, _ = client.create_authorization_url(
                self._metadata()["authorization_endpoint"],
                state=state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        with self._lock:
            self._begun[state] = begun
            while len(self._begun) > _BEGUN:
                self._begun.popitem(last=False)
        return str(url), state

    def finish(self, state: str, code: str) -> Person:
        """Trade the code for a token, check it, and say who it is.

        Raises:
            SignOnError: nothing of the kind was begun, or the issuer's word does not hold, or gives no role.
        """
        with self._lock:
            begun = self._begun.pop(state, None)
        if begun is None or self._clock() - begun.at > _PATIENCE:
            raise SignOnError("nobody has begun to sign in here, or it was too long ago; begin again")
        httpx = need("httpx", extra="serve")
        failure = need("authlib.common.errors", extra="oidc").AuthlibBaseError
        try:
            with self._client(begun.back) as client:
                token = client.fetch_token(self._metadata()["token_endpoint"], code=code, code_verifier=begun.verifier)
        except (httpx.HTTPError, failure, ValueError) as error:
            raise SignOnError(f"the issuer does not take the code: {type(error).__name__}") from error
        return self._person(self._claims(str(token.get("id_token", "")), begun.nonce))

    def _client(self, back: str) -> Any:
        httpx_client = need("authlib.integrations.httpx_client", extra="oidc")
        return httpx_client.OAuth2Client(
            self.settings.client_id,
            self._secret,
            scope=" ".join(self.settings.scopes),
            redirect_uri=back,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            timeout=_TIMEOUT,
        )

    def _metadata(self) -> Mapping[str, Any]:
        if self._known is None:
            found = _fetch(self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != self.settings.issuer:
                raise SignOnError(f"the issuer calls itself {found.get('issuer')!r}, not {self.settings.issuer!r}")
            self._known = found
        return self._known

    def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """Check signature, issuer, audience, time and nonce."""
        jwt, jwk = need("joserfc.jwt", extra="oidc"), need("joserfc.jwk", extra="oidc")
        failure = need("joserfc.errors", extra="oidc").JoseError
        try:
            keys = jwk.KeySet.import_key_set(_fetch(self._metadata()["jwks_uri"]))
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            rules = jwt.JWTClaimsRegistry(
                now=lambda: int(self._clock()),
                leeway=_LEEWAY,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            rules.validate(decoded.claims)
        except (failure, ValueError, KeyError, TypeError) as error:
            raise SignOnError(f"the issuer's token does not hold: {type(error).__name__}") from error
        claims: Mapping[str, Any] = decoded.claims
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self.settings.client_id:
            raise SignOnError("the issuer's token is meant for somebody else, too")
        return claims

    def _person(self, claims: Mapping[str, Any]) -> Person:
        name = claims.get(self.settings.user_claim)
        if not isinstance(name, str) or not name:
            raise SignOnError(f"the issuer's token has no {self.settings.user_claim!r}, which names the user")
        if self.settings.user_claim == "email" and claims.get("email_verified") is False:
            raise SignOnError("the issuer has not verified this address")
        said = claims.get(self.settings.role_claim, [])
        values = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        found = [
            self.settings.roles[value] for value in values if isinstance(value, str) and value in self.settings.roles
        ]
        if not found:
            raise SignOnError(f"{name} has no role here; {self.settings.role_claim!r} must hold one of auth.oidc.roles")
        return Person(name, max(found, key=_RANK.index))


def _fetch(url: str) -> Mapping[str, Any]:
    httpx = need("httpx", extra="serve")
    try:
        answer = httpx.get(url, timeout=_TIMEOUT)
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise SignOnError(f"the issuer does not answer at {url}: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise SignOnError(f"the issuer says no JSON object at {url}")
    return found
