"""Where a webhook may go: never to an address inside, however it is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.outside_addresses import is_allowed, networks

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "fec0::1",
    "192.88.99.1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_alike_in_all_its_ipv6_dresses(number: int) -> None:
    plain = IPv4Address(number)
    for base in (0xFFFF << 32, 0x64FF9B << 96):
        assert is_allowed(str(IPv6Address(base + number))) in (False, is_allowed(str(plain)))
    if plain.is_private:
        assert not is_allowed(f"::ffff:{plain}")


def test_a_named_private_network_is_allowed_and_no_other() -> None:
    named = networks("10.0.0.0/24, 127.0.0.1 fd00::/64")
    assert is_allowed("10.0.0.7", named)
    assert is_allowed("127.0.0.1", named)
    assert is_allowed("::ffff:10.0.0.7", named)
    assert is_allowed("fd00::1", named)
    assert not is_allowed("10.0.1.7", named)
    assert not is_allowed("127.0.0.2", named)
    assert not is_allowed("::1", named)


@given(st.text())
def test_what_is_no_address_is_refused(said: str) -> None:
    if not said or not said[0].isdigit():
        assert not is_allowed(said) or ":" in said


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"^'10\.0\.0\.0/99' is no address or network"):
        networks("10.0.0.0/99")
