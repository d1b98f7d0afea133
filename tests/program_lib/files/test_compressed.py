"""Packed files: they are read and written as plain ones are, and one that is cut off is never a short table."""

from __future__ import annotations

import errno
import gzip
import os
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from program_lib.columns.narrowest_types import narrowest_types
from program_lib.csv_files.reader import CsvReader
from program_lib.csv_files.writer import CsvWriter
from program_lib.errors import ProgramError, RowRefused
from program_lib.files import compressed
from program_lib.files.compressed import Unpacked, packing
from program_lib.files.part_files import PartFile
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.program_lib.in_memory import rows_of
from tests.program_lib.moving import moved, say
from tests.programs import chain, node, run

NAMES = ["x.csv.gz", "x.csv.zst"]
BOTH = pytest.mark.parametrize("name", NAMES)
RANDOM = random.Random(1)
MANY = "n,a\n" + "".join(f"{n},{RANDOM.random()}\n" for n in range(30_000))


def packed(content: bytes, name: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, str(packing(name))) as stream:
        stream.write(content)
    return bytes(sink.getvalue().to_pybytes())


def opener(path: str) -> Any:
    return Unpacked(open(path, "rb"), str(packing(path)), Path(path).name)


def read(path: Path, **settings: Any) -> list[dict[str, Any]]:
    reader, rows = CsvReader(str(path), opener=opener, **settings), list[dict[str, Any]]()
    try:
        reader.open()
        for batch in reader.batches():
            rows += batch.to_pylist()
    except RowRefused as error:
        raise ProgramError(f"{reader.where(len(rows) + error.index + 1)}: {error}") from error
    finally:
        reader.close()
    return rows


class Counting(Unpacked):
    given = 0  # bytes

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.given += len(content)
        return content


@pytest.mark.parametrize(
    ("path", "how"),
    [("a/x.csv.gz", "gzip"), ("X.CSV.GZ", "gzip"), ("x.zst", "zstd"), ("x.gz.csv", None), ("gz", None)],
)  # fmt: skip
def test_the_end_of_a_name_says_how_a_file_is_packed(path: str, how: str | None) -> None:
    assert packing(path) == how


@BOTH
def test_a_program_reads_and_writes_packed_files(tmp_path: Path, name: str) -> None:
    (tmp_path / f"in.{name}").write_bytes(packed(MANY.encode(), name))
    graph = chain(node(1, "csv_input", path=f"in.{name}"), node(2, "csv_output", path=name))
    done = run(graph, tmp_path)
    assert done.code == 0, done.stderr
    assert (tmp_path / name).stat().st_size < len(MANY) * 0.7
    with pa.input_stream(str(tmp_path / name), compression=str(packing(name))) as stream:
        assert stream.read().decode() == MANY


def test_a_file_of_gzip_is_one_stream_that_tells_nothing_of_us(tmp_path: Path) -> None:
    schema = Schema([Column("a", TEXT)])
    source = rows_of(schema, [["x"], [None], ["y"]], each=1)
    moved(source, CsvWriter(tmp_path / "x", packing="gzip"))
    written = (tmp_path / "x").read_bytes()
    assert gzip.decompress(written) == b"a\nx\n\ny\n"
    assert written.count(b"\x1f\x8b\x08") == 1
    assert written[3:8] == bytes(5)  # no name of a file, and no time


@BOTH
def test_several_streams_in_a_file_are_one_table(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(packed(b"a\n1\n2", name) + packed(b"3\n4\n", name))
    assert read(tmp_path / name) == [{"a": "1"}, {"a": "23"}, {"a": "4"}]


@pytest.mark.parametrize("padding", [1, 512, 100_000])
def test_zeros_after_a_stream_of_gzip_are_left_out(tmp_path: Path, padding: int) -> None:
    """Tapes and blocks are filled up so, and `gzip -d` takes it."""
    name, zeros = "x.csv.gz", b"\0" * padding
    (tmp_path / name).write_bytes(gzip.compress(b"a\n1\n2") + zeros + gzip.compress(b"3\n") + zeros)
    assert read(tmp_path / name) == [{"a": "1"}, {"a": "23"}]
    (tmp_path / name).write_bytes(zeros + gzip.compress(b"a\n1\n"))
    with pytest.raises(ProgramError, match="damaged, or no gzip file: Not a gzipped file"):
        read(tmp_path / name)


@BOTH
def test_a_file_that_is_cut_off_or_damaged_is_no_short_table(tmp_path: Path, name: str) -> None:
    whole = packed(MANY.encode(), name)
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :]
    contents = [whole[:-1], whole[:-5], whole[:middle], whole[:3], whole + whole[:9]]
    contents += [whole + b"junk", MANY.encode()]
    for content in [*contents, flipped] if packing(name) == "gzip" else contents:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ProgramError, match=rf"^{name} is damaged, or no (gzip|zstd) file: "):
            read(tmp_path / name)


@BOTH
def test_a_packed_file_without_bytes_is_no_empty_one(tmp_path: Path, name: str) -> None:
    """NDJSON with Types had no rows of it."""
    (tmp_path / name).write_bytes(b"")
    with opener(str(tmp_path / name)) as file, pytest.raises(ProgramError, match="is cut off"):
        file.read(1)
    (tmp_path / name).write_bytes(packed(b"", name))
    with opener(str(tmp_path / name)) as file:
        assert file.read(1) == b""


@BOTH
def test_an_error_names_the_line_and_types_are_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(packed(MANY.replace("\n20000,", "\nx,").encode(), name))
    with pytest.raises(ProgramError, match=f"line 20,002 of {name}.*'x' is not a whole number"):
        read(tmp_path / name, types={"n": INTEGER})
    (tmp_path / name).write_bytes(packed(MANY.encode() + b"1,2,3\n", name))
    with pytest.raises(ProgramError, match=f"line 30,002 of {name} has 3 fields"):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(packed(MANY.encode(), name))
    found = narrowest_types(CsvReader(str(tmp_path / name), opener=opener))
    assert found[0] == Column("n", INTEGER)


@BOTH
def test_the_share_is_that_of_the_packed_bytes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(packed(MANY.encode(), name))
    reader, shares, rows = CsvReader(str(tmp_path / name), opener=opener), list[float](), 0
    reader.open()
    for batch in reader.batches():
        rows += len(batch)
        shares.append(reader.share() or 0.0)
        assert abs(shares[-1] - rows / 30_000) < 0.15  # it is unpacked some way ahead
    reader.close()
    assert len(shares) >= 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@BOTH
def test_what_unpacks_to_more_than_a_row_may_have_ends_there(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("program_lib.csv_files.blocks.MAX_RECORD", 2**20)
    (tmp_path / name).write_bytes(packed(b"a\n" + bytes(40 * 2**20), name))
    file = Counting((tmp_path / name).open("rb"), str(packing(name)), name)
    reader = CsvReader(name, opener=lambda path: file)
    reader.open()
    with pytest.raises(ProgramError, match=f"line 2 of {name} is longer than 1 MB"):
        next(reader.batches())
    assert file.given < 2 * 2**20
    reader.close()


def test_a_packed_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.gz")
    keeps_open = os.open(tmp_path / "x.gz", os.O_RDWR)
    with pytest.raises(ProgramError, match=r"x\.gz is packed, and is no file but a pipe"):
        opener(str(tmp_path / "x.gz"))
    os.close(keeps_open)


@BOTH
def test_after_a_full_disk_nothing_more_is_taken_and_nothing_stays(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_full = False
    append = PartFile.append

    def appended(self: PartFile, content: bytes) -> None:
        if is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, content)

    monkeypatch.setattr(PartFile, "append", appended)
    writer = CsvWriter(tmp_path / name, packing=packing(name))
    writer.start(say)
    writer.open(Schema([Column("a", TEXT)]))
    is_full = True
    with pytest.raises(OSError, match="No space left"):
        writer.write(pa.table({"a": [str(random.Random(n).random()) for n in range(40_000)]}))
    is_full = False
    with pytest.raises(OSError, match="No space left"):
        writer.write(pa.table({"a": ["x"]}))
    writer.undo()
    assert os.listdir(tmp_path) == []


def test_each_packing_is_one_that_arrow_knows() -> None:
    assert all(pa.Codec.is_available(how) for how in compressed.PACKINGS.values())
