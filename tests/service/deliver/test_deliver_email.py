"""Mail, to a real mail server on this machine (aiosmtpd)."""

from __future__ import annotations

import asyncio
import contextlib
import email
import socket
import ssl
import time
from email import policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from receivers import LOOPBACK, certificate, free_ports

from affekt.service.deliver import channels
from affekt.service.deliver.channels.email import message
from affekt.service.deliver.delivery import Delivery, Destination, Failed, Sent
from affekt.service.deliver.net import Net
from affekt.service.deliver.worker import attempt

ALERT = {
    "id": "a-1",
    "rule": "sustained",
    "speaker": "customer",
    "state": "firing",
    "reason": "anger at 0.80 (0.35 or more for 4.0 s of speech)",
    "agent": "Jane Doe",
}


class Mailbox:
    """What the server does with mails: keeps them, or says no."""

    def __init__(self, *, rcpt: str = "250 OK", data: str = "250 OK") -> None:
        self.mails, self.rcpt, self.data = [], rcpt, data

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope, session.ssl is not None))
        return self.data


@contextlib.contextmanager
def mail_server(box, **how):
    (port,) = free_ports(1)
    server = Controller(box, hostname="127.0.0.1", port=port, **how)
    server.start()
    try:
        yield port
    finally:
        server.stop()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    cert, key = certificate(tmp_path_factory.mktemp("mail"), "localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=str(cert))


def plain(port: int, **more) -> dict:
    base = {"host": "127.0.0.1", "port": port, "ports": [port], "security": "none", **LOOPBACK}
    return {**base, "sender": "affekt@example.com", "recipients": ["team@example.com", "lead@example.com"], **more}


def secure(port: int, security: str, **more) -> dict:
    settings = plain(port, security=security, host="localhost", allow_private=["127.0.0.0/8", "::1/128"], **more)
    return {**settings, "allow_plain": False}


def mail_to(settings: dict, secret: str = "", **alert) -> Delivery:
    to = Destination("d1", "email", "team", settings, secret)
    return Delivery(
        "7c9e6679-7425",
        "default",
        "firing",
        "2026-11-30T09:15:02Z",
        ALERT | alert,
        to,
        0,
        "https://affekt.example.com/#/alerts/a-1",
    )


def tried(settings: dict, secret: str = "", *, trust: ssl.SSLContext | None = None, timeout: float = 15.0):
    async def once():
        async with Net(tls=trust, timeout=timeout) as net:
            return await attempt(mail_to(settings, secret), net)

    return asyncio.run(once())


def read(box: Mailbox):
    return email.message_from_bytes(box.mails[0][0].content, policy=policy.default)


def test_a_mail_arrives_and_says_what_happened():
    box = Mailbox()
    with mail_server(box) as port:
        assert tried(plain(port)) == Sent(250)
    envelope, _ = box.mails[0]
    assert envelope.rcpt_tos == ["team@example.com", "lead@example.com"]
    got = read(box)
    assert got["Subject"] == "[affekt] Alert: sustained"
    assert ALERT["reason"] in got.get_content()
    assert "https://affekt.example.com/#/alerts/a-1" in got.get_content()
    assert "Jane" not in got.as_string()


def test_a_mail_has_the_same_id_at_each_try_and_the_alert_is_its_thread():
    given = mail_to(plain(25))
    settings = channels.read("email", plain(25))
    one, two = message(given, settings), message(given, settings)
    assert one["Message-ID"] == two["Message-ID"] == "<7c9e6679-7425@example.com>"
    assert one["References"] == "<alert-a-1@example.com>"
    assert one["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b"])
def test_no_header_can_be_smuggled_in(break_):
    """By a rule's name, an id or a reason; addresses are refused before (test_deliver_channels)."""
    settings = channels.read("email", plain(25))
    evil = f"x{break_}Bcc: all@example.com{break_}{break_}<script>"
    given = mail_to(plain(25), rule=evil, id=evil, reason=evil, speaker=evil)
    got = email.message_from_bytes(message(given, settings).as_bytes(), policy=policy.default)
    assert got["Bcc"] is None
    assert set(got.keys()) >= {"From", "To", "Subject", "Message-ID"}
    assert len(got.keys()) == len(message(mail_to(plain(25)), settings).keys())


def test_starttls_and_tls_are_spoken_with_the_servers_name(tls):
    server, trust = tls
    box = Mailbox()
    with mail_server(box, tls_context=server, require_starttls=True) as port:
        assert tried(secure(port, "starttls"), trust=trust) == Sent(250)
        assert "CERTIFICATE_VERIFY_FAILED" in tried(secure(port, "starttls")).why
        other = secure(port, "starttls") | {"host": "127.0.0.1"}
        assert "CERTIFICATE_VERIFY_FAILED" in tried(other, trust=trust).why
    assert [secret for _, secret in box.mails] == [True]


def test_tls_from_the_first_byte(tls):
    server, trust = tls
    box = Mailbox()
    (port,) = free_ports(1)
    controller = Controller(box, hostname="127.0.0.1", port=port, ssl_context=server)

    def greet():  # as the controller does, which would do it with the server's own context
        with socket.create_connection(("127.0.0.1", port)) as bare:
            trust.wrap_socket(bare, server_hostname="localhost").recv(100)

    controller._trigger_server = greet
    controller.start()
    try:
        assert tried(secure(port, "tls"), trust=trust) == Sent(250)
        assert "CERTIFICATE_VERIFY_FAILED" in tried(secure(port, "tls")).why
    finally:
        controller.stop()
    assert len(box.mails) == 1


def test_a_server_without_starttls_gets_no_mail_and_no_password():
    box = Mailbox()
    asked = []

    def login(server, session, envelope, mechanism, data):
        asked.append(data)
        return AuthResult(success=True)

    with mail_server(box, authenticator=login, auth_require_tls=False) as port:
        outcome = tried(secure(port, "starttls", user="me"), "hunter2")
    assert "STARTTLS" in outcome.why
    assert box.mails == asked == []


def test_a_user_logs_in_by_tls_and_a_wrong_password_may_be_mended(tls):
    server, trust = tls
    box = Mailbox()

    def login(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"right", handled=False)

    with mail_server(box, authenticator=login, tls_context=server, auth_required=True) as port:
        assert tried(secure(port, "starttls", user="me"), "right", trust=trust) == Sent(250)
        outcome = tried(secure(port, "starttls", user="me"), "hunter2", trust=trust)
    assert outcome == Failed("the mail server answered 535", status=535)


@pytest.mark.parametrize(
    ("box", "ends"),
    [
        (Mailbox(rcpt="550 no such user"), "delivery"),
        (Mailbox(rcpt="451 greylisted"), "nothing"),
        (Mailbox(data="554 spam"), "delivery"),
        (Mailbox(data="452 full"), "nothing"),
    ],
)
def test_5xx_is_given_up_and_4xx_is_tried_again(box, ends):
    with mail_server(box) as port:
        outcome = tried(plain(port))
    assert outcome.ends == ends
    assert "5" in outcome.why or "4" in outcome.why


def test_a_mail_server_that_hangs_is_left_and_its_thread_ends():
    async def once():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with Net(timeout=0.3) as net:
            started = time.monotonic()
            outcome = await attempt(mail_to(plain(port)), net)
            seconds = time.monotonic() - started
            await net.in_thread(lambda: None)  # not behind the one that hung
            net._threads.shutdown(wait=True)
        server.close()
        return outcome, seconds

    outcome, seconds = asyncio.run(once())
    assert outcome.why.startswith("127.0.0.1")
    assert seconds < 3


def test_a_private_mail_server_is_not_spoken_to_unless_allowed():
    box = Mailbox()
    with mail_server(box) as port:
        outcome = tried(plain(port, allow_private=[]))
    assert "not a public address" in outcome.why
    assert box.mails == []
