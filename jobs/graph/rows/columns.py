"""The columns of all rows of a graph, as far as they are known before it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from jobs.graph.fields.wrong_fields import WrongField, collecting
from jobs.graph.graph import output_names
from jobs.graph.node_type import UNNAMED, declaring
from jobs.graph.rows.known import Known, in_one, rejected, texts
from program_lib.errors import ProgramError
from program_lib.parameters import Value
from program_lib.rejects import REJECTED

if TYPE_CHECKING:
    from jobs.graph.graph import Edge, Node

Outputs = dict[tuple[int, str], Known]  # by a node and one of its outputs
Wrong = list[tuple[int, WrongField]]  # by nodes
Inputs = Mapping[str, Sequence["Edge"]]


def columns_of(
    nodes: Iterable[Node],
    edges: Iterable[Edge],
    parameters: Mapping[str, Value],
    told: Mapping[int, Known],
) -> tuple[Outputs, Wrong]:
    """What is known of each output, and what does not go together with it.

    `nodes`: each after all that feed it; of edges from others nothing is known. `told`: what the engine said of the
    columns that nodes give.
    """
    nodes = list(nodes)
    entering = _by_input(edges, nodes)
    outputs: Outputs = {}
    wrong: Wrong = []
    with declaring(parameters):
        for node in nodes:
            inputs, given, errors = _looked_at(node, entering.get(node.id, {}), outputs)
            wrong += ((node.id, error) for error in errors)
            outputs |= _outputs(node, inputs, told.get(node.id, given))
    return outputs, wrong


def _by_input(edges: Iterable[Edge], nodes: Sequence[Node]) -> dict[int, dict[str, list[Edge]]]:
    """The edges to each input in the order in which a program wires its nodes: the columns of the first are those of all."""
    places = {
        (node.id, port): (rank, at)
        for rank, node in enumerate(nodes)
        for at, port in enumerate(output_names(node))
    }
    found: dict[int, dict[str, list[Edge]]] = {}
    for edge in sorted(edges, key=lambda e: places.get((e.source, e.from_port), (-1, 0))):
        found.setdefault(edge.target, {}).setdefault(edge.to_port, []).append(edge)
    return found


def _looked_at(
    node: Node, entering: Inputs, outputs: Outputs
) -> tuple[dict[str, Known], Known, list[WrongField]]:
    """What enters a node, what it gives, and what is wrong with its fields."""
    inputs: dict[str, Known] = {}
    given = Known()
    with collecting() as found:
        try:
            inputs |= _inputs(node, entering, outputs)
            given = node.node_type.columns_known(node.config, inputs)
        except WrongField as error:
            found.append(error)
    return inputs, given, found


def _inputs(node: Node, entering: Inputs, outputs: Outputs) -> dict[str, Known]:
    """Raises WrongField where the rows of several nodes do not go together."""
    together = node.node_type.together(node.config)
    try:
        return {
            port: in_one([outputs.get((e.source, e.from_port), Known()) for e in edges], together)
            for port, edges in entering.items()
        }
    except ProgramError as error:
        raise WrongField("edges", str(error)) from None


def _outputs(node: Node, inputs: Mapping[str, Known], given: Known) -> Outputs:
    node_type = node.node_type
    found = {(node.id, port): given for port in output_names(node)}
    if node_type.rejects_by_port(node.config):
        came = inputs.get(UNNAMED, Known()) if node_type.has_input else texts(given)
        found[node.id, REJECTED] = rejected(came)
    return found
