"""What a connection says of a service: where it is, and the headers and secrets that it wants."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from program_lib.errors import ProgramError
from program_lib.network.urls import Url, WrongUrl, host_part, is_whole, parse_url
from program_lib.process.secrets import SECRETS

SCHEMES = ("https://", "http://")
LONG = 8  # characters from which on a value is hidden, whatever its name
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]{0,8000}")
_SECRET = re.compile("auth|key|token|secret|cookie|pass|session|sign", re.IGNORECASE)
# Ours, and those by which one request could become two
_OURS = {"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade"}
_OURS |= {"accept-encoding", "expect", "proxy-authorization", "proxy-connection", "range"}


@dataclass(frozen=True, slots=True)
class Service:
    """Its headers and secrets go to its own scheme, host and port, and nowhere else."""

    base: Url | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # of the query

    def url(self, text: str) -> Url:
        """The URL of a node: whole, or what follows that of the connection. Raises ProgramError."""
        try:
            return self._url(text)
        except WrongUrl as error:
            raise ProgramError(f"URL {error}") from None

    def _url(self, text: str) -> Url:
        if not is_whole(text):
            if self.base is None:
                raise ProgramError("URL is no whole one, and the node names no connection")
            path = self.base.path.rstrip("/")
            begins = "" if text.startswith("?") else "/"
            return parse_url(f"{_root(self.base)}{path}{begins}{text.lstrip('/')}")
        url = parse_url(text)
        if self.base is not None and url.origin != self.base.origin:
            raise ProgramError(
                f"URL leads to {url.authority}, and the connection to {self.base.authority}: the connection's secrets"
                " are not for another host. Write what follows its URL, or name no connection"
            )
        return url

    def asked(self, url: Url) -> tuple[Url, Mapping[str, str]]:
        """The URL with what this service wants in its query, and its headers; elsewhere the URL alone."""
        if self.base is None or url.origin != self.base.origin:
            return url, {}
        for name in dict.fromkeys(name for name, _ in self.parameters):
            url = url.with_parameter(name, *(value for of, value in self.parameters if of == name))
        return url, self.headers


def _root(url: Url) -> str:
    return f"{url.scheme}://{url.authority}"


def named_service(name: str | None) -> Service:
    """The service that CONNECTION_<NAME> and CONNECTION_HEADERS_<NAME> describe; its secrets are hidden from now on.

    Raises ProgramError, which tells no part of either.
    """
    if name is None:
        return Service()
    text = os.environ.get(f"CONNECTION_{name.upper()}", "")
    if not text:
        raise ProgramError(
            f"the connection {name} is not known: CONNECTION_{name.upper()} is not set, or is for other tenants"
        )
    if not text.startswith(SCHEMES):
        raise ProgramError(
            f"the connection {name} is no HTTP service: its URL begins with neither of"
            f" {' and '.join(SCHEMES)}"
        )
    headers = _headers(name, os.environ.get(f"CONNECTION_HEADERS_{name.upper()}", ""))
    return _service(name, text, headers)


def _service(name: str, text: str, headers: dict[str, str]) -> Service:
    user, _, _ = host_part(text).partition("://")[2].rpartition("@")
    try:
        url = parse_url(text.replace(f"{user}@", "", 1) if user else text)
    except WrongUrl as error:
        raise ProgramError(f"the URL of the connection {name} {error}") from None
    parameters = tuple(parse_qsl(urlsplit(text).query, keep_blank_values=True))
    if user:
        login, _, password = user.partition(":")
        pair = f"{unquote(login)}:{unquote(password)}".encode()
        headers = {one: text for one, text in headers.items() if one.lower() != "authorization"}
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        _hide(unquote(password or login))
    for one, value in (*parameters, *headers.items()):
        if _SECRET.search(one) or len(value) >= LONG:
            _hide(value, *value.split()[1:])
    return Service(Url(url.scheme, url.host, url.port, url.path), headers, parameters)


def _headers(name: str, text: str) -> dict[str, str]:
    """The headers of a connection, which the runner has found to be an object of texts."""
    headers = dict(json.loads(text)) if text else {}
    for header, value in headers.items():
        if not _NAME.fullmatch(header) or header.lower() in _OURS:
            raise ProgramError(
                f"the connection {name} has a header {header!r:.60}, which it cannot set"
            )
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise ProgramError(
                f"the header {header} of the connection {name} holds a line end, or another sign that no header holds"
            )
    return headers


def _hide(*texts: str) -> None:
    """Each way in which a message may tell these texts."""
    for text in texts:
        SECRETS.update({text, quote(text), quote(text, safe=""), quote_plus(text)} - {""})
