"""A node that did not run again: it gives the rows that an earlier run kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from program_lib.batch import Batch
from program_lib.errors import ProgramError, shortened
from program_lib.kept.schemas import KEY, OUTPUT, PLACE, place_text, schema_of_text
from program_lib.nodes import Node, NodeFailed, Source
from program_lib.ports import BATCH_BYTES, BATCH_ROWS
from program_lib.process.stopping import check
from program_lib.rejects import REJECTED
from program_lib.types import Schema
from progress_lib import Status


class KeptFile:
    """The kept rows of one output of a node."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, or ProgramError for what is no such file."""
        if path.is_symlink():
            raise ProgramError("what was kept is not a file")
        with _readable():
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        about = self._file.schema_arrow.metadata or {}
        if KEY not in about:
            raise ProgramError("what was kept does not tell its columns")
        if about.get(PLACE, place_text(path)) != place_text(path):  # one of before tells none
            raise ProgramError(
                f"{path.name} was kept of another node or run, so the job must run as a whole"
            )
        self.schema = schema_of_text(about[KEY])
        self.output = about.get(OUTPUT, b"").decode()

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    @property
    def size(self) -> int:
        """Bytes in memory of all its rows, about."""
        groups = range(self._file.metadata.num_row_groups)
        return sum(self._file.metadata.row_group(group).total_byte_size for group in groups)

    def tables(self) -> Iterator[pa.Table]:
        """All rows, in tables of as many as a batch may have."""
        width = max(1, self.size // max(1, len(self)))
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES // width))
        arrow = self.schema.arrow()
        with _readable():
            for batch in self._file.iter_batches(rows, use_threads=False):
                if len(batch):
                    yield pa.table(batch.columns, schema=arrow)

    def close(self) -> None:
        self._file.close()


@contextmanager
def _readable() -> Iterator[None]:
    """What Arrow says of bytes that it cannot read is said of what was kept; other errors of the system stay."""
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise ProgramError(
            f"what was kept of it is damaged, so the job must run as a whole: {shortened(str(error))}"
        ) from error


def kept_files(directory: Path, number: int) -> list[KeptFile]:
    """What is kept of a node, a file for each of its outputs. Raises as KeptFile, and ProgramError where nothing is there."""
    paths = sorted(directory.glob(f"{number}.*.parquet"), key=_place)
    if not paths:
        raise ProgramError("what was kept of it is not there any more")
    return [KeptFile(path) for path in paths]


def _place(path: Path) -> int:
    return int(path.name.split(".")[1])


class KeptSource(Source):
    """Gives what a run before kept of a node, in its place."""

    def __init__(self, node: Node, run_id: str, directory: Path) -> None:
        super().__init__(node.number, node.name, _unused, node.feeds)
        self._rejects_rows = node.rejects is not None
        self.from_run = run_id
        self._directory = directory
        self._files: dict[str, KeptFile] = {}

    def ask_early(self) -> bool:
        return False

    def start(self) -> None:
        with self.at_work():
            self._files = {file.output: file for file in kept_files(self._directory, self.number)}
            if missing := [output for output in self.feeds if output not in self._files]:
                raise ProgramError(f"nothing was kept of its output {missing[0]!r}")
        first = next(iter(self._files.values()))
        self.schema = first.schema
        counted = (len(file) for output, file in self._files.items() if self._counts(output))
        self.row_total = sum(counted) or None
        self.sources = frozenset({self})
        self.port_counts = {output: 0 for output in self._files if output}
        self.say(Status.RUNNING)

    def outputs_named(self) -> list[str]:
        return list(self._files)

    def schema_of(self, output: str) -> Schema:
        return self._files[output].schema

    def total_of(self, output: str) -> int | None:
        return len(self._files[output]) or None

    def run(self) -> None:
        for output, file in self._files.items():
            self._give_all(output, file)
        self.close()
        self.end()

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def told(self) -> str:
        return f"{self.row_count:,} rows kept from run {self.from_run}"

    def _give_all(self, output: str, file: KeptFile) -> None:
        start, tables = 1, file.tables()
        while (table := self._next_table(tables)) is not None:
            numbers = pa.arange(start, start + len(table))
            start += len(table)
            if self._counts(output):
                self.row_count += len(table)
            if output:
                self.port_counts[output] += len(table)
            self.say(Status.RUNNING)
            self.give(Batch(table, file.schema, numbers, self._place), output)

    def _counts(self, output: str) -> bool:
        """Whether its rows are counted as the node's, as those that it rejects are not."""
        return not (self._rejects_rows and output == REJECTED)

    def _next_table(self, tables: Iterator[pa.Table]) -> pa.Table | None:
        check()
        try:
            return next(tables, None)
        except Exception as error:
            raise NodeFailed(self, error) from error

    def _place(self, number: int) -> str:
        return f"row {number:,} of {self.name}"


def _unused() -> NoReturn:
    raise AssertionError("it reads files")
