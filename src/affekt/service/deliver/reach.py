"""URL, settings -> `Place`; host -> the addresses that may be connected to. What keeps deliveries out of the house.

Whoever may name a destination could otherwise make the service speak to itself, to its neighbours or to the cloud's
metadata (server-side request forgery). So an address is judged after the name was looked up, whatever way it was
spelled, and `affekt.service.deliver.net` connects to that very address: a name that points elsewhere a moment later
(DNS rebinding) changes nothing.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from affekt.errors import AffektError, UsageError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_V6_PUBLIC = ip_network("2000::/3")
"All that is handed out so far (IANA); what lies outside is mapped, translated, local or multicast."

_SPECIAL = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),  # Teredo, documentation, 6to4
    )
)
"IANA's special-purpose registries (RFC 6890 and after), written out: those of `ipaddress` differ between Pythons."

METADATA = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds hand out keys to whoever asks from within; no setting allows them."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class RefusedError(AffektError):
    """An address that must not be reached, or a name that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where a destination may lie: the settings that every channel has."""

    allow_private: tuple[str, ...] = ()
    "networks that are not public and may be reached all the same, e.g. 10.0.0.0/8: an administrator's word"
    allow_plain: bool = False
    "http:// and mail without TLS are allowed: whoever sits on the way can read and change what is sent"
    ports: tuple[int, ...] = ()
    "ports beyond the usual ones of the channel"

    def __post_init__(self) -> None:
        """Refuse what is no network and no port."""
        for text in self.allow_private:
            _network(text)
        for port in self.ports:
            if not 1 <= port <= 65535:
                raise UsageError(f"given the port {port}, allowed are 1 to 65535")

    @property
    def networks(self) -> tuple[Network, ...]:
        """What `allow_private` names."""
        return tuple(_network(text) for text in self.allow_private)


@dataclass(frozen=True, slots=True)
class Place:
    """A URL that was taken apart, once: nobody parses it a second time, in another way."""

    scheme: str
    host: str
    "a name in lower case, or an address"
    port: int
    target: str
    "path and query"

    @property
    def header(self) -> str:
        """What the header `Host` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


def place(url: str, reach: Reach) -> Place:
    """Take a URL apart, and refuse what a delivery is never sent to.

    Args:
        url: https://name/path, or http:// where `reach` allows it; no user, no fragment, nothing but ASCII.
        reach: what the destination may do.

    Raises:
        UsageError: it is no such URL; the message says what is allowed.

    >>> place("https://hooks.example.com/affekt?x=1", Reach())
    Place(scheme='https', host='hooks.example.com', port=443, target='/affekt?x=1')
    >>> place("http://hooks.example.com/", Reach())
    Traceback (most recent call last):
    affekt.errors.UsageError: given a URL with http, allowed is https; or set allow_plain
    """
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise UsageError("the URL has spaces or letters beyond ASCII; write names in punycode (xn--) and %-escapes")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise UsageError(f"this is no URL: {error}") from None
    _check_scheme(parts.scheme, reach)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise UsageError("the URL holds a user or a password; put it into the destination's secret")
    if parts.fragment:
        raise UsageError("the URL has a fragment (#...), which no server sees; leave it out")
    usual = 443 if parts.scheme == "https" else 80
    found = check_port(usual if port is None else port, (usual,), reach)
    query = f"?{parts.query}" if parts.query else ""
    return Place(parts.scheme, check_host(host), found, (parts.path or "/") + query)


def _check_scheme(scheme: str, reach: Reach) -> None:
    if scheme == "http" and not reach.allow_plain:
        raise UsageError("given a URL with http, allowed is https; or set allow_plain")
    if scheme not in ("http", "https"):
        raise UsageError(f"given a URL with {scheme or 'no scheme'}, allowed is https://name/path")


def check_port(port: int, usual: tuple[int, ...], reach: Reach) -> int:
    """Give the port back, or refuse it: other ports belong to other services, which must not be spoken to.

    >>> check_port(8443, (443,), Reach(ports=(8443,)))
    8443
    """
    if port not in (*usual, *reach.ports):
        known = ", ".join(str(number) for number in (*usual, *reach.ports))
        raise UsageError(f"given the port {port}, allowed is {known}; name others in ports")
    return port


def check_host(host: str) -> str:
    """Give a host as it is looked up: a name in lower case without a last dot, or an address as `ipaddress` writes it.

    What ends in a number is an address (as WHATWG's URL has it) and must be written as one: 127.1, 2130706433,
    0x7f000001 and 017700000001 are refused, whatever they stand for.

    >>> check_host("Hooks.Example.COM."), check_host("93.184.215.14"), check_host("2606:2800::1")
    ('hooks.example.com', '93.184.215.14', '2606:2800::1')
    >>> check_host("0x7f.1")
    Traceback (most recent call last):
    affekt.errors.UsageError: given the host '0x7f.1', allowed is a name, or an address in its usual form
    """
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if ":" in name or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        try:
            address = ip_address(name)
        except ValueError:
            address = None
        if address is None or "%" in name:
            raise UsageError(f"given the host {host!r}, allowed is a name, or an address in its usual form")
        return str(address)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UsageError(f"given the host {host!r}, allowed is a name, or an address in its usual form")
    return name


def is_public(address: Address) -> bool:
    """Say whether an address lies in the open internet.

    >>> [is_public(ip_address(text)) for text in ("93.184.215.14", "10.0.0.1", "::ffff:93.184.215.14", "fe80::1")]
    [True, False, False, False]
    """
    if address.version == 6 and address not in _V6_PUBLIC:
        return False
    return address not in METADATA and not any(address in network for network in _SPECIAL)


def refusal(address: Address, reach: Reach) -> str | None:
    """Say why an address must not be connected to; None: it may be.

    >>> refusal(ip_address("10.0.0.1"), Reach(allow_private=("10.0.0.0/8",))) is None
    True
    """
    if address in METADATA or address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
        return "an address that is never sent to"
    if is_public(address) or any(address in network for network in reach.networks):
        return None
    return "not a public address; an administrator can name its network in allow_private"


def judged(host: str, found: Sequence[Address], reach: Reach) -> Sequence[Address]:
    """Give the addresses of a host back, where all may be connected to.

    One that must not be reached refuses the name: who mixes them is up to something, or has made a mistake.

    Raises:
        RefusedError: one must not be reached.
    """
    for address in found:
        if (why := refusal(address, reach)) is not None:
            raise RefusedError(f"refused: {host} is {address}, {why}")
    return found


def looked_up(host: str, port: int) -> list[Address]:
    """Ask for the addresses of a host, whatever they are. Blocks as long as the name server likes.

    Raises:
        RefusedError: it has none.
    """
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        texts = dict.fromkeys(str(row[4][0]) for row in rows)
        return [ip_address(text) for text in texts]
    except (OSError, UnicodeError, ValueError) as error:
        raise RefusedError(f"{host} has no address: {getattr(error, 'strerror', None) or error}") from None


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise UsageError(f"given the network {text!r} ({error}), allowed is e.g. 10.0.0.0/8 or fd00::/8") from None
