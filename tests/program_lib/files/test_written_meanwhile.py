"""Files that somebody writes to while they are read: never half of the old rows and half of the new ones."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from program_lib.csv_files import read_csv
from program_lib.errors import ProgramError
from program_lib.excel_files import read_excel, write_excel
from program_lib.files import data_files
from program_lib.files.many_files.reader import ManyTexts
from program_lib.ndjson_files import read_ndjson
from program_lib.parquet_files import read_parquet, write_parquet
from program_lib.ports import Reader, Writer
from program_lib.types import TEXT, Column, Schema
from tests.program_lib.moving import say

ROWS = 30_000
TEXTS = [f"{random.Random(1).getrandbits(2_400):x}"] * ROWS
READERS: dict[str, Callable[[str], Reader]] = {
    "in.csv": read_csv,
    "in.csv.gz": read_csv,
    "in.ndjson": read_ndjson,
    "in.parquet": read_parquet,
    "in.xlsx": read_excel,
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(data_files, "_written", {})
    return tmp_path


def made(data: Path, name: str) -> Path:
    """A file of 18 MB, of which a reader has not read all when it gives its first rows."""
    path = data / name
    match name:
        case "in.csv":
            path.write_text("\n".join(["t", *TEXTS]))
        case "in.csv.gz":
            path.write_bytes(gzip.compress("\n".join(["t", *TEXTS]).encode(), 1))
        case "in.ndjson":
            path.write_text("".join(f'{{"t": "{text}"}}\n' for text in TEXTS))
        case "in.parquet":
            write(write_parquet(name))
        case "in.xlsx":
            write(write_excel(name))
    os.utime(path, (1, 1))
    return path


def write(writer: Writer) -> None:
    writer.start(say)
    writer.open(Schema([Column("t", TEXT)]))
    writer.write(pa.table({"t": TEXTS}))
    writer.finish()
    writer.commit()
    writer.undo()


def cut(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    """As `cp` does it, with as many bytes."""
    path.write_bytes(path.read_bytes())


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"half a li")


@pytest.mark.parametrize("change", [cut, overwrite, append])
@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_written_to_while_it_is_read_is_an_error(
    data: Path, name: str, change: Callable[[Path], None]
) -> None:
    """A CSV file that was cut gave the rows so far, and the run completed."""
    path = made(data, name)
    reader = READERS[name](name)
    reader.open()
    batches = reader.batches()
    next(batches)
    change(path)
    with pytest.raises(ProgramError, match=rf"{name} was written to while it was read"):
        list(batches)
    reader.close()


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_replaced_while_it_is_read_stays_the_one_that_was_opened(
    data: Path, name: str
) -> None:
    path = made(data, name)
    reader = READERS[name](name)
    reader.open()
    batches = reader.batches()
    first = next(batches)
    (data / "new").write_bytes(b"t\nnew\n")
    (data / "new").replace(path)
    rows = pa.concat_tables([first, *batches])
    reader.close()
    assert rows["t"].to_pylist() == TEXTS


def test_each_of_many_files_is_looked_at(data: Path) -> None:
    path = made(data, "in.csv")
    (data / "a.csv").write_text("t\nx\n")
    reader = read_csv("*.csv")
    assert isinstance(reader, ManyTexts)
    reader.open()
    batches = reader.batches()
    assert next(batches)["t"].to_pylist() == ["x"]
    next(batches)
    cut(path)
    with pytest.raises(ProgramError, match=r"in\.csv was written to while it was read"):
        list(batches)
    reader.close()
