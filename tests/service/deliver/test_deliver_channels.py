"""What receivers get, and what their answers mean: real servers on this machine, and the library of each standard."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import datetime
import json
import ssl
import subprocess
import time
import urllib.request

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from receivers import LOOPBACK, alertmanager, certificate, free_ports, receiver, status

from affekt.errors import UsageError
from affekt.registry import load, names
from affekt.service.deliver import channels
from affekt.service.deliver.channels import alertmanager as alerting
from affekt.service.deliver.channels import slack, teams, webhook
from affekt.service.deliver.delivery import Delivery, Destination, Failed, Sent
from affekt.service.deliver.net import Answer, Net, judged
from affekt.service.deliver.worker import attempt, trial

AT = "2026-11-30T09:15:02.120Z"
ALERT = {
    "id": "8c0e0d64-0f0e-5d3c-9d58-6a5b1d2f7a11",
    "call": "4d8cf0e3-2d5a-5f57-8b9e-0f6f4c2f3f10",
    "rule": "sustained",
    "speaker": "customer",
    "state": "firing",
    "reason": "anger at 0.80 (0.35 or more for 4.0 s of speech)",
    "fired": AT,
    "changed": AT,
    "queue": "billing",
    "agent": "Jane Doe",
    "evidence": {"windows": 4, "level": 0.8, "model": "default", "points": [[12.5, 0.8, -0.5, 0.6]]},
}
SECRET = webhook.new_secret()


def delivery(kind, settings, secret="", *, change="firing", at=AT, later=None, **alert) -> Delivery:
    to = Destination("d1", kind, "team", settings, secret)
    page = "https://affekt.example.com/#/alerts/1"
    return Delivery("7c9e6679-7425-40de-944b-e07fc1f90ae7", "default", change, at, ALERT | alert, to, 1, page, later)


def tried(given: Delivery, *, tls: ssl.SSLContext | None = None, timeout: float = 15.0):
    async def once():
        async with Net(tls=tls, timeout=timeout) as net:
            return await attempt(given, net)

    return asyncio.run(once())


def sent_to(answer, make, **how):
    """Start a receiver, try the delivery that `make` makes for it; give the receiver and the outcome."""

    async def once():
        async with receiver(answer, wait=how.get("wait", 0.0)) as got, Net(timeout=how.get("timeout", 15.0)) as net:
            return got, await attempt(make(got), net)

    return asyncio.run(once())


def hook(got, **more) -> Delivery:
    return delivery("webhook", got.settings, SECRET, **more)


# Every channel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", names(channels.FOLDER))
def test_a_channel_keeps_the_contract(kind):
    """A new file of the folder is held to it without a new test."""
    module = load(channels.FOLDER, kind)
    assert 1 <= module.TRIES <= 10
    assert module.GAP >= 0
    assert module.SIDES == 1 or (module.SIDES > 1 and not module.GAP)
    assert module.CREDENTIAL[0].islower()
    fields = {field.name for field in dataclasses.fields(module.Settings)}
    assert {"changes", "allow_private", "allow_plain", "ports"} <= fields
    assert asyncio.iscoroutinefunction(module.send)


GOOD = {
    "webhook": ({"url": "https://example.com/a"}, SECRET),
    "slack": ({}, "https://hooks.slack.com/services/T0/B0/x"),
    "teams": ({}, "https://prod-1.westeurope.logic.azure.com/workflows/1?sig=x"),
    "alertmanager": ({"url": "https://alerts.example.com"}, ""),
    "email": ({"host": "mail.example.com", "sender": "a@example.com", "recipients": ["b@example.com"]}, ""),
}


@pytest.mark.parametrize("kind", names(channels.FOLDER))
def test_a_destination_is_checked_before_it_is_kept(kind):
    settings, secret = GOOD[kind]
    channels.check(kind, settings, secret)
    with pytest.raises(UsageError, match="no key is called 'chanegs'; did you mean 'changes'"):
        channels.check(kind, {**settings, "chanegs": []}, secret)
    with pytest.raises(UsageError, match="no change of an alert is called 'fired'"):
        channels.check(kind, {**settings, "changes": ["fired"]}, secret)
    with pytest.raises(UsageError, match="no channel is called 'sms'"):
        channels.check("sms", settings, secret)


@pytest.mark.parametrize(
    ("kind", "settings", "secret", "said"),
    [
        ("webhook", {"url": "https://example.com"}, "hunter2", "must be one or two of whsec_"),
        ("webhook", {"url": "https://example.com"}, "whsec_aHVudGVyMg==", "24 to 64 bytes"),
        ("webhook", {"url": "https://example.com"}, "whsec_hunter2!", "24 to 64 bytes"),
        ("slack", {}, "", "slack needs a secret: the URL"),
        ("slack", {}, "http://hooks.slack.com/hunter2", "allowed is https"),
        ("teams", {}, "https://example.com:22/hunter2", "given the port 22"),
        ("alertmanager", {"url": "https://example.com", "labels": {"a-b": "c"}}, "", "given the label 'a-b'"),
        ("alertmanager", {"url": "https://example.com", "labels": {"alert_id": "c"}}, "", "'alert_id'"),
        ("alertmanager", {"url": "https://example.com"}, "a\r\nX: hunter2", "beyond ASCII"),
        ("email", {**GOOD["email"][0], "sender": "a@b.c\r\nBcc: d@e.f"}, "", "given the mail address"),
        ("email", {**GOOD["email"][0], "recipients": ["a@b.c, d@e.f"]}, "", "given the mail address"),
        ("email", {**GOOD["email"][0], "recipients": []}, "", "given 0 recipients"),
        ("email", {**GOOD["email"][0], "security": "none"}, "", "needs allow_plain"),
        ("email", {**GOOD["email"][0], "port": 6379}, "", "given the port 6379"),
        ("email", {**GOOD["email"][0], "user": "a"}, "", "email needs a secret"),
    ],
)
def test_what_is_no_destination_is_refused_and_the_secret_is_not_repeated(kind, settings, secret, said):
    with pytest.raises(UsageError, match=said) as caught:
        channels.check(kind, settings, secret)
    assert "hunter2" not in str(caught.value)


# Webhooks ---------------------------------------------------------------------------------------------------------


def test_the_standards_own_library_verifies_a_webhook():
    got, outcome = sent_to(status(204), hook)
    assert outcome == Sent(204)
    request = got.requests[0]
    said = standardwebhooks.Webhook(SECRET).verify(request.body, request.headers)
    assert said["type"] == "alert.firing"
    assert said["timestamp"] == AT
    assert said["data"]["id"] == ALERT["id"]
    assert request.headers["webhook-id"] == "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(request.body + b" ", request.headers)


def test_while_a_secret_is_changed_both_verify():
    new = webhook.rotated(SECRET)
    got, _ = sent_to(status(204), lambda got: delivery("webhook", got.settings, new))
    request = got.requests[0]
    for secret in new.split():
        assert standardwebhooks.Webhook(secret).verify(request.body, request.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(webhook.new_secret()).verify(request.body, request.headers)


def test_a_thin_body_says_no_more_than_ids_rule_state_and_link():
    said = json.loads(webhook.payload(delivery("webhook", {}, SECRET)))
    assert set(said["data"]) == {"tenant", "id", "call", "rule", "state", "fired", "link"}
    more = json.loads(webhook.payload(delivery("webhook", {}, SECRET), detail=True))["data"]
    assert more["reason"] == ALERT["reason"]
    assert "Jane" not in json.dumps(more)


@given(st.dictionaries(st.sampled_from([*ALERT]), st.text(max_size=3000) | st.lists(st.floats(allow_nan=False))))
def test_a_body_has_at_most_20_kb(odd):
    for detail in (False, True):
        assert len(webhook.payload(delivery("webhook", {}, SECRET, **odd), detail=detail)) <= webhook.LARGEST


def test_evidence_that_is_too_large_is_left_out_and_that_is_said():
    points = [[float(i), 0.5, 0.5, 0.5] for i in range(2000)]
    body = webhook.payload(delivery("webhook", {}, SECRET, evidence={"points": points}), detail=True)
    said = json.loads(body)["data"]
    assert said["truncated"] is True
    assert said["reason"] == ALERT["reason"]
    assert "evidence" not in said


def test_a_body_is_the_same_at_each_try_and_only_the_time_is_new():
    one, two = (webhook.payload(delivery("webhook", {}, SECRET)) for _ in range(2))
    assert one == two
    now = datetime.datetime(2026, 11, 30, 9, 15, tzinfo=datetime.UTC)
    first = webhook.signed("id", one, webhook.keys(SECRET), now)
    later = webhook.signed("id", one, webhook.keys(SECRET), now + datetime.timedelta(seconds=5))
    assert first["webhook-id"] == later["webhook-id"]
    assert int(later["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 5
    assert first["webhook-signature"] != later["webhook-signature"]


# Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_never_followed(code):
    def make(got):
        got.answer = status(code, f"Location: http://127.0.0.1:{got.port}/elsewhere")
        return hook(got)

    got, outcome = sent_to(b"", make)
    assert [request.path for request in got.requests] == ["/hook"]
    assert "redirect is not followed" in outcome.why


@pytest.mark.parametrize(("code", "ends"), [(410, "destination"), (500, "nothing"), (404, "nothing"), (400, "nothing")])
def test_only_410_ends_a_webhook(code, ends):
    _, outcome = sent_to(status(code), hook)
    assert outcome.ends == ends


def test_retry_after_is_read_as_seconds_or_as_a_date():
    _, outcome = sent_to(status(429, "Retry-After: 17"), hook)
    assert outcome.after == 17.0
    now = datetime.datetime(2026, 11, 30, 9, 15, tzinfo=datetime.UTC)
    for text, seconds in {
        "Mon, 30 Nov 2026 09:15:30 GMT": 30.0,
        "Mon, 30 Nov 2026 09:00:00 GMT": 0.0,
        "Wed, 30 Dec 2026 09:00:00 GMT": 3600.0,
        "999999999999999999999": 3600.0,
        "soon": None,
        "-5": None,
        "": None,
    }.items():
        assert judged(Answer(503, {"retry-after": text}), now=now).after == seconds, text


def test_a_receiver_that_hangs_is_left_after_the_time_limit():
    started = time.monotonic()
    _, outcome = sent_to(status(200), hook, wait=5.0, timeout=0.4)
    assert "has not answered within 0.4 s" in outcome.why
    assert time.monotonic() - started < 3


def test_an_answer_that_drips_for_ever_is_left_after_the_time_limit():
    """Bytes keep coming, so no limit on a single read would end it; as a success its status is enough."""

    async def drip(head: bytes):
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            try:
                while True:
                    writer.write(b"a")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            except ConnectionError:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings = {"url": f"http://127.0.0.1:{port}/", **LOOPBACK, "ports": [port]}
        async with Net(timeout=0.5) as net:
            outcome = await attempt(delivery("webhook", settings, SECRET), net)
        server.close()
        return outcome

    assert "within 0.5 s" in asyncio.run(drip(b"HTTP/1.1 500 No\r\nContent-Length: 1000000\r\n\r\n")).why
    assert asyncio.run(drip(b"HTTP/1.1 200 Yes\r\nContent-Length: 1000000\r\n\r\n")) == Sent(200)
    assert "within 0.5 s" in asyncio.run(drip(b"HTTP/1.1 200 Yes\r\nX-Long: ")).why


def test_of_an_answer_64_kb_are_read_at_most():
    async def once():
        async with receiver(status(500, body=b"a" * 3_000_000)) as got, Net() as net:
            settings = channels.read("webhook", got.settings)
            where = webhook.place(settings.url, settings)
            return await net.post(where, b"{}", headers={}, reach=settings)

    assert len(asyncio.run(once()).body) == 64 * 1024


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200", b"\x00" * 5000, b"HTTP/9 abc\r\n\r\n"]
)
def test_what_does_not_speak_http_is_a_failure(answer):
    _, outcome = sent_to(answer, hook, timeout=1.0)
    assert isinstance(outcome, Failed)
    assert outcome.ends == "nothing"
    assert "fault of affekt" not in outcome.why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 No\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "without an answer of HTTP/1.1"),
        (b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "answered 500"),
        (b"HTTP/1.1 502 No\r\nContent-Length: 99\r\n\r\nabc", "answered 502"),
        (b"HTTP/1.0 503 No\r\n\r\nuntil it is closed", "answered 503"),
    ],
)
def test_all_ways_to_answer_are_read(answer, why):
    _, outcome = sent_to(answer, hook, timeout=1.0)
    assert why in outcome.why


def test_an_answer_without_a_body_is_taken():
    _, outcome = sent_to(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Yes\r\n\r\n", hook)
    assert outcome == Sent(204)


def test_nobody_listens():
    (port,) = free_ports(1)
    outcome = tried(delivery("webhook", {"url": f"http://127.0.0.1:{port}/", **LOOPBACK, "ports": [port]}, SECRET))
    assert outcome.why.startswith("127.0.0.1: ConnectionRefusedError")


def test_a_private_receiver_gets_nothing_unless_its_network_is_allowed():
    got, outcome = sent_to(
        status(200),
        lambda got: delivery(
            "webhook",
            {"url": f"http://localhost:{got.port}/", "allow_plain": True, "ports": [got.port]},
            SECRET,
        ),
    )
    assert "not a public address" in outcome.why
    assert got.requests == []


def test_a_proxy_in_the_environment_is_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    got, outcome = sent_to(status(200), hook)
    assert outcome == Sent(200)
    assert len(got.requests) == 1


def test_a_name_that_points_elsewhere_after_the_check_is_not_followed(monkeypatch):
    """DNS rebinding: the name is looked up once, and the connection goes to what was judged."""
    import socket

    asked = []
    true = socket.getaddrinfo

    def rebinding(host, port, *rest, **more):
        if host != "rebind.test":
            return true(host, port, *rest, **more)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)

    def make(got):
        settings = got.settings | {"url": f"http://rebind.test:{got.port}/", "allow_private": ["127.0.0.1/32"]}
        return delivery("webhook", settings, SECRET)

    got, outcome = sent_to(status(200), make)
    assert outcome == Sent(200)
    assert asked == ["rebind.test"]
    assert got.requests[0].headers["host"] == f"rebind.test:{got.port}"


def test_a_name_server_that_hangs_holds_one_thread_and_no_other_destination(monkeypatch):
    import socket
    import threading

    hang, asked, true = threading.Event(), [], socket.getaddrinfo

    def slow(host, port, *rest, **more):
        if host == "dead.test":
            asked.append(host)
            hang.wait(20)
        return true(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)

    async def go():
        async with receiver(status(200)) as got, Net(timeout=1.5) as net:
            dead = delivery("webhook", {"url": "https://dead.test/"}, SECRET)
            waiting = [asyncio.create_task(attempt(dead, net)) for _ in range(100)]
            await asyncio.sleep(0.1)
            started = time.monotonic()
            outcome = await attempt(hook(got), net)
            seconds = time.monotonic() - started
            late = await asyncio.gather(*waiting)
            hang.set()
            return outcome, seconds, late

    outcome, seconds, late = asyncio.run(go())
    assert outcome == Sent(200)
    assert seconds < 1.2
    assert asked == ["dead.test"]
    assert {each.why for each in late} == {"dead.test has not answered within 1.5 s"}


def test_the_certificate_must_be_that_of_the_name(tmp_path):
    """Though the connection goes to an address, TLS asks for the name."""

    async def once(host):
        cert, key = certificate(tmp_path, "localhost")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(cert, key)
        trusted = ssl.create_default_context(cafile=str(cert))
        async with receiver(status(200), tls=server) as got, Net(tls=trusted) as net:
            settings = {"url": f"https://{host}:{got.port}/", "allow_private": ["127.0.0.0/8", "::1/128"]}
            given = delivery("webhook", settings | {"ports": [got.port]}, SECRET)
            async with Net() as stranger:
                return await attempt(given, net), await attempt(given, stranger)

    good, untrusted = asyncio.run(once("localhost"))
    assert good == Sent(200)
    assert "CERTIFICATE_VERIFY_FAILED" in untrusted.why
    other, _ = asyncio.run(once("127.0.0.1"))
    assert "CERTIFICATE_VERIFY_FAILED" in other.why


# Slack and Teams --------------------------------------------------------------------------------------------------


def chat(kind: str, **more):
    def make(got):
        settings = {name: value for name, value in got.settings.items() if name != "url"}
        return delivery(kind, settings, str(got.settings["url"]), **more)

    return make


NASTY = {"reason": "<!channel> & <https://evil.example|click> [x](http://evil.example)", "queue": "*a*\r\n<@U1>"}


def test_slack_gets_blocks_within_its_bounds_and_no_markup_from_outside():
    got, outcome = sent_to(status(200, body=b"ok"), chat("slack", **NASTY))
    assert outcome == Sent(200)
    said = json.loads(got.requests[0].body)
    kinds = [block["type"] for block in said["blocks"]]
    assert kinds == ["header", "section", "section", "context"]
    assert len(said["blocks"][0]["text"]["text"]) <= 150
    texts = [block["text"] for block in said["blocks"] if "text" in block] + said["blocks"][2]["fields"]
    assert {text["type"] for text in texts} == {"plain_text"}
    assert said["blocks"][3]["elements"][0]["text"] == "<https://affekt.example.com/#/alerts/1|Open the call>"
    assert "Jane" not in got.requests[0].body.decode()
    assert slack.message(chat("slack", rule="<!channel>")(got))["text"] == "Alert: &lt;!channel&gt;"


@pytest.mark.parametrize(
    ("code", "said", "ends"),
    [
        (404, b"no_service", "destination"),
        (410, b"channel_is_archived", "destination"),
        (403, b"action_prohibited", "destination"),
        (404, b"<html>proxy", "nothing"),
        (400, b"invalid_payload", "delivery"),
        (500, b"rollup_error", "nothing"),
    ],
)
def test_what_slack_says_is_understood(code, said, ends):
    _, outcome = sent_to(status(code, body=said), chat("slack"))
    assert outcome.ends == ends


def test_teams_gets_one_adaptive_card_without_markdown():
    got, outcome = sent_to(status(202), chat("teams", **NASTY))
    assert outcome == Sent(202)
    said = json.loads(got.requests[0].body)
    assert said["type"] == "message"
    card = said["attachments"][0]["content"]
    assert said["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {element["type"] for element in card["body"]} == {"RichTextBlock"}
    assert card["actions"][0]["url"].startswith("https://affekt.example.com/")
    assert len(got.requests[0].body) < 28_000


@pytest.mark.parametrize("make", [slack.message, teams.message])
def test_a_late_message_says_what_is_so_by_now(make):
    late = delivery("slack", {}, "", later={"state": "resolved", "at": AT})
    assert "By now: resolved" in json.dumps(make(late))
    assert "By now" not in json.dumps(make(delivery("slack", {}, "")))


def test_the_url_which_is_the_secret_is_in_no_error():
    (port,) = free_ports(1)
    settings = {**LOOPBACK, "ports": [port]}
    for kind in ("slack", "teams"):
        outcome = tried(delivery(kind, settings, f"http://127.0.0.1:{port}/services/hunter2"))
        assert "hunter2" not in outcome.why
    assert "hunter2" not in repr(delivery("slack", {}, "https://hunter2"))


def test_a_secret_that_no_header_can_hold_is_in_no_error():
    """It was let in by another version: it is refused again, before anything is sent."""
    got, outcome = sent_to(status(200), lambda got: delivery("alertmanager", got.settings, "a\r\nX: hunter2"))
    assert "beyond ASCII" in outcome.why
    assert "hunter2" not in outcome.why
    assert got.requests == []


def test_a_change_that_a_destination_does_not_want_is_passed_over():
    got, outcome = sent_to(status(200), chat("slack", change="snoozed"))
    assert outcome == Sent(0)
    assert got.requests == []


def test_a_destination_can_be_tried_out():
    async def once():
        async with receiver(status(204)) as got, Net() as net:
            to = {"id": "d1", "kind": "webhook", "name": "a", "settings": got.settings, "secret": SECRET}
            return got, await trial("default", to, net)

    got, outcome = asyncio.run(once())
    assert outcome == Sent(204)
    said = standardwebhooks.Webhook(SECRET).verify(got.requests[0].body, got.requests[0].headers)
    assert said["type"] == "test"


# Alertmanager -----------------------------------------------------------------------------------------------------

NOW = datetime.datetime(2026, 11, 30, 9, 20, tzinfo=datetime.UTC)


def posted(**more):
    settings = alerting.Settings(url="https://alerts.example.com", labels={"severity": "page"})
    return alerting.alert(delivery("alertmanager", {}, **more), settings, now=NOW)


def test_labels_name_no_call_no_number_no_agent():
    labels = posted()["labels"]
    assert set(labels) == {"alertname", "alert_id", "service", "severity", "tenant"}
    assert ALERT["call"] not in json.dumps(posted())
    assert "Jane" not in json.dumps(posted())


def test_two_calls_are_two_alerts_and_a_change_is_the_same_one():
    assert posted()["labels"] != posted(id="other")["labels"]
    assert posted()["labels"] == posted(change="resolved")["labels"]


@pytest.mark.parametrize("change", ["resolved", "expired", "snoozed"])
def test_an_alert_that_is_over_has_its_end(change):
    """Also where its beginning is told late, after its end."""
    end = "2026-11-30T09:16:00Z"
    assert posted(change=change, at=end)["endsAt"] == "2026-11-30T09:16:00+00:00"
    late = posted(change="firing", later={"state": change, "at": end})
    assert late["endsAt"] == "2026-11-30T09:16:00+00:00"


def test_an_alert_that_goes_on_ends_hours_later():
    assert posted()["endsAt"] == "2026-11-30T13:20:00+00:00"


def test_an_end_is_always_after_the_start():
    assert posted(change="resolved", at=AT)["endsAt"] > posted()["startsAt"]


def test_credentials_go_into_the_header():
    def make(secret, **settings):
        return lambda got: delivery("alertmanager", got.settings | settings, secret)

    got, _ = sent_to(status(200), make("token"))
    assert got.requests[0].headers["authorization"] == "Bearer token"
    assert got.requests[0].path == "/hook/api/v2/alerts"
    got, _ = sent_to(status(200), make("pass", user="me"))
    assert base64.b64decode(got.requests[0].headers["authorization"].removeprefix("Basic ")) == b"me:pass"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A real Alertmanager."""
    program = alertmanager()
    if program is None:
        pytest.skip("Alertmanager is not installed (Debian: prometheus-alertmanager)")
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "a.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    (port,) = free_ports(1)
    flags = [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", f"--storage.path={folder}"]
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen([program, f"--config.file={folder / 'a.yml'}", *flags], stderr=output)
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                pytest.fail((folder / "log").read_text())
            yield port
        finally:
            process.terminate()
            process.wait(10)


def shown(port: int) -> list[dict]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/alerts", timeout=5) as answer:
        return json.load(answer)


def test_a_real_alertmanager_shows_an_alert_until_it_is_over(running):
    now = datetime.datetime.now(datetime.UTC)
    settings = {"url": f"http://127.0.0.1:{running}", **LOOPBACK, "ports": [running]}
    started = (now - datetime.timedelta(seconds=30)).isoformat()
    assert tried(delivery("alertmanager", settings, fired=started)) == Sent(200)
    (found,) = shown(running)
    assert found["labels"]["alertname"] == "sustained"
    assert found["annotations"]["link"].startswith("https://affekt.example.com/")
    assert found["generatorURL"] == found["annotations"]["link"]
    assert found["status"]["state"] in ("active", "unprocessed")
    other = delivery("alertmanager", settings, fired=started, id="another")
    assert tried(other) == Sent(200)
    assert len(shown(running)) == 2
    end = now.isoformat()
    over = delivery("alertmanager", settings, change="resolved", at=end, fired=started)
    assert tried(over) == Sent(200)
    late = delivery("alertmanager", settings, later={"state": "resolved", "at": end}, fired=started)
    assert tried(late) == Sent(200)
    assert [alert["labels"]["alert_id"] for alert in shown(running)] == ["another"]


def test_what_alertmanager_refuses_is_given_up_with_its_reason():
    _, outcome = sent_to(status(400, body=b'"bad label\r\nset"'), lambda got: delivery("alertmanager", got.settings))
    assert outcome == Failed('Alertmanager does not take this alert: "bad label set"', ends="delivery", status=400)
