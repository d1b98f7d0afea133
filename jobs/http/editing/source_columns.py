"""The columns of nodes that only the engine knows: asked of runners, and kept for a while."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jobs.graph.documents.feeding import Document, feeding_part
from jobs.graph.documents.unchecked import objects
from jobs.graph.errors import GraphError, GraphInvalid, shortened
from jobs.graph.graph import Node
from jobs.graph.node_types import NODE_TYPES
from jobs.graph.parsing import Parts
from jobs.graph.rows.known import MOST_COLUMNS, Known
from jobs.http.problems import Problem
from jobs.http.runners.previews import PreviewRequests
from program_lib.parameters import WrongParameters
from program_lib.types import Column, type_named

FRESH = 60.0  # seconds that what was told counts: a file or a table may change
FAILED_FRESH = 10.0  # seconds until what could not be told is asked again
# Nodes of one request, each of which starts a program. Others are asked by the next one
MOST_ASKED = 8
LONGEST = 4.0  # seconds of one request after which it asks no more
MOST_SQL = 20  # SQL nodes of a graph that are asked about, each with all that feeds it
MOST_KEPT = 100_000  # columns of all that is kept, each of some hundred bytes
ASKED_BY_HAND = "the service is asked when you preview its rows"
NOT_YET = "not asked yet"


@dataclass(frozen=True, slots=True)
class Told:
    """What the engine said of a node: its columns, or why it does not tell them."""

    until: float  # time.monotonic() when it is asked again
    known: Known | None = None
    message: str = ""
    error: GraphError | None = None  # where a field of the node is at fault


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known of the nodes of a graph that only the engine knows, by their ids."""

    known: dict[int, Known]
    unread: dict[int, str]  # why nothing is
    errors: list[GraphError]
    is_pending: bool  # whether to ask again


class SourceColumns:
    """Used by all threads of a web worker."""

    def __init__(self, previews: PreviewRequests) -> None:
        self._previews = previews
        self._lock = threading.Lock()
        self._told: OrderedDict[str, Told] = OrderedDict()  # (under the lock) the oldest first
        self._kept = 0  # (under the lock) columns of all that is told

    def of(self, tenant_id: str, graph: Document, parts: Parts, given: Document) -> Sources:
        """`given`: values of parameters; others have their defaults."""
        sources = Sources({}, {}, [], False)
        end, asked, is_pending = time.monotonic() + LONGEST, 0, False
        for node in _described(parts):
            key = _key(tenant_id, graph, node, given)
            told = self._kept_of(key)
            if told is None and (asked >= MOST_ASKED or time.monotonic() > end):
                told, is_pending = Told(0.0, message=NOT_YET), True
            elif told is None:
                asked += 1
                told = self._ask(tenant_id, graph, node, given)
                self._keep(key, told)
            _note(node.id, told, sources)
        return Sources(sources.known, sources.unread, sources.errors, is_pending)

    def _kept_of(self, key: str) -> Told | None:
        with self._lock:
            told = self._told.get(key)
        return told if told is not None and told.until > time.monotonic() else None

    def _keep(self, key: str, told: Told) -> None:
        with self._lock:
            self._kept += _size(told) - _size(self._told.pop(key, None))
            self._told[key] = told
            while self._kept > MOST_KEPT:
                self._kept -= _size(self._told.popitem(last=False)[1])

    def _ask(self, tenant_id: str, graph: Document, node: Node, given: Document) -> Told:
        until = time.monotonic() + FAILED_FRESH
        if why := _why_not_asked(graph, node):
            return Told(until, message=why)
        try:
            answer = self._previews.columns(tenant_id, graph, node.id, given)
        except Problem as problem:
            return Told(until, message=str(problem.description), error=_error_of(node, problem))
        except (GraphInvalid, WrongParameters) as error:
            return Told(until, message=shortened(str(error)))
        columns = zip(answer["columns"], answer["types"], strict=True)
        if len(answer["columns"]) > MOST_COLUMNS:
            return Told(until, message=f"it has more than {MOST_COLUMNS:,} columns")
        known = Known((Column(name, type_named(of)) for name, of in columns), answer["columns"])
        return Told(time.monotonic() + FRESH, known)


def _size(told: Told | None) -> int:
    return 0 if told is None else 1 + len(told.known or ())


def _described(parts: Parts) -> Iterator[Node]:
    """Sources, then what they feed."""
    nodes = [node for node in parts.nodes.values() if node and node.node_type.is_described]
    yield from (node for node in nodes if not node.node_type.has_input)
    yield from islice((node for node in nodes if node.node_type.has_input), MOST_SQL)


def _key(tenant_id: str, graph: Document, node: Node, given: Document) -> str:
    """The same for all that is read alike, wherever it stands and whatever it is called."""
    about: list[Any] = [tenant_id, node.type, node.config, graph.get("parameters"), given]
    about.append(graph.get("runnerTag"))
    if node.node_type.has_input:
        part, _ = feeding_part(graph, node.id)
        nodes = [[one.get("id"), one.get("type"), one.get("config")] for one in part["nodes"]]
        about += [node.id, nodes, part["edges"]]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _why_not_asked(graph: Document, node: Node) -> str:
    part, _ = feeding_part(graph, node.id)
    types = [NODE_TYPES.get(str(one.get("type"))) for one in objects(part["nodes"])]
    is_by_hand = any(of is not None and of.asked_by_hand for of in types)
    return ASKED_BY_HAND if is_by_hand else ""


def _error_of(node: Node, problem: Problem) -> GraphError | None:
    """What the engine says of one of the node's fields."""
    for found in problem.members.get("errors", ()):
        if found["nodeId"] == node.id and found["field"] is not None:
            return GraphError(node.id, found["field"], found["message"])
    return None


def _note(node_id: int, told: Told, sources: Sources) -> None:
    if told.known is not None:
        sources.known[node_id] = told.known
    elif told.error is not None:
        sources.errors.append(GraphError(node_id, told.error.field, told.error.message))
    else:
        sources.unread[node_id] = told.message
