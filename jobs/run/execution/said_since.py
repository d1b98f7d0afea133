"""What a run's nodes said last, as NATS keeps it: of a program that was killed, or that its runner did not hear."""

import contextlib
import time
from collections.abc import Iterable, Iterator

from jobs.store.records import Run
from jobs.store.runs.node_states import NodeState
from progress_lib import MalformedProgress
from progress_lib.nats.jetstream import JetStream, beginning
from progress_lib.nats.link import Link, NatsError, NatsTimeout
from progress_lib.subjects import PROGRESS_STREAM, progress_subject, stream_name

# Seconds in which the last messages of a killed program come through the kernel and NATS
ARRIVE_WAIT = 0.2
# Seconds before the last saved state; the clocks of program and stream may differ by so much
BACK = 5.0
READ_WAIT = 5.0  # seconds for all messages; the rest is left out
PULL_WAIT = 1.0  # seconds for one batch of them


def said_since(link: Link, run: Run, saved: Iterable[NodeState]) -> list[NodeState]:
    """What the run's nodes said since `saved`, in order; nothing while NATS or its history is away.

    Call it when the program has ended.
    """
    told = [state.progress.ts for state in saved if state.progress.ts is not None]
    since = min(max(told, default=run.started_at or run.created_at), time.time()) - BACK
    deadline = time.monotonic() + READ_WAIT
    while True:
        found: list[NodeState] = []
        try:
            for payload in _since(link, progress_subject(run.tenant_id, run.job_id), since):
                with contextlib.suppress(MalformedProgress):
                    found.append(NodeState.parse(payload))
            return found
        except NatsTimeout:  # a server that is busy
            if time.monotonic() > deadline:
                return found
        except NatsError:  # there is no history, or no server: the saved states count
            return found


def _since(link: Link, subject: str, since: float) -> Iterator[bytes]:
    """The subject's payloads from `since` on (Unix seconds). Raises NatsError."""
    time.sleep(ARRIVE_WAIT)
    config = {"filter_subject": link.prefixed(subject), **beginning(since)}
    stream = stream_name(link.prefix, PROGRESS_STREAM)
    deadline = time.monotonic() + READ_WAIT
    with contextlib.closing(JetStream(link).read(stream, config, PULL_WAIT)) as batches:
        for batch in batches:
            for message in batch:
                yield message.payload
            if time.monotonic() > deadline:
                return
