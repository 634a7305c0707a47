"""Which internet addresses we send other people's requests to: public ones, and private ones that the operator named.

A webhook's target is a name that somebody else may point anywhere: at our own Postgres, at a cloud's metadata. So the
address that a name resolves to is judged, and the connection goes to that very address. Called by crm/outgoing. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
_ALSO_PRIVATE = tuple(map(ip_network, ("100.64.0.0/10", "192.88.99.0/24", "fec0::/10", "64:ff9b:1::/48", "5f00::/16")))


def networks(said: str) -> list[Network]:
    """Addresses and networks parted by blanks or commas. ValueError, naming the one that is none."""
    found = []
    for each in said.replace(",", " ").split():
        try:
            found.append(ip_network(each))
        except ValueError:
            raise ValueError(f"{each!r} is no address or network, such as 10.0.0.5 or 10.0.0.0/24") from None
    return found


def is_allowed(address: str, private: Iterable[Network] = ()) -> bool:
    """Whether to connect there: it is public, or within one of the `private` networks that were named.

    An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4, Teredo) is judged by that one.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    meant = _meant(found)
    return all(_is_public(each) for each in meant) or any(
        each.version == network.version and each in network for network in private for each in meant
    )


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address.version == network.version and address in network for network in _ALSO_PRIVATE)


def _meant(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """All that a packet to this address may end at."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None or address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    tunnels = [address.sixtofour] if address.sixtofour is not None else list(address.teredo or ())
    return [address, *tunnels]
