"""The connections that a graph names, and passwords in them, which are never stored. Pure."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from program_lib.network.urls import host_part
from program_lib.stores.names import is_stored

CONNECTION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_BEFORE_PASSWORD = re.compile(r"://[^:/?#]*:")
# A parameter of a URL is a secret when its name contains one of these. Programs and the page get this list, too.
SECRET_NAMES = ("pass", "pwd", "secret", "token", "odbc_connect")
_SECRET_PARAMETER = re.compile(
    "|".join((*SECRET_NAMES[:4], "api[-_]?key", "access[-_]?key", "signature", "^auth")), re.I
)
_SECRET_NAME = re.compile("|".join(SECRET_NAMES), re.I)


def connection_of(node: Any) -> str | None:
    """The connection of a node of a graph document, which may have any error."""
    config = node.get("config") if isinstance(node, dict) else None
    connection = config.get("connection") if isinstance(config, dict) else None
    return connection if isinstance(connection, str) else None


def store_of(node: Any) -> str | None:
    """The path s3://CONNECTION/path of a node of a graph document, which may have any error."""
    config = node.get("config") if isinstance(node, dict) else None
    path = config.get("path") if isinstance(config, dict) else None
    return path if isinstance(path, str) and is_stored(path) else None


def without_password(url: str) -> str:
    """Masks the password of a URL, so that it can be shown.

    `holds_password` is still true of the masked URL, so no client can save it back.
    """
    if not holds_password(url):
        return url
    found = _password(url)
    shown = f"{url[: found[0]]}…{url[found[1] :]}" if found else url
    first, *others = shown.split("&")
    return "&".join([_masked(first, is_first=True), *(_masked(part) for part in others)])


def url_of(node: Any) -> str | None:
    """The URL of a node of a graph document that asks a service; the document may have any error."""
    config = node.get("config") if isinstance(node, dict) else None
    url = config.get("url") if isinstance(config, dict) else None
    return url if isinstance(url, str) else None


def holds_secret(url: str) -> bool:
    """Whether the URL of a service, or the end of one, has a user before its host or a secret in its query."""
    if "@" in host_part(url):
        return True
    query = url.partition("?")[2].partition("#")[0]
    names = (unquote_plus(piece.partition("=")[0]) for piece in query.split("&"))
    return any(_SECRET_PARAMETER.search(name) for name in names)


def holds_password(url: str) -> bool:
    """Whether a text is a URL with a password, before the host or in a parameter.

    Takes linear time, since a request may hold a text of a megabyte.
    """
    if "://" not in url:
        return False
    first, *others = url.split("&")
    if _secret_value(first, is_first=True) is not None or any(
        _secret_value(part) is not None for part in others
    ):
        return True
    return _password(url) is not None and not _is_plain_file(url)


def _password(url: str) -> tuple[int, int] | None:
    """Where the password before the host begins and ends. It may hold any character, even `@` and `/`."""
    before = _BEFORE_PASSWORD.search(url)
    end = url.rfind("@")
    return (before.end(), end) if before and before.end() < end else None


def _masked(part: str, is_first: bool = False) -> str:
    begin = _secret_value(part, is_first)
    return part if begin is None else f"{part[:begin]}…"


def _secret_value(part: str, is_first: bool = False) -> int | None:
    """Where the value of a secret parameter begins, or None; `part` is what stands between two `&`.

    In the first part of a URL the names of parameters follow a `?`.
    """
    begin, follows_and = 0, not is_first
    for piece in part.split("=")[:-1]:
        begin += len(piece) + 1
        if _SECRET_NAME.search(piece if follows_and else piece.partition("?")[2]):
            return begin
        follows_and = False
    return None


def _is_plain_file(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.startswith("sqlite") and not parts.netloc
