"""A stand-in for progress_lib that writes each progress as a line of JSON, none left out."""

import json
import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import IO, Any, NamedTuple


class Status(StrEnum):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Row(NamedTuple):
    number: int
    values: dict[str, str]
    place: str = ""
    cells: Sequence[tuple[str, str | None]] = ()
    more: int = 0


class Fault(NamedTuple):
    field: str | None = None
    text: str | None = None
    columns: Sequence[str] = ()


class Progress(NamedTuple):
    node_id: int
    node_name: str
    status: Status
    row_count: int = 0
    message: str = ""
    row: Row | None = None
    row_total: int | None = None
    share: float | None = None
    ports: dict[str, int] | None = None
    from_run: str | None = None
    fault: Fault | None = None


class ProgressReporter:
    def __init__(
        self,
        nats_url: str,
        tenant_id: str,
        job_id: str,
        *,
        run_id: str | None,
        last_words: str | None,
    ) -> None:
        self._file: IO[str] = open(os.environ["PROGRESS_FILE"], "w")  # noqa: SIM115

    def report_func(self) -> Callable[[Progress], None]:
        return self._write

    def _write(self, progress: Progress) -> None:
        self._file.write(json.dumps(progress._asdict()) + "\n")
        self._file.flush()

    def __enter__(self) -> "ProgressReporter":
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()
