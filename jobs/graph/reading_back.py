"""The graph that reads what an output of a run wrote. Pure."""

from collections.abc import Mapping
from typing import Any

from jobs.graph.unchecked import objects

# By the type of an output: the input that reads the same, and the settings that both have
_READERS = {
    "csv_output": ("csv_input", ("path", "delimiter", "encoding", "null_marker")),
    "ndjson_output": ("ndjson_input", ("path",)),
    "parquet_output": ("parquet_input", ("path",)),
    "excel_output": ("excel_input", ("path", "sheet")),
    "db_output": ("db_input", ("connection", "table")),
}


class NothingToRead(LookupError):
    """A node that is not there, or writes nothing that could be read."""


def reading_back(graph: Mapping[str, Any], node_id: int) -> dict[str, Any]:
    """A graph of one input, with the id and name of the output. `graph`: with the values of its run. Raises NothingToRead."""
    found = [node for node in objects(graph.get("nodes")) if node.get("id") == node_id]
    if not found:
        raise NothingToRead(f"the run's graph has no node {node_id}")
    [node] = found
    if node.get("type") not in _READERS:
        raise NothingToRead(f"node {node_id} is no output")
    type_name, shared = _READERS[node["type"]]
    config = node.get("config") or {}
    kept = {name: config[name] for name in shared if name in config}
    reader = {"id": node_id, "type": type_name, "name": node.get("name"), "config": kept}
    return {"nodes": [reader], "edges": [], "runnerTag": graph.get("runnerTag")}
