"""The bytes that go to a browser: RFC 6455 frames of a server, and the envelopes inside them."""

import json
import struct

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A  # FIN set: no message of ours is fragmented
MAX_CONTROL = 125  # bytes of a control frame's payload


def frame(opcode: int, payload: bytes) -> bytes:
    """One unmasked frame with FIN set."""
    size = len(payload)
    if size < 126:
        return b"%c%c%b" % (opcode, size, payload)
    if size < 65_536:
        return struct.pack("!BBH", opcode, 126, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close frame; the reason is cut at a character's edge where it does not fit."""
    text = reason.encode()[: MAX_CONTROL - 2].decode(errors="ignore").encode()
    return frame(CLOSE, struct.pack("!H", code) + text)


def progress_frame(job_id: int, payload: bytes) -> bytes:
    """A `job.progress` message around the NATS payload, byte for byte."""
    return frame(TEXT, b'{"type":"job.progress","jobId":%d,"payload":%b}' % (job_id, payload))


def status_frame(job_id: int, payload: bytes) -> bytes:
    """A `job.status` message around the NATS payload, byte for byte."""
    return frame(TEXT, b'{"type":"job.status","jobId":%d,"payload":%b}' % (job_id, payload))


def seen_frame(job_id: int, run_id: str | None, began: float, heard: float) -> bytes:
    """A `job.seen` message: the times of the first and the last word of a run that no status tells of."""
    payload = {"runId": run_id, "began": began, "heard": heard}
    return frame(
        TEXT, json.dumps({"type": "job.seen", "jobId": job_id, "payload": payload}).encode()
    )


def brief_frame(job_id: int, status: bytes | None, heard: float, is_untold: bool) -> bytes:
    """A `job.brief` message: the last `job.status` payload, byte for byte, and when the job was heard last."""
    rest = json.dumps({"heard": heard, "untold": is_untold}).encode()[1:]
    payload = b'{"status":%b,%b' % (status or b"null", rest)
    return frame(TEXT, b'{"type":"job.brief","jobId":%d,"payload":%b}' % (job_id, payload))


def server_frame(*, is_heard: bool, since: float) -> bytes:
    """A `server.state` message: whether NATS reaches the server that sends it."""
    payload = {"nats": "ok" if is_heard else "away", "since": since}
    return frame(TEXT, json.dumps({"type": "server.state", "payload": payload}).encode())


def error_frame(code: str, message: str, job_id: int | None = None) -> bytes:
    """The answer to a request that could not be served, which was about a job where that is given."""
    told: dict[str, object] = {"type": "error", "code": code, "message": message}
    if job_id is not None:
        told["jobId"] = job_id
    return frame(TEXT, json.dumps(told).encode())
