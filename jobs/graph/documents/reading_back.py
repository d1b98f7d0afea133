"""The graph that reads what an output of a run wrote. Pure."""

from collections.abc import Mapping
from typing import Any

from jobs.graph.documents.unchecked import objects, type_named


class NothingToRead(LookupError):
    """A node that is not there, or writes nothing that could be read."""


def reading_back(graph: Mapping[str, Any], node_id: int) -> dict[str, Any]:
    """A graph of one input, with the id and name of the output. `graph`: with the values of its run. Raises NothingToRead."""
    found = [node for node in objects(graph.get("nodes")) if node.get("id") == node_id]
    if not found:
        raise NothingToRead(f"the run's graph has no node {node_id}")
    [node] = found
    node_type = type_named(node.get("type"))
    if node_type is None or node_type.read_by is None:
        raise NothingToRead(f"node {node_id} is no output")
    config = node.get("config") or {}
    kept = {name: config[name] for name in node_type.read_by.shared if name in config}
    reader = {
        "id": node_id,
        "type": node_type.read_by.name,
        "name": node.get("name"),
        "config": {**kept, **node_type.read_by.more(kept)},
    }
    return {"nodes": [reader], "edges": [], "runnerTag": graph.get("runnerTag")}
