"""Delivery -> an Adaptive Card in Microsoft Teams, by the URL of a workflow ("when a webhook request is received").

The connectors of Office 365, and with them the message cards, are gone. Texts from outside are text runs, which are
not read as Markdown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from affekt.service.deliver.channels import Common, needs
from affekt.service.deliver.channels._words import facts, headline, reason
from affekt.service.deliver.delivery import Delivery, Failed, Outcome
from affekt.service.deliver.net import Net, judged
from affekt.service.deliver.reach import place

CREDENTIAL = "the URL of the workflow, with its signature (sig=...)"
TRIES = 5
"Two and a half hours: nobody needs a message about yesterday's call."
SIDES = 1
GAP = 0.25
"Teams takes four requests a second."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """What Teams is told."""

    changes: tuple[str, ...] = ("firing", "resolved")
    "what is told: of firing, acknowledged, snoozed, resolved, expired"


def check(settings: Settings, secret: str) -> None:
    """Refuse what is no URL."""
    needs(secret, "teams", CREDENTIAL)
    place(secret, settings)


async def send(delivery: Delivery, settings: Settings, net: Net) -> Outcome:
    """Post the card; Teams answers 202."""
    body = json.dumps(message(delivery)).encode()
    headers = {"Content-Type": "application/json"}
    answer = await net.post(place(delivery.destination.secret, settings), body, headers=headers, reach=settings)
    if answer.status == 400:
        return Failed("Teams does not take this card (400)", ends="delivery", status=400)
    return judged(answer)


def message(delivery: Delivery) -> dict[str, Any]:
    """Give the message that a workflow hands on: one Adaptive Card 1.4."""
    title = _text(headline(delivery), size="large", weight="bolder")
    rows = [f"{name}: {value}" for name, value in facts(delivery)]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, *(_text(line) for line in (reason(delivery), *rows) if line)],
    }
    if delivery.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the call", "url": delivery.link}]
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _text(text: str, **look: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}
