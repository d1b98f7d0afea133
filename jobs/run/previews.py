"""Makes previews, the first rows that a node gives, and finds columns, their types and tables, for web workers that ask.

Each question is answered by a short generated program, which writes no data. The side that asks is
jobs/http/runners/previews.py.
"""

import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jobs.graph.documents.again import Again
from jobs.graph.documents.feeding import Last, reads_typed_file
from jobs.graph.errors import GraphError, GraphInvalid
from jobs.graph.filled import checked_values
from jobs.graph.graph import Graph, Node, output_names
from jobs.graph.parsing import parse_graph
from jobs.sandbox.allowance import Allowance, NotAllowed
from jobs.sandbox.confinement import confined
from jobs.sandbox.connections import ConnectionsUnusable
from jobs.sandbox.environment import parameters_variable, reading_environment
from jobs.sandbox.interpreters import Interpreters
from jobs.sandbox.kept import KeptElsewhere, KeptVariables, beginning
from jobs.sandbox.program_process import ProgramProcess
from jobs.sandbox.resource_limits import met_limit
from jobs.store.process_identity import ProcessIdentity
from jobs.work.fair_shares import FairQueue
from jobs.work.preview_questions import (
    ANSWER_WAIT,
    KILL_AFTER,
    TAKEN_WAIT,
    Find,
    PreviewQuestion,
    is_about_kept,
    is_look,
    kept_subject,
    preview_subject,
    tenant_of,
)
from jobs.work.program_log import ProgramLog
from jobs.work.run_files import RunFiles, place_of_runs
from program_lib.parameters import WrongParameters
from progress_lib.nats.link import Link, Message, Subscription
from progress_lib.subjects import EVERY_TENANT

LOG = logging.getLogger(__name__)

ROWS = 50  # of an answer
MOST_ROWS = 200  # of a page of what an output wrote
AROUND = 20  # before a row at fault, and as many behind it
SECONDS = 8.0  # after this time a program answers with the rows it has
AT_ONCE = 3  # programs of a runner; few, since runs come first
AT_ONCE_EACH = 2  # programs of one tenant, so that one place is left for others
# Questions that wait at a runner, of up to a megabyte each. When full, the answer is "busy".
WAITING = 16
# Seconds that a question may wait here; after that the web worker no longer waits for the answer
LONGEST_WAIT = ANSWER_WAIT - TAKEN_WAIT
UNUSED = 86_400.0  # seconds until an unused directory of previews is deleted
LOOK_PERIOD = 0.25  # seconds between two looks whether the runner stops
MOST_ANSWER = 900_000  # bytes; a NATS message holds 1 MiB

Document = dict[str, Any]


class Previews:
    """Makes previews on threads of its own, beside the runs. One thread calls `start` and `stop`."""

    def __init__(
        self,
        link: Link,
        data_dir: Path,
        allowance: Allowance,
        interpreters: Interpreters,
        at_once: int = AT_ONCE,
        takes: Sequence[str | None] = (None,),
    ) -> None:
        """`takes`: the tags of the jobs whose previews it makes; None: of those that ask for none."""
        self._link = link
        self._allowance = allowance
        self._interpreters = interpreters
        self._all = data_dir / "previews"
        self._directory = self._all / str(ProcessIdentity.of(os.getpid())).replace("/", "+")
        self._data_dir = data_dir
        self._waiting: FairQueue[Message] = FairQueue(WAITING, AT_ONCE_EACH)
        # Whether something is kept needs no program, and somebody waits to execute: it waits behind none
        self._looks: FairQueue[Message] = FairQueue(WAITING, 1)
        self._takes = takes
        self._subscriptions: list[Subscription] = []
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(asked,), name=name, daemon=True)
            for asked, name in self._workers(at_once)
        ]

    def _workers(self, at_once: int) -> Iterator[tuple[FairQueue[Message], str]]:
        """What each thread takes its questions from, and its name."""
        for number in range(at_once):
            yield self._waiting, f"preview-{number}"
        yield self._looks, "kept-look"

    def start(self) -> None:
        self._remove_left_over()
        for thread in self._threads:
            thread.start()
        for tag in self._takes:
            subject = preview_subject(EVERY_TENANT, tag)
            subscription = self._link.subscribe(subject, self._take, group="previews")
            self._subscriptions.append(subscription)
        self._take_kept()

    def _take_kept(self) -> None:
        """Takes questions about what runs kept here; of a directory that cannot be written, there is nothing to tell."""
        try:
            place = place_of_runs(self._data_dir)
        except OSError as error:
            LOG.warning("nobody is told what runs kept here: %s", error)
            return
        subject = kept_subject(EVERY_TENANT, place)
        self._subscriptions.append(self._link.subscribe(subject, self._take, group="previews"))

    def drain(self) -> None:
        """Takes no more questions; harmless when repeated."""
        while self._subscriptions:
            self._link.unsubscribe(self._subscriptions.pop())

    def stop(self) -> None:
        """Ends the previews at work and the threads. Questions that wait are answered "busy"."""
        self.drain()
        self._stopping.set()
        for message in (*self._waiting.close(), *self._looks.close()):
            self._say(message, {"busy": True})
        for thread in self._threads:
            if thread.is_alive():
                thread.join(3.0)

    def _remove_left_over(self) -> None:
        """Deletes the directories of killed runners. Those of runners that live stay."""
        for directory in self._all.glob("*"):
            if _is_left_over(directory):
                shutil.rmtree(directory, ignore_errors=True)

    # ---- link thread

    def _take(self, message: Message) -> None:
        asked = self._looks if is_look(message) else self._waiting
        has_room = asked.put(tenant_of(message.subject), message)
        self._say(message, {"taken": True} if has_room else {"busy": True})

    # ---- own threads

    def _work(self, asked: FairQueue[Message]) -> None:
        while (turn := asked.take()) is not None:
            tenant_id, message, waited = turn
            try:
                self._say(message, self._outcome(message, waited))
            except Exception:
                LOG.exception("the answer to a preview is not sent")
            finally:
                asked.done(tenant_id)

    def _outcome(self, message: Message, waited: float) -> Document:
        if waited > LONGEST_WAIT:
            return {"busy": True}
        try:
            return self._answer(message)
        except GraphInvalid as invalid:
            error = invalid.errors[0]
            about = {"nodeId": error.node_id, "field": error.field}
            return {**about, "message": error.message}
        except (NotAllowed, WrongParameters) as error:
            return {"message": str(error)}
        except ConnectionsUnusable as error:
            LOG.warning("a preview is not made: %s", error)
            return {"message": error.public}
        except OSError as error:  # a full disk, say; its text may have a path of the server
            LOG.warning("a preview is not made: %s", error)
            why = error.strerror or "a fault of the system"
            return {"message": f"the preview could not be made: {why}; the runner's log says where"}
        except Exception:
            LOG.exception("a preview failed")
            return {"message": "the runner failed; its log has the details"}

    def _answer(self, message: Message) -> Document:
        tenant_id = tenant_of(message.subject)
        if is_about_kept(message):
            return self._kept(tenant_id, json.loads(message.payload))
        question = PreviewQuestion.parse(message.payload)
        graph = parse_graph(question.graph)
        values = checked_values(graph, question.parameters)
        program = _program(graph, question)
        again, begins = self._begins(tenant_id, question.again)
        variables = {**parameters_variable(values), **begins.variables}
        answer = self._answered(program, tenant_id, graph.document(), variables, begins.reads)
        if again is None or "columns" not in answer:
            return answer
        return answer | {"fromRun": again.run_id, "fromNodes": again.read}

    def _begins(self, tenant_id: str, again: Again | None) -> tuple[Again | None, KeptVariables]:
        """With which kept rows the program begins; with none where they are not here, or not any more."""
        if again is None:
            return None, KeptVariables()
        try:
            return again, beginning(self._data_dir, tenant_id, again)
        except (KeptElsewhere, OSError) as error:
            LOG.info("a preview does without what a run kept: %s", error)
            return None, KeptVariables()

    def _kept(self, tenant_id: str, question: Document) -> Document:
        """What is kept of a node of a run, or which of the nodes to `look` for are missing."""
        files = RunFiles(self._data_dir, question["run"])
        if "look" in question:
            numbers = [int(number) for number in question["look"]]
            missing = [number for number in numbers if not files.has_kept(tenant_id, number)]
            return {"columns": [], "missing": missing}
        from jobs.program.generator import generate_kept  # as in `_program`

        directory, number = files.kept(tenant_id).resolve(), int(question["node"])
        output = question.get("output")
        program = generate_kept(str(directory), number, output, rows=ROWS, seconds=SECONDS)
        return self._answered(program, tenant_id, {"nodes": []}, {}, reads=(directory,))

    def _answered(
        self,
        program: str,
        tenant_id: str,
        graph: Document,
        variables: dict[str, str],
        reads: tuple[Path, ...] = (),
    ) -> Document:
        """What the program tells, which may reach what the graph names, and reads beside that."""
        key = secrets.token_hex(8)
        directory = self._directory / key
        directory.mkdir(parents=True)
        try:
            source = directory / "program.py"
            source.write_text(program, encoding="utf-8")
            environment = reading_environment(
                tenant_id, graph, self._data_dir, self._allowance, os.environ
            )
            environment |= variables | {"PREVIEW_ID": key}
            place = directory.resolve()
            return self._run(source, confined(environment, place, self._allowance, reads))
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _run(self, source: Path, environment: dict[str, str]) -> Document:
        directory = source.parent
        exited = threading.Event()
        key = environment["PREVIEW_ID"]
        mark = f"PREVIEW_ID={key}"
        process = ProgramProcess(
            lambda: self._interpreters.run(source, environment, mark),
            mark=mark,
            limits=self._allowance.limits,
            log=ProgramLog(directory / "log.txt"),
            on_exit=exited.set,
            label=f"preview-{key[:4]}",
        )
        in_time = self._wait(exited)
        exit_code = process.finish()
        met = met_limit(self._allowance.limits, exit_code, process.cpu_seconds, process.stderr_tail)
        found = directory / "preview.json"
        if not found.exists():
            if met is not None:
                return {"message": met}
            if not in_time:
                return {"timeout": True}
            return {"message": process.stderr_tail.strip() or "the program ended without an answer"}
        answer: Document = json.loads(found.read_text(encoding="utf-8"))
        return answer

    def _wait(self, exited: threading.Event) -> bool:
        """Whether the program ended by itself within KILL_AFTER. False, too, as soon as the runner stops."""
        end = time.monotonic() + KILL_AFTER
        while time.monotonic() < end and not self._stopping.is_set():
            if exited.wait(LOOK_PERIOD):
                return True
        return False

    def _say(self, message: Message, answer: Document) -> None:
        if message.reply:
            most = min(MOST_ANSWER, self._link.max_payload)
            self._link.publish(message.reply, _fitting(answer, most))


def _fitting(answer: Document, most: int) -> bytes:
    """The answer in `most` bytes, with as many of its rows as that holds."""
    payload = json.dumps(answer).encode()
    while len(payload) > most and answer.get("rows"):
        rows = answer["rows"]
        answer = {**answer, "rows": rows[: len(rows) // 2], "truncated": True}
        payload = json.dumps(answer).encode()
    if len(payload) > most:
        payload = json.dumps(
            {"message": "the answer is too large for one message of NATS"}
        ).encode()
    return payload


def _program(graph: Graph, question: PreviewQuestion) -> str:
    # Only a preview needs the engine of templates, which takes 20 ms of a runner's start
    from jobs.program.generator import generate_preview, generate_table_search, generate_type_search

    match question.find:
        case Find.TYPES:
            return generate_type_search(
                _only_file(graph), seconds=SECONDS, parameters=graph.parameters
            )
        case Find.TABLES:
            return generate_table_search(_only_connection(graph), seconds=SECONDS)
    _check_reads_only(graph, question.last)
    rows, start = _rows_wanted(question)
    return generate_preview(
        graph,
        last=question.last,
        rejecting=question.rejecting,
        rows=rows,
        seconds=SECONDS,
        start=start,
        around=question.around,
    )


def _rows_wanted(question: PreviewQuestion) -> tuple[int, int | None]:
    """How many rows, and from which one on; None: the first ones, or those around one."""
    if question.find is Find.COLUMNS:
        return 0, None
    if question.around is not None:
        return AROUND, None
    if question.page is None:
        return ROWS, None
    start, rows = question.page
    return min(max(rows, 1), MOST_ROWS), max(start, -MOST_ROWS)


def _only_file(graph: Graph) -> Node:
    node = graph.nodes[0]
    if len(graph.nodes) > 1 or not reads_typed_file(node.type):
        raise GraphInvalid([GraphError(node.id, None, "types are found in one file at a time")])
    return node


def _only_connection(graph: Graph) -> str:
    node = graph.nodes[0]
    if len(graph.nodes) > 1 or node.type != "db_input":
        raise GraphInvalid([GraphError(node.id, None, "tables are those of one connection")])
    connection: str = node.config["connection"]
    return connection


def _is_left_over(directory: Path) -> bool:
    """Whether the directory's runner has died on this machine, or made no preview for a day."""
    try:
        runner = ProcessIdentity.parse(directory.name.replace("+", "/"))
        is_old = time.time() - directory.stat().st_mtime > UNUSED
    except (ValueError, OSError):
        return True
    return is_old or runner.is_known_dead


def _check_reads_only(graph: Graph, last: Sequence[Last]) -> None:
    """Raises GraphInvalid for a graph that writes. Questions over NATS are checked like a browser's."""
    known = {node.id for node in graph.nodes}
    if not last or not known.issuperset(node_id for node_id, _ in last):
        raise GraphInvalid([GraphError(None, None, "the question names no node of its graph")])
    for node_id, port in last:
        if port and port not in output_names(graph.node(node_id)):
            raise GraphInvalid([GraphError(node_id, "edges", f"it has no output {port!r}")])
    for node in graph.nodes:
        if not node.node_type.has_output:
            raise GraphInvalid([GraphError(node.id, None, "an output is never part of a preview")])
