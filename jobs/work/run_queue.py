"""The work queue between execute and the runners: a JetStream stream that only holds run ids.

The database holds the truth; a message here is a hint that a run waits. So a lost message is queued
again by a runner's sweep, and a doubled one finds its run already taken.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.store.records import Run
from progress_lib.jetstream import ACK, IN_PROGRESS, NAK, JetStream, JetStreamError
from progress_lib.nats import Link, Message, NatsAway, NatsError, Subscription
from progress_lib.streams import NotOurs, OwnStream, StreamAway, StreamPlan, StreamRules, advised
from progress_lib.subjects import RUNS_STREAM, check_id

LOG = logging.getLogger(__name__)

CONSUMER = "runners"
# Seconds without a sign from a runner until its message goes to another
ACK_WAIT = 30.0
# Messages. When full, the database still has the run, and a sweep queues it later.
MAX_WAITING = 100_000
# Bytes of the stream: as many as it needs; 4 MiB, some 40,000 runs, and less where the account demands a bound
SIZES = (-1, 4 << 20, 2 << 20, 1 << 20)
# Seconds without a server that has the queue, until it is made again: a restart takes less, and nothing is lost
REMAKE_AFTER = 20.0

ANSWER_WAIT = 2.0  # seconds; a server without JetStream does not answer at all
STATE_AGE = 2.0  # seconds
ELECTION_LOOK = 0.1  # seconds between two looks whether they have
ELECTION_WAIT = 6.0  # seconds that an execute waits while the queue's other servers elect a leader
ANSWER_GRACE = 0.5  # seconds that the answer to an empty pull may be late

# Runs whose messages the queue did not take and that are put in it as soon as it does. Beyond, a sweep does that
MOST_REFUSED = 1_000
ASKED_AGAIN = 50  # of them at one look

_NOT_STORED = 10077  # JetStream's error, for several reasons
_FULL_SUBJECT = "per subject"  # in its text: this run's message is still in the queue
_FULL = ("maximum messages exceeded", "maximum bytes exceeded")

NEEDS_JETSTREAM = (
    "the work queue needs it, so start that server with -js, or name another one in NATS_URL"
)
NO_LEADER = "more than half of its servers must be there, and the user of NATS_URL must be allowed to ask ($JS.API.>)"
CONSUMER_FIRST = {"deliver_policy": "all", "max_ack_pending": -1}  # all that wait may be under way
PLAN = StreamPlan(
    RUNS_STREAM,
    subjects=("runs.*.*",),
    must={
        "retention": "workqueue",
        # A run has at most one message, so to queue it again while it waits changes nothing.
        "max_msgs_per_subject": 1,
        "discard": "new",
        "discard_new_per_subject": True,
        "no_ack": False,  # else nobody knows whether a run was queued
    },
    first={"storage": "file", "max_msgs": MAX_WAITING},
    sizes=SIZES,
    remake_after=REMAKE_AFTER,
    lost="nothing is lost, since runs that wait are in the database and are queued again",
)


class QueueUnavailable(Exception):
    """Runs cannot be queued now; the text says why."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One message taken from the queue, which says that a run waits. Its methods answer the queue."""

    tenant_id: str
    run_id: str
    _reply: str
    _link: Link

    def heartbeat(self) -> bool:
        """Tells the queue that the run lives, so that no other runner gets the message."""
        return self._link.publish(self._reply, IN_PROGRESS)

    def ack(self) -> bool:
        """Removes the message. If this gets lost, the message comes again and finds the run ended."""
        return self._link.publish(self._reply, ACK)

    def nak(self, delay: float = 0.0) -> bool:
        """Gives the message to any runner again, after `delay` seconds."""
        after = b' {"delay": %d}' % int(delay * 1e9) if delay else b""
        return self._link.publish(self._reply, NAK + after)


class RunQueue:
    """Puts runs in the queue, takes them out, and carries requests to cancel a run.

    Any thread but the link's own may call.
    """

    def __init__(
        self,
        link: Link,
        ack_wait: float = ACK_WAIT,
        rules: StreamRules | None = None,
        plan: StreamPlan = PLAN,
    ) -> None:
        self._link = link
        self._jetstream = JetStream(link)
        self._stream = OwnStream(link, plan, rules)
        self._ack_wait = ack_wait
        # Number of the link's connection on which each was last ensured; 0: it may be gone.
        self._stream_of = self._consumer_of = 0
        # By run id, oldest first; any thread, each step alone is safe
        self._refused: dict[str, Run] = {}
        self._look = threading.Lock()  # guards the two below
        self._look_again = 0.0  # monotonic seconds
        self._why_not = ""

    def state(self) -> str:
        """ "ok", or why a run could not be queued now: NATS is asked again after STATE_AGE.

        Runs that the queue did not take before are put in it. Waits three ANSWER_WAIT at most; any thread.
        """
        if not self._link.is_up:
            return "NATS is not connected"
        with self._look:
            if time.monotonic() >= self._look_again:
                self._why_not = self._look_at_it()
                self._look_again = time.monotonic() + STATE_AGE
        return self._why_not

    def _look_at_it(self) -> str:
        self._stream_of = 0  # the queue's servers may be away, though the connection is there
        try:
            self._is_there(is_last=True)
            self._put_refused()
        except QueueUnavailable as error:
            return str(error)
        return "ok"

    def _put_refused(self) -> None:
        """Puts runs in the queue whose messages it did not take. Raises QueueUnavailable when it still takes none."""
        for run in list(self._refused.values())[:ASKED_AGAIN]:
            try:
                self._publish(run)
            except NatsError as error:
                raise QueueUnavailable(self._takes_nothing(error)) from error
            self._refused.pop(run.run_id, None)

    def _takes_nothing(self, error: NatsError) -> str:
        why = advised(error) if isinstance(error, JetStreamError) else error
        where = f"the limits of the stream {self._stream.name}, and the disks of its servers"
        return f"the work queue is there and takes no runs ({why}): look at {where}"

    def check(self) -> None:
        """Raises QueueUnavailable, with the reason, when a run could not be queued now."""
        if not self._link.is_up and not self._link.wait_up(1.0):
            raise QueueUnavailable("NATS is not connected, so no runner can be told of a run")
        if self._refused and (why := self.state()) != "ok":
            raise QueueUnavailable(why)
        deadline = time.monotonic() + (ELECTION_WAIT if self._stream.has_replicas else 0.0)
        while not self._is_there(is_last=time.monotonic() >= deadline):
            time.sleep(ELECTION_LOOK)

    def _is_there(self, *, is_last: bool) -> bool:
        """False when the stream has no leader, and it is not the last look. Raises QueueUnavailable."""
        try:
            self._ensure_stream()
            return True
        except StreamAway as error:
            if is_last:
                raise QueueUnavailable(f"the work queue cannot be used: {error}") from error
            return False
        except JetStreamError as error:
            raise QueueUnavailable(f"the work queue cannot be used: {error}") from error
        except NatsAway as error:
            raise QueueUnavailable(f"NATS went away: {error}") from error
        except NatsError as error:
            why = (
                "JetStream does not answer" if self._link.has_jetstream else "NATS has no JetStream"
            )
            hint = NO_LEADER if self._link.has_jetstream else NEEDS_JETSTREAM
            raise QueueUnavailable(f"{why} ({error}): {hint}") from error

    def why_not_ours(self, wait: float) -> str:
        """Why this installation must not start: the queue is somebody else's. "" when that is not known in `wait` seconds."""
        if self._link.wait_up(wait):
            try:
                self._ensure_stream()
            except NotOurs as error:
                return str(error)
            except NatsError:
                pass  # it may be better later; `state` tells
        return ""

    def put(self, run: Run) -> None:
        """Queues a run; harmless when it is queued already.

        Raises QueueUnavailable. One whose message the queue did not take is put in it by a later `state` or `check`.
        """
        self.check()
        try:
            self._publish(run)
        except NatsError:  # the stream may be gone, though the connection is not
            self._stream_of = 0
            self.check()
            try:
                self._publish(run)
            except NatsError as error:
                self._stream_of = 0
                self._note_refused(run)
                raise QueueUnavailable(self._takes_nothing(error)) from error

    def _note_refused(self, run: Run) -> None:
        if len(self._refused) < MOST_REFUSED:
            self._refused[run.run_id] = run
        with self._look:
            self._look_again = 0.0

    def _publish(self, run: Run) -> None:
        subject = f"runs.{check_id(run.tenant_id)}.{check_id(run.run_id)}"
        try:
            self._jetstream.publish(subject, b"")
        except JetStreamError as error:
            if error.code != _NOT_STORED or not self._may_be_left(str(error)):
                raise

    def _may_be_left(self, why: str) -> bool:
        """Whether a message that was not stored is not needed: it is there, or so many others are that it waits for a sweep."""
        return _FULL_SUBJECT in why or (why.endswith(_FULL) and self.holds() > 0)

    def holds(self) -> int:
        """How many messages the queue holds, those that runners have taken included. 0 when not known."""
        try:
            told = self._jetstream.call(f"STREAM.INFO.{self._stream.name}", {}, ANSWER_WAIT)
        except NatsError:
            return 0
        return int(told["state"]["messages"])

    def take(self, timeout: float) -> Claim | None:
        """The next run that waits; None after `timeout` seconds. Raises QueueUnavailable."""
        began = time.monotonic()
        try:
            self._ensure_consumer()
            message = self._jetstream.pull(self._stream.name, CONSUMER, timeout)
        except NatsError as error:
            self._stream_of = self._consumer_of = 0
            raise QueueUnavailable(str(error)) from error
        if message is None:
            self._look_at_silence(time.monotonic() - began, timeout)
            return None
        return self._claim(message)

    def _look_at_silence(self, waited: float, timeout: float) -> None:
        """An empty pull is answered after `timeout`. Earlier, or never: the consumer is gone."""
        if timeout / 2 <= waited <= timeout + ANSWER_GRACE:
            return
        self._stream_of = self._consumer_of = 0
        if waited < timeout / 2:
            raise QueueUnavailable("the work queue has gone; it is made again")

    def tell_cancel(self, run: Run) -> bool:
        """Asks the run's runner to cancel it. False while NATS is away; the runner also reads the database."""
        subject = f"tenant.{check_id(run.tenant_id)}.run.{check_id(run.run_id)}.cancel"
        return self._link.publish(subject, b"")

    def on_cancel(self, callback: Callable[[str, str], None]) -> Subscription:
        """Calls `callback(tenant_id, run_id)` on the link's thread when a run shall be cancelled."""

        def heard(message: Message) -> None:
            _, tenant_id, _, run_id, _ = message.subject.split(".")
            callback(tenant_id, run_id)

        return self._link.subscribe("tenant.*.run.*.cancel", heard)

    def _claim(self, message: Message) -> Claim | None:
        words = message.subject.split(".")
        if len(words) == 3:
            return Claim(words[1], words[2], message.reply, self._link)
        LOG.warning("message on %s in the work queue is none of ours: dropped", message.subject)
        self._link.publish(message.reply, ACK)
        return None

    def _ensure_stream(self) -> None:
        """Makes the stream, once a connection: a server that comes back without it comes with a new one."""
        connection = self._link.connects
        if connection and self._stream_of == connection:
            return
        self._stream.open(ANSWER_WAIT)
        self._stream_of = connection

    def _ensure_consumer(self) -> None:
        connection = self._link.connects
        if connection and self._consumer_of == connection:
            return
        self._ensure_stream()
        must = {"ack_policy": "explicit", "ack_wait": int(self._ack_wait * 1e9), "max_deliver": -1}
        name = self._stream.name
        self._jetstream.ensure_consumer(name, CONSUMER, must, CONSUMER_FIRST, ANSWER_WAIT)
        self._consumer_of = connection
