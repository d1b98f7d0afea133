"""The first rows that a node of a graph gives, made by a runner and asked for over NATS.

A web worker asks on `tenant.<T>.preview` with the part of the graph that feeds the node; a runner
says at once that it took the question, starts a short program of its own for it, and answers. A
graph travels, never a program: what is run comes out of the generator here. Nothing is written:
outputs are not in that part, and databases are read only.
"""

import json
import logging
import os
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.graph.checks import Graph, GraphError, GraphInvalid, parse_graph, shortened
from jobs.graph.node_types import NODE_TYPES
from jobs.http.problems import Problem, unavailable
from jobs.program.generator import generate_preview
from jobs.sandbox.allowance import Allowance, TenantNotServed
from jobs.sandbox.confinement import confined
from jobs.sandbox.connections import ConnectionsUnusable
from jobs.sandbox.program_process import ProgramProcess
from jobs.work.fair_shares import FairPlaces, FairQueue
from jobs.work.program_log import ProgramLog
from jobs.work.run_files import program_command, reading_environment
from progress_lib.nats import Link, Message, Subscription
from progress_lib.subjects import check_id

LOG = logging.getLogger(__name__)

ROWS = 50  # of an answer
SECONDS = 8.0  # after which a program answers with what it has
KILL_AFTER = 10.0  # seconds after which it is ended: a query that does not let Python run, say
TAKEN_WAIT = 2.0  # seconds within which a runner says that it took the question
ANSWER_WAIT = KILL_AFTER + 8.0  # seconds; one other may be before ours
AT_ONCE = 3  # programs of a runner; they are short, and runs come first
AT_ONCE_EACH = 2  # of them for one tenant: the third is there for another at once
WAITING = (
    16  # questions of a runner that wait, of a megabyte each; full: the asker is told to come again
)
LONGEST_WAIT = ANSWER_WAIT - TAKEN_WAIT  # seconds after which nobody waits for the answer any more
ASKING = 8  # requests of a web worker that wait for rows; each holds a thread under gthread
LOOK_PERIOD = 0.25  # seconds between two looks whether the runner stops
MOST_ANSWER = 900_000  # bytes; NATS takes 1 MiB
MOST_SAID = 2_000  # characters of why a node failed; a database may quote the whole query

Document = dict[str, Any]


# ---------------------------------------------------------------- the part of a graph


def feeding_part(graph: Document, node_id: int) -> tuple[Document, list[int]]:
    """The document of the nodes whose rows reach the node, and the ids of those that give the rows shown.

    A node that gives no rows is left out: shown is what it would get. Errors elsewhere do not
    matter. Raises GraphInvalid where the node is not there, or nothing feeds it.
    """
    nodes = {node["id"]: node for node in _objects(graph.get("nodes")) if _is_id(node.get("id"))}
    edges = [edge for edge in _objects(graph.get("edges", [])) if _is_edge(edge)]
    if node_id not in nodes:
        raise GraphInvalid([GraphError(None, "nodeId", f"the graph has no node {node_id}")])
    last = [node_id]
    if not _gives_rows(nodes[node_id]):
        last = [edge["from"] for edge in edges if edge["to"] == node_id and edge["from"] in nodes]
        if not last:
            raise GraphInvalid([GraphError(node_id, "edges", "no rows come to this node")])
    wanted = _reaching(set(last), edges)
    part = {
        "nodes": [node for key, node in nodes.items() if key in wanted],
        "edges": [edge for edge in edges if edge["to"] in wanted and edge["from"] in wanted],
    }
    return part, sorted(set(last))


def _reaching(last: set[int], edges: list[Document]) -> set[int]:
    found: set[int] = set()
    waiting = list(last)
    while waiting:
        node_id = waiting.pop()
        if node_id not in found:
            found.add(node_id)
            waiting += [edge["from"] for edge in edges if edge["to"] == node_id]
    return found


def _objects(entries: Any) -> Iterator[Document]:
    return (
        (entry for entry in entries if isinstance(entry, dict))
        if isinstance(entries, list)
        else iter(())
    )


def _is_id(value: Any) -> bool:
    return type(value) is int


def _is_edge(edge: Document) -> bool:
    return _is_id(edge.get("from")) and _is_id(edge.get("to"))


def _gives_rows(node: Document) -> bool:
    name = node.get("type")
    node_type = NODE_TYPES.get(name) if isinstance(name, str) else None
    return node_type is None or node_type.has_output


# ---------------------------------------------------------------- the web worker's side


class PreviewRequests:
    """Asks runners for previews; a bounded number at a time, in fair shares for tenants."""

    def __init__(self, link: Link, *, has_many_tenants: bool) -> None:
        self._link = link
        self._places = FairPlaces(ASKING, has_many_tenants=has_many_tenants)

    def ask(self, tenant_id: str, graph: Document, node_id: int) -> Document:
        """{"columns", "rows", "truncated", "timedOut"}.

        Raises GraphInvalid for errors in what feeds the node, Problem: 422 the node failed, 503
        nobody can answer now, 504 it took too long.
        """
        part, last = feeding_part(graph, node_id)
        parse_graph(part)
        question = json.dumps({"graph": part, "last": last}).encode()
        if not self._places.take(tenant_id):
            raise unavailable("too many previews are being made; try again in a moment")
        try:
            answer = self._answer(tenant_id, question)
        finally:
            self._places.give_back(tenant_id)
        return _unpacked(answer)

    def _answer(self, tenant_id: str, question: bytes) -> Document:
        answers: queue.SimpleQueue[Message] = queue.SimpleQueue()
        reply = self._link.new_inbox()
        inbox = self._link.subscribe(reply, answers.put)
        try:
            if not self._link.wait_up(TAKEN_WAIT) or not self._publish(tenant_id, question, reply):
                raise unavailable("a preview needs NATS, which is away")
            first = _next(answers, TAKEN_WAIT)
            if first is None:
                raise unavailable("no runner answered: previews are made by runners")
            if not first.get("taken"):
                return first
            answer = _next(answers, ANSWER_WAIT)
            return answer or {"timeout": True}
        finally:
            self._link.unsubscribe(inbox)

    def _publish(self, tenant_id: str, question: bytes, reply: str) -> bool:
        try:
            return self._link.publish(preview_subject(tenant_id), question, reply)
        except ValueError:
            raise Problem(413, "the graph is too large for a preview") from None


def preview_subject(tenant_id: str) -> str:
    return f"tenant.{check_id(tenant_id)}.preview"


def _tenant_of(subject: str) -> str:
    return check_id(subject.split(".")[1])


def _next(answers: "queue.SimpleQueue[Message]", wait: float) -> Document | None:
    try:
        answer: Document = json.loads(answers.get(timeout=wait).payload)
        return answer
    except queue.Empty:
        return None


def _unpacked(answer: Document) -> Document:
    if "columns" in answer:
        return answer
    if "message" in answer:
        message = shortened(str(answer["message"]), MOST_SAID)
        error = {"nodeId": answer.get("nodeId"), "field": None, "message": message}
        raise Problem(422, message, errors=[error], errorCount=1)
    if answer.get("busy"):
        raise unavailable("the runner is busy with other previews; try again in a moment")
    raise Problem(504, f"no rows came within {KILL_AFTER:g} seconds")


# ---------------------------------------------------------------- the runner's side


class Previews:
    """Makes previews on threads of its own, beside the runs. `start` and `stop` from one thread."""

    def __init__(
        self, link: Link, data_dir: Path, allowance: Allowance, at_once: int = AT_ONCE
    ) -> None:
        self._link = link
        self._allowance = allowance
        self._directory = data_dir / "previews"
        self._data_dir = data_dir
        self._waiting: FairQueue[Message] = FairQueue(WAITING, AT_ONCE_EACH)
        self._subscription: Subscription | None = None
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"preview-{number}", daemon=True)
            for number in range(at_once)
        ]

    def start(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)  # of a runner that was killed
        for thread in self._threads:
            thread.start()
        self._subscription = self._link.subscribe("tenant.*.preview", self._take, group="previews")

    def drain(self) -> None:
        """Takes no more questions; harmless when repeated."""
        if self._subscription is not None:
            self._link.unsubscribe(self._subscription)
            self._subscription = None

    def stop(self) -> None:
        """Ends what is being made, and its threads; whoever waits for it is told to come again."""
        self.drain()
        self._stopping.set()
        for message in self._waiting.close():
            self._say(message, {"busy": True})
        for thread in self._threads:
            if thread.is_alive():
                thread.join(3.0)

    # ---- link thread

    def _take(self, message: Message) -> None:
        has_room = self._waiting.put(_tenant_of(message.subject), message)
        self._say(message, {"taken": True} if has_room else {"busy": True})

    # ---- own threads

    def _work(self) -> None:
        while (turn := self._waiting.take()) is not None:
            tenant_id, message, waited = turn
            try:
                self._say(message, self._outcome(message, waited))
            except Exception:
                LOG.exception("the answer to a preview is not sent")
            finally:
                self._waiting.done(tenant_id)

    def _outcome(self, message: Message, waited: float) -> Document:
        if waited > LONGEST_WAIT:
            return {"busy": True}
        try:
            return self._answer(message)
        except GraphInvalid as invalid:
            error = invalid.errors[0]
            return {"nodeId": error.node_id, "message": error.message}
        except TenantNotServed as error:
            return {"message": str(error)}
        except ConnectionsUnusable as error:
            LOG.warning("a preview is not made: %s", error)
            return {"message": error.public}
        except Exception:
            LOG.exception("a preview failed")
            return {"message": "the runner failed; its log has the details"}

    def _answer(self, message: Message) -> Document:
        question = json.loads(message.payload)
        graph = parse_graph(question["graph"])
        last = [int(node_id) for node_id in question["last"]]
        _check_reads_only(graph, last)
        program = generate_preview(graph, last=last, rows=ROWS, seconds=SECONDS)
        key = secrets.token_hex(8)
        directory = self._directory / key
        directory.mkdir(parents=True)
        try:
            source = directory / "program.py"
            source.write_text(program, encoding="utf-8")
            environment = reading_environment(
                _tenant_of(message.subject),
                graph.document(),
                self._data_dir,
                self._allowance,
                os.environ,
            )
            environment["PREVIEW_ID"] = key
            return self._run(source, confined(environment, directory.resolve(), self._allowance))
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _run(self, source: Path, environment: dict[str, str]) -> Document:
        directory = source.parent
        exited = threading.Event()
        key = environment["PREVIEW_ID"]
        process = ProgramProcess(
            program_command(source),
            directory=directory,
            environment=environment,
            mark=f"PREVIEW_ID={key}",
            limits=self._allowance.limits,
            log=ProgramLog(directory / "log.txt"),
            on_exit=exited.set,
            label=f"preview-{key[:4]}",
        )
        in_time = self._wait(exited)
        process.kill()
        exit_code = process.finish()
        broken = self._allowance.limits.broken(exit_code, process.cpu_seconds)
        found = directory / "preview.json"
        if not found.exists():
            if broken is not None:
                return {"message": broken}
            if not in_time:
                return {"timeout": True}
            return {"message": process.stderr_tail.strip() or "the program ended without an answer"}
        answer: Document = json.loads(found.read_text(encoding="utf-8"))
        return answer

    def _wait(self, exited: threading.Event) -> bool:
        """Whether the program ended by itself in its time; not when the runner stops."""
        end = time.monotonic() + KILL_AFTER
        while time.monotonic() < end and not self._stopping.is_set():
            if exited.wait(LOOK_PERIOD):
                return True
        return False

    def _say(self, message: Message, answer: Document) -> None:
        payload = json.dumps(answer).encode()
        if len(payload) > MOST_ANSWER:
            payload = json.dumps({"message": "the rows are too large to be shown"}).encode()
        if message.reply:
            self._link.publish(message.reply, payload)


def _check_reads_only(graph: Graph, last: list[int]) -> None:
    """What came over NATS is believed no more than what comes from a browser."""
    known = {node.id for node in graph.nodes}
    if not last or not known.issuperset(last):
        raise GraphInvalid([GraphError(None, None, "the question names no node of its graph")])
    for node in graph.nodes:
        if not node.node_type.has_output:
            raise GraphInvalid([GraphError(node.id, None, "an output is never part of a preview")])
