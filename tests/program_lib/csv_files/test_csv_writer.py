"""CSV files are written so that they come back the same, all or nothing."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.sandbox.data_roots import unfinished
from program_lib.csv_files.form import MAX_RECORD, WITHOUT_MARKS, Form
from program_lib.csv_files.lines import csv_lines
from program_lib.csv_files.reader import CsvReader
from program_lib.csv_files.writer import WITH_OTHER_SIGNS, CsvWriter
from program_lib.errors import ProgramError, RowRefused
from program_lib.files import part_files
from program_lib.files.part_files import part_name
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    JSON,
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
from tests.programs import execute
from tests.servers.databases import Database

Rows = list[tuple[Any, ...]]


def say(words: str) -> None:
    raise AssertionError(f"nothing is waited for, and yet: {words}")


def table(schema: Schema, rows: Rows) -> pa.Table:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in schema]
    return pa.table(columns, schema=schema.arrow())


def write(path: Path, schema: Schema, *batches: Rows, **form: Any) -> bytes:
    writer = CsvWriter(path, **form)
    writer.start(say)
    try:
        writer.open(schema)
        for rows in batches:
            writer.write(table(schema, rows))
        writer.finish()
        writer.commit()
    finally:
        writer.undo()
    return path.read_bytes()


def read(path: Path, schema: Schema, **form: Any) -> tuple[Schema, Rows]:
    types = {column.name: column.type for column in schema}
    reader = CsvReader(str(path), types=types, **form)
    found = reader.open()
    rows: Rows = []
    for batch in reader.batches():
        rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
    reader.close()
    return found, rows


def texts(*names: str) -> Schema:
    return Schema(Column(name, TEXT) for name in names)


# --- lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("1", None), ("2", "")], b'1,\n2,""\n'),
        ([("a,b", 'say "hi"')], b'"a,b","say ""hi"""\n'),
        ([("a\nb", "a\rb")], b'"a\nb","a\rb"\n'),
        ([(" a ", "NULL")], b" a ,NULL\n"),
        ([("x", "x"), ('"', "y"), (None, ",")], b'x,x\n"""",y\n,","\n'),
        ([("größe", "\0")], "größe,\0\n".encode()),
    ],
)
def test_texts_are_quoted_where_they_must_be(tmp_path: Path, rows: Rows, expected: bytes) -> None:
    assert write(tmp_path / "x.csv", texts("a", "b"), rows) == b"a,b\n" + expected


def test_values_have_the_texts_of_their_types(tmp_path: Path) -> None:
    schema = Schema(
        [
            Column("f", DOUBLE),
            Column("d", decimal(9, 7)),
            Column("b", BYTES),
            Column("t", TIMESTAMPTZ),
        ]
    )
    row = (1e16, Decimal("0.0000001"), b"\x00\xff", dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC))
    written = write(tmp_path / "x.csv", schema, [row])
    assert written == b"f,d,b,t\n10000000000000000,0.0000001,\\x00ff,2026-07-01 12:00:00+00\n"


def test_the_form_is_a_setting(tmp_path: Path) -> None:
    schema = Schema([Column("a", TEXT), Column("n", INTEGER)])
    rows: Rows = [("NA", None), (None, 7), ("", -999), ("a;b", 1), ("a,b", 2)]
    written = write(tmp_path / "x.csv", schema, rows, delimiter=";", null="NA", quote="'")
    assert written == b"a;n\n'NA';NA\nNA;7\n;-999\n'a;b';1\na,b;2\n"
    written = write(tmp_path / "y.csv", schema, [(None, -999), ("-999", None)], null="-999")
    assert written == b'a,n\n-999,"-999"\n"-999",-999\n'


def test_a_null_in_the_only_column_is_a_blank_line(tmp_path: Path) -> None:
    assert write(tmp_path / "x.csv", texts("a"), [("1",), (None,), ("",)]) == b'a\n1\n\n""\n'


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a,b", b'"a,b"'),
        (" a", b'" a"'),
        ('"', b'""""'),
        ("\ufeffa", b'"\xef\xbb\xbfa"'),
        ("a b", b"a b"),
        ("sep=;", b'"sep=;"'),
    ],
)
def test_names_come_back_with_their_spaces(tmp_path: Path, name: str, line: bytes) -> None:
    path = tmp_path / "x.csv"
    assert write(path, texts(name, "z"), [("1", "2")]).splitlines()[0] == line + b",z"
    assert read(path, Schema())[0].names == [name, "z"]


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_that_could_not_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProgramError, match="rename it"):
        write(tmp_path / "x.csv", texts("a", name))
    assert os.listdir(tmp_path) == []


def test_what_a_form_cannot_say_is_refused_with_its_row(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"quote": None}, ""),
        ({"quote": None}, "a,b"),
        ({"quote": None}, "a\rb"),
        ({"is_quoted_null": True}, ""),
    ]
    for form, bad in cases:
        with pytest.raises(RowRefused) as caught:
            write(
                tmp_path / "x.csv", texts("a", "b"), [("1", "x"), ("2", None), ("3", bad)], **form
            )
        assert (caught.value.index, caught.value.column) == (2, "b")
    assert write(tmp_path / "x.csv", texts("a", "b"), [('"x"', None)], quote=None) == b'a,b\n"x",\n'


def test_a_row_that_could_not_be_read_again_is_refused(tmp_path: Path) -> None:
    rows = [("x",), ("y" * (MAX_RECORD + 1),)]
    with pytest.raises(RowRefused, match="longer than 64 MB") as caught:
        write(tmp_path / "x.csv", texts("a"), rows)
    assert caught.value.index == 1


def test_numbers_may_be_written_with_a_comma(tmp_path: Path) -> None:
    columns = {"n": NUMERIC, "c": decimal(5, 2), "d": DOUBLE, "i": INTEGER, "t": TEXT, "day": DATE}
    schema = Schema(Column(name, of) for name, of in columns.items())
    path, form = tmp_path / "x.csv", {"delimiter": ";", "decimal": ",", "null": "-"}
    row = ("1234.50", Decimal("-0.25"), 1e-7, 7, "1.5", dt.date(2026, 7, 31))
    written = write(path, schema, [row, (None,) * 6], **form)
    assert written == b"n;c;d;i;t;day\n1234,50;-0,25;0,0000001;7;1.5;2026-07-31\n-;-;-;-;-;-\n"
    assert read(path, schema, **form) == (schema, [row, (None,) * 6])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_have_no_line_of_names(tmp_path: Path, encoding: str) -> None:
    path, form = tmp_path / "x.csv", {"encoding": encoding, "has_header": False}
    written = write(path, texts("id", "größe"), [("1", "é"), ("2", None)], **form)
    assert written.decode(encoding).removeprefix("\ufeff") == "1,é\n2,\n"
    assert read(path, Schema(), **form)[1] == [("1", "é"), ("2", None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("first", ["\ufeffa", "sep=;", "\ufeffsep=;", " sep=", None])
def test_a_value_that_begins_a_file_comes_back_as_any_other(
    tmp_path: Path, first: str | None, encoding: str
) -> None:
    path, form = tmp_path / "x.csv", {"encoding": encoding, "has_header": False}
    rows: Rows = [(first,), (first,)]
    written = write(path, texts("A"), [], rows, rows, **form)
    assert read(path, Schema(), **form)[1] == [*rows, *rows]
    assert written.decode(encoding).count('"') == (2 if first else 0)


# --- encodings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "start"),
    [
        ("utf-8", b"a,b\n"),
        ("utf-8-sig", b"\xef\xbb\xbfa,b\n"),
        ("latin-1", b"a,b\n"),
        ("cp1252", b"a,b\n"),
        ("iso-8859-15", b"a,b\n"),
        ("gb18030", b"a,b\n"),
        ("utf-16", b"\xff\xfea\0,\0b\0\n\0"),
    ],
)
def test_an_encoding_is_that_of_all_batches(tmp_path: Path, encoding: str, start: bytes) -> None:
    path = tmp_path / "x.csv"
    written = write(
        path, texts("a", "b"), [("é", "x")], [("y", "ö")], [("z", "z")], encoding=encoding
    )
    assert written.startswith(start)
    assert written.decode(encoding).removeprefix("\ufeff") == "a,b\né,x\ny,ö\nz,z\n"
    assert read(path, Schema(), encoding=encoding)[1] == [("é", "x"), ("y", "ö"), ("z", "z")]


@pytest.mark.parametrize(
    ("encoding", "sign"),
    [
        ("latin-1", "€"),
        ("cp1252", "\x81"),
        ("cp1252", "名"),
        ("iso-8859-15", "¤"),
        ("cp932", "£"),  # Python would write ￡
        ("cp932", "−"),
        ("cp950", "•"),
    ],
)
def test_a_sign_that_the_encoding_cannot_hold_is_refused(
    tmp_path: Path, encoding: str, sign: str
) -> None:
    rows: Rows = [("x", "y"), ("x\n\ny", None), ("z", f"a{sign}"), (sign, "")]
    with pytest.raises(RowRefused, match=f"is not in {encoding}") as caught:
        write(tmp_path / "x.csv", texts("a", "b"), rows, encoding=encoding)
    assert (caught.value.index, caught.value.column) == (2, "b")
    with pytest.raises(ProgramError, match=f"which {encoding} does not have"):
        write(tmp_path / "x.csv", texts("a", sign), encoding=encoding)
    with pytest.raises(ProgramError, match=f"NULL: {encoding} does not have it"):
        write(tmp_path / "x.csv", texts("a"), [(None,)], encoding=encoding, null=sign)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("encoding", sorted({*WITHOUT_MARKS} - WITH_OTHER_SIGNS))
def test_an_encoding_that_needs_no_second_look_gives_each_sign_back(encoding: str) -> None:
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x20000))))
    read = every.encode(encoding, "ignore").decode(encoding)
    assert read == "".join(filter(set(read).__contains__, every))


# --- all or nothing ------------------------------------------------------------------------------


def test_nothing_changes_before_the_commit(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old\n")
    writer = CsvWriter(path)
    writer.start(say)
    writer.open(texts("a"))
    writer.write(table(texts("a"), [("1",)]))
    writer.finish()
    part = part_name("out.csv")
    assert sorted(os.listdir(tmp_path)) == sorted([part, "out.csv"])
    assert path.read_bytes() == b"old\n"
    writer.commit()
    assert path.read_bytes() == b"a\n1\n"
    writer.undo()
    writer.undo()
    assert os.listdir(tmp_path) == ["out.csv"]


def test_runs_with_equal_process_ids_do_not_meet_in_an_unfinished_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers have equal ones, and so have machines that share a directory."""
    path, runs = tmp_path / "out.csv", ["1" * 32, "2" * 32]
    writers = []
    for run_id in runs:
        monkeypatch.setenv("RUN_ID", run_id)
        writers.append(CsvWriter(path))
        writers[-1].start(say)
        writers[-1].open(texts("a"))
    left = {part for run_id in runs for part in unfinished(path, run_id)}
    assert left == set(tmp_path.iterdir())
    for value, writer in zip("ab", writers, strict=True):
        writer.write(table(texts("a"), [(value,)]))
        writer.finish()
    for value, writer in zip("ab", writers, strict=True):
        writer.commit()
        assert path.read_text() == f"a\n{value}\n"
        writer.undo()
    assert os.listdir(tmp_path) == ["out.csv"]


def test_what_is_undone_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old\n")
    writer = CsvWriter(path)
    writer.undo()
    writer.start(say)
    writer.open(texts("a"))
    writer.undo()
    assert os.listdir(tmp_path) == ["out.csv"]
    assert path.read_bytes() == b"old\n"


def test_after_a_refused_batch_others_may_be_written(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    writer = CsvWriter(path, encoding="latin-1")
    writer.start(say)
    writer.open(texts("a"))
    with pytest.raises(RowRefused):
        writer.write(table(texts("a"), [("1",), ("€",)]))
    writer.write(table(texts("a"), [("1",)]))
    writer.write(table(texts("a"), []))
    writer.write(table(texts("a"), [("2",)]))
    writer.finish()
    writer.commit()
    writer.undo()
    assert path.read_bytes() == b"a\n1\n2\n"


def test_a_full_disk_leaves_whole_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on the size of files cuts a write in the middle, as a full disk does."""
    path = tmp_path / "x.csv"
    writer = CsvWriter(path)
    writer.start(say)
    writer.open(texts("a"))
    real_write, calls = os.write, []

    def half_then_full(descriptor: int, data: memoryview) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return real_write(descriptor, bytes(data[: len(data) // 2]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half_then_full)
    with pytest.raises(OSError, match="No space"):
        writer.write(table(texts("a"), [("one",), ("two",)]))
    monkeypatch.undo()
    writer.write(table(texts("a"), [("three",)]))
    writer.finish()
    writer.commit()
    writer.undo()
    assert len(calls) == 2
    assert path.read_bytes() == b"a\nthree\n"


def test_a_directory_in_the_place_is_found_before_the_first_row_and_before_the_commit(
    tmp_path: Path,
) -> None:
    writer = CsvWriter(tmp_path / "x.csv")
    writer.start(say)
    writer.open(texts("a"))
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"x\.csv is a directory"):
        writer.finish()
    writer.undo()
    with pytest.raises(IsADirectoryError, match=r"x\.csv is a directory"):
        CsvWriter(tmp_path / "x.csv").start(say)
    assert os.listdir(tmp_path) == ["x.csv"]


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o440])
def test_a_file_that_is_replaced_keeps_who_may_read_and_write_it(tmp_path: Path, mode: int) -> None:
    """What its owner had closed was open to all that the umask lets in."""
    path = tmp_path / "x.csv"
    path.write_text("old")
    path.chmod(mode)
    write(path, texts("a"))
    assert path.read_text() == "a\n"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """Whoever reads from it waited for ever, and the run completed."""
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(ProgramError, match=r"x\.csv is no file, but a pipe"):
        write(tmp_path / "x.csv", texts("a"))
    assert stat.S_ISFIFO((tmp_path / "x.csv").stat().st_mode)
    assert os.listdir(tmp_path) == ["x.csv"]


def test_a_database_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """All its tables were gone, and the run completed."""
    path = tmp_path / "shop.db"
    execute(path, "CREATE TABLE t (x)")
    before = path.read_bytes()
    with pytest.raises(ProgramError, match=r"shop\.db is a SQLite database, with all its tables"):
        write(path, texts("a"))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["shop.db"]


def test_a_link_in_the_part_files_place_is_refused_and_stays(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    part = tmp_path / part_name("x.csv")
    part.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        write(tmp_path / "x.csv", texts("a"))
    assert victim.read_bytes() == b"precious"


def test_a_missing_directory_is_named_and_not_the_part_file(tmp_path: Path) -> None:
    writer = CsvWriter(tmp_path / "none" / "x.csv")
    with pytest.raises(FileNotFoundError, match=r"] there is no directory none, in which x\.csv "):
        writer.start(say)
    writer.undo()


def test_a_new_file_has_the_rights_that_the_mask_leaves(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", texts("a"))
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "x.csv").stat().st_mode) == 0o666 & ~mask


# --- there and back ------------------------------------------------------------------------------

odd_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text(
    'ab"\r\n,; \ufeff\0', max_size=8
)
values: list[tuple[Type, st.SearchStrategy[Any]]] = [
    (TEXT, odd_text),
    (JSON, st.just('{"a": [null, "x,y"]}')),
    (NUMERIC, st.sampled_from(["0", "10.50", "-0.5", "9" * 50])),
    (BOOLEAN, st.booleans()),
    (INTEGER, st.integers(-(2**63), 2**63 - 1)),
    (decimal(20, 9), st.decimals(-(10**11) + 1, 10**11 - 1, places=9)),
    (DOUBLE, st.floats(allow_nan=False)),
    (BYTES, st.binary(max_size=8)),
    (DATE, st.dates()),
    (TIME, st.times()),
    (TIMESTAMP, st.datetimes()),
    (TIMESTAMPTZ, st.datetimes(timezones=st.just(dt.UTC))),
]


@st.composite
def tables(draw: st.DrawFn) -> tuple[Schema, Rows]:
    kinds = draw(st.lists(st.sampled_from(values), min_size=1, max_size=4))
    names = draw(
        st.lists(
            odd_text.filter(lambda name: name and "\0" not in name),
            min_size=4,
            max_size=4,
            unique=True,
        )
    )
    schema = Schema(Column(name, kind) for name, (kind, _) in zip(names, kinds, strict=False))
    row = st.tuples(*(st.none() | strategy for _, strategy in kinds))
    return schema, draw(st.lists(row, max_size=5))


forms = st.sampled_from(
    [
        {},
        {"delimiter": ";"},
        {"delimiter": "\t", "null": "\\N"},
        {"null": "NULL", "encoding": "utf-16"},
        {"quote": "'", "encoding": "utf-8-sig"},
        {"null": "a"},
        {"null": "0"},
    ]
)


@given(tables(), forms)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_our_own_file_comes_back_the_same(
    tmp_path: Path, written: tuple[Schema, Rows], form: dict[str, str]
) -> None:
    schema, rows = written
    path = tmp_path / "x.csv"
    write(path, schema, rows[:2], rows[2:], **form)
    assert read(path, schema, **form) == (schema, rows)


@given(st.lists(st.tuples(odd_text, odd_text), max_size=5))
def test_pythons_csv_reads_the_same(rows: Rows) -> None:
    lines = csv_lines(table(texts("a", "b"), rows), texts("a", "b"), Form()).tobytes().decode()
    assert [tuple(row) for row in csv.reader(io.StringIO(lines, newline=""), strict=True)] == rows


def test_postgresql_copies_our_lines_in_and_out(postgresql: Database) -> None:
    schema = Schema(
        [Column("a", TEXT), Column("n", INTEGER), Column("b", BYTES), Column("t", TIMESTAMP)]
    )
    rows: Rows = [
        ("", 1, b"\x00\xff", dt.datetime(2026, 7, 1, 12, 0, 0, 5)),
        (None, None, None, None),
        ('a,"b"\r\n\\.', -(2**63), b"", dt.datetime(1, 1, 1)),
        ("\\N", 0, b"\\", dt.datetime(9999, 12, 31, 23, 59, 59)),
    ]
    postgresql.execute("CREATE TABLE t (a text, n bigint, b bytea, t timestamp)")
    with postgresql.connect() as connection, connection.cursor() as cursor:
        with cursor.copy("COPY t FROM STDIN (FORMAT csv)") as copy:
            copy.write(csv_lines(table(schema, rows), schema, Form()))
        assert cursor.execute("SELECT a, n, b, t FROM t").fetchall() == rows


def test_batches_of_any_slices_and_chunks_are_written(tmp_path: Path) -> None:
    schema = Schema([Column("a", TEXT), Column("b", BYTES)])
    whole = table(schema, [("x", b"1"), (None, b"2"), ("y,", None), ("", b""), ("z", b"\0")])
    pieces = pa.concat_tables([whole.slice(1, 2), whole.slice(3)])
    assert csv_lines(pieces, schema, Form()).tobytes() == b',\\x32\n"y,",\n"",\\x\nz,\\x00\n'


def test_a_large_file_is_on_its_way_to_the_disk_before_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, int]] = []
    written_out = part_files.write_out

    def noted(descriptor: int, start: int, end: int) -> bool:
        begun.append((start, end))
        assert os.fstat(descriptor).st_size == end, "only what is in the file"
        return written_out(descriptor, start, end)

    monkeypatch.setattr(part_files, "write_out", noted)
    wide = "w" * (part_files.WRITE_OUT // 4)
    content = write(tmp_path / "out.csv", texts("a"), *[[(wide,)]] * 9)
    assert content == b"a\n" + (wide.encode() + b"\n") * 9
    assert len(begun) == 2
    assert begun[0][0] == 0
    assert begun[0][1] == begun[1][0] < begun[1][1] < len(content)


def test_the_system_begins_to_write_what_it_is_asked_to(tmp_path: Path) -> None:
    with (tmp_path / "out.csv").open("wb") as file:
        file.write(b"x" * 10_000)
        file.flush()
        assert part_files.write_out(file.fileno(), 0, 10_000)
        assert not part_files.write_out(-1, 0, 10_000)
