"""The databases that graphs name: their URLs, and so their passwords, stay with the operator.

A connection is CONNECTION_<NAME> in a runner's environment, or a line NAME=URL of CONNECTIONS_FILE.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs.secret_files import read_secret

PREFIX = "CONNECTION_"
CONNECTION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_WITH_PASSWORD = re.compile(r"://[^:/?#]*:.+@")
_SECRET_PARAMETER = re.compile(r"[?&][^=&]*(?:pass|pwd|secret|token|odbc_connect)[^=&]*=", re.I)


class ConnectionsUnusable(Exception):
    """CONNECTIONS_FILE cannot be used; the text says why, and holds nothing of what is in it.

    The text names the file: it is for who keeps the server. `public` is for everybody.
    """

    public = "the server's connections cannot be read; the runner's log says why"


def connections_for(
    graph: Mapping[str, Any], file: Path | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """The connections that a graph names, as its program's environment. Raises ConnectionsUnusable.

    The file is read anew each time, so that a changed password needs no new start.
    """
    wanted = _named(graph)
    known = {name: url for name, url in environ.items() if name.startswith(PREFIX)}
    if wanted and file is not None:
        known.update(read_connections(file))
    return {name: url for name, url in known.items() if name in wanted}


def read_connections(file: Path) -> dict[str, str]:
    """CONNECTION_<NAME> → URL. Raises ConnectionsUnusable."""
    try:
        lines = read_secret(file).splitlines()
    except ValueError as error:
        raise ConnectionsUnusable(f"CONNECTIONS_FILE {file} {error}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, is_pair, url = (part.strip() for part in line.partition("="))
        if not is_pair or not CONNECTION_NAME.fullmatch(name) or "://" not in url:
            raise ConnectionsUnusable(
                f"CONNECTIONS_FILE {file}, line {number}: write NAME=URL, or # before a remark"
            )
        found[PREFIX + name.upper()] = url
    return found


def _named(graph: Mapping[str, Any]) -> set[str]:
    """The variables of the connections that the nodes of a graph document name."""
    nodes = graph.get("nodes")
    configs = [n.get("config") for n in nodes if isinstance(n, dict)] if nodes else []
    named = [config.get("connection") for config in configs if isinstance(config, dict)]
    return {PREFIX + n.upper() for n in named if isinstance(n, str) and "://" not in n}


def holds_password(url: str) -> bool:
    """Whether a text is a URL with a password in it, or in a parameter of it."""
    if "://" not in url:
        return False
    if _SECRET_PARAMETER.search(url):
        return True
    return _WITH_PASSWORD.search(url) is not None and not _is_plain_file(url)


def _is_plain_file(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.startswith("sqlite") and not parts.netloc
