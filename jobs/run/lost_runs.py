"""What a run's program said last, when its runner died before that was saved: from the stream PROGRESS."""

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
ARRIVE_WAIT = 0.2  # seconds; what a killed program sent is on its way through the kernel and NATS
BACK = 5.0  # seconds before the last saved state: the program's and the stream's clocks may differ
READ_WAIT = 5.0  # seconds for all of them; then what was read must do
PULL_WAIT = 1.0  # seconds for some


def last_words(link: Link, run: Run, saved: Iterable[NodeState]) -> list[NodeState]:
    """What its nodes said since `saved`, in order; nothing while NATS or its history is away.

    For a run whose program has ended.
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
        pass  # the saved states, a second or so old, are what is known
    return found


def _since(link: Link, subject: str, since: float) -> Iterator[bytes]:
    """Raises NatsError."""
    time.sleep(ARRIVE_WAIT)
    config = {"filter_subject": subject, **beginning(since)}
    deadline = time.monotonic() + READ_WAIT
    with contextlib.closing(JetStream(link).read(STREAM, config, PULL_WAIT)) as batches:
        for batch in batches:
            for message in batch:
                yield message.payload
            if time.monotonic() > deadline:
                return
