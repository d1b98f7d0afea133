"""How a web worker asks a runner for the files of a tenant, over NATS: the disk is the runner's.

A question goes to `tenant.<T>.files`, as JSON: {"do": "list", "path", "after", "limit", "search"}, {"do": "look", "path"},
{"do": "read", "path"} or {"do": "write", "path", "size", "replace"}. The answer is what was asked for, or why not:
{"status", "message"}. Reading and writing answer with {"session": <subject>}, where that runner takes the rest, one piece after
the other: a line of JSON, {"at": byte}, {"end": true} or {"drop": true}, and what is written behind it.
"""

import json
from typing import Any

from progress_lib.subjects import check_id

ANSWER_WAIT = 5.0  # seconds for any answer but the one to the end of an upload
# Seconds for that: the disk must have it all, and may have written nothing of a gigabyte until then. Proxies wait for 60
FINISH_WAIT = 50.0
# Bytes of a piece: from the slowest client that is waited for (4 KB/s) it takes half a minute
PIECE = 128 * 1024
HEAD = 200  # bytes of the line before it, at most
# Seconds without a piece after which a runner forgets a transfer
IDLE = 120.0
MOST_A_PAGE = 500  # entries of a list; 1.6 KB each at most

Document = dict[str, Any]


def files_subject(tenant_id: str) -> str:
    return f"tenant.{check_id(tenant_id)}.files"


def session_subject(tenant_id: str, runner: str, key: str) -> str:
    """Where the runner takes the pieces of one transfer. `runner`, `key`: random texts."""
    return f"tenant.{check_id(tenant_id)}.files.{runner}.{key}"


def packed(about: Document, content: bytes | memoryview = b"") -> bytes:
    """A message of a transfer: what it is about on a line, and bytes behind it."""
    return json.dumps(about).encode() + b"\n" + content


END_OF_UPLOAD = packed({"end": True})


def piece_bytes(max_payload: int) -> int:
    """How many bytes of a file one message holds, where NATS takes messages up to `max_payload`."""
    return min(PIECE, max_payload - HEAD)


def unpacked(payload: bytes) -> tuple[Document, bytes]:
    """What a message of a transfer is about, and its bytes. Raises ValueError."""
    head, _, content = payload.partition(b"\n")
    about = json.loads(head)
    if not isinstance(about, dict):
        raise ValueError("a message about a file begins with a JSON object")
    return about, content
