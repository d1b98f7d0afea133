"""The log of a run, wherever its runner is.

It is read from the first place that has it: the run's directory, where this server and the runner share DATA_DIR; the
database, which keeps the end of each log once the run has ended; the runner itself, over NATS, while the run is at work.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from jobs.http.problems import unavailable
from jobs.store.connections.native_thread import off_the_loop
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Run
from jobs.store.store import Store
from jobs.work.log_questions import ANSWER_WAIT, log_subject, question, read_answer
from jobs.work.program_log import NO_LOG, LogBytes, part_of, read_log
from jobs.work.run_files import RunFiles
from progress_lib.nats.link import Link, NatsError

LOG = logging.getLogger(__name__)


class Logs:
    """Reads logs for a web server; any thread may call it."""

    def __init__(self, store: Store, link: Link, data_dir: Path) -> None:
        self._store = store
        self._link = link
        self._data_dir = data_dir
        # Errors (errno) by which logs could not be read here, each told once: a page asks for a log each second
        self._told: set[int | None] = set()

    def read(self, run: Run, start: int) -> LogBytes:
        """A piece of the log from byte `start` on (negative: from the end). Raises Problem (503) where nobody has it.

        Of a run that had its runner on another machine, only the end is there: the piece may begin later than asked for.
        """
        unread = None
        try:
            found = off_the_loop(self._on_this_disk, run, start)
        except OSError as error:  # as of a runner that is another user: it is elsewhere, too
            found, unread = None, error
            self._tell(error)
        if found is not None or run.runner is None:
            return found or NO_LOG
        if not run.has_ended:
            return self._ask_runner(run, run.runner, start)
        kept = self._store.log_end(run.tenant_id, run.run_id)
        if kept is not None:
            return part_of(kept, start)
        return self._missing(run.runner, unread)

    def whole(self, run: Run) -> Iterator[bytes]:
        """All that there is of the log now, in pieces, with a line before them that says how much is missing."""
        found = self.read(run, 0)
        if found.start:
            yield f"[the first {found.start:,} bytes of this log are kept on {_machine(run.runner)} alone]\n".encode()
        end = found.size
        while found.content:
            yield found.content
            start = found.start + len(found.content)
            found = self.read(run, start) if start < end else NO_LOG

    def _on_this_disk(self, run: Run, start: int) -> LogBytes | None:
        """None where it is not. Raises OSError where it cannot be read, or looked for."""
        path = RunFiles(self._data_dir, run.run_id).log
        found = read_log(path, start)
        return None if found is NO_LOG else found

    def _tell(self, error: OSError) -> None:
        if error.errno not in self._told:
            LOG.warning("logs of runs cannot be read here: %s", error)
        self._told.add(error.errno)

    def _ask_runner(self, run: Run, runner: str, start: int) -> LogBytes:
        try:
            message = self._link.request(log_subject(run), question(start), ANSWER_WAIT)
            return read_answer(message.payload)
        except (NatsError, ValueError):
            raise unavailable(
                f"the log is kept on {_machine(runner)}, and the runner there does not answer"
            ) from None

    def _missing(self, runner: str, unread: OSError | None) -> LogBytes:
        if unread is not None:
            raise unavailable(
                f"the log cannot be read here ({unread.strerror}), and its end was not kept elsewhere"
            )
        if ProcessIdentity.parse(runner).is_of_this_host:  # its program never started
            return NO_LOG
        raise unavailable(
            f"the log is kept on {_machine(runner)}, whose runner could not hand on its end"
        )


def _machine(runner: str | None) -> str:
    return f"the machine {ProcessIdentity.parse(runner).host}" if runner else "another machine"
