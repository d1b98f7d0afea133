"""The bound on the size of a graph. Pure."""

from collections.abc import Iterator
from typing import Any

from jobs.graph.errors import GraphError, GraphInvalid
from settings.defaults import RequestLimits


def check_size(document: dict[str, Any], limits: RequestLimits) -> None:
    """Raises GraphInvalid for a graph that is too large. The graph may have any other error."""
    errors = list(_errors(document, limits))
    if errors:
        raise GraphInvalid(errors)


def _errors(document: dict[str, Any], limits: RequestLimits) -> Iterator[GraphError]:
    for name, most in (("nodes", limits.graph_nodes), ("edges", limits.graph_edges)):
        entries = document.get(name)
        if isinstance(entries, list) and len(entries) > most:
            found = f"the graph has {len(entries):,} {name}, at most {most:,} are allowed"
            yield GraphError(None, name, found)
