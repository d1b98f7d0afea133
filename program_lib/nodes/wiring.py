"""Puts nodes in the place of their numbers: who gets whose rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from program_lib.nodes.node import Feeder, Inlet, Node, Report


def wire(nodes: Sequence[Node], report: Report) -> None:
    """Tells each node its followers, and what feeds it. May be repeated once `feeds` has changed."""
    by_number = {node.number: node for node in nodes}
    for node in nodes:
        node.report = report
        node.followers, node.inputs, node.open_inputs = {}, {}, Counter()
    for node in nodes:
        for output, inlets in node.feeds.items():
            node.followers[output] = [_inlet(by_number, inlet) for inlet in inlets]
            for follower, port in node.followers[output]:
                follower.open_inputs[port] += 1
                follower.inputs.setdefault(port, []).append(Feeder(node, output))


def _inlet(by_number: Mapping[int, Node], inlet: Inlet) -> tuple[Node, str]:
    number, port = (inlet, None) if isinstance(inlet, int) else inlet
    node = by_number[number]
    port = node.inputs_named[0] if port is None else port
    assert port in node.inputs_named, f"{node.name} has no input {port!r}"
    return node, port
