"""What a run does that begins again at a node of a run before: which nodes run, and which stand as they were. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.graph.documents.feeding import rejecting_nodes
from jobs.graph.documents.reaching import reached
from jobs.graph.documents.unchecked import name_of, type_named

Document = dict[str, Any]


class CannotBegin(Exception):
    """The run cannot begin at that node; the text says why. `is_gone`: what it needs was there, and is not any more."""

    def __init__(self, reason: str, node_id: int | None = None, *, is_gone: bool = False) -> None:
        super().__init__(reason)
        self.node_id, self.is_gone = node_id, is_gone


@dataclass(frozen=True, slots=True)
class Stands:
    """A node that does not run again."""

    rows: int  # that it gave, or wrote
    is_read: bool  # nodes that run get these rows


@dataclass(frozen=True, slots=True)
class Again:
    """Where a run begins: the run before, the node, and the nodes that stand; what it kept is in `place`."""

    run_id: str
    node_id: int
    place: str
    nodes: Mapping[int, Stands]

    def to_json(self) -> str:
        nodes = {number: [stands.rows, stands.is_read] for number, stands in self.nodes.items()}
        told = {"run": self.run_id, "node": self.node_id, "place": self.place, "nodes": nodes}
        return json.dumps(told)

    @classmethod
    def parse(cls, text: str) -> Again:
        """What `to_json` made this of."""
        told = json.loads(text)
        nodes = {int(number): Stands(*entry) for number, entry in told["nodes"].items()}
        return cls(told["run"], told["node"], told["place"], nodes)

    @property
    def read(self) -> list[int]:
        """The nodes whose kept rows are read."""
        return sorted(number for number, stands in self.nodes.items() if stands.is_read)


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the run before."""

    run_id: str
    graph: Document
    place: str
    kept: Mapping[int, str | None]  # node → why its output was not kept; None: it was
    rows: Mapping[int, int]  # of each node, as it told last
    completed: Collection[int]  # nodes
    parameters: Mapping[str, str | None] = field(default_factory=dict)  # its values


def begin_again(before: Before, now: Document, node_id: int) -> Again:
    """What a run of the graph `now` does that begins at this node. Raises CannotBegin.

    Nodes before it stand, where they and all that feeds them are as they were, and outputs among them were written. All
    else runs, but for what leads only to ends that the run before completed, that are as they were, and that are not
    after the node.
    """
    nodes = {node["id"]: node for node in now["nodes"]}
    if node_id not in nodes:
        raise CannotBegin(f"the job has no node {node_id}")
    earlier = reached(_edges(now), [node_id], forwards=False)
    if not earlier:
        name = name_of(nodes[node_id])
        raise CannotBegin(f"nothing comes before {name}: execute the whole job", node_id)
    _check_unchanged(before.graph, now, earlier, rejecting_nodes(now))
    _check_written(before, [nodes[number] for number in sorted(earlier)])
    after = {node_id} | reached(_edges(now), [node_id], forwards=True)
    ends = [one for one in nodes if _is_end(nodes[one], now) and _runs(one, after, before, now)]
    feeding = reached(_edges(now), ends, forwards=False, stop=earlier)
    run = (feeding | set(ends)) - earlier
    read = {edge["from"] for edge in _edges(now) if edge["to"] in run} & earlier
    for number in sorted(read):
        _check_kept(before, nodes[number])
    stands = {
        number: Stands(before.rows.get(number, 0), number in read)
        for number in nodes
        if number not in run
    }
    return Again(before.run_id, node_id, before.place, stands)


def begin_preview(
    before: Before, now: Document, shown: Iterable[int], rejecting: Collection[int]
) -> Again | None:
    """What a preview of these nodes reads of a run before; None: nothing. `now`: the part of a graph that feeds them.

    On each way back from them it is the first node that was kept, and is as it was, as is all that feeds it.
    `rejecting`: the nodes of the whole graph whose rejected rows lead somewhere, of which the part need not know.
    """
    read, run = set[int](), set[int]()
    waiting = list(shown)
    while waiting:
        number = waiting.pop()
        if number in read | run:
            continue
        if _is_kept(before, number) and _is_unchanged(before, now, number, rejecting):
            read.add(number)
        else:
            run.add(number)
            waiting += [edge["from"] for edge in _edges(now) if edge["to"] == number]
    if not read:
        return None
    stands = {
        node["id"]: Stands(before.rows.get(node["id"], 0), node["id"] in read)
        for node in now["nodes"]
        if node["id"] not in run
    }
    return Again(before.run_id, min(read), before.place, stands)


def _is_kept(before: Before, number: int) -> bool:
    return before.kept.get(number, "") is None


def _is_unchanged(before: Before, now: Document, number: int, rejecting: Collection[int]) -> bool:
    """Whether a node is what it was in the run before, as is all that feeds it."""
    earlier = reached(_edges(now), [number], forwards=False)
    try:
        _check_unchanged(before.graph, now, {number, *earlier}, rejecting)
    except CannotBegin:
        return False
    return True


def _is_end(node: Document, now: Document) -> bool:
    """Whether nothing follows a node but, of an output, what it rejects."""
    return _writes(node) or not _next(now, node["id"])


def _writes(node: Document) -> bool:
    """Whether a node is an output."""
    node_type = type_named(node.get("type"))
    return node_type is not None and not node_type.has_output


def _runs(end: int, after: Collection[int], before: Before, now: Document) -> bool:
    if end in after or end not in before.completed:
        return True
    return not _is_unchanged(before, now, end, rejecting_nodes(now))


def _check_written(before: Before, earlier: Iterable[Document]) -> None:
    """Raises CannotBegin for an output that was not written: rows that it rejects may have led on, and been kept."""
    for node in earlier:
        if _writes(node) and node["id"] not in before.completed:
            raise CannotBegin(
                f"{name_of(node)} was not written in that run, and would not be now: begin at it, or before it",
                node["id"],
            )


def _check_kept(before: Before, node: Document) -> None:
    number, name = node["id"], name_of(node)
    if _writes(node):
        raise CannotBegin(
            f"what {name} rejects is not kept, as of no output: begin at it, or before it", number
        )
    if number not in before.kept:
        raise CannotBegin(f"nothing was kept of {name}: that run had not come so far", number)
    if (reason := before.kept[number]) is not None:
        raise CannotBegin(f"what {name} gave was not kept: {reason}", number)


def _check_unchanged(
    before: Document, now: Document, earlier: Iterable[int], rejecting: Collection[int]
) -> None:
    """Raises CannotBegin for a node that is not what it was in the run before, or gets its rows otherwise.

    `rejecting`: nodes whose rejected rows lead somewhere now.
    """
    then = {node["id"]: node for node in before["nodes"]}
    rejecting_then = rejecting_nodes(before)
    if not declare_the_same(before, now):
        raise CannotBegin("the parameters that the job declares have changed since that run")
    for node in now["nodes"]:
        number, name = node["id"], name_of(node)
        if number not in earlier:
            continue
        if number not in then:
            raise CannotBegin(f"{name} was not there in that run", number)
        if any(then[number].get(of) != node.get(of) for of in ("type", "config")):
            raise CannotBegin(f"{name} has changed since that run", number)
        if _feeds(before, number) != _feeds(now, number):
            raise CannotBegin(f"{name} gets its rows otherwise than in that run", number)
        if (number in rejecting_then) != (number in rejecting):
            raise CannotBegin(f"{name} rejects rows in one of the two runs alone", number)


def declare_the_same(one: Document, other: Document) -> bool:
    """Whether two graphs declare the same parameters, so that the values of one are values of the other."""
    return bool((one.get("parameters") or []) == (other.get("parameters") or []))


def _feeds(graph: Document, number: int) -> list[tuple[int, str, str]]:
    """The edges to a node, in their order: it decides the order of rows."""
    return [
        (edge["from"], edge.get("fromPort") or "", edge.get("toPort") or "")
        for edge in _edges(graph)
        if edge["to"] == number
    ]


def _edges(graph: Document) -> list[Document]:
    return graph.get("edges") or []


def _next(graph: Document, number: int) -> list[int]:
    return [edge["to"] for edge in _edges(graph) if edge["from"] == number]
