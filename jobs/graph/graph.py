"""A graph that can run, in frozen types: nodes, the edges by which rows flow, and their order."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.graph.node_type import UNNAMED, NodeType
from jobs.graph.node_types import NODE_TYPES
from jobs.graph.settings.parameters import parameter_documents
from jobs.graph.settings.retries import NO_RETRIES, Retries
from program_lib.parameters import Parameter
from program_lib.rejects import REJECTED


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
            self._by_id[node_id] for node_id in sorter(self._by_id, self.edges).static_order()
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


def output_names(node: Node | None) -> list[str]:
    """The outputs of a node as edges name them; those of a node with errors are not known."""
    ports = node.node_type.output_ports(node.config) if node else ()
    return [port.name for port in ports] or [UNNAMED]


def input_names(node: Node | None) -> list[str]:
    """The inputs of a node as edges name them."""
    ports = node.node_type.input_ports(node.config) if node else ()
    return [port.name for port in ports] or [UNNAMED]


def find_cycle(node_ids: set[int], edges: list[Edge]) -> list[int]:
    """The nodes of a cycle, in order, the first also last; none where there is no cycle."""
    try:
        sorter(node_ids, edges).prepare()
    except graphlib.CycleError as error:
        found: list[int] = error.args[1]
        return found
    return []


def sorter(
    node_ids: set[int] | Mapping[int, Any], edges: Iterable[Edge]
) -> graphlib.TopologicalSorter[int]:
    """What sorts these nodes by the edges between them, those of a lower id first where that is open."""
    found: graphlib.TopologicalSorter[int] = graphlib.TopologicalSorter()
    for node_id in sorted(node_ids):
        found.add(node_id)
    for edge in edges:
        if edge.source in node_ids and edge.target in node_ids:
            found.add(edge.target, edge.source)
    return found
