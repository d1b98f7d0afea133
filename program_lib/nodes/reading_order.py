"""The order in which sources are read, one after another: what a node wants first comes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from program_lib.nodes import Node, Source


def in_reading_order(nodes: Sequence[Node]) -> list[Source]:
    """The sources by their turns, and as they are given, but each after those whose rows some node wants before its own.

    Where that cannot be, as with two nodes that want it the other way round, the order is the given one: a node that
    wants rows first keeps what comes too early.
    """
    left = sorted((node for node in nodes if isinstance(node, Source)), key=lambda node: node.turn)
    earlier = _earlier(nodes)
    ordered: list[Source] = []
    while left:
        free = (source for source in left if earlier[source].isdisjoint(left))
        ordered.append(next(free, left[0]))
        left.remove(ordered[-1])
    return ordered


def handing_on(nodes: Sequence[Node]) -> list[tuple[int, int]]:
    """Which nodes hand on their first rows to which, by their numbers, one after another: where each source gives a batch."""
    found: list[tuple[int, int]] = []
    given: set[Node] = set()
    open_inputs = {node: sum(node.open_inputs.values()) for node in nodes}

    def give(node: Node) -> None:
        if node in given:
            return
        given.add(node)
        for follower, port in _followers(node):
            found.append((node.number, follower.number))
            if not follower.gathers and port not in follower.first_inputs:
                give(follower)

    def end(node: Node) -> None:
        give(node)  # it may have gathered all of its rows
        for follower, _ in _followers(node):
            open_inputs[follower] -= 1
            if not open_inputs[follower]:
                end(follower)

    for source in in_reading_order(nodes):
        end(source)
    return found


def _followers(node: Node) -> list[tuple[Node, str]]:
    """With the input that each of them gets the rows at."""
    return [inlet for inlets in node.followers.values() for inlet in inlets]


def _earlier(nodes: Sequence[Node]) -> dict[Node, set[Node]]:
    """For each source those that should be read before it."""
    found: dict[Node, set[Node]] = {node: set() for node in nodes if isinstance(node, Source)}
    for node in nodes:
        firsts = _sources(ancestors(node, node.first_inputs))
        others = _sources(ancestors(node, node.inputs.keys() - set(node.first_inputs)))
        for source in others - firsts:
            found[source] |= firsts
    return found


def _sources(nodes: Iterable[Node]) -> set[Node]:
    return {node for node in nodes if isinstance(node, Source)}


def ancestors(node: Node, ports: Iterable[str]) -> set[Node]:
    """All nodes whose rows come to these inputs of a node."""
    found: set[Node] = set()
    waiting = [feeder.node for port in ports for feeder in node.inputs.get(port, ())]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [feeder.node for feeding in one.inputs.values() for feeder in feeding]
    return found
