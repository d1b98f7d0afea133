"""The part of a graph that feeds a node, cut out of a document that may have errors elsewhere. Pure."""

from typing import Any

from jobs.graph.documents.reaching import reached
from jobs.graph.documents.unchecked import objects, type_named
from jobs.graph.errors import GraphError, GraphInvalid
from jobs.graph.node_type import UNNAMED
from jobs.graph.node_types import NODE_TYPES
from program_lib.rejects import REJECTED

Document = dict[str, Any]


Last = tuple[int, str | None]  # a node whose rows are shown, and by which of its outputs; None: all


def feeding_part(
    graph: Document, node_id: int, *, before: bool = False
) -> tuple[Document, list[Last]]:
    """The part of the document whose rows reach the node, and the nodes whose rows are shown.

    Those are the node itself or, since an output gives no rows, the nodes that feed an output, each by the port that
    does. With `before` it is those of any node, of one with several inputs those that feed the first of them.
    Raises GraphInvalid when the node is not there, or nothing feeds it.
    """
    nodes = _nodes(graph)
    edges = [edge for edge in objects(graph.get("edges", [])) if _is_edge(edge)]
    if node_id not in nodes:
        raise GraphInvalid([GraphError(None, "nodeId", f"the graph has no node {node_id}")])
    last: set[Last] = {(node_id, None)}
    if before or not _gives_rows(nodes[node_id]):
        into = [edge for edge in edges if edge["to"] == node_id and edge["from"] in nodes]
        first = _first_input(nodes[node_id]) if before else None
        into = [edge for edge in into if first is None or edge.get("toPort") in ("", None, first)]
        last = {(edge["from"], _port_left(edge)) for edge in into}
        if not last:
            raise GraphInvalid([GraphError(node_id, "edges", "no rows come to this node")])
    shown = {number for number, _ in last}
    wanted = shown | reached(edges, shown, forwards=False)
    if writing := [number for number in wanted & nodes.keys() if not _gives_rows(nodes[number])]:
        raise GraphInvalid(
            [
                GraphError(
                    node_id, "edges", f"what node {writing[0]} rejects is seen when the job runs"
                )
            ]
        )
    part = {
        "nodes": [node for key, node in nodes.items() if key in wanted],
        "edges": [edge for edge in edges if edge["to"] in wanted and edge["from"] in wanted],
        **_parameters(graph),
    }
    return part, sorted(last, key=str)


def _first_input(node: Document) -> str | None:
    """The name of the first of several inputs; None where the node has one, or names none well."""
    node_type, config = type_named(node.get("type")), node.get("config")
    if node_type is None:
        return None
    entries = config.get(node_type.inputs_in) if isinstance(config, dict) else None
    named = [entry.get("port") for entry in objects(entries)]
    ports = [*named, *(port.name for port in node_type.inputs)]
    return next((port for port in ports if isinstance(port, str)), None)


def rejecting_nodes(graph: Document) -> list[int]:
    """The nodes of a document whose rejected rows lead somewhere; a part of it may lack the edges that say so."""
    return sorted({edge["from"] for edge in objects(graph.get("edges")) if is_reject(graph, edge)})


def is_reject(graph: Document, edge: Document) -> bool:
    """Whether rows that a node rejects flow by this edge of a document."""
    if not _is_edge(edge) or _port_left(edge) != REJECTED:
        return False
    return any(
        _rejects(node) for node in objects(graph.get("nodes")) if node.get("id") == edge["from"]
    )


def _rejects(node: Document) -> bool:
    """Whether the node's output of that name is the one for rejected rows, and not one that its settings name so."""
    node_type, config = type_named(node.get("type")), node.get("config")
    if node_type is None or not node_type.rejects:
        return False
    entries = objects(config.get(node_type.outputs_in)) if isinstance(config, dict) else iter(())
    return all(entry.get("port") != REJECTED for entry in entries)


def _port_left(edge: Document) -> str:
    port = edge.get("fromPort")
    return port if isinstance(port, str) else UNNAMED


def file_part(graph: Document, node_id: int) -> Document:
    """The node alone that reads a file or a service, without what it says of the file's columns.

    Raises GraphInvalid when it is not there, or reads none whose columns have types.
    """
    node = _nodes(graph).get(node_id)
    if node is None:
        raise GraphInvalid([GraphError(None, "nodeId", f"the graph has no node {node_id}")])
    if not reads_typed_file(node.get("type")):
        raise GraphInvalid(
            [
                GraphError(
                    node_id,
                    "type",
                    "types are found in the file of a CSV Input, an NDJSON Input or an Excel Input, and in the first page of an HTTP Input",
                )
            ]
        )
    config = node.get("config")
    if isinstance(config, dict):
        about_columns = _fields_about_columns(node["type"])
        config = {name: value for name, value in config.items() if name not in about_columns}
    return {"nodes": [{**node, "config": config}], "edges": [], **_parameters(graph)}


def _parameters(graph: Document) -> Document:
    """What the graph declares, as it stands there."""
    return {"parameters": graph["parameters"]} if "parameters" in graph else {}


def reads_typed_file(type_name: Any) -> bool:
    """Whether nodes of this type say what the columns of a file hold."""
    return isinstance(type_name, str) and bool(_fields_about_columns(type_name))


def _fields_about_columns(type_name: str) -> set[str]:
    node_type = NODE_TYPES.get(type_name)
    fields = node_type.fields if node_type else ()
    if all(field.kind != "types" for field in fields):
        return set()
    return {field.name for field in fields if field.kind in ("types", "names")}


def _nodes(graph: Document) -> dict[int, Document]:
    return {node["id"]: node for node in objects(graph.get("nodes")) if _is_id(node.get("id"))}


def _is_id(value: Any) -> bool:
    return type(value) is int


def _is_edge(edge: Document) -> bool:
    return _is_id(edge.get("from")) and _is_id(edge.get("to"))


def _gives_rows(node: Document) -> bool:
    node_type = type_named(node.get("type"))
    return node_type is None or node_type.has_output
