"""What an upgrade shows -> a reason to refuse it, or None: tokens, compared in constant time."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from affekt.service.gateway.codec import same
from affekt.service.gateway.events import Request


def shown(request: Request) -> str | None:
    """Give the token of a request: in `Authorization`, as Bearer or as the password of Basic, or in the query.

    >>> shown(Request("/", headers={"authorization": "Basic YWZmZWt0OnNlY3JldA=="}))
    'secret'
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    token = given.strip() if scheme.lower() == "bearer" else _password(given) if scheme.lower() == "basic" else ""
    return token or request.query.get("token") or None


def _password(given: str) -> str:
    try:
        return b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def by_token(request: Request, credentials: Mapping[str, Any], *, later: bool) -> str | None:
    """Compare the request's token with that of the credentials.

    Args:
        request: of the upgrade.
        credentials: with `token`; where it is missing, there is nothing to compare, and nobody is allowed.
        later: a request without a token passes: it comes in the first message.
    """
    kept, given = credentials.get("token"), shown(request)
    if given is None and later:
        return None
    if not kept:
        return "there is no token for this protocol: make one with POST /v1/tokens"
    return None if same(given, str(kept)) else "no token" if given is None else "a wrong token"
