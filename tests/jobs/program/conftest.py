"""What tests of programs share."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def slow_pipe(tmp_path: Path) -> Iterator[threading.Event]:
    """A CSV input that gives 2,500 rows and then nothing more, until the event is set."""
    os.mkfifo(tmp_path / "in.csv")
    done = threading.Event()

    def feed() -> None:
        # a pipe that is open for reading, too, waits for no reader, who may never come
        with os.fdopen(os.open(tmp_path / "in.csv", os.O_RDWR), "w") as pipe:
            pipe.write("n\n" + "".join(f"{n}\n" for n in range(2_500)))
            pipe.flush()
            done.wait(30.0)

    feeder = threading.Thread(target=feed, name="feeder")
    feeder.start()
    yield done
    done.set()
    feeder.join(10.0)
