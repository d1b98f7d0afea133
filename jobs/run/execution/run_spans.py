"""A run as spans of a trace: how long it waited, its start, and each of its nodes. Pure, but for the times that are kept.

No text of the program is in them, since a reason, or a node's message, may quote a row: a trace often goes to others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from jobs.graph.documents.unchecked import objects
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Run
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import EndKind, RunStatus
from progress_lib import Progress, Status
from traces.span import Span, Value

MOST_NODES = 1_000  # of a run; a graph has 200, and a program that says more is broken
BAD = (RunStatus.FAILED, RunStatus.LOST)


class NodeTimes:
    """When nodes were first and last heard of, in seconds since 1970. One thread writes; another reads once that is over."""

    def __init__(self) -> None:
        self._times: dict[int, tuple[float, float]] = {}

    def hear(self, progress: Progress) -> None:
        now = progress.ts or time.time()
        first, _ = self._times.get(progress.node_id, (now, now))
        self._times[progress.node_id] = (first, now)

    def of(self, progress: Progress) -> tuple[float, float]:
        """The first and the last moment of the node; what the runner says of a node that it closed is the last word, too."""
        last = progress.ts or time.time()
        first, heard = self._times.get(progress.node_id, (last, last))
        return first, max(heard, last)


def spans_of_run(
    run: Run,
    status: RunStatus,
    kind: EndKind,
    graph: Mapping[str, Any],
    nodes: Iterable[NodeState],
    times: NodeTimes,
    ended: float,
) -> tuple[Span, ...]:
    """The spans of a run that a runner had. `ended`: seconds since 1970.

    Without the nodes of one that was lost nobody knows how long its program took to start.
    """
    began = run.started_at or run.created_at
    of_nodes = _nodes(graph, list(nodes)[:MOST_NODES], times)
    spoke = min((node.began for node in of_nodes), default=ended)
    is_start_known = bool(of_nodes) or status is not RunStatus.LOST
    start = [Span("start program", began, max(spoke, began))] if is_start_known else []
    about = _about(run)
    return (
        Span("wait in queue", max(run.created_at, run.due_at or 0.0), began, about),
        Span(
            "run job",
            began,
            ended,
            {**about, **_end(run, status, kind)},
            kind.value if status in BAD else None,
            (*start, *of_nodes),
        ),
    )


def _about(run: Run) -> dict[str, Value]:
    tag: dict[str, Value] = (
        {} if run.runner_tag is None else {"progress.runner.tag": run.runner_tag}
    )
    return {
        "progress.tenant": run.tenant_id,
        "progress.job.id": run.job_id,
        "progress.job.name": run.job_name,
        "progress.run.id": run.run_id,
        "progress.run.attempt": run.attempt,
        **tag,
    }


def _end(run: Run, status: RunStatus, kind: EndKind) -> dict[str, Value]:
    end: dict[str, Value] = {"progress.run.status": status.value, "progress.run.reason": kind.value}
    if run.runner is not None:
        end["progress.machine"] = ProcessIdentity.parse(run.runner).host
    return end


def _nodes(
    graph: Mapping[str, Any], nodes: Iterable[NodeState], times: NodeTimes
) -> tuple[Span, ...]:
    types = {node.get("id"): node.get("type") for node in objects(graph.get("nodes"))}
    return tuple(_node(state.progress, types.get(state.progress.node_id), times) for state in nodes)


def _node(node: Progress, of_type: Any, times: NodeTimes) -> Span:
    began, ended = times.of(node)
    known: dict[str, Value] = {"progress.node.type": of_type} if isinstance(of_type, str) else {}
    attributes: dict[str, Value] = {
        "progress.node.id": node.node_id,
        **known,
        "progress.node.rows": node.row_count,
        "progress.node.status": node.status.value,
    }
    error = "failed" if node.status is Status.FAILED else None
    return Span(node.node_name or f"node {node.node_id}", began, ended, attributes, error)
