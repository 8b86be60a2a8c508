"""Delivery -> a mail, by SMTP with STARTTLS or TLS. Plain text, and nothing that a mail program would load.

The Message-ID is that of the delivery, so a mail that was tried twice is one mail in many programs; the mails of one
alert stand in one thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
import smtplib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Literal

from affekt.errors import UsageError
from affekt.service.deliver import reach
from affekt.service.deliver.channels import Common, needs
from affekt.service.deliver.channels._words import facts, headline, line, reason
from affekt.service.deliver.delivery import Delivery, Failed, Outcome, Sent
from affekt.service.deliver.net import Net, NotSentError
from affekt.service.deliver.reach import Address

CREDENTIAL = "the password of the user; none where no user is set"
TRIES = 5
"Two and a half hours: nobody needs a mail about yesterday's call."
SIDES = 2
GAP = 0.0

_USUAL = (25, 465, 587)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_MOST = 50  # recipients of one destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """How mail is sent, and to whom."""

    host: str
    "the mail server"
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    "tls is usual on port 465; none needs `allow_plain`, and no user"
    user: str = ""
    sender: str
    "name@example.com"
    recipients: tuple[str, ...]
    "name@example.com, each"
    changes: tuple[str, ...] = ("firing",)
    "what is told: of firing, acknowledged, snoozed, resolved, expired"

    def __post_init__(self) -> None:
        """Refuse addresses that could smuggle a header in, and passwords in clear."""
        Common.__post_init__(self)
        for address in (self.sender, *self.recipients):
            if not _ADDRESS.fullmatch(address):
                raise UsageError(f"given the mail address {address!r}, allowed is name@example.com")
        if not 1 <= len(self.recipients) <= _MOST:
            raise UsageError(f"given {len(self.recipients)} recipients, allowed are 1 to {_MOST}")
        if self.security == "none" and (self.user or not self.allow_plain):
            raise UsageError("security is none: this needs allow_plain and no user; starttls or tls keep mail secret")


def check(settings: Settings, secret: str) -> None:
    """Refuse hosts and ports that are never sent to."""
    reach.check_host(settings.host)
    reach.check_port(settings.port, _USUAL, settings)
    if settings.user:
        needs(secret, "email", CREDENTIAL)


async def send(delivery: Delivery, settings: Settings, net: Net) -> Outcome:
    """Send the mail in a thread; when the time is up, its connection is shut, and so the thread ends."""
    mail, written = _Mail(settings, net), message(delivery, settings)
    try:
        async with asyncio.timeout(net.timeout):
            found = await net.addresses(reach.check_host(settings.host), settings.port, settings)
            return await net.in_thread(mail.send, written, delivery.destination.secret, found)
    except TimeoutError:
        raise NotSentError(f"{settings.host} has not taken the mail within {net.timeout:g} s") from None
    finally:
        mail.shut()


def message(delivery: Delivery, settings: Settings) -> EmailMessage:
    """Write the mail."""
    mail = EmailMessage(policy=SMTP)
    domain = settings.sender.rpartition("@")[2]
    mail["From"], mail["To"] = settings.sender, ", ".join(settings.recipients)
    mail["Subject"] = f"[affekt] {headline(delivery)}"
    mail["Date"] = format_datetime(datetime.datetime.now(datetime.UTC))
    mail["Message-ID"] = f"<{_token(delivery.id)}@{domain}>"
    mail["References"] = f"<alert-{_token(delivery.alert.get('id', 'test'))}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    rows = [f"{name}: {value}" for name, value in facts(delivery)]
    mail.set_content("\n".join(part for part in (reason(delivery), "", *rows, "", delivery.link)) + "\n")
    return mail


def _token(text: object) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "", str(text))[:100]


class _Mail:
    """One connection to a mail server; `shut` may be called from another thread."""

    def __init__(self, settings: Settings, net: Net) -> None:
        self._settings, self._net = settings, net
        self._socket: socket.socket | None = None
        self._ended = False

    def send(self, mail: EmailMessage, password: str, addresses: Sequence[Address]) -> Outcome:
        try:
            with contextlib.closing(self._opened(password, addresses)) as server:
                refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(error.recipients)
        except smtplib.SMTPResponseException as error:
            return _answered(error)
        except (smtplib.SMTPException, OSError) as error:
            raise NotSentError(f"{self._settings.host}: {type(error).__name__}: {line(error, 200)}") from None
        return Sent(250) if not refused else Sent(251)

    def _opened(self, password: str, addresses: Sequence[Address]) -> smtplib.SMTP:
        settings = self._settings
        server = smtplib.SMTP(timeout=self._net.timeout)
        server.sock = self._socket = self._connected(addresses)
        _greeted(server, settings.host)
        if settings.security == "starttls":
            server.starttls(context=self._net.tls)
        if settings.user:
            server.login(settings.user, password)
        return server

    def _connected(self, addresses: Sequence[Address]) -> socket.socket:
        """Connect to an address that was judged; the certificate must be that of the name."""
        settings, problem = self._settings, OSError("no address")
        for address in addresses:
            try:
                made = socket.create_connection((str(address), settings.port), timeout=self._net.timeout / 3)
            except OSError as error:
                problem = error
                continue
            made.settimeout(self._net.timeout)
            self._socket = made
            if self._ended:
                raise OSError("too late")
            secure = settings.security == "tls"
            return self._net.tls.wrap_socket(made, server_hostname=settings.host) if secure else made
        raise problem

    def shut(self) -> None:
        self._ended = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _greeted(server: Any, host: str) -> None:
    """Do what `smtplib.SMTP.connect` does after it has connected; it would look the name up by itself."""
    server._host = host  # for the certificate, in starttls
    code, said = server.getreply()
    if code != 220:
        raise smtplib.SMTPConnectError(code, said)


def _refused(recipients: dict[str, tuple[int, bytes]]) -> Failed:
    codes = [code for code, _ in recipients.values()]
    why = f"the mail server takes none of the recipients ({codes[0]})"
    final = all(code >= 500 for code in codes)
    return Failed(why, ends="delivery" if final else "nothing", status=codes[0])


def _answered(error: smtplib.SMTPResponseException) -> Failed:
    """A mail that is refused for what it is (5xx to its data) is not sent again; a bad password may be mended."""
    final = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
    why = f"the mail server answered {error.smtp_code}"
    return Failed(why, ends="delivery" if final else "nothing", status=error.smtp_code)
