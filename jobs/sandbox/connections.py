"""The databases that graphs refer to by name. The operator keeps their URLs, which hold passwords.

A connection is CONNECTION_<NAME> in a runner's environment, or a line NAME=URL of CONNECTIONS_FILE. CONNECTION_TENANTS_<NAME>,
or a line TENANTS_<NAME>, lists the tenants that may use it. Without such a list, the one tenant of a server may
use it; on a server with many tenants, nobody may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.graph.passwords import CONNECTION_NAME, connection_of
from progress_lib.subjects import EVERY_TENANT, check_id
from settings.secret_files import read_secret

PREFIX = "CONNECTION_"
TENANTS = "TENANTS_"  # prefix of the line that lists a connection's tenants
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

    def take(self, name: str, value: str) -> None:
        """Takes one line. `name` is without CONNECTION_. Raises ValueError for a name that no tenant can have."""
        of = name.removeprefix(TENANTS)
        if of == name:
            self.urls[PREFIX + name] = value
        elif value.strip():
            found = [part.strip() for part in value.split(",") if part.strip()]
            self.tenants[PREFIX + of] = frozenset(
                tenant if tenant == EVERY_TENANT else check_id(tenant) for tenant in found
            )

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
    return {
        name: url
        for name, url in known.urls.items()
        if name in wanted and known.is_for(name, tenant_id, unbound)
    }


def read_connections(file: Path | None, environ: Mapping[str, str]) -> Connections:
    """Connections of the environment and of the file. The file wins. Raises ConnectionsUnusable."""
    found = Connections()
    for variable, value in environ.items():
        if variable.startswith(PREFIX):
            try:
                found.take(variable.removeprefix(PREFIX), value)
            except ValueError:  # its text may contain a URL with a password
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
