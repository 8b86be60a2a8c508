"""Delivery -> what people are told: a headline and a few facts. No agent, no number, no call id: the link leads there.

Names of queues and speakers come from outside, so everything is one line, short, and without control characters.
"""

from __future__ import annotations

from affekt.service.deliver.delivery import Delivery

_SAID = {
    "firing": "Alert",
    "acknowledged": "Seen",
    "snoozed": "Snoozed",
    "resolved": "Resolved",
    "expired": "Over",
    "test": "Test",
}


def line(text: object, most: int = 300) -> str:
    r"""Give a text in one line that may stand in a header.

    >>> line("low\r\nBcc: all@example.com\x00")
    'low Bcc: all@example.com'
    """
    kept = "".join(letter if letter.isprintable() else " " for letter in str(text))
    joined = " ".join(kept.split())
    return joined if len(joined) <= most else joined[: most - 1] + "…"


def headline(delivery: Delivery) -> str:
    """Say in a few words what has happened.

    >>> from affekt.service.deliver.delivery import Destination
    >>> to = Destination("1", "slack", "team", {})
    >>> headline(Delivery("1", "default", "firing", "2026-11-30T09:15:02Z", {"rule": "low_valence"}, to))
    'Alert: low valence'
    """
    rule = line(delivery.alert.get("rule") or "affekt", 100).replace("_", " ")
    return f"{_SAID.get(delivery.change, delivery.change)}: {rule}"


def reason(delivery: Delivery) -> str:
    """Give the rule's sentence."""
    return line(delivery.alert.get("reason") or "", 600)


def facts(delivery: Delivery) -> list[tuple[str, str]]:
    """Name what helps to decide whether to look."""
    alert, later = delivery.alert, delivery.later or {}
    rows = (
        ("Speaker", alert.get("speaker")),
        ("Queue", alert.get("queue")),
        ("Since", alert.get("fired")),
        ("By now", later.get("state")),  # a late delivery must not alarm for what is over
    )
    return [(name, line(value, 100)) for name, value in rows if value]
