"""Delivery -> a message in Slack: an incoming webhook, in Block Kit. Texts from outside are never read as markup."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from affekt.service.deliver.channels import Common, needs
from affekt.service.deliver.channels._words import facts, headline, reason
from affekt.service.deliver.delivery import Delivery, Failed, Outcome
from affekt.service.deliver.net import Answer, Net, judged
from affekt.service.deliver.reach import place

CREDENTIAL = "the URL of the incoming webhook, https://hooks.slack.com/services/..."
TRIES = 5
"Two and a half hours: nobody needs a message about yesterday's call."
SIDES = 1
GAP = 1.0
"Slack takes about one message a second."

_DEAD = {"no_service", "no_team", "channel_is_archived", "channel_not_found", "action_prohibited"}
"What Slack says of a webhook that will never work again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """What Slack is told."""

    changes: tuple[str, ...] = ("firing", "resolved")
    "what is told: of firing, acknowledged, snoozed, resolved, expired"


def check(settings: Settings, secret: str) -> None:
    """Refuse what is no URL."""
    needs(secret, "slack", CREDENTIAL)
    place(secret, settings)


async def send(delivery: Delivery, settings: Settings, net: Net) -> Outcome:
    """Post the message."""
    body = json.dumps(message(delivery)).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = await net.post(place(delivery.destination.secret, settings), body, headers=headers, reach=settings)
    return _dead(answer) or judged(answer)


def _dead(answer: Answer) -> Failed | None:
    said = answer.body[:100].decode("latin-1").strip()
    if answer.status in (403, 404, 410) and said in _DEAD:
        return Failed(f"Slack says {said}: make a new incoming webhook", ends="destination", status=answer.status)
    if answer.status == 400:
        return Failed("Slack does not take this message (400)", ends="delivery", status=400)
    return None


def message(delivery: Delivery) -> dict[str, Any]:
    """Give the message: a header, the reason, the facts, a link; `text` is what a notification shows."""
    title = headline(delivery)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(title)}]
    if said := reason(delivery):
        blocks.append({"type": "section", "text": _plain(said)})
    if fields := [_plain(f"{name}: {value}") for name, value in facts(delivery)]:
        blocks.append({"type": "section", "fields": fields})
    if delivery.link:
        link = {"type": "mrkdwn", "text": f"<{_escaped(delivery.link).replace('|', '%7C')}|Open the call>"}
        blocks.append({"type": "context", "elements": [link]})
    return {"text": _escaped(title), "blocks": blocks, "unfurl_links": False}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
