"""Delivery -> an alert of Prometheus's Alertmanager (POST /api/v2/alerts), and from there PagerDuty, Opsgenie and more.

Labels go everywhere and stay for years: they name the rule, never a call, a number or an agent; `alert_id`, which says
nothing to others, keeps two calls apart. The call is behind the link.

Alertmanager forgets an alert that is not repeated. So an alert that begins says when it ends by itself, `hours` later;
when it is over, that is told with the true end. What is sent is always the alert as it is now: a late delivery of its
beginning does not open it again.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affekt.errors import UsageError
from affekt.service.deliver.channels import Common
from affekt.service.deliver.channels._words import headline, line, reason
from affekt.service.deliver.delivery import Delivery, Failed, Outcome
from affekt.service.deliver.net import Net, judged
from affekt.service.deliver.reach import Place, place

CREDENTIAL = "a bearer token, or the password where a user is set; none where Alertmanager asks for none"
TRIES = 5
"Two and a half hours: nobody is paged for yesterday's call."
SIDES = 4
GAP = 0.0

_OVER = ("resolved", "expired", "snoozed")
_OURS = ("alertname", "alert_id", "tenant", "service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """What an Alertmanager is told."""

    url: str
    "of the Alertmanager, e.g. https://alerts.example.com or with its path prefix"
    user: str = ""
    "for basic authentication; the secret is then the password"
    labels: Mapping[str, str] = field(default_factory=dict)
    "added to each alert, e.g. severity or team: what routes are made of"
    hours: float = 4.0
    "h after which an alert ends that nobody has ended"
    changes: tuple[str, ...] = ("firing", *_OVER)
    "what is told; Alertmanager has no word for acknowledged, and a snoozed alert is over for it"

    def __post_init__(self) -> None:
        """Refuse labels that Prometheus does not take, and times that make no sense."""
        Common.__post_init__(self)
        for name in self.labels:
            if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) or name in _OURS:
                raise UsageError(f"given the label {name!r}, allowed are letters, digits and _, and not {_OURS}")
        if not 0.1 <= self.hours <= 168:
            raise UsageError(f"given {self.hours} hours, allowed are 0.1 to 168")


def check(settings: Settings, secret: str) -> None:
    """Refuse a URL that is never sent to, and a secret that no header can hold."""
    _api(settings)
    if not re.fullmatch(r"[!-~]*", secret):
        raise UsageError("the secret has letters beyond ASCII, or spaces")
    if settings.user and not re.fullmatch(r"[!-9;-~]+", settings.user):
        raise UsageError(f"given the user {settings.user!r}, allowed is ASCII without a colon")


async def send(delivery: Delivery, settings: Settings, net: Net) -> Outcome:
    """Post the alert as it is now."""
    now = datetime.datetime.now(datetime.UTC)
    body = json.dumps([alert(delivery, settings, now=now)]).encode()
    headers = {"Content-Type": "application/json", **_credentials(settings, delivery.destination.secret)}
    answer = await net.post(_api(settings), body, headers=headers, reach=settings)
    if answer.status == 400:
        said = line(answer.body[:300].decode("utf-8", "replace"))
        return Failed(f"Alertmanager does not take this alert: {said}", ends="delivery", status=400)
    return judged(answer)


def alert(delivery: Delivery, settings: Settings, *, now: datetime.datetime) -> dict[str, Any]:
    """Give the alert as `postableAlert` of Alertmanager's API has it.

    Args:
        delivery: of any change; what became of the alert later counts, too.
        settings: `labels` and `hours` are used.
        now: aware.
    """
    given, later = delivery.alert, delivery.later or {"state": delivery.change, "at": delivery.at}
    over = later["state"] in _OVER
    starts = _time(given.get("fired")) or now
    ends = (_time(later["at"]) or now) if over else now + datetime.timedelta(hours=settings.hours)
    ends = max(ends, starts + datetime.timedelta(milliseconds=1))  # an end that is no later is refused
    rule = line(given.get("rule") or "test", 100)
    labels = {"alertname": rule, "alert_id": str(given.get("id", "test")), "service": "affekt"}
    made = {
        "labels": {**settings.labels, **labels, "tenant": delivery.tenant},
        "annotations": {"summary": headline(delivery), "description": reason(delivery), "link": delivery.link},
        "startsAt": starts.isoformat(),
        "endsAt": ends.isoformat(),
    }
    return made | ({"generatorURL": delivery.link} if delivery.link else {})


def _time(text: Any) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(str(text))


def _api(settings: Settings) -> Place:
    return place(settings.url.rstrip("/") + "/api/v2/alerts", settings)


def _credentials(settings: Settings, secret: str) -> dict[str, str]:
    if settings.user:
        both = base64.b64encode(f"{settings.user}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {both}"}
    return {"Authorization": f"Bearer {secret}"} if secret else {}
