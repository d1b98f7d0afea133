"""Keeps what nodes give: a Parquet file for each of their outputs, there once the node is done.

DIRECTORY/<node>.<place>.parquet, and DIRECTORY/about.json, which tells of each node what is kept, or why it is not: it
is written last, and a node that is not in it is not kept. A confined program can make files, but no directories, so the
runner makes this one. What goes wrong here costs the kept output of a node, and never the run.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from program_lib.files.part_files import Appending, PartFile
from program_lib.kept.schemas import KEY, OUTPUT, PLACE, place_text, schema_text
from program_lib.ports import BATCH_ROWS
from program_lib.process.reasons import is_out_of_memory
from program_lib.types import Schema

LOG = logging.getLogger("job")

ABOUT = "about.json"
# Bytes in memory of rows that wait for their row group, of each output: a graph may have many
HELD_BYTES = 4 * 1024 * 1024
MB = 1024 * 1024


class NotKept(Exception):
    """What a node gives is not kept; the text says why."""


class Keeping:
    """What a program keeps of its nodes, within its bounds. One thread uses it."""

    def __init__(
        self, directory: Path, node_bytes: int, run_bytes: int, full: str | None = None
    ) -> None:
        """`node_bytes`, `run_bytes`: of Parquet, of one node and of all.

        `full`: why there are no more bytes for the run, where that is not its own bound.
        """
        self._full = (
            full or f"what is kept of this run would be larger than {told_bytes(run_bytes)}"
        )
        self._directory = directory
        self.node_bytes, self._run_bytes = node_bytes, run_bytes
        self._taken = 0  # bytes of all nodes, those that are at work included
        self._about: dict[str, dict[str, Any]] = {}

    def of_node(self, number: int) -> NodeKeeping:
        return NodeKeeping(self, number)

    def path(self, number: int, place: int) -> Path:
        """Where the file of a node's output is once the node is done."""
        return self._directory / f"{number}.{place}.parquet"

    def take(self, count: int) -> None:
        """Takes bytes of the run's bound. Raises NotKept."""
        if self._taken + count > self._run_bytes:
            raise NotKept(self._full)
        self._taken += count

    def give_back(self, count: int) -> None:
        self._taken -= count

    def note_kept(self, number: int, rows: int, size: int, ports: dict[str, int]) -> None:
        """The node is done, and its files are in their place. Raises OSError."""
        self._note(number, {"rows": rows, "bytes": size, "ports": ports})

    def note_not_kept(self, number: int, why: str) -> None:
        try:
            self._note(number, {"reason": why})
        except OSError as error:  # of a full disk, which is why: it stays unsaid there
            LOG.warning("why node %d is not kept is not noted: %s", number, error)

    def _note(self, number: int, entry: dict[str, Any]) -> None:
        before = self._about.get(str(number))
        self._about[str(number)] = entry
        part = self._directory / f".{ABOUT}.part"
        try:
            part.write_text(json.dumps(self._about))
            part.replace(self._directory / ABOUT)
        except OSError:
            del self._about[str(number)]
            if before is not None:
                self._about[str(number)] = before
            raise


class NodeKeeping:
    """What one node gives, on its way into files. Nothing that it does raises."""

    def __init__(self, keeping: Keeping, number: int) -> None:
        self._keeping, self._number = keeping, number
        self._files: dict[str, _OutputFile] = {}
        self._size = 0
        self.is_kept = False  # all that the node gives, and its files are in their place
        self.reason: str | None = None  # why it is not kept

    @property
    def is_lost(self) -> bool:
        return self.reason is not None

    def open(self, output: str, schema: Schema) -> None:
        """Makes the file of an output: also one without rows is kept."""
        if self.is_lost or output in self._files:
            return
        try:
            if not schema:
                raise NotKept("it has no columns")
            path = self._keeping.path(self._number, len(self._files))
            self._files[output] = _OutputFile(path, output, schema, self._count)
        except Exception as error:
            self._lose(error)

    def write(self, table: pa.Table, output: str) -> None:
        if self.is_lost or output not in self._files:
            return
        try:
            self._files[output].write(table)
        except Exception as error:
            self._lose(error)

    def finish(self) -> None:
        """The node has given all its rows; harmless when repeated."""
        if self.is_lost or self.is_kept or not self._files:
            return
        try:
            for file in self._files.values():
                file.finish()
            for file in self._files.values():
                file.put_in_place()
            rows = {output: file.rows for output, file in self._files.items()}
            self._keeping.note_kept(self._number, sum(rows.values()), self._size, rows)
            self.is_kept = True
        except Exception as error:
            self._lose(error)

    def give_up(self) -> None:
        """The run has ended: what is not whole goes."""
        if not self.is_kept and not self.is_lost:
            self._lose(NotKept("it was not done when the run ended"))

    def told(self) -> str:
        """The end of what the node tells; empty where all is kept."""
        return f"; not kept: {self.reason}" if self.is_lost else ""

    def _count(self, size: int) -> None:
        most = self._keeping.node_bytes
        if self._size + size > most:
            raise NotKept(f"it is larger than {told_bytes(most)}")
        self._keeping.take(size)
        self._size += size

    def _lose(self, error: Exception) -> None:
        self.reason = _reason(error)
        for file in self._files.values():
            file.undo()
        self._keeping.give_back(self._size)
        self._size = 0
        self._keeping.note_not_kept(self._number, self.reason)
        LOG.warning("what node %d gives is not kept: %s", self._number, self.reason)


class _OutputFile:
    """The Parquet file of one output; rows wait until there are enough for a row group."""

    def __init__(self, path: Path, output: str, schema: Schema, count: Any) -> None:
        """`count` is told how many bytes will be written, and refuses them by raising."""
        self.rows = 0
        self._count = count
        self._path = path
        self._part = PartFile(path, mode=0o600)
        self._part.start()
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0
        about = {KEY: schema_text(schema), OUTPUT: output.encode(), PLACE: place_text(path)}
        self._schema = schema.arrow().with_metadata(about)
        self._writer = pq.ParquetWriter(
            Appending(self._append), self._schema, compression="zstd", write_page_checksum=True
        )

    def write(self, table: pa.Table) -> None:
        self.rows += len(table)
        self._waiting.append(table)
        self._waiting_rows += len(table)
        self._waiting_bytes += table.nbytes
        if self._waiting_rows >= BATCH_ROWS or self._waiting_bytes >= HELD_BYTES:
            self._write_group()

    def finish(self) -> None:
        assert self._writer is not None
        if self._waiting:
            self._write_group()
        self._writer.close()
        self._part.finish()

    def put_in_place(self) -> None:
        self._part.commit()

    def undo(self) -> None:
        """The writer is closed first: it would write the end of its file when Python lets go of it."""
        self._count = _nothing_more
        with suppress(Exception):
            if self._writer is not None:
                self._writer.close()
        self._waiting = []
        self._part.undo()
        with suppress(OSError):  # it may be in its place already
            self._path.unlink(missing_ok=True)

    def _write_group(self) -> None:
        assert self._writer is not None
        rows, self._waiting = pa.concat_tables(self._waiting), []
        self._waiting_rows = self._waiting_bytes = 0
        self._writer.write_table(pa.table(rows.columns, schema=self._schema), max(len(rows), 1))

    def _append(self, content: bytes | memoryview) -> None:
        self._count(memoryview(content).nbytes)
        self._part.append(content)


def _nothing_more(size: int) -> None:
    raise NotKept("it is given up")


def told_bytes(count: int) -> str:
    return f"{count / MB:,.0f} MB" if count >= MB else f"{count:,} bytes"


def _reason(error: Exception) -> str:
    """Why, as its tenant may read it: without a path of the server."""
    if isinstance(error, NotKept):
        return str(error)
    if is_out_of_memory(error):
        return "there was no memory for it"
    if isinstance(error, OSError):
        return (error.strerror or "a fault of the disk").lower()
    LOG.exception("rows are not kept")
    return f"{type(error).__name__}: {error}"[:300]
