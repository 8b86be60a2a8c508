"""docs/alerts-out.md shows what is really sent."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest
import standardwebhooks

from affekt.service.deliver import channels
from affekt.service.deliver.channels import alertmanager, email, slack, teams, webhook
from affekt.service.deliver.delivery import Delivery, Destination
from affekt.service.deliver.schedule import WAITS

PAGE = (Path(__file__).parents[3] / "docs" / "alerts-out.md").read_text(encoding="utf-8")
AT = "2026-11-30T09:15:02.120Z"
ALERT = {
    "id": "8c0e0d64-0f0e-5d3c-9d58-6a5b1d2f7a11",
    "call": "4d8cf0e3-2d5a-5f57-8b9e-0f6f4c2f3f10",
    "rule": "sustained",
    "speaker": "customer",
    "reason": "anger at 0.80 (0.35 or more for 4.0 s of speech)",
    "fired": AT,
    "queue": "billing",
    "agent": "Jane Doe",
}
NOW = datetime.datetime(2026, 11, 30, 9, 15, 3, tzinfo=datetime.UTC)


def sample(name: str) -> str:
    return re.search(rf"<!-- sample: {name} -->\n```\w*\n(.*?)```", PAGE, re.DOTALL)[1]


def destinations() -> dict[str, dict]:
    """The destinations that the page adds, by kind."""
    blocks = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    found = [json.loads(block) for block in blocks]
    return {each["kind"]: each for each in found if isinstance(each, dict) and "kind" in each}


def delivery() -> Delivery:
    link = f"https://affekt.example.com/#/alerts/{ALERT['id']}"
    to = Destination("1", "webhook", "crm", {})
    return Delivery("7c9e6679-7425-40de-944b-e07fc1f90ae7", "default", "firing", AT, ALERT, to, 1, link)


def test_every_channel_is_shown():
    assert set(destinations()) == set(channels.kinds())


@pytest.mark.parametrize("kind", channels.kinds())
def test_the_page_adds_destinations_that_can_be_added(kind):
    given = destinations()[kind]
    secret = given.get("secret", "").replace("....", "a.")
    channels.check(kind, given["settings"], webhook.new_secret() if kind == "webhook" else secret)


def test_the_samples_are_what_is_sent():
    assert json.loads(sample("webhook")) == json.loads(webhook.payload(delivery()))
    assert json.loads(sample("slack")) == slack.message(delivery())
    assert json.loads(sample("teams")) == teams.message(delivery())
    settings = channels.read("alertmanager", destinations()["alertmanager"]["settings"])
    assert json.loads(sample("alertmanager")) == [alertmanager.alert(delivery(), settings, now=NOW)]


def test_the_mail_is_what_is_sent():
    mail = email.message(delivery(), channels.read("email", destinations()["email"]["settings"]))
    head, _, body = sample("email").partition("\n\n")
    shown = dict(line.split(": ", 1) for line in head.splitlines())
    assert {name: mail[name] for name in shown if name != "Date"} == {k: v for k, v in shown.items() if k != "Date"}
    assert mail.get_content().strip() == body.strip()


def test_the_lines_that_verify_a_signature_do():
    code = re.search(r"<!-- verify -->\n```python\n(.*?)```", PAGE, re.DOTALL)[1]
    assert len(code.strip().splitlines()) <= 5
    names: dict = {}
    exec(code, names)
    secret, body = webhook.new_secret(), webhook.payload(delivery())
    headers = webhook.signed("id", body, webhook.keys(secret), datetime.datetime.now(datetime.UTC))
    assert names["verified"](body, headers, secret)["type"] == "alert.firing"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        names["verified"](body + b" ", headers, secret)


def test_the_table_says_what_the_channels_say():
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE, re.MULTILINE))
    for kind in channels.kinds():
        told, _, tries, at_once = (cell.strip() for cell in rows[kind].split("|"))
        module = channels.channel(kind)
        changes = module.Settings.__dataclass_fields__["changes"].default
        assert told == ("every change" if changes == channels.CHANGES else ", ".join(changes))
        assert tries.split()[0] == str(module.TRIES)
        assert at_once.split(",")[0] == str(module.SIDES)
        hours = sum(WAITS[: module.TRIES]) / 3600
        assert (tries.endswith("3 days") and 72 < hours < 84) or (tries.endswith("2½ hours") and 2 < hours < 3)
