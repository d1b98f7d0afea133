"""A graph with the values of one run: in its paths and names of tables, where they pass the checks of what a graph writes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobs.graph.documents.unchecked import objects, type_named
from jobs.graph.errors import GraphError, GraphInvalid
from jobs.graph.graph import Graph
from jobs.graph.parsing import parse_graph
from jobs.graph.settings.parameters import parse_parameters, values_of
from program_lib.errors import ProgramError
from program_lib.parameters import Value, in_path, in_table, in_url, resolved

Fill = Callable[[str, Mapping[str, Value]], str]
FILLS: dict[str, Fill] = {"path": in_path, "table": in_table, "url": in_url}  # by the kind of field


def checked_values(graph: Graph, given: Mapping[str, Any]) -> dict[str, str | None]:
    """The text of each parameter of a run. Raises WrongParameters; GraphInvalid where the graph is none with these values."""
    texts = resolved(graph.parameters, given)
    if graph.parameters:
        parse_graph(_filled(graph, values_of(graph.parameters, texts)))
    return texts


def _filled(graph: Graph, values: Mapping[str, Value]) -> dict[str, Any]:
    document = graph.document()
    errors: list[GraphError] = []
    for node, entry in zip(graph.nodes, document["nodes"], strict=True):
        for name, fill in _fields_to_fill(node.type):
            if isinstance(text := entry["config"].get(name), str):
                try:
                    entry["config"][name] = fill(text, values)
                except ProgramError as error:
                    errors.append(GraphError(node.id, name, str(error)))
    if errors:
        raise GraphInvalid(errors)
    return document


def _fields_to_fill(type_name: Any) -> list[tuple[str, Fill]]:
    node_type = type_named(type_name)
    fields = node_type.fields if node_type else ()
    return [(field.name, FILLS[field.kind]) for field in fields if field.kind in FILLS]


def as_run(document: Mapping[str, Any], texts: Mapping[str, str | None]) -> Mapping[str, Any]:
    """A stored graph document with the values of its run in its paths; as it is where it takes none."""
    parameters = parse_parameters(document.get("parameters"), [])
    if not parameters:
        return document
    values = values_of(parameters, texts)
    return {**document, "nodes": [_as_run(node, values) for node in objects(document.get("nodes"))]}


def _as_run(node: dict[str, Any], values: Mapping[str, Value]) -> dict[str, Any]:
    config = node.get("config")
    if not isinstance(config, dict):
        return node
    filled = dict(config)
    for name, fill in _fields_to_fill(node.get("type")):
        if isinstance(text := config.get(name), str):
            try:
                filled[name] = fill(text, values)
            except ProgramError:
                continue  # the run was refused, or its graph is from elsewhere
    return {**node, "config": filled}
