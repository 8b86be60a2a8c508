"""What is never sent to: by the address, however it is spelled, and whatever a name server says."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from affekt.errors import UsageError
from affekt.service.deliver.reach import METADATA, Reach, RefusedError, is_public, judged, looked_up, place, refusal

OPEN = Reach(allow_private=("0.0.0.0/0", "::/0"))
V4 = st.one_of(
    st.ip_addresses(v=4),
    *(st.ip_addresses(network=net) for net in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")),
    *(st.ip_addresses(network=net) for net in ("172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3")),
    *(st.ip_addresses(network=net) for net in ("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "203.0.113.0/24")),
)
V6 = st.one_of(
    st.ip_addresses(v=6),
    *(st.ip_addresses(network=net) for net in ("2000::/3", "fc00::/7", "fe80::/10", "ff00::/8", "::/96")),
    *(st.ip_addresses(network=net) for net in ("2001::/23", "2002::/16", "64:ff9b::/96", "100::/64", "2001:db8::/32")),
)


@given(V4 | V6)
@example(ipaddress.ip_address("192.88.99.1"))
@example(ipaddress.ip_address("3fff::1"))
def test_what_ipaddress_knows_as_special_is_never_public(address):
    """The standard library is the oracle; beyond it, we refuse more: relays, metadata, what is not handed out."""
    flags = ("is_private", "is_loopback", "is_link_local", "is_multicast", "is_reserved", "is_unspecified")
    if is_public(address):
        assert address.is_global
        assert not any(getattr(address, flag) for flag in flags)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_public_where_ipaddress_says_so(address):
    """No refusal beyond the oracle's but the relays of 6to4, Azure's metadata and multicast."""
    ours = (ipaddress.ip_network("192.88.99.0/24"), ipaddress.ip_network("192.0.0.0/24"))
    if address.is_global and not address.is_multicast and not any(address in net for net in ours):
        assert is_public(address) or address in METADATA


@given(V4)
def test_an_ipv4_address_within_an_ipv6_address_is_never_public(address):
    number = int(address)
    mapped = ipaddress.ip_address((0xFFFF << 32) + number)
    compatible = ipaddress.IPv6Address(number)
    translated = ipaddress.ip_address(int(ipaddress.ip_address("64:ff9b::")) + number)
    six_to_four = ipaddress.ip_address((0x2002 << 112) + (number << 80))
    for hidden in (mapped, compatible, translated, six_to_four):
        assert not is_public(hidden), hidden


@given(st.sampled_from(sorted(METADATA, key=str)) | st.ip_addresses(network="224.0.0.0/4"))
@example(ipaddress.ip_address("0.0.0.0"))
@example(ipaddress.ip_address("::"))
@example(ipaddress.ip_address("255.255.255.255"))
@example(ipaddress.ip_address("ff02::1"))
def test_nothing_allows_metadata_nor_multicast(address):
    assert refusal(address, OPEN)


@given(V4 | V6)
def test_a_private_address_is_reached_only_by_its_network(address):
    if is_public(address) or refusal(address, OPEN):
        return
    assert refusal(address, Reach())
    assert refusal(address, Reach(allow_private=(f"{address}/{address.max_prefixlen}",))) is None


HIDDEN = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001"),
    *("0", "0.0.0.0", "00.0.0.0", "127.0.0.1.", "127.0.0.01", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]"),
    *("[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25eth0]"),
    *("[fe80::1%eth0]", "[fe80::1]", "[fd00:ec2::254]", "169.254.169.254", "[::ffff:169.254.169.254]", "2852039166"),
    *("0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "localhost", "LOCALHOST", "localhost.", "1.2.3.4.5", "256.256.256.256"),
    *("１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "ｌocalhost", "bücher.example", "127.0.0.1%00.example.com"),
    *("example.com%2f@127.0.0.1", "example.com@127.0.0.1", "a:b@127.0.0.1", "127.0.0.1\\@example.com", "127.0.0.1\t"),
    *(" 127.0.0.1", "exa mple.com", "", ".", "..", "-a.example", "a..b", "0x", "0x7f.1", "[::1", "::1", "[v1.a]"),
    *("1.1.1.1#@127.0.0.1", "example.com#f", "foo.0x7f000001", "xn--", "[127.0.0.1]", "127.0.0.1:443:443"),
]


def addresses(host: str, port: int, reach: Reach):
    return judged(host, looked_up(host, port), reach)


def reached(url: str):
    found = place(url, Reach())
    return addresses(found.host, found.port, Reach())


@pytest.mark.parametrize("host", HIDDEN)
def test_no_spelling_hides_an_address(host):
    """Refused as a URL, or when it is looked up; nothing is connected to in either case."""
    with pytest.raises((UsageError, RefusedError)):
        reached(f"https://{host}/hook")


@pytest.mark.parametrize(
    "host", ["134744072", "0x08080808", "8.8.2056", "010.8.8.8", "8.526344", "8.8.8.0x8", "8.8.8.8.8"]
)
def test_an_address_is_written_in_its_usual_form(host):
    """All of these are public to the C library, and none is what it seems."""
    with pytest.raises(UsageError, match="an address in its usual form"):
        place(f"https://{host}/hook", Reach())


@given(st.text(max_size=30))
def test_whatever_stands_for_a_host_is_refused_or_public(text):
    """Names are not looked up here: only what is an address by itself could lead anywhere."""
    try:
        found = place(f"https://{text}/", Reach())
    except UsageError:
        return
    try:
        address = ipaddress.ip_address(socket.inet_aton(found.host))  # the C library's reading: 127.1, 0x7f000001
    except OSError:
        return
    assert str(address) == found.host


NAMES = {"private.test": ["10.1.2.3"], "mixed.test": ["93.184.215.14", "127.0.0.1"], "six.test": ["::ffff:127.0.0.1"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_the_name_server_says(name, monkeypatch):
    """One bad address among good ones refuses the name."""

    def looked_up(host, port, **_):
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(families[ipaddress.ip_address(a).version], 1, 6, "", (a, port)) for a in NAMES[host]]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with pytest.raises(RefusedError, match="refused: " + name):
        addresses(name, 443, Reach())


def test_this_machines_own_name_server_resolves_localhost_and_it_is_refused():
    with pytest.raises(RefusedError, match="not a public address"):
        addresses("localhost", 443, Reach())
    assert addresses("localhost", 443, Reach(allow_private=("127.0.0.0/8", "::1/128")))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/", "allow_plain"),
        ("ftp://example.com/", "given a URL with ftp"),
        ("file:///etc/passwd", "given a URL with file"),
        ("//example.com/", "no scheme"),
        ("https://me:secret@example.com/", "destination's secret"),
        ("https://@example.com/", "destination's secret"),
        ("https://example.com:22/", "given the port 22, allowed is 443"),
        ("https://example.com:0/", "given the port 0"),
        ("https://example.com:99999/", "no URL"),
        ("https://example.com/a b", "spaces"),
        ("https://example.com/\r\nHost: x", "spaces"),
        ("https://example.com/#x", "fragment"),
    ],
)
def test_a_url_that_is_not_sent_to_says_why(url, said):
    with pytest.raises(UsageError, match=said) as caught:
        place(url, Reach())
    assert "me:secret" not in str(caught.value)


def test_names_are_taken_in_punycode_and_in_lower_case():
    assert place("https://XN--bcher-kva.Example./a", Reach()).host == "xn--bcher-kva.example"


def test_settings_of_reach_are_checked():
    for wrong in ({"allow_private": ("10.0.0.1/8",)}, {"allow_private": ("intranet",)}, {"ports": (0,)}):
        with pytest.raises(UsageError, match="allowed"):
            Reach(**wrong)
    assert place("http://h.test:8080/a", Reach(allow_plain=True, ports=(8080,))).header == "h.test:8080"
    assert place("https://[2606:2800::1]/", Reach()).header == "[2606:2800::1]"
