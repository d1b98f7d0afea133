"""The graph of a job: parsed once from outside data into frozen types, or refused with every error that it has."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from jobs.graph.checks.conflicts import conflict_errors
from jobs.graph.checks.members import OF_EDGE, OF_GRAPH, OF_NODE, misspelt, said
from jobs.graph.checks.ports import port_errors
from jobs.graph.documents.unchecked import type_named
from jobs.graph.engine import check_engine
from jobs.graph.errors import GraphError, GraphInvalid, error_of
from jobs.graph.fields.checks import MAX_NAME, text_errors
from jobs.graph.fields.code import NOT_ALLOWED, is_code_allowed
from jobs.graph.graph import Edge, Graph, Node, find_cycle, input_names, output_names, sorter
from jobs.graph.node_type import UNNAMED, NodeType, Size
from jobs.graph.node_types import NODE_TYPES
from jobs.graph.rows.columns import Outputs, columns_of
from jobs.graph.rows.known import Known
from jobs.graph.settings.keep_outputs import parse_keep_outputs
from jobs.graph.settings.parameters import naming_errors, parse_parameters, without_values
from jobs.graph.settings.retries import parse_retries
from jobs.graph.settings.runner_tag import parse_runner_tag
from program_lib.parameters import Parameter
from program_lib.rejects import REJECTED
from settings.shared import MAX_EDGES, MAX_NODES

MAX_NODE_ID = 2**31 - 1
MAX_POSITION = 1e6  # pixels from the origin of the page
# Characters of all expressions; each takes 5 µs to compile, and is compiled twice
MAX_EXPRESSIONS = 50_000
# Entries of all lists of columns; each takes 20 µs to check and to write into a program
MAX_ENTRIES = 10_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """The nodes by their ids, None where one has errors, and the edges of a graph that is being checked."""

    nodes: Mapping[int, Node | None]
    edges: list[Edge]
    parameters: tuple[Parameter, ...]


def known_columns(parts: Parts, told: Mapping[int, Known]) -> tuple[Outputs, list[GraphError]]:
    """What is known of the columns of the rows before a run, by node and output, and what is wrong with that.

    `told`: what the engine said of the columns that nodes give.
    """
    order = sorter(parts.nodes, parts.edges).static_order()
    nodes = [node for node_id in order if (node := parts.nodes[node_id])]
    outputs, wrong = columns_of(nodes, parts.edges, without_values(parts.parameters), told)
    return outputs, [
        GraphError(node_id, error.field, str(error), error.text) for node_id, error in wrong
    ]


def parse_graph(document: Any) -> Graph:
    """Make a graph of a JSON document. Raises GraphInvalid with all errors, or with those of its size alone.

    The size is checked first, and nothing else of a graph that is too large.
    """
    _check_size(document)
    errors = [error_of(said(*found), field=found[1]) for found in misspelt(document, OF_GRAPH)]
    retries = _parsed(parse_retries, document, "retries", errors)
    runner_tag = _parsed(parse_runner_tag, document, "runnerTag", errors)
    keep_outputs = _parsed(parse_keep_outputs, document, "keepOutputs", errors)
    _parsed(check_engine, document, "engine", errors)
    parts = _parse_parts(document, errors)
    errors += port_errors(parts.nodes, parts.edges)
    errors += _cycle_errors(parts.nodes, parts.edges)
    errors += conflict_errors(parts.nodes)
    if errors:
        raise GraphInvalid(errors)
    nodes = tuple(node for node in parts.nodes.values() if node)
    graph = Graph(nodes, tuple(parts.edges), parts.parameters, retries, runner_tag, keep_outputs)
    if errors := [*_naming_errors(graph), *known_columns(parts, {})[1]]:
        raise GraphInvalid(errors)
    return graph


def parse_parts(document: Any) -> Parts:
    """What can be said of a graph that may have errors, as one that somebody draws. Raises GraphInvalid for its size."""
    _check_size(document)
    parts = _parse_parts(document, [])
    left = set(parts.nodes)
    while cycle := find_cycle(left, parts.edges):
        left -= set(cycle)
    edges = [edge for edge in parts.edges if {edge.source, edge.target} <= left]
    return replace(parts, edges=edges)


def _parse_parts(document: Mapping[str, Any], errors: list[GraphError]) -> Parts:
    parameters = _parsed(parse_parameters, document, "parameters", errors)
    nodes = _parse_nodes(document.get("nodes"), errors)
    return Parts(nodes, _parse_edges(document.get("edges", []), nodes, errors), parameters)


def _parsed(
    parse: Callable[[Any, list[str]], T],
    document: Mapping[str, Any],
    member: str,
    errors: list[GraphError],
) -> T:
    """A member of the graph that is none of its nodes or edges."""
    found: list[str] = []
    parsed = parse(document.get(member), found)
    errors += (error_of(message, field=member) for message in found)
    return parsed


def _naming_errors(graph: Graph) -> Iterator[GraphError]:
    """An error for each field that names a parameter which is not declared, or stands where none may."""
    declared = without_values(graph.parameters)
    for node in graph.nodes if declared else ():
        for of in node.node_type.fields:
            for message in naming_errors(of, node.config.get(of.name), declared):
                yield error_of(message, node.id, of.name)


def _check_size(document: Any) -> None:
    """Raises GraphInvalid for what is no graph, or too large a one."""
    if not isinstance(document, dict):
        raise GraphInvalid([error_of("a graph is an object with nodes and edges")])
    if too_large := list(_size_errors(document.get("nodes"))):
        raise GraphInvalid(too_large)


def _size_errors(entries: Any) -> Iterator[GraphError]:
    """An error for each bound on a whole graph that its nodes exceed together."""
    sizes = [_size(entry) for entry in entries if isinstance(entry, dict)] if _few(entries) else []
    characters = sum(size.characters for size in sizes)
    if characters > MAX_EXPRESSIONS:
        yield error_of(
            f"all expressions together have {characters:,} characters, at most {MAX_EXPRESSIONS:,} are allowed:"
            " let a query compute some of it, or make two jobs of this one",
            field="nodes",
        )
    columns = sum(size.entries for size in sizes)
    if columns > MAX_ENTRIES:
        yield error_of(
            f"all lists of columns together have {columns:,} entries, at most {MAX_ENTRIES:,} are allowed:"
            " keep all where most are kept, or make two jobs of this one",
            field="nodes",
        )


def _few(entries: Any) -> bool:
    return isinstance(entries, list) and len(entries) <= MAX_NODES


def _size(entry: dict[str, Any]) -> Size:
    node_type, config = type_named(entry.get("type")), entry.get("config")
    return node_type.size(config) if node_type and isinstance(config, dict) else Size()


# ---- nodes. One with errors stays in the result as None, so that edges to it cause no further errors.


def _parse_nodes(entries: Any, errors: list[GraphError]) -> dict[int, Node | None]:
    if not isinstance(entries, list):
        errors.append(error_of("nodes must be a list", field="nodes"))
        return {}
    if not entries:
        errors.append(error_of("the graph has no nodes", field="nodes"))
    if len(entries) > MAX_NODES:
        errors.append(
            error_of(
                f"the graph has {len(entries):,} nodes, at most {MAX_NODES} are allowed",
                field="nodes",
            )
        )
        return {}
    nodes: dict[int, Node | None] = {}
    for place, entry in enumerate(entries, 1):
        node_id = _parse_node_id(entry, place, errors)
        if node_id is None:
            continue
        if node_id in nodes:
            errors.append(error_of(f"the id {node_id} is there more than once", node_id, "id"))
            continue
        nodes[node_id] = _parse_node(node_id, entry, errors)
    return nodes


def _parse_node_id(entry: Any, place: int, errors: list[GraphError]) -> int | None:
    if not isinstance(entry, dict):
        errors.append(error_of(f"entry {place} of nodes is not an object", field="nodes"))
        return None
    node_id = entry.get("id")
    if type(node_id) is not int or not 1 <= node_id <= MAX_NODE_ID:
        errors.append(
            error_of(
                f"entry {place} of nodes has no id that is a whole number from 1 on", field="id"
            )
        )
        return None
    return node_id


def _parse_node(node_id: int, entry: dict[str, Any], errors: list[GraphError]) -> Node | None:
    node_type = type_named(entry.get("type"))
    found = list(_node_errors(entry, node_type))
    errors.extend(error_of(message, node_id, field) for field, message in found)
    if found or node_type is None:
        return None
    position = entry.get("position") or {}
    return Node(
        id=node_id,
        type=node_type.name,
        name=entry.get("name") or node_type.label,
        config=node_type.with_defaults(entry.get("config") or {}),
        x=position.get("x", 0),
        y=position.get("y", 0),
    )


def _node_errors(
    entry: dict[str, Any], node_type: NodeType | None
) -> Iterator[tuple[str | None, str]]:
    yield from ((right, said(name, right)) for name, right in misspelt(entry, OF_NODE))
    yield from _name_errors(entry.get("name"))
    yield from _position_errors(entry.get("position"))
    if node_type is None:
        yield "type", _unknown_type(entry.get("type"))
        return
    if node_type.runs_code and not is_code_allowed():
        yield "type", NOT_ALLOWED
        return
    config = entry.get("config")
    if config is not None and not isinstance(config, dict):
        yield "config", "config must be an object"
        return
    yield from node_type.config_errors(config or {})


def _unknown_type(name: Any) -> str:
    known = ", ".join(NODE_TYPES)
    if name is None:
        return f"the type is missing; there are {known}"
    named = repr(name[:40]) if isinstance(name, str) else "that is no text"
    return f"there is no node type {named}; there are {known}"


def _name_errors(name: Any) -> Iterator[tuple[str, str]]:
    if name is not None and name != "":
        for message in text_errors(name, MAX_NAME):
            yield "name", f"the name {message}"


def _position_errors(position: Any) -> Iterator[tuple[str, str]]:
    if position is None:
        return
    if not isinstance(position, dict) or not all(
        _is_coordinate(position.get(axis, 0)) for axis in ("x", "y")
    ):
        yield "position", 'position must be {"x": number, "y": number}'


def _is_coordinate(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= MAX_POSITION


# ---- edges


def _parse_edges(
    entries: Any, nodes: Mapping[int, Node | None], errors: list[GraphError]
) -> list[Edge]:
    if not isinstance(entries, list):
        errors.append(error_of("edges must be a list", field="edges"))
        return []
    if len(entries) > MAX_EDGES:
        errors.append(
            error_of(
                f"the graph has {len(entries):,} edges, at most {MAX_EDGES:,} are allowed",
                field="edges",
            )
        )
        return []
    edges: dict[Edge, None] = {}  # in order, without doubles
    for place, entry in enumerate(entries, 1):
        edge = _parse_edge(entry)
        if edge is None:
            message = (
                f'entry {place} of edges must be {{"from": id, "to": id}}, with fromPort and toPort where a node'
                " has several outputs or inputs"
            )
            errors.append(error_of(message, field="edges"))
            continue
        errors += (
            error_of(f"the edge {edge.source} → {edge.target}: {said(*found)}", field="edges")
            for found in misspelt(entry, OF_EDGE)
        )
        edge = _with_first_ports(edge, nodes)
        found = list(_edge_errors(edge, set(nodes), edges))
        errors.extend(found)
        if not found:
            edges[edge] = None
    return list(edges)


def _parse_edge(entry: Any) -> Edge | None:
    if not isinstance(entry, dict):
        return None
    source, target = entry.get("from"), entry.get("to")
    if type(source) is not int or type(target) is not int:
        return None
    ports = [entry.get(member) or UNNAMED for member in ("fromPort", "toPort")]
    if not all(isinstance(port, str) for port in ports):
        return None
    return Edge(source, target, *ports)


def _with_first_ports(edge: Edge, nodes: Mapping[int, Node | None]) -> Edge:
    """An edge that names no port uses the first one."""
    leaves, enters = output_names(nodes.get(edge.source)), input_names(nodes.get(edge.target))
    first = (
        UNNAMED if leaves == [REJECTED] else leaves[0]
    )  # rows are rejected only where it is said
    return replace(edge, from_port=edge.from_port or first, to_port=edge.to_port or enters[0])


def _edge_errors(
    edge: Edge, node_ids: set[int], earlier: Mapping[Edge, None]
) -> Iterator[GraphError]:
    named = f"the edge {edge.source} → {edge.target}"
    for end, other in ((edge.source, edge.target), (edge.target, edge.source)):
        if end not in node_ids:
            yield error_of(
                f"{named} has an end that is no node: {end}",
                other if other in node_ids else None,
                "edges",
            )
    if edge.source == edge.target and edge.source in node_ids:
        yield error_of(f"{named} leads from a node to itself", edge.source, "edges")
    if edge in earlier:
        yield error_of(f"{named} is there more than once", edge.target, "edges")


def _cycle_errors(nodes: Mapping[int, Node | None], edges: list[Edge]) -> Iterator[GraphError]:
    """An error for each cycle. Cycles that share a node give one error."""
    left = set(nodes)
    while cycle := find_cycle(left, edges):
        way = " → ".join(str(node_id) for node_id in cycle)
        yield error_of(f"the edges {way} form a cycle", cycle[0], "edges")
        left -= set(cycle)
