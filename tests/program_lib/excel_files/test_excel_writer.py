"""Rows as Excel files: what other readers find there, what is refused, and that a file appears whole or not at all."""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastexcel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from program_lib.csv_files.reader import open_file
from program_lib.errors import ProgramError, RowRefused
from program_lib.excel_files import writer as writing
from program_lib.excel_files.reader import ExcelReader
from program_lib.excel_files.writer import ExcelWriter
from program_lib.files.part_files import PartFile
from program_lib.notation.excel_cells import LONGEST_NAME, sheet_name_error
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Column,
    Schema,
    Type,
    decimal,
)
from tests.program_lib.moving import rows_of, say
from tests.programs import chain, node, run


@contextmanager
def open_writer(path: Path, columns: dict[str, Type], **options: Any) -> Iterator[ExcelWriter]:
    writer = ExcelWriter(path, **{"sheet": "Sheet1", **options})
    try:
        writer.start(say)
        writer.open(Schema(Column(name, of) for name, of in columns.items()))
        yield writer
    finally:
        writer.undo()


def write(path: Path, columns: dict[str, Type], rows: list[Any], **options: Any) -> Path:
    with open_writer(path, columns, **options) as writer:
        if rows:
            writer.write(rows_of(columns, rows))
        writer.finish()
        writer.commit()
    return path


def read_again(path: Path, columns: dict[str, Type], **options: Any) -> list[tuple[Any, ...]]:
    reader = ExcelReader(str(path), types=columns, opener=open_file, **options)
    try:
        reader.open()
        return [tuple(row.values()) for table in reader.batches() for row in table.to_pylist()]
    finally:
        reader.close()


def left_over(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if path.name.startswith(".")]


EVERY = {
    "i": INTEGER, "x": DOUBLE, "p": decimal(10, 2), "n": NUMERIC, "d": DATE, "t": TIMESTAMP, "c": TIME, "b": BOOLEAN, "s": TEXT,
}  # fmt: skip
ROW = (
    -7, 0.1, Decimal("12.50"), "99999999999999.5", date(2026, 7, 31), datetime(2026, 7, 31, 12, 30, 0, 1000), time(23, 59), True, "007",
)  # fmt: skip


def test_another_reader_finds_the_values_and_their_kinds(tmp_path: Path) -> None:
    path = write(tmp_path / "x.xlsx", EVERY, [ROW, (None,) * 8 + ("",)])
    book = fastexcel.read_excel(path)
    assert book.sheet_names == ["Sheet1"]
    found = book.load_sheet(0).to_arrow()
    assert [str(field.type) for field in found.schema] == [
        "double", "double", "double", "double", "timestamp[ms]", "timestamp[ms]", "timestamp[ms]", "bool", "string"
    ]  # fmt: skip
    first, second = found.to_pylist()
    assert list(first.values()) == [
        -7, 0.1, 12.5, 99999999999999.5, datetime(2026, 7, 31), datetime(2026, 7, 31, 12, 30, 0, 1000),
        datetime(1899, 12, 31, 23, 59), True, "007",
    ]  # fmt: skip
    assert set(second.values()) <= {None, ""}


def test_our_reader_finds_the_same_rows(tmp_path: Path) -> None:
    types = {**EVERY, "p": NUMERIC}
    path = write(tmp_path / "x.xlsx", EVERY, [ROW, (None,) * 8 + ("",)])
    [first, second] = read_again(path, types)
    assert first == (*ROW[:2], "12.5", *ROW[3:])
    assert second == (None,) * 8 + ("",)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
ROWS = st.tuples(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(date(1900, 3, 1)),
    st.datetimes(datetime(1900, 3, 1)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
    TEXTS | st.sampled_from(["_x0041_", "=1+1", "<&>\"'", "\r\n", "a_x000D_", "\x01\x1f", "\ufffe"]),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows=st.lists(ROWS, min_size=1, max_size=20))
def test_whatever_excel_has_comes_back(tmp_path: Path, rows: list[Any]) -> None:
    columns = {"i": INTEGER, "x": DOUBLE, "d": DATE, "t": TIMESTAMP, "s": TEXT}
    path = write(tmp_path / "x.xlsx", columns, rows)
    assert read_again(path, columns) == rows


@pytest.mark.parametrize(
    ("of", "value", "said", "as_text"),
    [
        (INTEGER, 10**15, "'1000000000000000' has more than 15 digits", "1000000000000000"),
        (INTEGER, -(2**63), "has more than 15 digits", "-9223372036854775808"),
        (decimal(20, 5), Decimal("12345678901.12345"), "has more than 15 digits", "12345678901.12345"),
        (NUMERIC, "0.1234567890123456", "has more than 15 digits", "0.1234567890123456"),
        (NUMERIC, "NaN", "NaN is no number that Excel has", "NaN"),
        (DOUBLE, float("inf"), "Infinity is no number that Excel has", "Infinity"),
        (DATE, date(1900, 2, 28), "from 1 March 1900 on", "1900-02-28"),
        (TIMESTAMP, datetime(2026, 1, 1, 0, 0, 0, 1), "it keeps milliseconds", "2026-01-01 00:00:00.000001"),
        (TIME, time(0, 0, 0, 1), "it keeps milliseconds", "00:00:00.000001"),
    ],
)  # fmt: skip
def test_what_excel_would_change_is_refused_or_text(
    tmp_path: Path, of: Type, value: Any, said: str, as_text: str
) -> None:
    good = {DATE: date(2000, 1, 1), TIMESTAMP: datetime(2000, 1, 1), TIME: time(1)}.get(of)
    with (
        open_writer(tmp_path / "x.xlsx", {"a": of}) as writer,
        pytest.raises(RowRefused) as refused,
    ):
        writer.write(rows_of({"a": of}, [(good,), (value,)]))
    assert (refused.value.index, refused.value.column) == (1, "a")
    assert said in refused.value.reason
    path = write(tmp_path / "y.xlsx", {"a": of}, [(good,), (value,)], inexact="text")
    [*_, (found,)] = read_again(path, {})
    assert found == as_text
    last = fastexcel.read_excel(path).load_sheet(0, dtypes="string").to_arrow().to_pylist()[-1]
    assert last == {"a": as_text}


@pytest.mark.parametrize(
    "value", ["1.500000000000000000", "100000000000000", "0.000000000000001", "-0.10"]
)
def test_zeros_around_a_number_are_no_digits_of_it(tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "x.xlsx", {"a": NUMERIC}, [(value,)])
    assert [Decimal(found) for (found,) in read_again(path, {"a": NUMERIC})] == [Decimal(value)]


def test_what_excel_has_not_is_text(tmp_path: Path) -> None:
    columns = {"z": TIMESTAMPTZ, "y": BYTES}
    path = write(tmp_path / "x.xlsx", columns, [(datetime(2026, 1, 1), b"\0\xff")])
    assert read_again(path, {}) == [("2026-01-01 00:00:00+00", "\\x00ff")]


def test_texts_are_never_formulas(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.xlsx", {"a": TEXT}, [('=HYPERLINK("http://x")',), ("@SUM(1)",), ("+1",)]
    )
    sheet = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml")
    assert b"<f" not in sheet
    assert sheet.count(b't="inlineStr"') == 4


@pytest.mark.parametrize(("text", "said"), [("x" * 32_768, "longer than the 32,767"), ("😀" * 16_384, "a text of 16,384 characters, of which Excel counts some twice, is longer than the 32,767"), ("a\0", "holds a NUL")])  # fmt: skip
def test_a_text_that_no_cell_holds_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with (
        open_writer(tmp_path / "x.xlsx", {"a": TEXT}, inexact="text") as writer,
        pytest.raises(RowRefused, match=said) as refused,
    ):
        writer.write(rows_of({"a": TEXT}, [("é" * 32_767,), (text,)]))
    assert refused.value.index == 1


def test_after_a_row_that_is_refused_others_are_written(tmp_path: Path) -> None:
    with open_writer(tmp_path / "x.xlsx", {"a": INTEGER}) as writer:
        with pytest.raises(RowRefused):
            writer.write(rows_of({"a": INTEGER}, [(1,), (10**15,)]))
        writer.write(rows_of({"a": INTEGER}, [(1,), (2,)]))
        writer.finish()
        writer.commit()
    assert read_again(tmp_path / "x.xlsx", {"a": INTEGER}) == [(1,), (2,)]


def test_more_rows_than_a_sheet_has_are_refused_or_go_to_a_further_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 4)
    rows = [(n,) for n in range(8)]
    name = "N" * LONGEST_NAME
    with (
        open_writer(tmp_path / "x.xlsx", {"n": INTEGER}) as writer,
        pytest.raises(RowRefused) as refused,
    ):
        writer.write(rows_of({"n": INTEGER}, rows))
    assert refused.value.index == 3
    path = write(tmp_path / "y.xlsx", {"n": INTEGER}, rows, overflow="sheet", sheet=name)
    assert fastexcel.read_excel(path).sheet_names == [name, f"{name[:29]} 2", f"{name[:29]} 3"]
    found = [read_again(path, {"n": INTEGER}, sheet=str(number)) for number in (1, 2, 3)]
    assert found == [rows[:3], rows[3:6], rows[6:]]


def test_a_further_sheet_is_not_called_as_a_first_one_that_ends_with_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 2)
    cut = "N" * (LONGEST_NAME - 2)
    path = write(
        tmp_path / "x.xlsx",
        {"n": INTEGER},
        [(n,) for n in range(3)],
        overflow="sheet",
        sheet=f"{cut} 2",
    )
    assert fastexcel.read_excel(path).sheet_names == [f"{cut} 2", f"{cut} 3", f"{cut} 4"]


def test_rows_before_a_full_sheet_stand_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 4)
    columns = {"n": INTEGER}
    with open_writer(tmp_path / "x.xlsx", columns) as writer:
        with pytest.raises(RowRefused) as refused:
            writer.write(rows_of(columns, [(n,) for n in range(8)]))
        writer.write(rows_of(columns, [(n,) for n in range(refused.value.index)]))  # as nodes do
        writer.finish()
        writer.commit()
    assert read_again(tmp_path / "x.xlsx", columns) == [(0,), (1,), (2,)]


def test_a_row_at_fault_beyond_a_sheet_leaves_none_of_its_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 4)
    columns = {"n": INTEGER}
    with open_writer(tmp_path / "x.xlsx", columns, overflow="sheet") as writer:
        with pytest.raises(RowRefused) as refused:
            writer.write(rows_of(columns, [*((n,) for n in range(5)), (10**15,)]))
        assert refused.value.index == 5
        writer.write(rows_of(columns, [(n,) for n in range(5)]))
        writer.finish()
        writer.commit()
    found = [read_again(tmp_path / "x.xlsx", columns, sheet=str(number)) for number in (1, 2)]
    assert found == [[(0,), (1,), (2,)], [(3,), (4,)]]


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "is empty"), ("x" * 32, "more than 31"), ("😀" * 16, "more than 31"), ("a/b", "holds '/'"), ("a:b", "holds ':'"),
     ("[a", "holds"), ("'a", "begins or ends"), ("history", "keeps for itself"), ("a\n", "holds")],
)  # fmt: skip
def test_a_sheet_that_excel_would_not_open_is_refused(tmp_path: Path, name: str, said: str) -> None:
    assert said in str(sheet_name_error(name))
    with pytest.raises(ProgramError, match="the sheet's name"):
        ExcelWriter(tmp_path / "x.xlsx", sheet=name)
    assert sheet_name_error("Über & <Größe> 'x' " + "y" * 10) is None


def test_names_with_odd_signs_come_back(tmp_path: Path) -> None:
    columns = {'a<&>"\n': INTEGER, "=1": INTEGER}
    path = write(tmp_path / "x.xlsx", columns, [(1, 2)], sheet='A & <B> "\'" é')
    assert fastexcel.read_excel(path).sheet_names == ['A & <B> "\'" é']
    assert fastexcel.read_excel(path).load_sheet(0).to_arrow().column_names == list(columns)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", ""], "a column is called '', of which a sheet shows nothing: rename it"),
        (["\u00a0", "a"], "of which a sheet shows nothing"),
        (["a", "b", "a "], "columns 'a' and 'a ' have one name in a sheet: rename one"),
    ],
)
def test_names_that_no_sheet_tells_are_refused(tmp_path: Path, names: list[str], said: str) -> None:
    columns = dict.fromkeys(names, INTEGER)
    with pytest.raises(ProgramError, match=said), open_writer(tmp_path / "x.xlsx", columns):
        pass


def test_no_rows_make_a_file_with_its_header(tmp_path: Path) -> None:
    path = write(tmp_path / "x.xlsx", {"a": INTEGER, "b": TEXT}, [])
    sheet = fastexcel.read_excel(path).load_sheet(0)
    assert (sheet.to_arrow().column_names, sheet.height) == (["a", "b"], 0)


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    columns = {f"c{n}": INTEGER for n in range(16_385)}
    with (
        pytest.raises(ProgramError, match="there are 16,385 columns, and a sheet has 16,384"),
        open_writer(tmp_path / "x.xlsx", columns),
    ):
        pass


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    one, other = (write(tmp_path / name, EVERY, [ROW] * 100) for name in ("x.xlsx", "y.xlsx"))
    assert one.read_bytes() == other.read_bytes()


def test_a_file_appears_at_the_end_and_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_text("old")
    with open_writer(path, {"a": INTEGER}) as writer:
        writer.write(rows_of({"a": INTEGER}, [(1,)]))
        writer.finish()
        assert path.read_text() == "old"
    assert path.read_text() == "old"
    assert left_over(tmp_path) == []


def test_a_full_disk_fails_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: PartFile, content: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    columns = {"a": TEXT}
    rows = rows_of(columns, [(f"{n * 7919:020}",) for n in range(50_000)])
    with open_writer(tmp_path / "x.xlsx", columns) as writer:
        monkeypatch.setattr(PartFile, "_write", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                writer.write(rows)
    assert list(tmp_path.iterdir()) == []


def test_a_program_writes_and_reads_excel_files(tmp_path: Path) -> None:
    lines = [f"{n},{n / 4},2026-07-{n % 28 + 1:02},t{n}" for n in range(60_000)]
    (tmp_path / "in.csv").write_text("\n".join(["n,x,d,t", *lines]) + "\n")
    types = [
        {"column": c, "type": t} for c, t in (("n", "integer"), ("x", "numeric"), ("d", "date"))
    ]
    out = chain(
        node(1, "csv_input", path="in.csv", types=types), node(2, "excel_output", path="x.xlsx")
    )
    done = run(out, tmp_path)
    assert (done.code, done.state(2)) == (0, ("completed", 60_000)), done.stderr
    back = chain(
        node(1, "excel_input", path="x.xlsx", types=types), node(2, "csv_output", path="out.csv")
    )
    done = run(back, tmp_path)
    assert (done.code, done.state(2)) == (0, ("completed", 60_000)), done.stderr
    found = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert found == [line.replace(".0,", ",") for line in lines]


def test_rows_that_fail_leave_by_the_reject_port(tmp_path: Path) -> None:
    columns = {"a": TEXT, "n": TEXT}
    write(tmp_path / "x.xlsx", columns, [("ok", "1"), ("bad", "x"), ("long", "1234567890123456")])
    source = node(1, "excel_input", path="x.xlsx", types=[{"column": "n", "type": "integer"}])
    document = chain(source, node(2, "excel_output", path="y.xlsx"))
    nodes = [*document["nodes"], *(node(n, "csv_output", path=f"r{n}.csv") for n in (3, 4))]
    rejected = [{"from": n, "to": n + 2, "fromPort": "rejected"} for n in (1, 2)]
    done = run({"nodes": nodes, "edges": [*document["edges"], *rejected]}, tmp_path)
    assert done.code == 0, done.stderr
    assert read_again(tmp_path / "y.xlsx", {}) == [("ok", "1")]
    of_input, of_output = ((tmp_path / f"r{n}.csv").read_text().splitlines()[1] for n in (3, 4))
    assert "bad,x" in of_input and "row 3 of Sheet1 in x.xlsx" in of_input
    assert "long,1234567890123456" in of_output
