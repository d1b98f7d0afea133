"""The databases that graphs name: their URLs, and so their passwords, stay with the operator.

A connection is CONNECTION_<NAME> in a runner's environment, or a line NAME=URL of CONNECTIONS_FILE. Whose it
is, CONNECTION_TENANTS_<NAME> says, or a line TENANTS_<NAME>; where neither does, it is the one tenant's of a
server with one, and nobody's of a server with many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.graph.passwords import CONNECTION_NAME, connection_of
from jobs.secret_files import read_secret
from progress_lib.subjects import EVERY_TENANT, check_id

PREFIX = "CONNECTION_"
TENANTS = "TENANTS_"  # after it: not a connection, but whose the one of that name is
_TENANTS_HINT = "write the tenants that may use it, separated by commas, or * for every one"


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
