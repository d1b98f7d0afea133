"""One run from its start to its end: starts the program, watches it, writes its end and announces it."""

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.graph.documents.unchecked import outputs_of
from jobs.graph.settings.retries import parse_retries
from jobs.run.admission import Admission
from jobs.run.execution.ending import (
    Ending,
    Seen,
    Silence,
    Verdict,
    broken_deadline,
    decide,
    failed,
)
from jobs.run.execution.hearing import Hearing
from jobs.run.execution.run_spans import NodeTimes, spans_of_run
from jobs.run.starts import Starts
from jobs.sandbox.allowance import Allowance, NotAllowed
from jobs.sandbox.connections import ConnectionsUnusable
from jobs.sandbox.environment import program_environment, remove_unfinished
from jobs.sandbox.interpreters import Interpreters
from jobs.sandbox.kept import KeptElsewhere, KeptVariables, beginning, keeping
from jobs.sandbox.program_process import ProgramProcess
from jobs.sandbox.resource_limits import met_limit
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Move, Started
from jobs.store.runs.kept import Kept
from jobs.store.runs.run_states import EndKind, RunStatus
from jobs.store.store import NotFound, Store, StoreUnavailable
from jobs.work.announcements import Announcer, node_announcement, status_announcement
from jobs.work.log_questions import answer, asked_start, log_subject, most_bytes
from jobs.work.program_log import ProgramLog, log_end, read_log
from jobs.work.run_files import RunFiles, place_of_runs, run_mark
from jobs.work.run_queue import Claim
from logs.complaint import Complaint
from logs.context import note
from metrics.families import RUN_TIME
from progress_lib.nats.link import Link, Message
from settings.defaults import Deadlines, KeptOutputs
from traces.traces import Traces

LOG = logging.getLogger(__name__)

SAVE_PERIOD = 1.0  # seconds between two writes of a run's node states
LOOK_PERIOD = 0.5  # seconds between two looks at the deadlines
STORE_PAUSE = 1.0  # seconds between two attempts to write a run's end
LAST_TRIES = 3  # attempts to write the end of a run once the runner stops

CANCELLED = Ending(RunStatus.CANCELLED, "cancelled", EndKind.CANCELLED)
SERVER_STOPPED = Ending(RunStatus.CANCELLED, "the server was stopped", EndKind.SERVER_STOPPED)
DISOWNED = Ending(
    RunStatus.LOST, "the run was declared lost while this runner was cut off", EndKind.LOST
)


@dataclass(frozen=True, slots=True)
class RunnerParts:
    """What all executions of a runner share."""

    store: Store
    link: Link
    announcer: Announcer
    runner: ProcessIdentity
    nats_url: str
    data_dir: Path
    deadlines: Deadlines
    allowance: Allowance
    interpreters: Interpreters
    admission: Admission | None  # None: programs come to NATS as we do
    traces: Traces
    kept: KeptOutputs
    starts: Starts


class Execution:
    """Runs one program on a thread of its own, which calls `on_end` last; where there is none, `start` does.

    Any thread may call `end`, any number of times; the first reason counts.
    """

    def __init__(
        self,
        started: Started,
        claim: Claim,
        parts: RunnerParts,
        on_end: Callable[["Execution"], None],
    ) -> None:
        run = self.run = started.run
        self.claim = claim
        self._parts = parts
        self._on_end = on_end
        self._files = RunFiles(parts.data_dir, run.run_id)
        self._inbox: queue.SimpleQueue[Ending | None] = queue.SimpleQueue()  # None: exited
        self._times = NodeTimes() if parts.traces.are_told else None  # (link thread writes)
        self._stopping = threading.Event()
        self._hearing = Hearing(run, self._files, parts.link, self._times, self._stopping)
        self._started = time.monotonic()
        self._saved = 0.0  # (own thread), as all below
        self._silence = Silence(self._started)
        self._ending: Ending | None = None
        self._graph, self._program = started.graph, started.program
        self._again = started.again
        self._keeps = bool(self._graph.get("keepOutputs"))
        self._kill_at: float | None = None
        self._complaint = Complaint()  # about the database
        self._has_started = False  # the program: what it wrote may stand
        self._exit_code: int | None = None
        self.thread = threading.Thread(target=self._live, name=f"run-{run.run_id[:8]}", daemon=True)

    def start(self) -> None:
        """On its own thread; where there is none, ends the run at once, as one whose program could not be started."""
        try:
            with self._parts.starts.watched():
                self.thread.start()
        except (RuntimeError, MemoryError) as error:
            self._end_unstarted(error)

    def join(self, timeout: float) -> None:
        if self.thread.is_alive():
            self.thread.join(timeout)

    def end(self, ending: Ending) -> None:
        """Asks for the end: the process group gets SIGTERM, and SIGKILL when it does not end in time."""
        if ending is SERVER_STOPPED:
            self._stopping.set()
        self._inbox.put(ending)

    # ---- the run's own thread

    def _live(self) -> None:
        note(tenant=self.run.tenant_id, job=self.run.job_id, run=self.run.run_id)
        LOG.info("run %s of job %s starts", self.run.run_id, self.run.job_id)
        link = self._parts.link
        answering = link.subscribe(log_subject(self.run), self._answer_about_log)
        try:
            self._run_program()
        except Exception:
            LOG.exception("run %s: the runner failed", self.run.run_id)
            verdict = failed("the runner failed; its log has the details", EndKind.RUNNER_FAILED)
            self._tell_end(replace(verdict, may_retry=not self._has_started), self._exit_code)
        finally:
            link.unsubscribe(answering)
            self.claim.ack()
            self._on_end(self)

    def _end_unstarted(self, error: Exception) -> None:
        """(the thread that called `start`)"""
        try:
            self._tell_not_started(error)
        except Exception:  # a sweep ends it as lost
            LOG.exception("run %s: the runner failed", self.run.run_id)
        finally:
            self.claim.ack()
            self._on_end(self)

    def _answer_about_log(self, message: Message) -> None:
        """(link thread) Hands on a piece of the log to a web server that cannot read our files."""
        try:
            start = asked_start(message.payload)
        except (ValueError, KeyError, TypeError):
            LOG.warning("run %s: a question about its log that nobody understands", self.run.run_id)
            return
        link = self._parts.link
        found = read_log(self._files.log, start, most_bytes(link.max_payload))
        if message.reply:
            link.publish(message.reply, answer(found))

    def _run_program(self) -> None:
        parts = self._parts
        parts.announcer.announce(status_announcement(self.run, RunStatus.RUNNING))
        self._hearing.begin()
        try:
            process = self._started_process()
        except Exception as error:
            self._hearing.end()
            self._tell_not_started(error)
            return
        self._has_started = True
        parts.starts.went()
        try:
            self._note(process)
            self._watch(process)
        finally:
            exit_code = self._exit_code = process.finish()
            waits = exit_code != 0 and self._ending is not DISOWNED
            try:
                heard_all = self._hearing.hear_rest(waits=waits)
            finally:
                self._hearing.end()
        if exit_code != 0:  # it may not have cleaned up: killed, or its code ended it at once
            remove_unfinished(self.run, self._graph, parts.data_dir, parts.allowance)
        met = met_limit(parts.allowance.limits, exit_code, process.cpu_seconds, process.stderr_tail)
        if met is not None and self._ending is None:
            self._ending = Ending(RunStatus.FAILED, met, EndKind.LIMIT)
        verdict = decide(self._seen(exit_code, process.stderr_tail, heard_all))
        self._tell_end(verdict, exit_code)

    def _started_process(self) -> ProgramProcess:
        run, parts = self.run, self._parts
        with parts.starts.watched():
            self._files.write_program(self._program)
        url = parts.admission.url_for(run) if parts.admission is not None else parts.nats_url
        environment = program_environment(
            run, self._graph, url, parts.data_dir, parts.allowance, kept=self._kept_variables()
        )
        with parts.starts.watched():
            return self._process_in(environment)

    def _process_in(self, environment: dict[str, str]) -> ProgramProcess:
        parts, mark = self._parts, run_mark(self.run.run_id)
        log = ProgramLog(self._files.log)
        try:
            return ProgramProcess(
                lambda: parts.interpreters.run(self._files.program, environment, mark),
                limits=parts.allowance.limits,
                mark=mark,
                log=log,
                on_exit=lambda: self._inbox.put(None),
                label=self.run.run_id[:8],
            )
        except BaseException:
            log.close()
            raise

    def _kept_variables(self) -> KeptVariables:
        """Raises KeptElsewhere, OSError."""
        run, parts, made = self.run, self._parts, KeptVariables()
        if self._again is not None:
            made |= beginning(parts.data_dir, run.tenant_id, self._again)
        if self._keeps:
            try:
                used = parts.store.kept_bytes(run.tenant_id)
            except StoreUnavailable as error:
                LOG.warning("run %s: its outputs are not kept: %s", run.run_id, error)
                return made
            limits = parts.allowance.limits
            try:
                made |= keeping(self._files, run.tenant_id, parts.kept, limits, used)
            except OSError as error:  # the disk is full
                LOG.warning("run %s: its outputs are not kept: %s", run.run_id, error)
        return made

    def _kept(self) -> Kept | None:
        """What the program has kept; None where it was not to keep anything."""
        if not self._keeps:
            return None
        try:
            nodes = self._files.read_kept(self.run.tenant_id)
            return Kept(place_of_runs(self._parts.data_dir), nodes)
        except OSError as error:
            LOG.warning("run %s: what it kept is not found: %s", self.run.run_id, error)
            return None

    def _note(self, process: ProgramProcess) -> None:
        try:
            mine = self._parts.store.note_program(self.run, self._parts.runner, process.identity)
        except StoreUnavailable as error:
            LOG.warning("run %s: its process is not noted: %s", self.run.run_id, error)
        else:
            if not mine:
                self.end(DISOWNED)

    def _watch(self, process: ProgramProcess) -> None:
        """Ends the program when that is asked for, or a time-out passes. Returns when it has exited."""
        while True:
            try:
                ending = self._inbox.get(timeout=LOOK_PERIOD)
            except queue.Empty:
                ending = self._broken_deadline()
            else:
                if ending is None:
                    return
            if ending is not None:
                self._bring_to_end(process, ending)
            self._keep_up(process)

    def _broken_deadline(self) -> Ending | None:
        """A NATS that stands still is up for some seconds, so that it is asked before a program is ended for its silence."""
        if self._ending is not None:
            return None
        link = self._parts.link
        if self._deadline_passed(is_heard=link.is_up) is None:
            return None
        return self._deadline_passed(is_heard=link.flush())

    def _deadline_passed(self, *, is_heard: bool) -> Ending | None:
        now, last_word = time.monotonic(), self._hearing.last_word
        silent = self._silence.look(now, last_word, is_heard=is_heard)
        return broken_deadline(
            self._parts.deadlines, now - self._started, silent, has_spoken=last_word is not None
        )

    def _bring_to_end(self, process: ProgramProcess, ending: Ending) -> None:
        if self._ending is not None:
            return
        LOG.info("run %s is ended: %s", self.run.run_id, ending.reason)
        self._ending = ending
        grace = 0.0 if ending is DISOWNED else self._parts.deadlines.cancel
        self._kill_at = time.monotonic() + grace
        process.signal_group(signal.SIGTERM)

    def _keep_up(self, process: ProgramProcess) -> None:
        now = time.monotonic()
        if self._kill_at is not None:
            if now >= self._kill_at:
                process.kill()
        elif now - self._saved >= SAVE_PERIOD:
            self._saved = now
            self._save_nodes()

    def _save_nodes(self) -> None:
        nodes = self._hearing.board.take_unsaved()
        if not nodes:
            return
        try:
            if not self._parts.store.save_nodes(self.run, self._parts.runner, nodes):
                self.end(DISOWNED)
            self._complaint.clear()
        except StoreUnavailable as error:
            self._complain(f"its node states are not saved yet: {error}")
            self._hearing.board.put_back(nodes)

    def _complain(self, why: str) -> None:
        """Logs what the database does not take."""
        if self._complaint.is_news(why):
            LOG.warning("run %s: %s", self.run.run_id, why)

    def _seen(self, exit_code: int, stderr_tail: str, heard_all: bool) -> Seen:
        return Seen(
            exit_code=exit_code,
            stderr_tail=stderr_tail,
            open_nodes=self._hearing.board.open_nodes(),
            failed_nodes=self._hearing.board.failed_nodes(),
            all_completed=self._all_completed(),
            heard_all=heard_all,
            ending=self._ending,
            committing=self._files.read_committing(),
        )

    def _all_completed(self) -> bool:
        node_ids = {node.get("id") for node in self._graph.get("nodes", [])}
        return bool(node_ids) and node_ids <= self._hearing.board.completed_ids()

    # ---- the end

    def _tell_not_started(self, error: Exception) -> None:
        is_known = isinstance(error, OSError | ConnectionsUnusable | NotAllowed | KeptElsewhere)
        text = "run %s: the program could not be started: %s"
        LOG.warning(text, self.run.run_id, error, exc_info=not is_known)
        reason = f"the program could not be started: {_public(error)}"
        self._tell_end(failed(reason, EndKind.NOT_STARTED), None)

    def _tell_end(self, verdict: Verdict, exit_code: int | None) -> None:
        """Writes the end, then tells it; when another has ended the run, that end stands."""
        outputs = list(outputs_of(self._graph))
        closings = self._hearing.board.close_open(
            verdict.close_as, verdict.close_message, outputs=() if exit_code == 0 else outputs
        )
        nodes = [*self._hearing.unheard, *closings]
        if self._parts.link.is_clustered:  # a server that died may have kept some to itself
            nodes = self._hearing.board.states()
        if not self._write_end(verdict, exit_code):
            return
        RUN_TIME.observe(time.monotonic() - self._started)
        # !r: a reason may quote the program, whose line breaks must not begin lines of our log
        why = "" if verdict.reason is None else f": {verdict.reason!r}"
        LOG.info("run %s %s%s", self.run.run_id, verdict.status, why)
        self._parts.announcer.announce(
            *(node_announcement(self.run, node) for node in nodes),
            status_announcement(self.run, verdict.status, verdict.reason),
        )
        if self._retry_after(verdict) is not None:
            self._tell_retry()
        self._tell_trace(verdict)

    def _tell_trace(self, verdict: Verdict) -> None:
        if self._times is None:
            return
        spans = spans_of_run(
            self.run,
            verdict.status,
            verdict.kind,
            self._graph,
            self._hearing.board.states(),
            self._times,
            time.time(),
        )
        self._parts.traces.tell(self.run.traceparent, *spans)

    def _write_end(self, verdict: Verdict, exit_code: int | None) -> bool:
        """Tries until the database takes the end, since a run whose end is known must not become `lost`.

        False when another process has ended the run, or this runner stops and LAST_TRIES have failed.
        """
        last_tries = LAST_TRIES
        is_in_doubt = False
        while last_tries:
            try:
                return self._move_to_end(verdict, exit_code) or (
                    is_in_doubt and self._is_our_end(verdict)
                )
            except StoreUnavailable as error:
                self._complain(f"its end is not written yet: {error}")
                is_in_doubt = True  # the end may be written, and only the answer lost
            last_tries -= self._stopping.wait(STORE_PAUSE)
        return False

    def _move_to_end(self, verdict: Verdict, exit_code: int | None) -> bool:
        move = Move(
            RunStatus.RUNNING,
            verdict.status,
            reason=verdict.reason,
            exit_code=exit_code,
            nodes=self._hearing.board.states(),
            runner=self._parts.runner,
            log=log_end(self._files.log),
            retry_after=self._retry_after(verdict),
            kept=self._kept(),
            kind=verdict.kind,
        )
        return self._parts.store.move_run(self.run.tenant_id, self.run.run_id, move)

    def _retry_after(self, verdict: Verdict) -> float | None:
        """Seconds until the run is tried again; None where it is not: only what failed by itself is."""
        run = self.run
        is_over = run.attempt >= run.attempts or not verdict.may_retry
        if verdict.status is not RunStatus.FAILED or is_over:
            return None
        return parse_retries(self._graph.get("retries"), []).wait_before(run.attempt + 1)

    def _tell_retry(self) -> None:
        """Tells that a retry waits, once the end is told that it follows."""
        try:
            retry = self._parts.store.retry_of(self.run)
        except StoreUnavailable as error:
            LOG.warning("run %s: its retry is not told: %s", self.run.run_id, error)
            return
        if retry is not None:
            LOG.info("run %s is tried again as run %s", self.run.run_id, retry.run_id)
            self._parts.announcer.announce(status_announcement(retry, RunStatus.QUEUED))

    def _is_our_end(self, verdict: Verdict) -> bool:
        try:
            now = self._parts.store.run(self.run.tenant_id, self.run.run_id)
        except NotFound:
            return False
        return (now.status, now.reason) == (verdict.status, verdict.reason)


def _public(error: Exception) -> str:
    """The error as its tenant may read it: without a host, user or path of the server."""
    if isinstance(error, ConnectionsUnusable):
        return error.public
    if isinstance(error, OSError):
        return f"{error.strerror or 'a fault of the system'}; the runner's log says where"
    return (
        str(error) if isinstance(error, NotAllowed | KeptElsewhere) else "the runner's log says why"
    )
