"""Delivery -> a signed HTTP request, as Standard Webhooks has it (standardwebhooks.com, 1.0).

The body is thin: ids, the rule, the state and a link, so that what passes through other people's logs says little.
`detail` adds the reason and the evidence. A secret is changed without a loss: during the change both sign.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import secrets
from dataclasses import dataclass
from typing import Any

from affekt.errors import UsageError
from affekt.registry import need
from affekt.service.deliver.channels import Common, needs
from affekt.service.deliver.channels._words import line
from affekt.service.deliver.delivery import Delivery, Outcome
from affekt.service.deliver.net import Net, judged
from affekt.service.deliver.reach import place

CREDENTIAL = "one or two of whsec_ and 24 to 64 bytes in base64, newest first"
TRIES = 10
SIDES = 32
GAP = 0.0

LARGEST = 20_000
"""Bytes of a body; the standard asks for no more than 20 kB."""

_MARK = "whsec_"
_THIN = ("id", "call", "rule", "fired")
_DETAIL = ("speaker", "reason", "time", "start", "end", "snr", "queue", "model", "evidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """What a webhook is told."""

    url: str
    "https://, where a POST is taken"
    detail: bool = False
    "the reason, the speaker's role, the queue and the evidence are sent, too"


def check(settings: Settings, secret: str) -> None:
    """Refuse a URL that is never sent to, and what is no secret."""
    place(settings.url, settings)
    needs(secret, "a webhook", CREDENTIAL)
    keys(secret)


def new_secret() -> str:
    """Make a secret of 32 random bytes.

    >>> len(keys(new_secret())[0])
    32
    """
    return _MARK + base64.b64encode(secrets.token_bytes(32)).decode()


def rotated(secret: str) -> str:
    """Put a new secret before the one in use; that one signs too, until `rotated` is called again or it is removed.

    >>> old = new_secret()
    >>> rotated(old).split()[1] == old, len(rotated(rotated(old)).split())
    (True, 2)
    """
    return " ".join([new_secret(), *secret.split()[:1]])


def keys(secret: str) -> list[bytes]:
    """Read the secret: the newest key first.

    Raises:
        UsageError: it is none; the message does not repeat it.
    """
    texts = secret.split()
    if not 1 <= len(texts) <= 2 or not all(text.startswith(_MARK) for text in texts):
        raise UsageError(f"the secret of a webhook must be {CREDENTIAL}")
    try:
        found = [base64.b64decode(text.removeprefix(_MARK), validate=True) for text in texts]
    except binascii.Error:
        found = [b""]
    if not all(24 <= len(key) <= 64 for key in found):
        raise UsageError(f"the secret of a webhook must be {CREDENTIAL}")
    return found


async def send(delivery: Delivery, settings: Settings, net: Net) -> Outcome:
    """Sign the body for this moment and post it."""
    now = datetime.datetime.now(datetime.UTC)
    body = payload(delivery, detail=settings.detail)
    headers = signed(delivery.id, body, keys(delivery.destination.secret), now)
    return judged(await net.post(place(settings.url, settings), body, headers=headers, reach=settings))


def signed(id: str, body: bytes, secrets: list[bytes], now: datetime.datetime) -> dict[str, str]:
    """Give the headers: the delivery's id, the time of this try, and a signature by each secret."""
    sign = need("standardwebhooks", extra="serve").Webhook
    text = body.decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "affekt",
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(sign(key).sign(id, now, text) for key in secrets),
    }


def payload(delivery: Delivery, *, detail: bool = False) -> bytes:
    """Give the body: `type`, `timestamp` of the change, `data`. A thin one is the same at each try.

    It is at most `LARGEST` bytes: where the evidence makes it larger, that is left out and `truncated` says so.
    """
    alert = delivery.alert
    data = {name: alert.get(name) for name in (*_THIN, *(_DETAIL if detail else ()))}
    data = {name: line(value) if isinstance(value, str) else value for name, value in data.items()}
    body = _json(delivery, data)
    if len(body) > LARGEST:
        scalars = {name: value for name, value in data.items() if isinstance(value, str | int | float)}
        body = _json(delivery, {**scalars, "truncated": True})
    return body


def _json(delivery: Delivery, data: dict[str, Any]) -> bytes:
    whole = {
        "type": delivery.type,
        "timestamp": delivery.at,
        "data": {"tenant": delivery.tenant, **data, "state": delivery.change, "link": delivery.link},
    }
    return json.dumps(whole, separators=(",", ":")).encode()
