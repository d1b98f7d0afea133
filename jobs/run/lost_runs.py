"""Reads the last messages of a program whose runner died before it saved them, from the stream PROGRESS."""

import contextlib
import time
from collections.abc import Iterable, Iterator

from jobs.store.node_states import NodeState
from jobs.store.records import Run
from progress_lib import MalformedProgress
from progress_lib.jetstream import JetStream, beginning
from progress_lib.nats import Link, NatsError
from progress_lib.subjects import progress_subject

STREAM = "PROGRESS"
# Seconds in which the last messages of a killed program come through the kernel and NATS
ARRIVE_WAIT = 0.2
# Seconds before the last saved state; the clocks of program and stream may differ by so much
BACK = 5.0
READ_WAIT = 5.0  # seconds for all messages; the rest is left out
PULL_WAIT = 1.0  # seconds for one batch of them


def last_words(link: Link, run: Run, saved: Iterable[NodeState]) -> list[NodeState]:
    """What the run's nodes said since `saved`, in order; nothing while NATS or its history is away.

    Call it when the program has ended.
    """
    told = [state.progress.ts for state in saved if state.progress.ts is not None]
    since = max(told, default=run.started_at or run.created_at) - BACK
    found: list[NodeState] = []
    try:
        for payload in _since(link, progress_subject(run.tenant_id, run.job_id), since):
            try:
                found.append(NodeState.parse(payload))
            except MalformedProgress:
                continue
    except NatsError:
        pass  # then the saved states count, which are about a second old
    return found


def _since(link: Link, subject: str, since: float) -> Iterator[bytes]:
    """The subject's payloads from `since` on (Unix seconds). Raises NatsError."""
    time.sleep(ARRIVE_WAIT)
    config = {"filter_subject": subject, **beginning(since)}
    deadline = time.monotonic() + READ_WAIT
    with contextlib.closing(JetStream(link).read(STREAM, config, PULL_WAIT)) as batches:
        for batch in batches:
            for message in batch:
                yield message.payload
            if time.monotonic() > deadline:
                return
