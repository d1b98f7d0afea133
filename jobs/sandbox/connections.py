"""The databases that graphs name: their URLs, and so their passwords, stay with the operator.

A connection is CONNECTION_<NAME> in a runner's environment, or a line NAME=URL of CONNECTIONS_FILE. Whose it
is, CONNECTION_TENANTS_<NAME> says, or a line TENANTS_<NAME>; where neither does, it is the one tenant's of a
server with one, and nobody's of a server with many.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs.secret_files import read_secret
from progress_lib.subjects import EVERY_TENANT, check_id

PREFIX = "CONNECTION_"
TENANTS = "TENANTS_"  # after it: not a connection, but whose the one of that name is
CONNECTION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TENANTS_HINT = "write the tenants that may use it, separated by commas, or * for every one"
_BEFORE_PASSWORD = re.compile(r"://[^:/?#]*:")
_SECRET_NAME = re.compile(r"pass|pwd|secret|token|odbc_connect", re.I)


class ConnectionsUnusable(Exception):
    """CONNECTIONS_FILE cannot be used; the text says why, and holds nothing of what is in it.

    The text names the file: it is for who keeps the server. `public` is for everybody.
    """

    public = "the server's connections cannot be read; the runner's log says why"


@dataclass(slots=True)
class Connections:
    """What the operator has named."""

    urls: dict[str, str] = field(default_factory=dict)  # CONNECTION_<NAME> → URL
    tenants: dict[str, frozenset[str]] = field(default_factory=dict)  # the same → who may use it

    def take(self, name: str, value: str) -> None:
        """`name` as in the environment, without CONNECTION_. Raises ValueError for what is no tenant."""
        of = name.removeprefix(TENANTS)
        if of == name:
            self.urls[PREFIX + name] = value
        elif value.strip():
            found = [part.strip() for part in value.split(",") if part.strip()]
            self.tenants[PREFIX + of] = frozenset(
                tenant if tenant == EVERY_TENANT else check_id(tenant) for tenant in found
            )

    def is_for(self, name: str, tenant_id: str, unbound: bool) -> bool:
        """`unbound`: the answer where the operator has said nothing of the tenants."""
        tenants = self.tenants.get(name)
        return unbound if tenants is None else bool(tenants & {tenant_id, EVERY_TENANT})

    def for_nobody(self) -> list[str]:
        """Those that no tenant may use where there are many: nothing was said of them."""
        return sorted(n for n, url in self.urls.items() if "://" in url and n not in self.tenants)


def connections_for(
    graph: Mapping[str, Any],
    tenant_id: str,
    file: Path | None,
    environ: Mapping[str, str],
    *,
    unbound: bool,
) -> dict[str, str]:
    """The connections that a graph names and its tenant may use, as its program's environment.

    `unbound`: whether those are among them of which nobody said whose they are. Raises
    ConnectionsUnusable. The file is read anew each time, so that a changed password needs no new start.
    """
    wanted = _named(graph)
    if not wanted:
        return {}
    known = read_connections(file, environ)
    return {
        name: url
        for name, url in known.urls.items()
        if name in wanted and known.is_for(name, tenant_id, unbound)
    }


def read_connections(file: Path | None, environ: Mapping[str, str]) -> Connections:
    """Those of the environment, and those of the file, which count more. Raises ConnectionsUnusable."""
    found = Connections()
    for variable, value in environ.items():
        if variable.startswith(PREFIX):
            try:
                found.take(variable.removeprefix(PREFIX), value)
            except ValueError:  # its text may be a URL, and a password
                raise ConnectionsUnusable(f"{variable}: {_TENANTS_HINT}") from None
    if file is not None:
        _read_file(file, found)
    return found


def _read_file(file: Path, found: Connections) -> None:
    try:
        lines = read_secret(file).splitlines()
    except ValueError as error:
        raise ConnectionsUnusable(f"CONNECTIONS_FILE {file} {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, is_pair, value = (part.strip() for part in line.partition("="))
        name = name.upper()
        is_fitting = name.startswith(TENANTS) or "://" in value
        where = f"CONNECTIONS_FILE {file}, line {number}"
        if not is_pair or not CONNECTION_NAME.fullmatch(name) or not is_fitting:
            raise ConnectionsUnusable(f"{where}: write NAME=URL, or # before a remark")
        try:
            found.take(name, value)
        except ValueError:
            raise ConnectionsUnusable(f"{where}: {_TENANTS_HINT}") from None


def tenants_variable(name: str) -> str:
    """CONNECTION_<NAME> → CONNECTION_TENANTS_<NAME>."""
    return PREFIX + TENANTS + name.removeprefix(PREFIX)


def _named(graph: Mapping[str, Any]) -> set[str]:
    """The variables of the connections that the nodes of a graph document name."""
    named = filter(None, map(connection_of, graph.get("nodes") or ()))
    return {PREFIX + name.upper() for name in named if "://" not in name}


def connection_of(node: Any) -> str | None:
    """The connection of a node of a graph document, which may have any error."""
    config = node.get("config") if isinstance(node, dict) else None
    connection = config.get("connection") if isinstance(config, dict) else None
    return connection if isinstance(connection, str) else None


def without_password(url: str) -> str:
    """What may be shown of a URL; one that holds a password still does to `holds_password`, so that it cannot be stored."""
    if not holds_password(url):
        return url
    found = _password(url)
    shown = f"{url[: found[0]]}…{url[found[1] :]}" if found else url
    first, *others = shown.split("&")
    return "&".join([_masked(first, is_first=True), *(_masked(part) for part in others)])


def holds_password(url: str) -> bool:
    """Whether a text is a URL with a password in it, or in a parameter of it.

    Anybody may ask about a text of a megabyte: each step looks at a character once.
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
    """Where the password before a host begins and ends; it may hold any character."""
    before = _BEFORE_PASSWORD.search(url)
    end = url.rfind("@")
    return (before.end(), end) if before and before.end() < end else None


def _masked(part: str, is_first: bool = False) -> str:
    begin = _secret_value(part, is_first)
    return part if begin is None else f"{part[:begin]}…"


def _secret_value(part: str, is_first: bool = False) -> int | None:
    """Where the value of a secret parameter begins in what stands between two `&`; in the first, names follow a `?`."""
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
