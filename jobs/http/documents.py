"""Jobs and runs as JSON documents of the HTTP API. The names of their members stand only here."""

import json
from typing import Any

from jobs.graph.errors import GraphInvalid
from jobs.graph.fields.passwords import connection_of, without_password
from jobs.graph.literals import literal
from jobs.graph.notes import notes_of
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Job, JobEntry, LastRun, Rows, Run, Work
from jobs.store.runs.kept import Kept
from jobs.store.runs.node_states import NodeState
from jobs.work.announcements import present_status
from progress_lib import Status
from traces.parent import trace_id_of


def job_summary(job: Job | JobEntry) -> dict[str, Any]:
    return {
        "id": job.job_id,
        "name": job.name,
        "createdAt": job.created_at,
        "updatedAt": job.updated_at,
    }


def job_entry(job: JobEntry, *, with_runs: bool) -> dict[str, Any]:
    """A job in the list of jobs, with its last run, and where asked for those before it, too."""
    entry = {**job_summary(job), "lastRun": job.last_run and _last_run(job.last_run)}
    return {**entry, "runs": [_last_run(run) for run in job.last_runs]} if with_runs else entry


def _last_run(run: LastRun) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "status": run.status.value,
        "createdAt": run.created_at,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
    }


def job_document(job: Job) -> dict[str, Any]:
    """A job with its graph, and what that means otherwise than when it was saved."""
    return {**job_summary(job), "graph": shown_graph(job.graph), "notes": notes_of(job.graph)}


def shown_graph(graph: dict[str, Any]) -> dict[str, Any]:
    """A graph without passwords. Graphs that were stored before passwords were refused may hold some."""
    nodes = graph.get("nodes")
    return {**graph, "nodes": [_shown_node(n) for n in nodes]} if isinstance(nodes, list) else graph


def _shown_node(node: Any) -> Any:
    url = connection_of(node)
    if url is None:
        return node
    return {**node, "config": {**node["config"], "connection": without_password(url)}}


def shown_program(program: str, graph: dict[str, Any]) -> str:
    """The program's text without the passwords of the graph it was made from."""
    for url in set(filter(None, map(connection_of, graph.get("nodes") or ()))):
        shown = without_password(url)
        if shown == url:
            continue  # to search a large program for each of 200 URLs would be slow
        program = program.replace(literal(url), literal(shown)).replace(url, shown)
    return program


def run_summary(run: Run) -> dict[str, Any]:
    """A run without its nodes; times are seconds since 1970."""
    return {
        "runId": run.run_id,
        "jobId": run.job_id,
        "jobName": run.job_name,
        "status": run.status.value,
        "reason": run.reason,
        "exitCode": run.exit_code,
        "cancelRequested": run.cancel_requested_at is not None,
        "createdAt": run.created_at,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "startedBy": run.started_by,
        "parameters": dict(run.parameters),
        "attempt": run.attempt,
        "attempts": run.attempts,
        "retryOf": run.retry_of,
        "dueAt": run.due_at,
        "machine": None if run.runner is None else ProcessIdentity.parse(run.runner).host,
        "runnerTag": run.runner_tag,
        "traceId": trace_id_of(run.traceparent),
        "fromRun": run.from_run,
        "fromNode": run.from_node,
    }


def run_document(
    run: Run,
    nodes: list[NodeState],
    graph: dict[str, Any],
    queue_position: int | None,
    wait_reason: str | None,
    kept: Kept | None = None,
) -> dict[str, Any]:
    """A run with the payloads of its last messages: its status and each node's progress."""
    return {
        **run_summary(run),
        "lastStatus": present_status(run),
        "queuePosition": queue_position,
        "waitReason": wait_reason,
        "counts": _counts(nodes, graph),
        "rows": _rows(Work.of(graph, nodes).rows()),
        "nodes": [json.loads(node.payload) for node in nodes],
        "kept": kept and _kept(kept),
        "graph": shown_graph(graph),
    }


def _kept(kept: Kept) -> dict[str, Any]:
    nodes = [
        {"nodeId": number, "rows": node.rows, "bytes": node.size, "reason": node.reason}
        for number, node in sorted(kept.nodes.items())
    ]
    return {"deleted": kept.is_deleted, "nodes": nodes}


def _counts(nodes: list[NodeState], graph: dict[str, Any]) -> dict[str, int]:
    of_status = dict.fromkeys(Status, 0)
    for node in nodes:
        of_status[node.progress.status] += 1
    in_graph = graph.get("nodes")
    total = max(len(in_graph) if isinstance(in_graph, list) else 0, len(nodes))
    return {
        "nodes": total,
        "notStarted": total - len(nodes),
        **{status.value: count for status, count in of_status.items()},
    }


def run_entry(run: Run, rows: Rows, wait_reason: str | None) -> dict[str, Any]:
    """A run in a list of runs, with the rows that its graph has read, written and rejected."""
    return {**run_summary(run), "rows": _rows(rows), "waitReason": wait_reason}


def _rows(rows: Rows) -> dict[str, int]:
    return {"in": rows.read, "out": rows.written, "rejected": rows.rejected}


def progress_event(run: Run, node: NodeState) -> dict[str, Any]:
    """A node's progress, as the hub sends it over the WebSocket."""
    payload = json.loads(node.payload)
    return {"type": "job.progress", "jobId": run.job_id, "payload": payload}


def status_event(run: Run) -> dict[str, Any]:
    """A run's status, as the hub sends it over the WebSocket."""
    return {"type": "job.status", "jobId": run.job_id, "payload": present_status(run)}


def server_event(*, is_heard: bool, since: float) -> dict[str, Any]:
    """Whether NATS reaches this server, as the hub sends it over the WebSocket."""
    return {
        "type": "server.state",
        "payload": {"nats": "ok" if is_heard else "away", "since": since},
    }


def graph_errors(invalid: GraphInvalid) -> dict[str, Any]:
    """The first of its errors, and how many there are in all."""
    found = [error.document() for error in invalid.errors]
    return {"errors": found, "errorCount": invalid.count}


def first_error(invalid: GraphInvalid) -> str:
    """The first error in a sentence, with their number where there are more."""
    first = invalid.errors[0].message
    if invalid.count == 1:
        return f"the graph has an error: {first}"
    return f"the graph has {invalid.count:,} errors; the first: {first}"
