"""A runner at work: it takes runs from the queue, executes each in a slot, writes its end, and puts right what others have lost."""

from __future__ import annotations

import logging
import os
import threading
import time

from jobs.run.admission import Admission, Ticket
from jobs.run.duties import Duty
from jobs.run.execution.execution import CANCELLED, DISOWNED, SERVER_STOPPED, Execution, RunnerParts
from jobs.run.execution.executions import Executions
from jobs.run.files.service import Files
from jobs.run.previews import Previews
from jobs.run.setup import Setup
from jobs.run.starts import Starts
from jobs.run.sweeps.lost_runs import LostRuns
from jobs.run.sweeps.retention import OldRuns
from jobs.run.sweeps.waiting_runs import WaitingRuns
from jobs.run.taker import Taker
from jobs.sandbox.environment import remove_unfinished
from jobs.sandbox.interpreters import Interpreters
from jobs.store.process_identity import ProcessIdentity
from jobs.store.store import Store, StoreUnavailable
from jobs.webhooks.deliveries import Deliveries
from jobs.work.announcements import Announcer
from jobs.work.deleted_jobs import DeletedJobs
from jobs.work.run_queue import RunQueue
from progress_lib.nats.link import Link

LOG = logging.getLogger(__name__)

TICK = 0.25  # seconds between two looks at what is due
OWNER_WAIT = 2.0  # seconds that a start waits for NATS, to see whose queue that is
ANNOUNCE_WAIT = 3.0  # seconds that a stop gives the last announcements
STOP_MARGIN = 10.0  # seconds after SIGKILL to write and announce the ends


class Runner:
    """One thread takes runs, one keeps ours alive, one ends lost runs and queues waiting ones again, one deletes what is old.

    One thread calls `start` and `stop`.
    """

    def __init__(self, store: Store, link: Link, setup: Setup) -> None:
        data_dir, allowance = setup.data_dir, setup.allowance
        self.identity = ProcessIdentity.of(os.getpid())
        self.slots = setup.slots
        self._periods, self._deadlines = setup.periods, setup.deadlines
        self._store = store
        self._takes = tuple(setup.takes)
        self._queue = RunQueue(link, self._periods.ack_wait, setup.rules, takes=self._takes)
        self._interpreters = Interpreters(allowance.rules.spares)
        self._previews = Previews(link, data_dir, allowance, self._interpreters, takes=self._takes)
        self._files = Files(link, data_dir, allowance, setup.uploads)
        self._admission = self._new_admission(link, setup)
        self._announcer = Announcer(link)
        self._lost_runs = LostRuns(
            store,
            self._announcer,
            link,
            self._periods.stale_after,
            data_dir,
            lambda run, graph: remove_unfinished(run, graph, data_dir, allowance),
            setup.traces,
        )
        self._waiting_runs = WaitingRuns(store, self._queue, self._announcer)
        self._old_runs = OldRuns(store, data_dir, setup.retention, setup.kept_outputs)
        self._deleted_jobs = DeletedJobs(store, link, setup.rules)
        self._deliveries = self._new_deliveries(setup)
        self._executions = Executions()
        self._stopping = threading.Event()  # set after the taker drains
        self._taker = Taker(
            self._queue,
            self._shared_parts(link, setup),
            self._executions,
            slots=setup.slots,
            pull=self._periods.pull,
            takes=self._takes,
            on_end=self._wake_deliveries,
        )
        self._keeper = threading.Thread(target=self._keep, name="runner-keeper", daemon=True)
        self._sweeper = threading.Thread(target=self._sweep, name="runner-sweeper", daemon=True)
        self._pruner = threading.Thread(target=self._prune, name="runner-pruner", daemon=True)

    def _new_admission(self, link: Link, setup: Setup) -> Admission | None:
        if setup.issuer is None:
            return None
        own = link.twin("admission")
        return Admission(setup.nats_url, setup.issuer, self._is_at_work, own)

    def _new_deliveries(self, setup: Setup) -> Deliveries | None:
        if setup.webhooks is None:
            return None
        return Deliveries(
            self._store.webhooks,
            setup.webhooks,
            has_many_tenants=setup.has_many_tenants,
            pace=self._periods.deliveries,
        )

    def _shared_parts(self, link: Link, setup: Setup) -> RunnerParts:
        return RunnerParts(
            store=self._store,
            link=link,
            announcer=self._announcer,
            runner=self.identity,
            nats_url=setup.nats_url,
            data_dir=setup.data_dir,
            deadlines=self._deadlines,
            allowance=setup.allowance,
            interpreters=self._interpreters,
            admission=self._admission,
            traces=setup.traces,
            kept=setup.kept_outputs,
            starts=Starts(),
        )

    def why_not_ours(self) -> str:
        """Why this runner must not start: the work queue on NATS is somebody else's. "" otherwise, or when NATS is away."""
        return self._queue.why_not_ours(OWNER_WAIT)

    def start(self) -> None:
        self._interpreters.open()
        self._queue.on_cancel(self._cancel)
        if self._admission is not None:
            self._admission.start()
        self._keeper.start()
        self._sweeper.start()
        self._pruner.start()
        self._taker.start()
        self._previews.start()
        self._files.start()
        if self._deliveries is not None:
            self._deliveries.start()

    def drain(self) -> None:
        """Takes no more runs. The runs at work go on."""
        self._taker.drain()
        self._previews.drain()
        self._files.drain()

    @property
    def is_draining(self) -> bool:
        return self._taker.is_draining

    @property
    def at_work(self) -> int:
        """How many programs it has at work."""
        return len(self._executions.all())

    @property
    def kept(self) -> OldRuns:
        """What tells how much of runs is kept on this machine."""
        return self._old_runs

    @property
    def has_drained(self) -> bool:
        """Whether a drain is over: nothing runs, and no run will be taken."""
        return self._taker.has_drained and not self._executions.all()

    def stop(self) -> bool:
        """Takes no more runs, ends all programs and writes their ends. False when that took too long."""
        self._taker.drain()
        self._stopping.set()
        self._lost_runs.stop()
        self._old_runs.stop()
        self._previews.drain()
        deadline = time.monotonic() + self._deadlines.cancel + STOP_MARGIN
        self._stop_executions()
        self._previews.stop()
        self._files.stop()
        self._taker.join(STOP_MARGIN)
        for execution in self._stop_executions():  # again, for one that was just started
            execution.join(max(deadline - time.monotonic(), 0.0))
        for thread in (self._keeper, self._sweeper, self._pruner):
            thread.join(max(deadline - time.monotonic(), 0.0))
        self._leave()
        if self._deliveries is not None:
            self._deliveries.stop()
        self._interpreters.close()
        self._announcer.close(ANNOUNCE_WAIT)
        if self._admission is not None:
            self._admission.close()
        return not self._executions.all()

    def _leave(self) -> None:
        try:
            self._store.runners.leave(self.identity)
        except StoreUnavailable as error:
            LOG.warning("that this runner takes no more runs is not noted: %s", error)

    def _stop_executions(self) -> list[Execution]:
        executions = self._executions.all()
        for execution in executions:
            execution.end(SERVER_STOPPED)
        return executions

    # ---- keeping our own runs (keeper thread): short steps only, so that no beat is late

    def _keep(self) -> None:
        self._do_until_ended(
            Duty(self._periods.heartbeat, self._heartbeat),  # first: it waits for no database
            Duty(self._periods.cancel_poll, self._look_for_cancels),
            Duty(self._periods.beat, self._beat),
            Duty(self._periods.beat, self._show),
        )

    def _do_until_ended(self, *duties: Duty) -> None:
        while not (self._stopping.is_set() and not self._executions.all()):
            for duty in duties:
                duty.do_if_due()
            time.sleep(TICK)

    def _look_for_cancels(self) -> None:
        if not self._executions.all():
            return
        for run_id in self._store.cancel_requests(self.identity):
            self._end(run_id)

    def _beat(self) -> None:
        executions = {execution.run.run_id: execution for execution in self._executions.all()}
        if not executions:
            return
        still_own = self._store.beat(self.identity, executions)
        for run_id, execution in executions.items():
            if run_id not in still_own:
                execution.end(DISOWNED)

    def _show(self) -> None:
        """Shows which runs this runner takes: none while it drains."""
        takes = () if self._taker.is_draining else self._takes
        tags = [tag for tag in takes if tag is not None]
        self._store.runners.show(self.identity, tags, takes_untagged=None in takes)

    def _heartbeat(self) -> None:
        for execution in self._executions.all():
            execution.claim.heartbeat()

    # ---- putting other runs right (sweeper thread): each lost one may take seconds

    def _sweep(self) -> None:
        self._do_until_ended(
            Duty(self._periods.orphan_sweep, self._lost_runs.end_orphans),
            Duty(self._periods.lost_sweep, self._end_lost_runs),
            Duty(self._periods.queue_sweep, self._end_late_starts),
            Duty(self._periods.queue_sweep, self._waiting_runs.queue_due),
            Duty(self._periods.queue_sweep, self._queue_again),
        )

    def _prune(self) -> None:
        """(pruner thread) The first sweep over years of runs may take minutes."""
        self._do_until_ended(
            Duty(self._periods.deleted_sweep, self._deleted_jobs.sweep),
            Duty(self._periods.retention_sweep, self._old_runs.sweep),
        )

    def _end_lost_runs(self) -> None:
        self._lost_runs.end_all({execution.run.run_id for execution in self._executions.all()})

    def _end_late_starts(self) -> None:
        if self._deadlines.queued:
            self._waiting_runs.end_late_starts(self._deadlines.queued)

    def _queue_again(self) -> None:
        """Of other tags their runners look after."""
        tags = {None, *self._takes}
        self._waiting_runs.queue_again(self._periods.queue_again_after, tags)

    # ---- shared

    def _cancel(self, tenant_id: str, run_id: str) -> None:
        """(link thread) Ends a run of ours that its tenant cancels over NATS."""
        execution = self._executions.of(run_id)
        if execution is not None and execution.run.tenant_id == tenant_id:
            execution.end(CANCELLED)

    def _is_at_work(self, ticket: Ticket) -> bool:
        """(admission's link thread) Whether the ticket's run is ours and has not ended."""
        execution = self._executions.of(ticket.run_id)
        return execution is not None and Ticket.of(execution.run) == ticket

    def _end(self, run_id: str) -> None:
        execution = self._executions.of(run_id)
        if execution is not None:
            execution.end(CANCELLED)

    def _wake_deliveries(self) -> None:
        if self._deliveries is not None:
            self._deliveries.wake()
