"""The address of a client, also behind known proxies. Pure."""

import functools
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERYWHERE = "*"
MAX_HOPS = 32  # addresses of X-Forwarded-For that are read
# As some gateways write X-Forwarded-For: 203.0.113.7:51234, [2001:db8::7]:51234 or [2001:db8::7]
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]+|\[(?P<v6>[^]]*)\](?::[0-9]+)?")
_HOST = re.compile(r"[a-z0-9._-]{1,253}")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
IPV6_HOME = 64  # bits of the network of one household or office


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """Hosts of the operator's own network that receivers may be."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()


def parse_private_hosts(text: str) -> PrivateHosts:
    """Names, addresses or networks, separated by commas. Raises ValueError."""
    names: set[str] = set()
    found: list[Network] = []
    for entry in filter(None, (piece.strip().lower() for piece in text.split(","))):
        if _HOST.fullmatch(entry) and not entry[-1].isdecimal():
            names.add(entry)
        else:
            found.append(ipaddress.ip_network(entry))
    return PrivateHosts(frozenset(names), tuple(found))


def parse_proxies(text: str) -> tuple[Network, ...]:
    """Addresses or networks, separated by commas as for gunicorn; `*` means all. Raises ValueError."""
    found: list[Network] = []
    for entry in (piece.strip() for piece in text.split(",")):
        if entry == EVERYWHERE:
            found += [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
        else:
            found.append(_plain(ipaddress.ip_network(entry)))
    return tuple(found)


def _plain(network: Network) -> Network:
    """The network of IPv4 where it is written as a log of a socket of IPv6 has it, ::ffff:10.0.0.7."""
    if network.version == 6 and network.subnet_of(_MAPPED):
        whole = int(network.network_address) & 0xFFFFFFFF
        return ipaddress.IPv4Network((whole, network.prefixlen - _MAPPED.prefixlen))
    return network


def is_one_of(peer: str, proxies: Sequence[Network]) -> bool:
    """Whether an address is that of a known proxy."""
    found = _parsed(peer)
    return found is not None and any(found in proxy for proxy in proxies)


def client_address(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str | None:
    """The nearest address that is no known proxy. Addresses left of it in X-Forwarded-For may be forged.

    None for this machine itself, since behind an unknown proxy all clients have that address.
    """
    hops = [peer, *reversed(forwarded_for.split(",")[-MAX_HOPS:])]
    address = None
    for hop in hops:
        found = _parsed(hop.strip())
        if found is None:
            break
        address = found
        if not is_one_of(hop.strip(), proxies):
            break
    if address is None or address.is_loopback:
        return None
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_HOME), strict=False))
    return str(address)


@functools.lru_cache(maxsize=1_024)  # clients come back from the same address
def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if spelled := _WITH_PORT.fullmatch(text):
        text = spelled["v4"] or spelled["v6"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
