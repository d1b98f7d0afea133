"""The work queue between execute and the runners: JetStream streams that only hold run ids.

The database holds the truth; a message here is a hint that a run waits. So a lost message is queued
again by a runner's sweep, and a doubled one finds its run already taken.

Runs of jobs that ask for no tag are in the stream RUNS, which has one consumer. Those for runners with a tag are in
TAGGED_RUNS, which is made when the first one is queued, and has a consumer for each tag (docs/tags.md).
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jobs.store.records import Run
from jobs.work.queue_stream import Consumer, QueueStream, QueueUnavailable, plan
from progress_lib.nats.jetstream import ACK, IN_PROGRESS, NAK
from progress_lib.nats.link import Link, Message, Subscription
from progress_lib.nats.streams import StreamPlan, StreamRules
from progress_lib.subjects import RUNS_STREAM, TAGGED_RUNS_STREAM, check_id, stream_name

__all__ = ["ACK_WAIT", "PLAN", "TAGGED_PLAN", "Claim", "QueueUnavailable", "RunQueue"]

LOG = logging.getLogger(__name__)

# Seconds without a sign from a runner until its message goes to another. A server of a cluster that stops may have given a
# message to nobody: its run waits for so long
ACK_WAIT = 10.0
ROUND_GAP = 0.1  # seconds between two looks for messages of several kinds
REST = 5.0  # seconds until a kind whose stream does not answer is asked again: others need not wait for it
UNTAGGED = Consumer("runners")
PLAN = plan(RUNS_STREAM, "runs.*.*")
TAGGED_PLAN = plan(TAGGED_RUNS_STREAM, "runs.*.*.*")
NO_TAGGED_RUNS = "off"  # the state of TAGGED_RUNS before anybody asked for a tag


@dataclass(frozen=True, slots=True)
class Claim:
    """One message taken from the queue, which says that a run waits. Its methods answer the queue."""

    tenant_id: str
    run_id: str
    _reply: str
    _link: Link
    tag: str | None = None  # that the run asks for

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

    Any thread but the link's own may call; one thread takes.
    """

    def __init__(
        self,
        link: Link,
        ack_wait: float = ACK_WAIT,
        rules: StreamRules | None = None,
        plan: StreamPlan = PLAN,
        takes: Sequence[str | None] = (None,),
    ) -> None:
        """`takes`: the tags of the runs that `take` takes; None: of those without one."""
        self._link = link
        self._rules = rules or StreamRules()
        self._untagged = QueueStream(link, ack_wait, rules, plan)
        self._tagged = QueueStream(link, ack_wait, rules, TAGGED_PLAN)
        self._takes = list(takes)  # (taking thread); the first is asked first
        self._rest: dict[str | None, float] = {}  # (taking thread) tag → when it is asked again

    def state(self) -> str:
        """ "ok", or why a run could not be queued now: NATS is asked again after STATE_AGE.

        Runs that the queue did not take before are put in it. Waits three ANSWER_WAIT at most; any thread.
        """
        return self._untagged.state()

    def tagged_state(self) -> str:
        """The same of runs for runners with a tag; "off" where this installation has had none."""
        name = stream_name(self._link.prefix, TAGGED_RUNS_STREAM)
        if not self._tagged.is_known and not self._rules.owner.has_made(name):
            return NO_TAGGED_RUNS
        return self._tagged.state()

    def check(self, tag: str | None = None) -> None:
        """Raises QueueUnavailable, with the reason, when a run could not be queued now."""
        self._stream_of(tag).check()

    def why_not_ours(self, wait: float) -> str:
        """Why this installation must not start: the queue is somebody else's. "" when that is not known in `wait` seconds."""
        streams = {self._stream_of(tag) for tag in (None, *self._takes)}
        return next(filter(None, (stream.why_not_ours(wait) for stream in streams)), "")

    def put(self, run: Run) -> None:
        """Queues a run; harmless when it is queued already. Raises QueueUnavailable."""
        self._stream_of(run.runner_tag).put(_subject(run))

    def drop(self, run: Run) -> None:
        """Takes out the message of a run that ended before a runner took it, where nobody else may: there may be no such runner."""
        if run.runner_tag is not None:
            self._tagged.drop(_subject(run))

    def holds(self, tag: str | None = None) -> int:
        """How many messages the queue holds for a tag, those that runners have taken included. 0 when not known."""
        return self._untagged.holds() if tag is None else self._tagged.holds_for(_consumer(tag))

    def hindrance_of(self, tag: str | None = None) -> str:
        """Why runners get no runs with a tag, where somebody has paused or changed their consumer on NATS; else ""."""
        return self._stream_of(tag).hindrance_of(_consumer(tag))

    def take(self, timeout: float) -> Claim | None:
        """The next run that waits; None after `timeout` seconds. Raises QueueUnavailable.

        Of several kinds of runs each is asked in its turn, so that many of one do not hold up another's.
        """
        if len(self._takes) == 1:
            [tag] = self._takes
            message = self._stream_of(tag).take(_consumer(tag), timeout)
            return None if message is None else self._claim(message)
        deadline = time.monotonic() + timeout
        while True:
            message = self._taken_in_turn()
            if message is not None:
                return self._claim(message)
            if time.monotonic() + ROUND_GAP > deadline:
                return None
            time.sleep(ROUND_GAP)

    def _taken_in_turn(self) -> Message | None:
        """A message of the first kind that has one. QueueUnavailable only when none has: one stream may be there without the other."""
        unavailable = None
        for tag in tuple(self._takes):
            if time.monotonic() < self._rest.get(tag, 0.0):
                continue
            try:
                message = self._stream_of(tag).take_now(_consumer(tag))
            except QueueUnavailable as error:
                self._rest[tag] = time.monotonic() + REST
                unavailable = error
                continue
            if message is not None:
                self._takes.remove(tag)
                self._takes.append(tag)
                return message
        if unavailable is not None:
            raise unavailable
        return None

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

    def _stream_of(self, tag: str | None) -> QueueStream:
        return self._untagged if tag is None else self._tagged

    def _claim(self, message: Message) -> Claim | None:
        match message.subject.split("."):
            case [_, tenant_id, run_id]:
                return Claim(tenant_id, run_id, message.reply, self._link)
            case [_, tag, tenant_id, run_id]:
                return Claim(tenant_id, run_id, message.reply, self._link, tag)
        LOG.warning("message on %s in the work queue is none of ours: dropped", message.subject)
        self._link.publish(message.reply, ACK)
        return None


def _subject(run: Run) -> str:
    tag = "" if run.runner_tag is None else f"{check_id(run.runner_tag)}."
    return f"runs.{tag}{check_id(run.tenant_id)}.{check_id(run.run_id)}"


def _consumer(tag: str | None) -> Consumer:
    return UNTAGGED if tag is None else Consumer(f"runners-{tag}", f"runs.{tag}.*.*")
