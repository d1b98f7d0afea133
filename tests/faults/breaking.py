"""The application in a gthread worker whose main loop fails once the file DATA_DIR/break is there."""

import os
from pathlib import Path
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from wsgi import app

BREAK = Path(os.environ["DATA_DIR"]) / "break"
SAID = "the test broke the main loop"

_murder_keepalived = ThreadWorker.murder_keepalived


def _fail(worker: Any, *args: Any, **options: Any) -> None:
    if BREAK.exists():
        BREAK.unlink()
        raise RuntimeError(SAID)
    _murder_keepalived(worker, *args, **options)


ThreadWorker.murder_keepalived = _fail

__all__ = ["app"]
