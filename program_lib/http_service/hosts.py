"""The hosts that programs may ask, as the operator named them, and the addresses that stand behind them."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass

from program_lib.errors import ProgramError
from program_lib.network.addresses import Address, inside, is_public
from program_lib.network.urls import Url

VARIABLE = "HTTP_INPUT_HOSTS"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class HostRefused(ProgramError):
    """A host that the operator does not allow; nothing was sent to it."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Hosts by name or address, each with a port or for its scheme's own, and networks of addresses behind names."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parsed(cls, text: str) -> AllowedHosts:
        """Of the setting, which the runner has checked."""
        entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
        networks = tuple(ipaddress.ip_network(entry) for entry in entries if "/" in entry)
        return cls(frozenset(entry for entry in entries if "/" not in entry), networks)

    def check(self, url: Url) -> None:
        """Raises HostRefused unless the operator named this host and port."""
        if not self.names:
            raise HostRefused(
                f"no host may be asked: {VARIABLE} of the runner names those that are allowed, and is not set"
            )
        if not self._is_named(url.host, url.port, url.authority):
            raise HostRefused(
                f"{url.authority} is no host that may be asked: {VARIABLE} of the runner does not name it"
            )

    def addresses(self, url: Url) -> list[str]:
        """The addresses of an allowed host that may be connected to. Raises HostRefused, and OSError where it has none."""
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [text for text in addresses if self._may_connect(text, url)]
        if not allowed:
            raise HostRefused(
                f"{url.host} leads to {addresses[0]}, which is no public address: {VARIABLE} of the runner must name"
                " that address, or its network, too"
            )
        return allowed

    def _may_connect(self, text: str, url: Url) -> bool:
        found = ipaddress.ip_address(text.partition("%")[0])
        if is_public(found):
            return True
        address = _behind(found)
        host = f"[{address}]" if address.version == 6 else str(address)
        is_named = self._is_named(str(address), url.port, host)
        return is_named or any(address in network for network in self.networks)

    def _is_named(self, host: str, port: int, authority: str) -> bool:
        bracketed = f"[{host}]" if ":" in host else host
        return authority in self.names or f"{bracketed}:{port}" in self.names


def _behind(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    inner = inside(address) if isinstance(address, ipaddress.IPv6Address) else None
    return inner or address


def allowed_hosts() -> AllowedHosts:
    """Those that the runner gave this program."""
    return AllowedHosts.parsed(os.environ.get(VARIABLE, ""))
