"""The databases, HTTP services and object stores that graphs refer to by name. The operator keeps their URLs, which hold passwords.

A connection is CONNECTION_<NAME> in a runner's environment, or a line NAME=URL of CONNECTIONS_FILE. CONNECTION_TENANTS_<NAME>,
or a line TENANTS_<NAME>, lists the tenants that may use it. Without such a list, the one tenant of a server may
use it; on a server with many tenants, nobody may. CONNECTION_HEADERS_<NAME>, or a line HEADERS_<NAME>, holds the headers
that a service wants, as a JSON object of texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.graph.fields.passwords import CONNECTION_NAME, connection_of, store_of
from progress_lib.subjects import EVERY_TENANT, check_id
from settings.secret_files import read_secret

PREFIX = "CONNECTION_"
TENANTS = "TENANTS_"  # prefix of the line that lists a connection's tenants
HEADERS = "HEADERS_"  # prefix of the line that holds the headers of a service
_QUOTED = re.compile(r"""(["'])(.*)\1""")  # as files of variables have values
_HEADERS_HINT = 'write a JSON object of texts, as in {"Authorization": "Bearer …"}'
_TENANTS_HINT = "write the tenants that may use it, separated by commas, or * for every one"


class ConnectionsUnusable(Exception):
    """CONNECTIONS_FILE cannot be used. The text says why, without any of the file's contents.

    The text names the file, so it is for the operator. `public` is for everybody.
    """

    public = "the server's connections cannot be read; the runner's log says why"


@dataclass(slots=True)
class Connections:
    """The connections that the operator has named."""

    urls: dict[str, str] = field(default_factory=dict)  # CONNECTION_<NAME> → URL
    tenants: dict[str, frozenset[str]] = field(default_factory=dict)  # CONNECTION_<NAME> → tenants
    headers: dict[str, str] = field(default_factory=dict)  # CONNECTION_<NAME> → JSON

    def take(self, name: str, value: str) -> None:
        """Takes one line. `name` is without CONNECTION_. Raises ValueError with a hint, which has none of the value."""
        if name.startswith(TENANTS):
            self._take_tenants(PREFIX + name.removeprefix(TENANTS), value)
        elif name.startswith(HEADERS):
            self._take_headers(PREFIX + name.removeprefix(HEADERS), value)
        else:
            self.urls[PREFIX + name] = value

    def _take_tenants(self, of: str, value: str) -> None:
        found = [part.strip() for part in value.split(",") if part.strip()]
        if not value.strip():
            return
        try:
            self.tenants[of] = frozenset(
                tenant if tenant == EVERY_TENANT else check_id(tenant) for tenant in found
            )
        except ValueError:
            raise ValueError(_TENANTS_HINT) from None

    def _take_headers(self, of: str, value: str) -> None:
        if not value.strip():
            return
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            raise ValueError(_HEADERS_HINT)
        self.headers[of] = value

    def environment(self, name: str) -> dict[str, str]:
        """What a program gets that may use this connection."""
        headers = self.headers.get(name)
        more = {} if headers is None else {headers_variable(name): headers}
        return {name: self.urls[name], **more}

    def is_for(self, name: str, tenant_id: str, unbound: bool) -> bool:
        """Whether a tenant may use a connection. `unbound`: the answer where it has no list of tenants."""
        tenants = self.tenants.get(name)
        return unbound if tenants is None else bool(tenants & {tenant_id, EVERY_TENANT})

    def for_nobody(self) -> list[str]:
        """Connections without a list of tenants: on a server with many tenants, nobody may use them."""
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

    `unbound`: include connections without a list of tenants. The file is read each time, so that a
    changed password needs no restart. Raises ConnectionsUnusable.
    """
    wanted = _named(graph)
    if not wanted:
        return {}
    known = read_connections(file, environ)
    given = (n for n in known.urls if n in wanted and known.is_for(n, tenant_id, unbound))
    return {variable: text for name in given for variable, text in known.environment(name).items()}


def read_connections(file: Path | None, environ: Mapping[str, str]) -> Connections:
    """Connections of the environment and of the file. The file wins. Raises ConnectionsUnusable."""
    found = Connections()
    for variable, value in environ.items():
        if variable.startswith(PREFIX):
            try:
                found.take(variable.removeprefix(PREFIX), value)
            except ValueError as error:
                raise ConnectionsUnusable(f"{variable}: {error}") from None
    if file is not None:
        _read_file(file, found)
    return found


def _read_file(file: Path, found: Connections) -> None:
    try:
        lines = read_secret(file).splitlines()
    except ValueError as error:
        raise ConnectionsUnusable(f"CONNECTIONS_FILE {file} {error}") from None
    first: dict[str, int] = {}  # the line of each name
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, is_pair, value = (part.strip() for part in line.partition("="))
        name = name.upper().removeprefix(PREFIX)  # as it is written in an environment
        if quoted := _QUOTED.fullmatch(value):
            value = quoted[2]
        is_fitting = name.startswith((TENANTS, HEADERS)) or "://" in value
        where = f"CONNECTIONS_FILE {file}, line {number}"
        if not is_pair or not CONNECTION_NAME.fullmatch(name) or not is_fitting:
            raise ConnectionsUnusable(f"{where}: write NAME=URL, or # before a remark")
        if first.setdefault(name, number) != number:
            raise ConnectionsUnusable(f"{where}: {name} stands in line {first[name]}, too")
        try:
            found.take(name, value)
        except ValueError as error:
            raise ConnectionsUnusable(f"{where}: {error}") from None


def tenants_variable(name: str) -> str:
    """CONNECTION_<NAME> → CONNECTION_TENANTS_<NAME>."""
    return PREFIX + TENANTS + name.removeprefix(PREFIX)


def headers_variable(name: str) -> str:
    """CONNECTION_<NAME> → CONNECTION_HEADERS_<NAME>."""
    return PREFIX + HEADERS + name.removeprefix(PREFIX)


def _named(graph: Mapping[str, Any]) -> set[str]:
    """The variables of the connections that the nodes of a graph document name."""
    nodes = graph.get("nodes") or ()
    named = [name for node in nodes if (name := connection_of(node)) and "://" not in name]
    stores = [path.split("/")[2] for node in nodes if (path := store_of(node))]
    return {PREFIX + name.upper() for name in (*named, *stores)}
