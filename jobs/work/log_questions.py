"""What a web server and a runner on another machine say to each other about the log of a run at work.

The question {"from": byte} goes to the one runner that has the run. The answer is {"start", "size"} on a line, and the
bytes after it.
"""

import json

from jobs.store.records import Run
from jobs.work.program_log import CHUNK, LogBytes
from progress_lib.subjects import check_id

ANSWER_WAIT = 2.0  # seconds
HEAD = 200  # bytes of the answer's first line, at most


def log_subject(run: Run) -> str:
    return f"tenant.{check_id(run.tenant_id)}.run.{check_id(run.run_id)}.log"


def question(start: int) -> bytes:
    return json.dumps({"from": start}).encode()


def asked_start(payload: bytes) -> int:
    """The byte that a question asks from. Raises ValueError."""
    start = json.loads(payload)["from"]
    if not isinstance(start, int):
        raise ValueError(f"from must be a whole number, found {start!r:.60}")
    return start


def most_bytes(max_payload: int) -> int:
    """How many bytes of a log one answer holds, where NATS takes messages up to `max_payload`."""
    return min(CHUNK, max_payload - HEAD)


def answer(found: LogBytes) -> bytes:
    head = json.dumps({"start": found.start, "size": found.size})
    return head.encode() + b"\n" + found.content


def read_answer(payload: bytes) -> LogBytes:
    head, _, content = payload.partition(b"\n")
    told = json.loads(head)
    return LogBytes(told["start"], told["size"], content)
