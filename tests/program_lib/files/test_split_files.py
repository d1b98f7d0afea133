"""Rows into several files: which, what they are called, and that they appear together or not at all."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from jobs.sandbox.data_roots import remove_unfinished_files, unfinished
from program_lib.csv_files import write_csv
from program_lib.errors import ProgramError, RowRefused
from program_lib.excel_files import read_excel, write_excel
from program_lib.excel_files import writer as excel_writer
from program_lib.files import data_files
from program_lib.files.data_files import data_file
from program_lib.files.part_files import PartFile
from program_lib.files.split_files import writer as split
from program_lib.files.split_files.names import value_name
from program_lib.ndjson_files import write_ndjson
from program_lib.nodes import Output, Source
from program_lib.parquet_files import write_parquet
from program_lib.ports import Writer
from program_lib.rejects import REJECTED, Rejects
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    NUMERIC,
    TEXT,
    Column,
    Kind,
    Schema,
    Type,
)
from tests.program_lib.in_memory import Kept, last, ran
from tests.program_lib.in_memory import rows_of as in_memory_rows
from tests.program_lib.moving import rows_of, say
from tests.programs import ROOT, chain, graph, node, run


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DATA_DIR, which is the only root."""
    directory = tmp_path / "data"
    directory.mkdir()
    monkeypatch.setattr(data_files, "data_dir", lambda: directory)
    monkeypatch.setattr(data_files, "data_roots", lambda: (directory,))
    monkeypatch.setattr(data_files, "_written", {})
    return directory


COLUMNS = {"k": TEXT, "n": INTEGER}


@contextmanager
def writing(writer: Writer, columns: dict[str, Type] = COLUMNS) -> Iterator[Writer]:
    try:
        writer.start(say)
        writer.open(Schema(Column(name, of) for name, of in columns.items()))
        yield writer
    finally:
        writer.undo()


def write(writer: Writer, *batches: list[Any], columns: dict[str, Type] = COLUMNS) -> str:
    """What the writer tells of rows that are committed."""
    with writing(writer, columns):
        for rows in batches:
            writer.write(rows_of(columns, rows))
        writer.finish()
        writer.commit()
        return writer.told()


def files(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(directory.iterdir())}


# ---------------------------------------------------------------- which files


def test_each_value_has_its_file_in_the_order_of_its_rows(data: Path) -> None:
    told = write(
        write_csv("o-*.csv", split_by="k"),
        [("de", 1), ("fr", 2), ("de", 3)],
        [("fr", 4), (None, 5), ("", 6)],
    )
    assert files(data) == {
        "o-__EMPTY__.csv": 'k,n\n"",6\n',
        "o-__NULL__.csv": "k,n\n,5\n",
        "o-de.csv": "k,n\nde,1\nde,3\n",
        "o-fr.csv": "k,n\nfr,2\nfr,4\n",
    }
    assert told == "6 rows written into 4 files"


def test_a_file_has_so_many_rows_at_most(data: Path) -> None:
    rows = [("x", n) for n in range(7)]
    write(write_csv("o-*.csv", split_rows=3), rows[:2], rows[2:])
    assert files(data) == {
        "o-0001.csv": "k,n\nx,0\nx,1\nx,2\n",
        "o-0002.csv": "k,n\nx,3\nx,4\nx,5\n",
        "o-0003.csv": "k,n\nx,6\n",
    }


def test_both_make_numbers_within_each_value(data: Path) -> None:
    write(write_csv("*.csv", split_by="k", split_rows=2), [("a", 1), ("b", 2), ("a", 3), ("a", 4)])
    assert files(data) == {
        "a-0001.csv": "k,n\na,1\na,3\n",
        "a-0002.csv": "k,n\na,4\n",
        "b-0001.csv": "k,n\nb,2\n",
    }


def test_no_rows_make_no_file(data: Path) -> None:
    assert write(write_csv("*.csv", split_by="k")) == "0 rows written into 0 files"
    assert files(data) == {}


@pytest.mark.parametrize(
    ("of", "values", "names"),
    [
        (NUMERIC, ["1.50", "1.5", "1.500", "15", "-0.0", "0", "10", "10.00", "100", "NaN"], ["1.50", "15", "-0.0", "10", "100", "NaN"]),
        (DOUBLE, [0.0, -0.0, 1.5], ["0", "1.5"]),
        (Type(Kind.TEXT, length=3, is_padded=True), ["a  ", "a", " a"], ["a %20", "%20a"]),
    ],
    ids=["numeric", "double", "char"],
)  # fmt: skip
def test_values_that_are_equal_have_one_file_with_the_first_ones_name(
    data: Path, of: Type, values: list[Any], names: list[str]
) -> None:
    columns = {"k": of, "n": INTEGER}
    batches = [[(value, n)] for n, value in enumerate(values)]
    write(write_csv("o-*.csv", split_by="k"), [one for [one] in batches], columns=columns)
    assert sorted(files(data)) == sorted(f"o-{name}.csv" for name in names)
    write(write_csv("p-*.csv", split_by="k"), *batches, columns=columns)
    for name in names:
        assert (data / f"p-{name}.csv").read_text() == (data / f"o-{name}.csv").read_text()


def test_values_of_any_type_are_written_as_their_texts(data: Path) -> None:
    columns = {"d": DATE, "b": BOOLEAN}
    rows = [(date(2026, 7, 31), True), (date(2026, 8, 1), None)]
    write(write_csv("d-*.csv", split_by="d"), rows, columns=columns)
    write(write_csv("b-*.csv", split_by="b"), rows, columns=columns)
    assert list(files(data)) == [
        *("b-__NULL__.csv", "b-true.csv", "d-2026-07-31.csv", "d-2026-08-01.csv")
    ]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("a b", "a b"), ("é", "é"), ("../x", "%2E.%2Fx"), ("/etc/passwd", "%2Fetc%2Fpasswd"), (".", "%2E"), ("..", "%2E%2E"),
        (".hidden", "%2Ehidden"), ("a.", "a%2E"), (" a ", "%20a%20"), ("100%", "100%25"), ("a\nb", "a%0Ab"), ("__NULL__", "%5F_NULL__"),
        ("NULL", "NULL"), ("*", "%2A"), ("a~", "a%7E"), ("\u202egpj", "%E2%80%AEgpj"), (None, "__NULL__"), ("", "__EMPTY__"),
    ],
)  # fmt: skip
def test_odd_values_have_safe_names(value: str | None, name: str) -> None:
    assert value_name(value) == name


@given(st.lists(st.none() | st.text(max_size=8), min_size=2, max_size=2, unique=True))
def test_no_two_values_have_one_name_and_none_leads_elsewhere(values: list[str | None]) -> None:
    try:
        one, other = (value_name(value) for value in values)
    except UnicodeEncodeError:
        return  # half of a character, which no column holds
    assert one != other
    assert "/" not in one and not one.startswith(".") and "\0" not in one and one.isprintable()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_a_value_with_odd_signs_stays_in_its_directory(text: str) -> None:
    try:
        name = value_name(text)
    except ValueError:
        assert len(text.encode()) > 30  # each byte takes three at most
        return
    place = data_file(f"o-{name}.csv")
    assert place.parent == data_file("o-.csv").parent


def test_ndjson_and_packed_files_are_split_too(data: Path) -> None:
    write(write_ndjson("*.ndjson", split_by="k"), [("a", 1), ("b", 2)])
    write(write_csv("*.csv.gz", split_by="k"), [("a", 1)])
    assert (data / "b.ndjson").read_text() == '{"k":"b","n":2}\n'
    assert gzip.decompress((data / "a.csv.gz").read_bytes()) == b"k,n\na,1\n"


def test_parquet_files_hold_little_in_memory_together(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "MOST_HELD", 1000)
    rows = [(f"v{n % 10}", n) for n in range(1000)]
    writer = write_parquet("*.parquet", split_by="k")
    with writing(writer):
        for start in range(0, 1000, 100):
            writer.write(rows_of(COLUMNS, rows[start : start + 100]))
            assert isinstance(writer, split.SplitWriter)
            assert sum(file.writer.held for file in writer._files()) <= 1000
        writer.finish()
        writer.commit()
    assert pq.read_table(data / "v3.parquet")["n"].to_pylist() == list(range(3, 1000, 10))


def sheet_of(path: Path, **options: Any) -> list[tuple[Any, ...]]:
    reader = read_excel(str(path), types={"n": "integer"}, **options)
    try:
        reader.open()
        return [tuple(row.values()) for table in reader.batches() for row in table.to_pylist()]
    finally:
        reader.close()


def test_each_value_has_its_excel_file(data: Path) -> None:
    rows = [("de", 1), ("fr", 2), ("de", 3)]
    told = write(write_excel("o-*.xlsx", split_by="k", sheet="Orders"), rows, [("fr", 4)])
    assert told == "4 rows written into 2 files"
    assert sheet_of(data / "o-de.xlsx", sheet="Orders") == [("de", 1), ("de", 3)]
    assert sheet_of(data / "o-fr.xlsx", sheet="Orders") == [("fr", 2), ("fr", 4)]


def test_an_excel_file_has_so_many_rows_at_most(data: Path) -> None:
    rows = [("x", n) for n in range(7)]
    write(write_excel("o-*.xlsx", split_rows=3), rows[:2], rows[2:])
    found = [sheet_of(path) for path in sorted(data.iterdir())]
    assert found == [rows[:3], rows[3:6], rows[6:]]


def test_a_row_that_its_sheet_has_no_room_for_is_refused_and_none_stands_twice(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel_writer, "MOST_ROWS", 4)
    rows = [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5), ("a", 6)]
    with writing(write_excel("o-*.xlsx", split_by="k")) as writer:
        with pytest.raises(RowRefused, match="a sheet has 4 rows") as refused:
            writer.write(rows_of(COLUMNS, rows))
        assert refused.value.index == 5
        writer.write(rows_of(COLUMNS, rows[:5]))
        writer.finish()
        writer.commit()
    assert sheet_of(data / "o-a.xlsx") == [("a", 1), ("a", 3), ("a", 4)]
    assert sheet_of(data / "o-b.xlsx") == [("b", 2), ("b", 5)]


def test_a_file_of_a_size_that_its_sheet_has_no_rows_for_fails(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel_writer, "MOST_ROWS", 5_000)
    with writing(write_excel("o-*.xlsx", split_mb=1)) as writer:
        for _ in range(2):
            with pytest.raises(ProgramError, match="a sheet has 5,000 rows"):
                writer.write(rows_of(COLUMNS, noise(0, 6_000)))
    assert not list(data.iterdir())


# ---------------------------------------------------------------- bounds, and what is refused


def test_the_number_of_files_is_bounded(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "MOST_VALUES", 3)
    monkeypatch.setattr(split, "MOST_FILES", 4)
    rows = [(f"v{n}", n) for n in range(4)]
    with pytest.raises(ProgramError, match="k has more than 3 values"):
        write(write_csv("a-*.csv", split_by="k"), rows)
    with pytest.raises(ProgramError, match="would have more than 4 files"):
        write(write_csv("b-*.csv", split_rows=1), [*rows, *rows])
    assert files(data) == {}


def test_a_thousand_files_need_few_descriptors(data: Path) -> None:
    writer = write_csv("*.csv", split_rows=1)
    before = len(os.listdir("/proc/self/fd"))
    with writing(writer):
        writer.write(rows_of(COLUMNS, [("x", n) for n in range(500)]))
        assert len(os.listdir("/proc/self/fd")) - before < 5
        writer.finish()
        writer.commit()
    assert len(files(data)) == 500


def test_a_value_whose_name_is_too_long_is_refused_with_its_row(data: Path) -> None:
    with writing(write_csv("*.csv", split_by="k")) as writer:
        with pytest.raises(
            RowRefused, match="the value takes 101 bytes in a file's name"
        ) as refused:
            writer.write(rows_of(COLUMNS, [("a", 1), ("x" * 101, 2)]))
        assert (refused.value.index, refused.value.column) == (1, "k")


def test_after_a_row_that_is_refused_no_row_is_written_twice(data: Path) -> None:
    """The second row's text is not in latin-1; the rows of the other file were prepared before."""
    with writing(write_csv("*.csv", split_by="n", encoding="latin-1")) as writer:
        rows = [("a", 1), ("b", 1), ("✗", 2), ("c", 3)]
        with pytest.raises(RowRefused) as refused:
            writer.write(rows_of(COLUMNS, rows))
        assert (refused.value.index, refused.value.column) == (2, "k")
        writer.write(rows_of(COLUMNS, rows[:2]))
        writer.write(rows_of(COLUMNS, rows[3:]))
        writer.finish()
        writer.commit()
    assert files(data) == {"1.csv": "k,n\na,1\nb,1\n", "3.csv": "k,n\nc,3\n"}


@pytest.mark.parametrize(
    ("path", "said"),
    [("o.csv", "must hold one \\*"), ("*-*.csv", "must hold one \\*"), ("*/o-*.csv", "in a directory"), ("?*.csv", "must hold one")],
)  # fmt: skip
def test_a_path_without_one_place_is_refused(path: str, said: str) -> None:
    with pytest.raises(ProgramError, match=said):
        write_csv(path, split_by="k")


def test_what_cannot_be_split_by_is_refused(data: Path) -> None:
    with pytest.raises(ProgramError, match="there is no column 'x' to split by; there are k, n"):
        write(write_csv("*.csv", split_by="x"))
    with pytest.raises(ProgramError, match="files are not split by b, which is bytes"):
        write(write_csv("*.csv", split_by="b"), columns={"b": BYTES})
    with pytest.raises(ProgramError, match="there is no directory gone"):
        write(write_csv("gone/*.csv", split_by="k"))
    with pytest.raises(PermissionError):
        write(write_csv("../*.csv", split_by="k"))


def test_a_link_that_leads_out_of_the_data_is_not_followed(data: Path) -> None:
    (data / "a.csv").symlink_to(data.parent / "outside.csv")
    with pytest.raises(PermissionError, match=r"a\.csv lies outside"):
        write(write_csv("*.csv", split_by="k"), [("a", 1)])
    assert not (data.parent / "outside.csv").exists()
    assert list(data.iterdir()) == [data / "a.csv"]


def test_a_file_of_another_output_is_not_written_too(data: Path) -> None:
    other = write_csv("a.csv")
    with pytest.raises(ProgramError, match=r"a\.csv is written by another node"):
        write(write_csv("*.csv", split_by="k"), [("a", 1)])
    other.undo()


# ---------------------------------------------------------------- all or none


def test_all_files_appear_at_the_end(data: Path) -> None:
    (data / "a.csv").write_text("old")
    with writing(write_csv("*.csv", split_by="k")) as writer:
        writer.write(rows_of(COLUMNS, [("a", 1), ("b", 2)]))
        writer.finish()
        assert [name for name in files(data) if not name.startswith(".")] == ["a.csv"]
        assert (data / "a.csv").read_text() == "old"
    assert files(data) == {"a.csv": "old"}


@pytest.mark.parametrize("has_links", [True, False])
def test_where_one_cannot_be_moved_the_others_are_put_back(
    data: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    """On a disk without second names for files, as vfat, too."""
    (data / "a.csv").write_text("old a")
    (data / "c.csv").write_text("old c")
    moved: list[str] = []

    def commit(self: PartFile) -> None:
        if len(moved) == 2:
            raise OSError(errno.EIO, "Input/output error")
        moved.append(self._path.name)
        self._part.replace(self._path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(PartFile, "commit", commit)
    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        write(write_csv("*.csv", split_by="k"), [("a", 1), ("b", 2), ("c", 3)])
    assert moved == ["a.csv", "b.csv"]
    assert files(data) == {"a.csv": "old a", "c.csv": "old c"}


def test_files_of_before_stay_and_are_told_or_refused(data: Path) -> None:
    assert write(write_csv("o-*.csv", split_by="k"), [("a", 1), ("b", 2)]).endswith("into 2 files")
    data_files._written.clear()
    told = write(write_csv("o-*.csv", split_by="k"), [("a", 3), ("c", 4)])
    assert told == "2 rows written into 2 files; 1 of before stay"
    assert list(files(data)) == ["o-a.csv", "o-b.csv", "o-c.csv"]
    assert files(data)["o-a.csv"] == "k,n\na,3\n"
    data_files._written.clear()
    with pytest.raises(
        ProgramError, match=r"of before are there already: move what o-\*\.csv means"
    ):
        write(write_csv("o-*.csv", split_by="k", existing="refuse"), [("d", 1)])
    assert len(files(data)) == 3


def test_files_that_another_run_wrote_meanwhile_are_refused_too(data: Path) -> None:
    """Both runs completed, and the files of the second were in the place of the first one's."""
    with writing(write_csv("o-*.csv", split_by="k", existing="refuse")) as writer:
        writer.write(rows_of(COLUMNS, [("a", 1)]))
        (data / "o-a.csv").write_text("of another run")
        with pytest.raises(ProgramError, match=r"o-a\.csv of before is there already"):
            writer.finish()
    assert files(data) == {"o-a.csv": "of another run"}


def test_what_a_killed_program_leaves_is_found(tmp_path: Path) -> None:
    left = [".o-a.csv.4f.part", ".o-[b].csv.4f.part", ".o-a.csv~.4f.part"]
    others = [".o-a.csv.5f.part", ".p-a.csv.4f.part", "o-a.csv"]
    for name in (*left, *others):
        (tmp_path / name).touch()
    found = {path.name for path in unfinished(tmp_path / "o-*.csv", "4f")}
    assert found == set(left)


RUN = "4f" * 16
OLD = {"o-a.csv": "old a", "o-c.csv": "old c", "o-z.csv": "old z"}
KILLED_AT_A_MOVE = """
import os, signal, sys
from pathlib import Path
from program_lib.csv_files import write_csv
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.program_lib.moving import rows_of, say

left, replace = int(sys.argv[1]), Path.replace

def dying(path, target):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return replace(path, target)

Path.replace = dying
writer = write_csv("o-*.csv", split_by="k")
writer.start(say)
writer.open(Schema([Column("k", TEXT), Column("n", INTEGER)]))
writer.write(rows_of({"k": TEXT, "n": INTEGER}, [("a", 1), ("b", 2), ("c", 3)]))
writer.finish()
writer.commit()
"""


def killed_after(moves: int, data: Path) -> None:
    """A program that is killed when so many of its three files are in their places."""
    for name, text in OLD.items():
        (data / name).write_text(text)
    environment = {**os.environ, "DATA_DIR": str(data), "RUN_ID": RUN, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED_AT_A_MOVE, str(moves)]
    done = subprocess.run(command, env=environment, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(list(data.glob(".*.part"))) == 3 - moves + 3  # new ones, two of before, the note


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_program_that_is_killed_while_its_files_take_their_places_leaves_those_of_before(
    data: Path, moves: int
) -> None:
    killed_after(moves, data)
    for _ in range(2):  # as where its runner was killed, too
        remove_unfinished_files(["o-*.csv"], [data], RUN)
        assert files(data) == OLD


def test_what_another_run_wrote_since_is_not_put_back(data: Path) -> None:
    killed_after(2, data)
    newer = {"o-a.csv": "newer a", "o-b.csv": "newer b"}
    for name, text in newer.items():
        (data / "new").write_text(text)
        (data / "new").replace(data / name)
    remove_unfinished_files(["o-*.csv"], [data], RUN)
    assert files(data) == {**OLD, **newer}


def test_a_stop_while_the_note_of_moves_is_made_leaves_none(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hidden file stayed in the data directory for ever."""

    def stopped(directory: Path) -> None:
        sys.exit(143)

    monkeypatch.setattr("program_lib.files.split_files.moves.sync_directory", stopped)
    (data / "o-a.csv").write_text("old a")
    with pytest.raises(SystemExit):
        write(write_csv("o-*.csv", split_by="k"), [("a", 1), ("b", 2)])
    assert files(data) == {"o-a.csv": "old a"}


@pytest.mark.parametrize(
    "note",
    [b"", b"\xff", b"x", b"1 2 3 ../x.csv", b"1 2 3 .\x001 2 3 o-a.csv", b"1 " * 900_000],
    ids=["empty", "no text", "short", "elsewhere", "a hidden one", "too long"],
)
def test_a_note_of_moves_that_nobody_wrote_so_moves_nothing(data: Path, note: bytes) -> None:
    (data / "o-a.csv").write_text("a")
    (data / f".o-*.csv.{RUN}.part").write_bytes(note)
    remove_unfinished_files(["o-*.csv"], [data], RUN)
    assert files(data) == {"o-a.csv": "a"}


# ---------------------------------------------------------------- in programs


def test_a_program_splits_and_another_reads_it_all_again(tmp_path: Path) -> None:
    lines = [f"{n},{'abc'[n % 3]}" for n in range(3000)]
    (tmp_path / "in.csv").write_text("\n".join(["n,k", *lines]) + "\n")
    out = node(2, "csv_output", path="o-*.csv", split_by="k", split_rows=400)
    done = run(chain(node(1, "csv_input", path="in.csv"), out), tmp_path)
    assert (done.code, done.state(2)) == (0, ("completed", 3000)), done.stderr
    assert done.last(2)["message"] == "3,000 rows written into 9 files"
    back = chain(node(1, "csv_input", path="o-*.csv"), node(2, "csv_output", path="back.csv"))
    assert run(back, tmp_path).code == 0
    assert sorted((tmp_path / "back.csv").read_text().splitlines()[1:]) == sorted(lines)


def test_a_failed_run_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("k\na\nb\n" + "x" * 101 + "\n")
    out = node(2, "csv_output", path="o-*.csv", split_by="k")
    done = run(chain(node(1, "csv_input", path="in.csv"), out), tmp_path)
    assert done.code == 1
    assert "line 4 of in.csv" in done.reason(2)
    assert list(tmp_path.glob("*o-*")) == []


def test_rows_that_no_file_takes_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("k\na\n" + "x" * 101 + "\nb\na\n")
    out = node(2, "csv_output", path="o-*.csv", split_by="k")
    nodes = [node(1, "csv_input", path="in.csv"), out, node(3, "csv_output", path="bad.csv")]
    done = run(graph(nodes, [(1, 2), (2, 3, "rejected")]), tmp_path)
    assert (done.code, done.state(2)) == (0, ("completed", 3)), done.stderr
    assert (tmp_path / "o-a.csv").read_text() == "k\na\na\n"
    assert (tmp_path / "bad.csv").read_text().count("x" * 101) == 1


@pytest.mark.parametrize(
    ("bound", "name", "said"),
    [
        ("MOST_VALUES", "k", "k has more than 1 values"),
        ("MOST_FILES", "k", "the output would have more than 1 files"),
        ("", "日", "日"),
    ],
)
def test_what_is_wrong_with_all_files_is_the_fault_of_no_row(
    data: Path, monkeypatch: pytest.MonkeyPatch, bound: str, name: str, said: str
) -> None:
    """Where rows may be rejected, those of the 101st value were, and the run completed without them."""
    if bound:
        monkeypatch.setattr(split, bound, 1)
    schema, bad = Schema([Column(name, TEXT)]), Kept()
    code, told = ran(
        Source(1, "In", lambda: in_memory_rows(schema, [("a",), ("b",), ("a",)]), feeds=[2]),
        Output(
            2,
            "Out",
            lambda: write_csv("a-*.csv", split_by=name, encoding="latin-1"),
            {REJECTED: [3]},
            Rejects(9),
        ),
        Output(3, "Bad", lambda: bad),
    )
    assert (code, bad.rows, files(data)) == (1, [], {})
    assert said in last(told, 2).message


@pytest.mark.parametrize(
    ("config", "field", "said"),
    [
        ({"path": "o-*.csv"}, "path", "Path holds *, which stands where files are split"),
        ({"path": "o.csv", "split_by": "k"}, "path", "must hold one * in its name"),
        ({"path": "*/o-*.csv", "split_rows": 5}, "path", "in a directory"),
    ],
)
def test_a_graph_whose_path_and_splitting_do_not_go_together_is_refused(
    config: dict[str, Any], field: str, said: str
) -> None:
    source = node(1, "csv_input", path="in.csv")
    with pytest.raises(GraphInvalid) as invalid:
        parse_graph(chain(source, node(2, "csv_output", **config)))
    [error] = invalid.value.errors
    assert (error.node_id, error.field) == (2, field)
    assert said in error.message


# ---------------------------------------------------------------- by size

MB = 1024 * 1024
WRITERS = {"csv": write_csv, "ndjson": write_ndjson, "parquet": write_parquet, "xlsx": write_excel}


def noise(first: int, last: int) -> list[tuple[str, int]]:
    """Rows of about 100 bytes that no packing makes much smaller."""
    chance = random.Random(first)
    return [(f"{chance.getrandbits(360):090x}", number) for number in range(first, last)]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.zst", "ndjson", "parquet", "xlsx"])
@pytest.mark.parametrize("batches", [1, 30])
def test_files_are_as_large_as_they_are_to_be(data: Path, ending: str, batches: int) -> None:
    make: Any = WRITERS[ending.partition(".")[0]]
    each = 60_000 // batches
    rows = [noise(at * each, (at + 1) * each) for at in range(batches)]
    write(make(f"o-*.{ending}", split_mb=2), *rows)
    *full, last = [path.stat().st_size for path in sorted(data.iterdir())]
    assert len(full) >= 1
    assert all(2 * MB * 0.95 <= size < 3 * MB for size in full), full
    assert 0 < last < 3 * MB


def test_rows_stand_in_their_order_in_files_that_are_counted(data: Path) -> None:
    rows = noise(0, 25_000)
    told = write(write_ndjson("o-*.ndjson", split_mb=1), rows[:20_000], rows[20_000:])
    names = sorted(path.name for path in data.iterdir())
    assert names == [f"o-{number:04}.ndjson" for number in range(1, len(names) + 1)]
    assert told == f"25,000 rows written into {len(names)} files"
    read = [json.loads(line) for name in names for line in (data / name).read_text().splitlines()]
    assert [(row["k"], row["n"]) for row in read] == rows


def test_each_value_fills_files_of_its_own(data: Path) -> None:
    def of(value: str) -> list[tuple[str, int]]:
        return [(value * 100, number) for number in range(12_000)]

    mixed = [row for pair in zip(of("a"), of("b"), strict=True) for row in pair]
    write(write_csv("*.csv", split_by="k", split_mb=1), mixed)
    found = sorted(data.iterdir())
    assert len(found) == 4
    for path in found:
        lines = path.read_text().splitlines()[1:]
        assert len({line[0] for line in lines}) == 1
    numbers = [
        int(line.rpartition(",")[2])
        for path in found[:2]
        for line in path.read_text().splitlines()[1:]
    ]
    assert numbers == [*range(12_000)]


def test_a_refused_row_leaves_no_row_twice(data: Path) -> None:
    rows = noise(0, 15_000)
    with writing(write_csv("o-*.csv", split_mb=1, encoding="latin-1")) as writer:
        with pytest.raises(RowRefused) as refused:
            writer.write(rows_of(COLUMNS, [*rows, ("☃", 1)]))
        assert refused.value.index == 15_000
        writer.write(rows_of(COLUMNS, rows))
        writer.finish()
        writer.commit()
    lines = [line for text in files(data).values() for line in text.splitlines()[1:]]
    assert lines == [f"{text},{number}" for text, number in rows]


def test_after_a_file_that_could_not_be_made_no_row_is_written(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "MOST_FILES", 2)
    with writing(write_csv("o-*.csv", split_mb=1)) as writer:
        for _ in range(2):
            with pytest.raises(ProgramError, match="more than 2 files: let each be larger"):
                writer.write(rows_of(COLUMNS, noise(0, 40_000)))
        with pytest.raises(ProgramError, match="more than 2 files"):
            writer.write(rows_of(COLUMNS, noise(0, 1)))  # as when its parts are tried
    assert not list(data.iterdir())


def test_size_and_rows_of_a_file_do_not_go_together() -> None:
    source = node(1, "csv_input", path="in.csv")
    target = node(2, "csv_output", path="o-*.csv", split_rows=5, split_mb=1)
    with pytest.raises(GraphInvalid, match="leave one of them out"):
        parse_graph(chain(source, target))


def test_a_job_splits_its_output_into_excel_files(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("k,n\na,1\nb,2\na,3\n")
    target = node(2, "excel_output", path="o-*.xlsx", split_by="k")
    done = run(chain(node(1, "csv_input", path="in.csv"), target), tmp_path)
    assert (done.code, done.state(2)) == (0, ("completed", 3)), done.stderr
    assert sorted(path.name for path in tmp_path.glob("o-*")) == ["o-a.xlsx", "o-b.xlsx"]


def test_a_job_splits_its_output_by_size(tmp_path: Path) -> None:
    rows = noise(0, 25_000)
    (tmp_path / "in.csv").write_text("k,n\n" + "".join(f"{k},{n}\n" for k, n in rows))
    target = node(2, "csv_output", path="o-*.csv", split_mb=1)
    done = run(chain(node(1, "csv_input", path="in.csv"), target), tmp_path)
    assert done.code == 0, done.stderr
    found = sorted(tmp_path.glob("o-*.csv"))
    assert len(found) > 1
    assert done.last(2)["message"] == f"25,000 rows written into {len(found)} files"
    lines = [line for path in found for line in path.read_text().splitlines()[1:]]
    assert lines == [f"{k},{n}" for k, n in rows]
