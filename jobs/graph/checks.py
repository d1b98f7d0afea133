"""The graph of a job: parsed once from outside data into frozen types, or refused with every error that it has."""

from __future__ import annotations

import graphlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from jobs.graph.code import NOT_ALLOWED, is_code_allowed, nodes_with_code
from jobs.graph.columns import Outputs, columns_of
from jobs.graph.fields import MAX_NAME, NO_KEYS, NO_PASSWORDS, NO_SECRETS, shown, text_errors
from jobs.graph.keep_outputs import parse_keep_outputs
from jobs.graph.known import Known
from jobs.graph.node_type import UNNAMED, NodeType, Size
from jobs.graph.node_types import NODE_TYPES
from jobs.graph.parameters import (
    naming_errors,
    parameter_documents,
    parse_parameters,
    without_values,
)
from jobs.graph.passwords import connection_of, holds_password, holds_secret, store_of, url_of
from jobs.graph.paths import plain_path
from jobs.graph.retries import NO_RETRIES, Retries, parse_retries
from jobs.graph.runner_tag import parse_runner_tag
from program_lib.parameters import Parameter
from program_lib.rejects import REJECTED
from program_lib.types import listed
from settings.shared import MAX_EDGES, MAX_NODES

T = TypeVar("T")

MAX_NODE_ID = 2**31 - 1
MAX_POSITION = 1e6  # pixels from the origin of the page
# Characters of all expressions; each takes 5 µs to compile, and is compiled twice
MAX_EXPRESSIONS = 50_000
# Entries of all lists of columns; each takes 20 µs to check and to write into a program
MAX_ENTRIES = 10_000
MOST_ERRORS = 100  # errors reported of one graph
MAX_TEXT = 300  # characters of what is at fault; of more, the page marks the whole field
MAX_MESSAGE = 400  # characters of an error; one that names a long cycle is cut


@dataclass(frozen=True, slots=True)
class GraphError:
    """An error in a graph, with its node and field where it belongs to one."""

    node_id: int | None
    field: str | None
    message: str
    text: str | None = (
        None  # what of the field is at fault: an expression, or a name; None: too long
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", self.field and shortened(self.field, MAX_NAME))
        object.__setattr__(self, "message", shortened(self.message))
        if self.text is not None and len(self.text) > MAX_TEXT:
            object.__setattr__(self, "text", None)

    def __str__(self) -> str:
        return self.message if self.node_id is None else f"node {self.node_id}: {self.message}"

    def document(self) -> dict[str, Any]:
        """This error as JSON."""
        about = {} if self.text is None else {"text": self.text}
        return {"nodeId": self.node_id, "field": self.field, "message": self.message, **about}


def shortened(text: str, most: int = MAX_MESSAGE) -> str:
    """The text, cut where it is longer than an error may be."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class GraphInvalid(ValueError):
    """A graph that cannot run; `errors` names what is wrong with it, at most MOST_ERRORS of `count`."""

    def __init__(self, errors: list[GraphError]) -> None:
        self.errors = errors[:MOST_ERRORS]
        self.count = len(errors)
        super().__init__("; ".join(str(error) for error in self.errors))


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a job. `config` holds a value for each field that has one, defaults included."""

    id: int
    type: str
    name: str
    config: Mapping[str, Any]
    x: float = 0
    y: float = 0

    @property
    def node_type(self) -> NodeType:
        return NODE_TYPES[self.type]


@dataclass(frozen=True, slots=True)
class Edge:
    """Rows flow from one node to another."""

    source: int
    target: int
    from_port: str = UNNAMED  # the output that they leave by
    to_port: str = UNNAMED  # the input that they enter by

    def document(self) -> dict[str, Any]:
        """This edge as JSON; ports without a name are left out."""
        ports = {"fromPort": self.from_port, "toPort": self.to_port}
        named = {member: port for member, port in ports.items() if port != UNNAMED}
        return {"from": self.source, "to": self.target, **named}


@dataclass(frozen=True, slots=True)
class Graph:
    """A valid graph: directed, without cycles, each node configured and connected as its type asks."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    parameters: tuple[Parameter, ...] = ()
    retries: Retries = NO_RETRIES
    runner_tag: str | None = None  # of the runners that may take its runs
    keep_outputs: bool = False  # whether its runs keep what their nodes give
    _by_id: dict[int, Node] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {node.id: node for node in self.nodes})

    def node(self, node_id: int) -> Node:
        """The node with this id; KeyError where there is none."""
        return self._by_id[node_id]

    def targets(self, node_id: int) -> tuple[int, ...]:
        """The nodes that get this node's rows."""
        return tuple(edge.target for edge in self.edges if edge.source == node_id)

    def edges_from(self, node_id: int) -> tuple[Edge, ...]:
        """The edges by which this node's rows leave it."""
        return tuple(edge for edge in self.edges if edge.source == node_id)

    def sources(self, node_id: int) -> tuple[int, ...]:
        """The nodes whose rows this node gets."""
        return tuple(edge.source for edge in self.edges if edge.target == node_id)

    def edges_by_input(self, node_id: int) -> dict[str, list[Edge]]:
        """The edges by which rows enter this node, by its inputs."""
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if edge.target == node_id:
                found.setdefault(edge.to_port, []).append(edge)
        return found

    def is_reject(self, edge: Edge) -> bool:
        """Whether rows that the edge's source rejects flow by it."""
        node = self._by_id[edge.source]
        return edge.from_port == REJECTED and node.node_type.rejects_by_port(node.config)

    def rejecting(self) -> frozenset[int]:
        """The nodes whose rejected rows lead somewhere."""
        return frozenset(edge.source for edge in self.edges if self.is_reject(edge))

    def in_order(self) -> tuple[Node, ...]:
        """The nodes in topological order: each after all that feed it."""
        return tuple(
            self._by_id[node_id] for node_id in _sorter(self._by_id, self.edges).static_order()
        )

    def document(self) -> dict[str, Any]:
        """This graph as JSON; `parse_graph` of it gives an equal graph."""
        return {
            "nodes": [
                {
                    "id": node.id,
                    "type": node.type,
                    "name": node.name,
                    "config": dict(node.config),
                    "position": {"x": node.x, "y": node.y},
                }
                for node in self.nodes
            ],
            "edges": [edge.document() for edge in self.edges],
            **({"parameters": parameter_documents(self.parameters)} if self.parameters else {}),
            **({"retries": self.retries.document()} if self.retries.count else {}),
            **({"runnerTag": self.runner_tag} if self.runner_tag else {}),
            **({"keepOutputs": True} if self.keep_outputs else {}),
        }


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
    order = _sorter(parts.nodes, parts.edges).static_order()
    nodes = [node for node_id in order if (node := parts.nodes[node_id])]
    outputs, wrong = columns_of(nodes, parts.edges, without_values(parts.parameters), told)
    return outputs, [
        GraphError(node_id, error.field, str(error), error.text) for node_id, error in wrong
    ]


def parse_graph(document: Any) -> Graph:
    """Make a graph of a JSON document. Raises GraphInvalid with all errors, or with those of its size alone.

    The size is checked first, and nothing else of a graph that is too large.
    """
    if not isinstance(document, dict):
        raise GraphInvalid([_error("a graph is an object with nodes and edges")])
    if too_large := list(_size_errors(document.get("nodes"))):
        raise GraphInvalid(too_large)
    errors: list[GraphError] = []
    retries = _parsed(parse_retries, document, "retries", errors)
    runner_tag = _parsed(parse_runner_tag, document, "runnerTag", errors)
    keep_outputs = _parsed(parse_keep_outputs, document, "keepOutputs", errors)
    parts = _parse_parts(document, errors)
    errors += _port_errors(parts.nodes, parts.edges)
    errors += _cycle_errors(parts.nodes, parts.edges)
    errors += _conflict_errors(parts.nodes)
    if errors:
        raise GraphInvalid(errors)
    nodes = tuple(node for node in parts.nodes.values() if node)
    graph = Graph(nodes, tuple(parts.edges), parts.parameters, retries, runner_tag, keep_outputs)
    if errors := [*_naming_errors(graph), *known_columns(parts, {})[1]]:
        raise GraphInvalid(errors)
    return graph


def parse_parts(document: Any) -> Parts:
    """What can be said of a graph that may have errors, as one that somebody draws. Raises GraphInvalid for its size."""
    if not isinstance(document, dict):
        raise GraphInvalid([_error("a graph is an object with nodes and edges")])
    if too_large := list(_size_errors(document.get("nodes"))):
        raise GraphInvalid(too_large)
    parts = _parse_parts(document, [])
    left = set(parts.nodes)
    while cycle := _find_cycle(left, parts.edges):
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
    errors += (_error(message, field=member) for message in found)
    return parsed


def _naming_errors(graph: Graph) -> Iterator[GraphError]:
    """An error for each field that names a parameter which is not declared, or stands where none may."""
    declared = without_values(graph.parameters)
    for node in graph.nodes if declared else ():
        for of in node.node_type.fields:
            for message in naming_errors(of, node.config.get(of.name), declared):
                yield _error(message, node.id, of.name)


def password_errors(document: Mapping[str, Any]) -> Iterator[GraphError]:
    """An error for each connection and URL that holds a password. The graph may have any other error."""
    for node in objects(document.get("nodes")):
        node_id = node.get("id") if type(node.get("id")) is int else None
        connection, url, stored = connection_of(node), url_of(node), store_of(node)
        if connection is not None and holds_password(connection):
            yield _error(NO_PASSWORDS, node_id, "connection")
        if url is not None and holds_secret(url):
            yield _error(NO_SECRETS, node_id, "url")
        if stored is not None and holds_password(stored):
            yield _error(NO_KEYS, node_id, "path")


def refused_code_errors(document: Mapping[str, Any]) -> Iterator[GraphError]:
    """An error for each node that runs code, where the operator does not allow it. The graph may have any other error."""
    if not is_code_allowed():
        yield from (_error(NOT_ALLOWED, node_id, "type") for node_id in nodes_with_code(document))


def outputs_of(document: Mapping[str, Any]) -> Iterator[int]:
    """The ids of the nodes of a graph document that write rows somewhere. It may have any error."""
    for node in objects(document.get("nodes")):
        node_type = _parse_type(node.get("type"))
        if node_type is not None and not node_type.has_output and type(node.get("id")) is int:
            yield node["id"]


def files_written(document: Mapping[str, Any]) -> Iterator[str]:
    """The paths of the files that the nodes of a graph document write. The document may have any error."""
    for node in objects(document.get("nodes")):
        node_type, config = _parse_type(node.get("type")), node.get("config")
        if node_type is None or node_type.writes is None or not isinstance(config, dict):
            continue
        path = config.get(node_type.writes)
        if isinstance(path, str):
            yield path


def objects(entries: Any) -> Iterator[dict[str, Any]]:
    """The objects in a list of a document, which may hold anything else, or be no list."""
    return (
        (entry for entry in entries if isinstance(entry, dict))
        if isinstance(entries, list)
        else iter(())
    )


def _error(message: str, node_id: int | None = None, field: str | None = None) -> GraphError:
    return GraphError(node_id, field, message)


def _size_errors(entries: Any) -> Iterator[GraphError]:
    """An error for each bound on a whole graph that its nodes exceed together."""
    sizes = [_size(entry) for entry in entries if isinstance(entry, dict)] if _few(entries) else []
    characters = sum(size.characters for size in sizes)
    if characters > MAX_EXPRESSIONS:
        yield _error(
            f"all expressions together have {characters:,} characters, at most {MAX_EXPRESSIONS:,} are allowed:"
            " let a query compute some of it, or make two jobs of this one",
            field="nodes",
        )
    columns = sum(size.entries for size in sizes)
    if columns > MAX_ENTRIES:
        yield _error(
            f"all lists of columns together have {columns:,} entries, at most {MAX_ENTRIES:,} are allowed:"
            " keep all where most are kept, or make two jobs of this one",
            field="nodes",
        )


def _few(entries: Any) -> bool:
    return isinstance(entries, list) and len(entries) <= MAX_NODES


def _size(entry: dict[str, Any]) -> Size:
    node_type, config = _parse_type(entry.get("type")), entry.get("config")
    return node_type.size(config) if node_type and isinstance(config, dict) else Size()


# Nodes. A node with errors stays in the result as None, so that edges to it cause no further errors.


def _parse_nodes(entries: Any, errors: list[GraphError]) -> dict[int, Node | None]:
    if not isinstance(entries, list):
        errors.append(_error("nodes must be a list", field="nodes"))
        return {}
    if not entries:
        errors.append(_error("the graph has no nodes", field="nodes"))
    if len(entries) > MAX_NODES:
        errors.append(
            _error(
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
            errors.append(_error(f"the id {node_id} is there more than once", node_id, "id"))
            continue
        nodes[node_id] = _parse_node(node_id, entry, errors)
    return nodes


def _parse_node_id(entry: Any, place: int, errors: list[GraphError]) -> int | None:
    if not isinstance(entry, dict):
        errors.append(_error(f"entry {place} of nodes is not an object", field="nodes"))
        return None
    node_id = entry.get("id")
    if type(node_id) is not int or not 1 <= node_id <= MAX_NODE_ID:
        errors.append(
            _error(f"entry {place} of nodes has no id that is a whole number from 1 on", field="id")
        )
        return None
    return node_id


def _parse_node(node_id: int, entry: dict[str, Any], errors: list[GraphError]) -> Node | None:
    node_type = _parse_type(entry.get("type"))
    found = list(_node_errors(entry, node_type))
    errors.extend(_error(message, node_id, field) for field, message in found)
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


def _parse_type(name: Any) -> NodeType | None:
    return NODE_TYPES.get(name) if isinstance(name, str) else None


def _node_errors(
    entry: dict[str, Any], node_type: NodeType | None
) -> Iterator[tuple[str | None, str]]:
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


# Edges


def _parse_edges(
    entries: Any, nodes: Mapping[int, Node | None], errors: list[GraphError]
) -> list[Edge]:
    if not isinstance(entries, list):
        errors.append(_error("edges must be a list", field="edges"))
        return []
    if len(entries) > MAX_EDGES:
        errors.append(
            _error(
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
            errors.append(_error(message, field="edges"))
            continue
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


def output_names(node: Node | None) -> list[str]:
    """The outputs of a node as edges name them; those of a node with errors are not known."""
    ports = node.node_type.output_ports(node.config) if node else ()
    return [port.name for port in ports] or [UNNAMED]


def input_names(node: Node | None) -> list[str]:
    """The inputs of a node as edges name them."""
    ports = node.node_type.input_ports(node.config) if node else ()
    return [port.name for port in ports] or [UNNAMED]


def _edge_errors(
    edge: Edge, node_ids: set[int], earlier: Mapping[Edge, None]
) -> Iterator[GraphError]:
    named = f"the edge {edge.source} → {edge.target}"
    for end, other in ((edge.source, edge.target), (edge.target, edge.source)):
        if end not in node_ids:
            yield _error(
                f"{named} has an end that is no node: {end}",
                other if other in node_ids else None,
                "edges",
            )
    if edge.source == edge.target and edge.source in node_ids:
        yield _error(f"{named} leads from a node to itself", edge.source, "edges")
    if edge in earlier:
        yield _error(f"{named} is there more than once", edge.target, "edges")


def _port_errors(nodes: Mapping[int, Node | None], edges: list[Edge]) -> Iterator[GraphError]:
    targets = {edge.target for edge in edges}
    for node_id, node in nodes.items():
        if node is None:
            continue
        label = node.node_type.label
        if node.node_type.has_input and node_id not in targets:
            yield _error(f"{label} needs an input, and no edge leads to it", node_id, "edges")
        elif node.node_type.has_input:
            yield from _entering_errors(node, [e for e in edges if e.target == node_id])
        leaving = [edge for edge in edges if edge.source == node_id]
        if node.node_type.has_output:
            yield from _leaving_errors(node, leaving)
        elif any(edge.from_port != REJECTED or not node.node_type.rejects for edge in leaving):
            gives = _gives_none(node.node_type)
            yield _error(f"{label} {gives}, but an edge leads from it", node_id, "edges")
        if not node.node_type.has_input and node_id in targets:
            yield _error(f"{label} takes no input, but an edge leads to it", node_id, "edges")


def _gives_none(node_type: NodeType) -> str:
    only = f" but those that it rejects, by its output {REJECTED!r}"
    return "gives no rows" + (only if node_type.rejects else "")


def _entering_errors(node: Node, edges: list[Edge]) -> Iterator[GraphError]:
    label, names = node.node_type.label, input_names(node)
    unknown = [edge for edge in edges if edge.to_port not in names]
    for edge in unknown:
        yield _error(_no_port(edge, edge.to_port, label, "input", names), node.id, "edges")
    missing = set(names) - {edge.to_port for edge in edges}
    for port in node.node_type.input_ports(node.config):
        if not unknown and port.name in missing:
            yield _error(f"{label} needs rows at its input {port.name!r}", node.id, "edges")


def _leaving_errors(node: Node, edges: list[Edge]) -> Iterator[GraphError]:
    label, names = node.node_type.label, output_names(node)
    for edge in edges:
        if edge.from_port not in names:
            yield _error(_no_port(edge, edge.from_port, label, "output", names), node.id, "edges")


def _no_port(edge: Edge, named: str, label: str, side: str, names: list[str]) -> str:
    there = f"it has {listed(repr(name) if name else 'one without a name' for name in names)}"
    if names == [UNNAMED]:
        there = f"its {side} has no name, so the edge names none"
    return (
        f"the edge {edge.source} → {edge.target} names an {side} {shown(named)} of {label}: {there}"
    )


def _conflict_errors(nodes: Mapping[int, Node | None]) -> Iterator[GraphError]:
    """An error for each output that would write over what another output of the same graph writes.

    Names are compared as a database or a file system takes them: t and T, out.csv and ./out.csv are the same.
    """
    outputs = [node for node in nodes.values() if node and not node.node_type.has_output]
    yield from _same_target(outputs)
    yield from _file_and_database(outputs, [node for node in nodes.values() if node])


def _same_target(outputs: list[Node]) -> Iterator[GraphError]:
    earlier: dict[tuple[str, str], Node] = {}
    for node in outputs:
        other = earlier.setdefault(_target(node), node)
        appends = node.config.get("mode") == other.config.get("mode") == "append"
        if other is not node and not appends:
            what = "file" if node.config.get("path") else "table"
            yield _error(
                f"writes the same {what} as node {other.id}: let one of them take all the rows",
                node.id,
            )


def _file_and_database(outputs: list[Node], nodes: list[Node]) -> Iterator[GraphError]:
    """An error for each output that writes a file which another node opens as a database."""
    databases = {path: node for node in nodes if (path := _database_file(node)) is not None}
    for node in outputs:
        path = node.config.get("path")
        other = databases.get(plain_path(path)) if isinstance(path, str) else None
        if other is not None:
            yield _error(
                f"writes a file that node {other.id} opens as a database: choose another name",
                node.id,
                "path",
            )


def _target(node: Node) -> tuple[str, str]:
    if path := node.config.get("path"):
        return "", plain_path(path)
    connection, table = node.config["connection"], node.config["table"]
    where = _database_file(node) or connection.upper()
    return where, table.lower().removeprefix("main.").removeprefix("public.")


def _database_file(node: Node) -> str | None:
    """The path of the SQLite file that a node opens; None where it opens another database, or none."""
    connection = node.config.get("connection")
    if not isinstance(connection, str) or not connection.startswith("sqlite"):
        return None
    path = connection.partition("://")[2].partition("?")[0].removeprefix("/")
    return plain_path(path) if path and path != ":memory:" else None


def _cycle_errors(nodes: Mapping[int, Node | None], edges: list[Edge]) -> Iterator[GraphError]:
    """An error for each cycle. Cycles that share a node give one error."""
    left = set(nodes)
    while cycle := _find_cycle(left, edges):
        way = " → ".join(str(node_id) for node_id in cycle)
        yield _error(f"the edges {way} form a cycle", cycle[0], "edges")
        left -= set(cycle)


def _find_cycle(node_ids: set[int], edges: list[Edge]) -> list[int]:
    try:
        _sorter(node_ids, edges).prepare()
    except graphlib.CycleError as error:
        found: list[int] = error.args[1]
        return found
    return []


def _sorter(node_ids: set[int] | Mapping[int, Any], edges: Any) -> graphlib.TopologicalSorter[int]:
    sorter: graphlib.TopologicalSorter[int] = graphlib.TopologicalSorter()
    for node_id in sorted(node_ids):
        sorter.add(node_id)
    for edge in edges:
        if edge.source in node_ids and edge.target in node_ids:
            sorter.add(edge.target, edge.source)
    return sorter
