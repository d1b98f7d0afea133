"""Whether each node has the edges that its inputs and outputs ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jobs.graph.errors import GraphError, error_of
from jobs.graph.fields.checks import shown
from jobs.graph.graph import Edge, Node, input_names, output_names
from jobs.graph.node_type import UNNAMED, NodeType
from program_lib.rejects import REJECTED
from program_lib.types import listed


def port_errors(nodes: Mapping[int, Node | None], edges: list[Edge]) -> Iterator[GraphError]:
    """An error for each input without an edge, and for each edge whose port is not there. Nodes with errors, None, are left out."""
    targets = {edge.target for edge in edges}
    for node_id, node in nodes.items():
        if node is None:
            continue
        label = node.node_type.label
        if node.node_type.has_input and node_id not in targets:
            yield error_of(f"{label} needs an input, and no edge leads to it", node_id, "edges")
        elif node.node_type.has_input:
            yield from _entering_errors(node, [e for e in edges if e.target == node_id])
        leaving = [edge for edge in edges if edge.source == node_id]
        if node.node_type.has_output:
            yield from _leaving_errors(node, leaving)
        elif any(edge.from_port != REJECTED or not node.node_type.rejects for edge in leaving):
            gives = _gives_none(node.node_type)
            yield error_of(f"{label} {gives}, but an edge leads from it", node_id, "edges")
        if not node.node_type.has_input and node_id in targets:
            yield error_of(f"{label} takes no input, but an edge leads to it", node_id, "edges")


def _gives_none(node_type: NodeType) -> str:
    only = f" but those that it rejects, by its output {REJECTED!r}"
    return "gives no rows" + (only if node_type.rejects else "")


def _entering_errors(node: Node, edges: list[Edge]) -> Iterator[GraphError]:
    label, names = node.node_type.label, input_names(node)
    unknown = [edge for edge in edges if edge.to_port not in names]
    for edge in unknown:
        yield error_of(_no_port(edge, edge.to_port, label, "input", names), node.id, "edges")
    missing = set(names) - {edge.to_port for edge in edges}
    for port in node.node_type.input_ports(node.config):
        if not unknown and port.name in missing:
            yield error_of(f"{label} needs rows at its input {port.name!r}", node.id, "edges")


def _leaving_errors(node: Node, edges: list[Edge]) -> Iterator[GraphError]:
    label, names = node.node_type.label, output_names(node)
    for edge in edges:
        if edge.from_port not in names:
            yield error_of(_no_port(edge, edge.from_port, label, "output", names), node.id, "edges")


def _no_port(edge: Edge, named: str, label: str, side: str, names: list[str]) -> str:
    there = f"it has {listed(repr(name) if name else 'one without a name' for name in names)}"
    if names == [UNNAMED]:
        there = f"its {side} has no name, so the edge names none"
    return (
        f"the edge {edge.source} → {edge.target} names an {side} {shown(named)} of {label}: {there}"
    )
