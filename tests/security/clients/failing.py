"""The application with routes that fail, with what their exceptions say: for the test of logs."""

import logging
import threading
from collections.abc import Iterator

from flask import Response, request

from wsgi import app


@app.get("/fail")
def fail() -> str:
    said = f"cannot use {request.full_path} with {request.headers.get('Authorization')}"
    logging.getLogger("app").warning("told: %s", said)
    raise RuntimeError(said)


@app.get("/fail-in-thread")
def fail_in_thread() -> str:
    said = f"a thread had {request.full_path}"

    def work() -> None:
        raise RuntimeError(said)

    threading.Thread(target=work, name="doomed").start()
    return "started"


@app.get("/fail-late")
def fail_late() -> Response:
    said = f"late: {request.full_path}"

    def body() -> Iterator[bytes]:
        yield b"a"
        raise RuntimeError(said)

    return Response(body())


__all__ = ["app"]
