"""Connections to hosts that a person names: none leads where only this machine, or its network, may go.

A name is resolved once, each address is checked, and the connection is made to the address that was checked: what the name
says a moment later no longer counts. TLS and `Host` keep the name.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from program_lib.network.addresses import Address, is_public

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL = 2_000  # characters
MOST_ADDRESSES = 3  # of a name that are tried
FIRST_FREE_PORT = 1_024  # below are services of the system, of which only the web's are called
WEB_PORTS = {"http": 80, "https": 443}
MAX_NAME = 253  # characters of a host's name
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_PATH = re.compile(r"[!-~]*")  # printable ASCII without spaces


class BadUrl(ValueError):
    """The text is no URL that may be called; it continues a sentence that begins with what the URL is for."""


class Refused(OSError):
    """The host is one that is not called."""


class Allowed(Protocol):
    """Private hosts that may be called all the same: by name (in small letters), or by address."""

    @property
    def names(self) -> Collection[str]: ...

    @property
    def networks(self) -> Collection[Network]: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads."""

    scheme: str
    host: str  # a name, or an address without brackets
    port: int
    path: str  # with the query, as it is sent

    @classmethod
    def of(cls, url: str) -> Target:
        """Raises BadUrl."""
        if len(url) > MAX_URL:
            raise BadUrl(f"has {len(url):,} characters, and may have {MAX_URL:,}")
        parts = _split(url)
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme not in WEB_PORTS or not _is_host(host):
            raise BadUrl("must be of the form https://host[:port]/path, of printable ASCII")
        if "@" in parts.netloc:
            raise BadUrl("holds a user or password; put what the receiver asks for into the path")
        if parts.fragment:
            raise BadUrl("holds a #, behind which nothing is sent")
        port = _port_of(parts)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host, port, path)

    @property
    def authority(self) -> str:
        """As `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == WEB_PORTS[self.scheme] else f"{host}:{self.port}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (it raises)
    except ValueError:
        raise BadUrl("is no URL") from None
    if not _PATH.fullmatch(url) or "\\" in url:
        raise BadUrl(
            "must be of printable ASCII, without spaces; write the others as %20 and so on"
        )
    return parts


def _port_of(parts: SplitResult) -> int:
    port = parts.port if parts.port is not None else WEB_PORTS[parts.scheme]
    if port < FIRST_FREE_PORT and port not in WEB_PORTS.values():
        raise BadUrl(f"has port {port}; below {FIRST_FREE_PORT} only 80 and 443 are called")
    return port


def _is_host(host: str) -> bool:
    if ":" not in host:
        return len(host) <= MAX_NAME and bool(_NAME.fullmatch(host.lower()))
    try:
        return isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address) and "%" not in host
    except ValueError:
        return False


def checked_addresses(host: str, port: int, allowed: Allowed) -> list[str]:
    """The addresses of a host. Raises Refused where one of them is private and not allowed, OSError for an unknown name."""
    addresses = _addresses(host, port)
    _check(host, addresses, allowed)
    return addresses[:MOST_ADDRESSES]


def check_number(target: Target, allowed: Allowed) -> None:
    """Raises Refused for a host that is written as a private address, in any form that the system reads; names are not looked up."""
    with contextlib.suppress(socket.gaierror):
        numbers = _addresses(target.host, target.port, socket.AI_NUMERICHOST)
        _check(target.host, numbers, allowed)


def _addresses(host: str, port: int, flags: int = 0) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError:
        raise OSError(f"{host} is no name") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _check(host: str, addresses: Collection[str], allowed: Allowed) -> None:
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not is_public(address) and not _is_allowed(host, address, allowed):
            raise Refused(f"{host} has the private address {address}")


def _is_allowed(host: str, address: Address, allowed: Allowed) -> bool:
    return host.lower() in allowed.names or any(address in one for one in allowed.networks)


def connect(target: Target, allowed: Allowed, wait: float, deadline: float) -> socket.socket:
    """A connection to the target, with TLS for https: `wait` seconds for each address, until `deadline` (monotonic).

    Raises Refused, or OSError (TimeoutError and ssl.SSLError among them).
    """
    addresses = checked_addresses(target.host, target.port, allowed)
    made = _first_that_answers(addresses, target.port, wait, deadline)
    if target.scheme == "http":
        return made
    try:
        made.settimeout(left(deadline))
        return _tls().wrap_socket(made, server_hostname=target.host)
    except BaseException:
        made.close()
        raise


def _first_that_answers(
    addresses: Collection[str], port: int, wait: float, deadline: float
) -> socket.socket:
    failure: OSError = OSError("it has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), min(wait, left(deadline)))
        except OSError as error:
            failure = error
    raise failure


@lru_cache(maxsize=1)  # it reads the system's certificates, which takes 20 ms
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def left(deadline: float) -> float:
    """Seconds until then. Raises TimeoutError when there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the time is over")
    return seconds
