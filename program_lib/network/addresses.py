"""Which addresses belong to the whole internet, and which to this machine, its network or its cloud."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Global by what Python says, and yet of the machine's own network or cloud by their use
_NOT_PUBLIC = [ipaddress.ip_network(n) for n in ("168.63.129.16", "192.0.0.0/24", "192.88.99.0/24")]


def is_public(address: Address) -> bool:
    """Whether an address is one of the whole internet: none of this machine, its network, or its cloud's services."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = inside(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST or address.teredo is not None:
            return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast


def inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address to which a packet for this address goes."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
