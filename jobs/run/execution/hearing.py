"""What a run's program says, as its runner hears it: over NATS, from the file that it leaves, and from the history of NATS."""

import logging
import threading
import time

from jobs.run.execution.run_spans import NodeTimes
from jobs.run.execution.said_since import said_since
from jobs.store.records import Run
from jobs.store.runs.node_states import NodeBoard, NodeState
from jobs.work.run_files import RunFiles
from progress_lib import MalformedProgress
from progress_lib.nats.link import Link, Message, Subscription
from progress_lib.subjects import progress_subject

LOG = logging.getLogger(__name__)

# Seconds for the first answer of a NATS that stands still, or is away; with the reading the end of a killed program's run is
# twenty seconds late at most
NATS_WAIT = 10.0
ASK_PERIOD = 0.5  # seconds between two tries


class Hearing:
    """Of one run. The run's own thread calls; `stopping` ends the wait for NATS."""

    def __init__(
        self,
        run: Run,
        files: RunFiles,
        link: Link,
        times: NodeTimes | None,
        stopping: threading.Event,
    ) -> None:
        self.board = NodeBoard(run.run_id)
        self.unheard: list[NodeState] = []  # ends of nodes that NATS has lost
        self.last_word: float | None = None  # (link thread writes) monotonic seconds
        self._run = run
        self._files = files
        self._link = link
        self._times = times  # (link thread writes)
        self._stopping = stopping
        self._connects = 0  # of the link, when the program started
        self._listening: Subscription | None = None

    def begin(self) -> None:
        """Listens. Call it before the program starts, and `end` once it has exited or did not start."""
        self._connects = self._link.connects
        subject = progress_subject(self._run.tenant_id, self._run.job_id)
        self._listening = self._link.subscribe(subject, self._heard)

    def end(self) -> None:
        assert self._listening is not None, "begin comes first"
        self._link.unsubscribe(self._listening)

    def hear_rest(self, *, waits: bool) -> bool:
        """Hears what the program said before it exited. False where something may be missing.

        A program that was killed left no file; where the caller `waits`, NATS is asked for what it said, as soon as it answers.
        """
        # NATS delivers the program's last message before the answer to this flush
        heard_all = self._link.flush() and self._link.connects == self._connects
        if self._read_last_words() or heard_all:
            return True
        if waits:
            self._read_history()
        return False

    def _heard(self, message: Message) -> None:
        """(link thread)"""
        try:
            state = NodeState.parse(message.payload)
            if self.board.see(state):
                self.last_word = time.monotonic()
                if self._times is not None:
                    self._times.hear(state.progress)
        except MalformedProgress as error:
            LOG.debug("run %s: %s", self._run.run_id, error)

    def _read_last_words(self) -> bool:
        """Reads the node states that the program wrote to a file in case NATS was away.

        False when there is no such file.
        """
        payloads = self._files.read_last_words()
        for payload in payloads or ():
            try:
                state = NodeState.parse(payload)
            except MalformedProgress as error:
                LOG.warning("run %s: its last words: %s", self._run.run_id, error)
                continue
            if self.board.see(state) and state.progress.status.is_terminal:
                self.unheard.append(state)
        return payloads is not None

    def _read_history(self) -> None:
        """What this runner has not heard of the last seconds lies at NATS, which stands still, or was away.

        Who watches will hear it, and with the end of the run its counts would go back.
        """
        LOG.info("run %s: its program's last words are looked for at NATS", self._run.run_id)
        ends_at = time.monotonic() + NATS_WAIT
        while time.monotonic() < ends_at and not self._stopping.is_set():
            if self._link.flush():
                for state in said_since(self._link, self._run, self.board.states()):
                    self.board.see(state)
                return
            self._stopping.wait(ASK_PERIOD)
