"""Old runs go, with their logs and files, and old deliveries: what is kept has a bound, on every machine."""

import logging
import threading
from pathlib import Path

from jobs.store.store import Store
from jobs.work.run_files import (
    RunFiles,
    all_runs,
    run_directories,
    runs_that_kept,
    sizes_of_runs,
)
from settings.defaults import KeptOutputs, Retention

LOG = logging.getLogger(__name__)

AT_ONCE = 200  # runs of one transaction: others wait for it on SQLite
PAUSE = 0.1  # seconds between two of them
DAY = 86_400.0


class OldRuns:
    """The sweep over what is kept, for one runner. It runs on one thread; any thread may call `stop`. Raises StoreUnavailable.

    The database is every machine's, its files are this machine's alone: each runner deletes the files of runs that the
    database does not know any more, whoever deleted them.
    """

    def __init__(
        self,
        store: Store,
        data_dir: Path,
        retention: Retention,
        kept: KeptOutputs,
    ) -> None:
        self._store = store
        self._data_dir = data_dir
        self._retention = retention
        self._kept = kept
        self._stopping = threading.Event()
        # Bytes of logs and other files of runs on this machine, after the last sweep
        self.sizes: dict[str, int] = {}

    def stop(self) -> None:
        self._stopping.set()

    def sweep(self) -> None:
        deleted = self._delete_runs()
        if deleted:
            LOG.info("%d runs that were older than what is kept are deleted", deleted)
        self._delete_deliveries()
        self._delete_files()
        self._delete_kept()
        self.sizes = sizes_of_runs(self._data_dir)

    def _delete_runs(self) -> int:
        keep, deleted = self._retention, 0
        while not self._stopping.is_set():
            found = 0
            if keep.days:
                found += self._store.sweeps.delete_older(keep.days * DAY, AT_ONCE)
            if keep.runs_per_job:
                found += self._store.sweeps.delete_beyond(keep.runs_per_job, AT_ONCE)
            if not found:
                break
            deleted += found
            self._stopping.wait(PAUSE)
        return deleted

    def _delete_deliveries(self) -> None:
        days = self._retention.deliveries_days
        while days and not self._stopping.is_set():
            if not self._store.webhooks.delete_older(days * DAY, AT_ONCE):
                break
            self._stopping.wait(PAUSE)

    def _delete_kept(self) -> None:
        """What nodes gave goes before its run does; of runs that have not ended it stays.

        The row goes first, and then the files: no row may promise files that are gone. So it does for runs of other
        machines, which may be gone with their files.
        """
        seconds = self._kept.days * DAY
        while not self._stopping.is_set():
            if not (old := self._store.sweeps.kept_longer(seconds, AT_ONCE)):
                break
            self._store.forget_kept(old)
        kept = runs_that_kept(self._data_dir)
        for start in range(0, len(kept), AT_ONCE):
            for run_id in self._store.sweeps.ended_of(kept[start:][:AT_ONCE], ago=seconds):
                if self._stopping.is_set():
                    return
                RunFiles(self._data_dir, run_id).remove_kept()

    def _delete_files(self) -> None:
        directories = run_directories(self._data_dir)
        known: set[str] = set()
        for start in range(0, len(directories), AT_ONCE):
            known |= self._store.sweeps.known_runs(directories[start:][:AT_ONCE])
        if directories and not known:
            # as with another DATABASE_URL by mistake; the files of a last run that was deleted go after the next one
            LOG.debug("no run of %s is in the database: its files stay", all_runs(self._data_dir))
            return
        for name in directories:
            if name not in known and not self._stopping.is_set():
                RunFiles(self._data_dir, name).remove()
