"""How much one request may ask for, and one tenant may have waiting. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobs.graph.checks import GraphError, GraphInvalid
from settings.shared import MAX_EDGES, MAX_NODES


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Beyond any of them a request is refused, and costs its sender only."""

    body_bytes: int = 1024 * 1024  # a graph of 1,000 nodes has some 300 KB
    body_wait: int = 15  # seconds in which a whole body must be there
    json_depth: int = 32  # levels of lists and objects; a graph has six
    graph_nodes: int = MAX_NODES
    graph_edges: int = MAX_EDGES
    queued_runs: int = 1_000  # of one tenant

    def check_graph(self, document: dict[str, Any]) -> None:
        """Raises GraphInvalid for a graph that is too large, whatever else is wrong with it."""
        errors = list(self._errors(document))
        if errors:
            raise GraphInvalid(errors)

    def _errors(self, document: dict[str, Any]) -> Iterator[GraphError]:
        for name, most in (("nodes", self.graph_nodes), ("edges", self.graph_edges)):
            entries = document.get(name)
            if isinstance(entries, list) and len(entries) > most:
                found = f"the graph has {len(entries):,} {name}, at most {most:,} are allowed"
                yield GraphError(None, name, found)
