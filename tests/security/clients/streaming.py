"""The application with streams as /events and /wait send them: for the tests of slow readers."""

import threading
from collections.abc import Iterator

from flask import Response

from tests.security.clients.impatient import app

open_streams = 0  # of /flood, in this worker


class Flood(Iterator[bytes]):
    """An event of 10 KB after another, for as long as somebody reads."""

    def __init__(self) -> None:
        global open_streams
        open_streams += 1

    def __next__(self) -> bytes:
        return b"x" * 10_000

    def close(self) -> None:
        global open_streams
        open_streams -= 1


@app.get("/flood")
def flood() -> Response:
    return Response(Flood(), content_type="text/event-stream")


@app.get("/tick")
def tick() -> Response:
    """An event each 2 s."""
    pause = threading.Event()

    def ticks() -> Iterator[bytes]:
        while not pause.wait(2.0):
            yield b"data: tick\n\n"

    return Response(ticks(), content_type="text/event-stream")


@app.get("/open-streams")
def count() -> str:
    return str(open_streams)
