"""URLs of HTTP services, taken apart once: what was checked is what is connected to. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote_plus, urljoin, urlsplit

MAX_URL = 8_000  # characters, as most servers allow
PORTS = {"http": 80, "https": 443}
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
# faß.de is xn--fa-hia.de to browsers, and fass.de, which may be somebody else's, to Python
_IS_TWO_HOSTS = re.compile("[ßẞς\u200c\u200d]")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)
# What stays as it is: reserved characters, and %, since most of a URL is written with escapes already
_PATH, _QUERY = "/:@!$&'()*+,;=~%", "/:@!$&'()*+,;=~%?[]"


class WrongUrl(ValueError):
    """A text is no URL that is fetched; its text continues a sentence, and holds no part of a query."""


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of an http or https URL: no user, no fragment."""

    scheme: str
    host: str  # lower case; an IPv6 address without brackets
    port: int
    path: str
    query: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a secret may be sent to: the same scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host as it stands in a URL, with its port where that is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """What is asked of the host."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def shown(self) -> str:
        """For people: without the query, which may hold a secret."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def with_parameter(self, name: str, *values: str) -> Url:
        """This URL with a parameter of the query, once for each value, in place of those of its name."""
        others = [one for one in self.query.split("&") if one and _parameter_name(one) != name]
        ours = (f"{quote(name)}={quote(value, safe='')}" for value in values)
        return replace(self, query="&".join([*others, *ours]))

    def joined(self, reference: str) -> Url:
        """The URL that a reference in an answer from here means. Raises WrongUrl."""
        _check_characters(reference)
        try:
            return parse_url(urljoin(str(self), reference))
        except ValueError as error:
            raise error if isinstance(error, WrongUrl) else WrongUrl("is no URL") from None


def _parameter_name(piece: str) -> str:
    return unquote_plus(piece.partition("=")[0])


def is_whole(text: str) -> bool:
    """Whether a text is to be a whole URL, and not the end of one, which may hold another in its query."""
    return "://" in re.split("[?#]", text, maxsplit=1)[0]


def host_part(template: str) -> str:
    """What of a whole URL stands before its path; "" of one that is none."""
    if not is_whole(template):
        return ""
    scheme, sign, rest = template.partition("://")
    return f"{scheme}{sign}{re.split('[/?#]', rest, maxsplit=1)[0]}"


def parse_url(text: str) -> Url:
    """Raises WrongUrl, for a user before the host, too: people read another host than the one behind the @."""
    _check_characters(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise WrongUrl("is no URL: its host or its port cannot be read") from None
    if parts.scheme not in PORTS:
        raise WrongUrl("must begin with https:// or http://")
    if "@" in parts.netloc:
        raise WrongUrl("names a user before its host: a connection holds users and passwords")
    return Url(
        parts.scheme,
        parse_host(parts.hostname or "", is_bracketed=parts.netloc.startswith("[")),
        PORTS[parts.scheme] if port is None else port,
        quote(parts.path, safe=_PATH) or "/",
        quote(parts.query, safe=_QUERY),
    )


def parse_host(text: str, is_bracketed: bool = False) -> str:
    """A host's one spelling: lower case, an address as its system prints it. Raises WrongUrl."""
    if not text:
        raise WrongUrl("names no host")
    if is_bracketed or _may_be_address(text):
        try:
            if "%" in text:  # an interface's name, which no service has
                raise ValueError
            return str(ipaddress.IPv6Address(text) if is_bracketed else ipaddress.IPv4Address(text))
        except ValueError:
            raise WrongUrl(
                "has a host of digits that is no address such as 127.0.0.1 or [::1]"
            ) from None
    if _IS_TWO_HOSTS.search(text):
        raise WrongUrl("has a host with ß, ς or a joiner, which is two hosts: write it as xn--…")
    try:
        host = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        host = ""
    if not _NAME.fullmatch(host) or len(host) > 253 or (host != text and _may_be_address(host)):
        raise WrongUrl("has a host that no name of a host is")
    return host


def _may_be_address(host: str) -> bool:
    """Whether a system might take it for an IPv4 address: 127.1, 2130706433 and 0x7f000001 are 127.0.0.1 to some."""
    return _NUMBER.fullmatch(host.lower().removesuffix(".").rpartition(".")[2]) is not None


def _check_characters(text: str) -> None:
    if len(text) > MAX_URL:
        raise WrongUrl(f"has {len(text):,} characters, at most {MAX_URL:,} are allowed")
    if _UNPRINTABLE.search(text):
        raise WrongUrl("holds a space, a line end, a backslash or another sign that no URL holds")
