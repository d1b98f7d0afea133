"""How large a graph may be. Pure."""

from collections.abc import Iterator
from typing import Any

from jobs.graph.checks import GraphError, GraphInvalid
from settings.groups import RequestLimits


def check_size(document: dict[str, Any], limits: RequestLimits) -> None:
    """Raises GraphInvalid for a graph that is too large, whatever else is wrong with it."""
    errors = list(_errors(document, limits))
    if errors:
        raise GraphInvalid(errors)


def _errors(document: dict[str, Any], limits: RequestLimits) -> Iterator[GraphError]:
    for name, most in (("nodes", limits.graph_nodes), ("edges", limits.graph_edges)):
        entries = document.get(name)
        if isinstance(entries, list) and len(entries) > most:
            found = f"the graph has {len(entries):,} {name}, at most {most:,} are allowed"
            yield GraphError(None, name, found)
