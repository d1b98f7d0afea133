"""CSV files are read strictly: each row as it stands, or a sentence with the line that is none."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from program_lib.csv_files.form import MAX_RECORD
from program_lib.csv_files.reader import CsvReader
from program_lib.csv_files.source import NEAR, Source
from program_lib.errors import ProgramError, RowRefused
from program_lib.ports import BATCH_BYTES, BATCH_ROWS
from program_lib.types import DATE, DOUBLE, INTEGER, NUMERIC, TEXT, Column, decimal

Rows = list[tuple[Any, ...]]


class Drops(io.BytesIO):
    """A file that comes in drops of a few bytes, whatever is asked for."""

    drop = 1

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.drop)


def opener(content: bytes, drop: int | None = None) -> Callable[[str], BinaryIO]:
    def opened(path: str) -> BinaryIO:
        file = Drops(content) if drop else io.BytesIO(content)
        if isinstance(file, Drops):
            file.drop = drop or 1
        return file

    return opened


def read(content: bytes, *, drop: int | None = None, **settings: Any) -> tuple[list[str], Rows]:
    """Names and rows; a refused row is raised with its line, as a program's node does."""
    reader = CsvReader("data/visits.csv", opener=opener(content, drop), **settings)
    schema = reader.open()
    rows: Rows = []
    try:
        for batch in reader.batches():
            assert batch.schema == schema.arrow()
            assert 0 < len(batch) <= BATCH_ROWS
            rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except RowRefused as error:
        where = reader.where(len(rows) + error.index + 1)
        raise ProgramError(f"{where}, column {error.column}: {error.reason}") from error
    finally:
        reader.close()
    return schema.names, rows


def rows(content: bytes, **settings: Any) -> Rows:
    return read(content, **settings)[1]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_file_tells_which_part_of_its_bytes_was_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"a\n" + b"0123456789012345678\n" * 120_000)
    reader = CsvReader(str(path), encoding=encoding)
    reader.open()
    given, off = 0, []
    shares = []
    for batch in reader.batches():
        given += len(batch)
        shares.append(reader.share() or 0.0)
        off.append(abs(shares[-1] - given / 120_000))
    reader.close()
    assert len(shares) >= 3
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert max(off) < 0.45  # a block may be given as two batches


def test_of_what_is_no_file_no_part_is_known() -> None:
    reader = CsvReader("data/visits.csv", opener=opener(b"a\n1\n"))
    reader.open()
    assert [reader.share() for _ in reader.batches()] == [None]


def refusal(content: bytes, **settings: Any) -> str:
    with pytest.raises(ProgramError) as caught:
        read(content, **settings)
    with pytest.raises(ProgramError) as dripping:
        read(content, drop=1, **settings)
    assert str(dripping.value) == str(caught.value)  # whatever the blocks
    return str(caught.value)


# --- a comma in numbers ---------------------------------------------------------------------------


def test_numbers_may_have_a_comma_before_their_last_digits() -> None:
    content = b"n;d;i;t\n1234,50;-0,5;7;1,5\n;1,5e3;;\n ,25 ;2;8;1.5\n"
    types = {"n": NUMERIC, "d": DOUBLE, "i": INTEGER}
    assert rows(content, delimiter=";", decimal=",", types=types) == [
        ("1234.50", -0.5, 7, "1,5"),
        (None, 1500.0, None, None),
        ("0.25", 2.0, 8, "1.5"),
    ]


@pytest.mark.parametrize("number", ["1.234,50", "1.5", "1,234,50", "1234,x"])
def test_a_point_beside_commas_is_refused_since_nobody_knows_what_it_parts(number: str) -> None:
    sentence = refusal(
        f"n\n1,5\n{number}\n".encode(), delimiter=";", decimal=",", types={"n": NUMERIC}
    )
    assert sentence == (
        f"line 3 of visits.csv, column n: '{number}' is not a number with a comma, such as 1234,50"
    )


def test_a_number_that_is_too_large_is_told_so_whatever_its_sign() -> None:
    content = f"n\n{'9' * 400},5\n".encode()
    said = refusal(content, delimiter=";", decimal=",", types={"n": DOUBLE})
    assert said.endswith("is beyond what a double can hold")


# --- the first line ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b"id,name", ["id", "name"]),
        (b" id ,\tname ", ["id", "name"]),
        (b"\xef\xbb\xbfid,name", ["id", "name"]),
        (b'"id"," name "', ["id", " name "]),
        (b'"a ""b""",c', ['a "b"', "c"]),
        (b'"a\nb",c', ["a\nb", "c"]),
        ("größe,名".encode(), ["größe", "名"]),
        (b'\xef\xbb\xbf"id",name', ["id", "name"]),
        (b"id,name,", ["id", "name"]),
        (b"id,name, ", ["id", "name"]),
        (b"Id,id", ["Id", "id"]),
        (b"sep=x,sep=", ["sep=x", "sep="]),
        (b'"sep=;",', ["sep=;"]),
        (b"sep=and,", ["sep=and"]),
    ],
)
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r", b"\n\n"])
def test_the_first_line_names_the_columns(line: bytes, names: list[str], end: bytes) -> None:
    assert read(line + end) == (names, [])
    assert read(line + end, drop=1) == (names, [])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "visits.csv is empty: its first line must name the columns"),
        (b"\xef\xbb\xbf", "visits.csv is empty"),
        (b"\nid\n", "line 1 of visits.csv is empty"),
        (b",\n", "line 1 of visits.csv is empty"),
        (b"id,name,,\n1,Ann,,\n", "columns 3 and 4 of visits.csv have no name"),
        (b"id,name,,,\n", "columns 3, 4 and 5 of visits.csv have no name"),
        (b"id,,name\n", "column 2 of visits.csv has no name"),
        (b",a,b\n0,1,2\n", "column 1 of visits.csv has no name"),
        (b"id,name,id\n", "columns 1 and 3 of visits.csv are called 'id'"),
        (
            b"sep=,\nid,name\n",
            "line 1 of visits.csv begins with 'sep=', which tells Excel the delimiter",
        ),
        (
            b"SEP=;\nid;name\n",
            "line 1 of visits.csv begins with 'SEP=;', which tells Excel the delimiter",
        ),
        (b"\xef\xbb\xbfsep=\t\nid\tname\n", "line 1 of visits.csv begins with 'sep=', which tells"),
        (b'"id,name\n1,Ann\n', "line 1 of visits.csv opens a quote that nothing closes"),
        (b"id,n\xffme\n", "line 1 of visits.csv holds the byte 0xff, which is not UTF-8"),
        ("id,name\n".encode("utf-16-le"), "NUL byte: is the file's encoding utf-16?"),
        (
            "id,name\n".encode("utf-16"),
            "visits.csv begins with the byte order mark of utf-16: choose",
        ),
    ],
)
def test_a_first_line_that_cannot_name_them_is_refused(content: bytes, sentence: str) -> None:
    assert sentence in refusal(content)


def test_a_first_line_that_opens_a_quote_for_good_is_told_once_it_is_too_long() -> None:
    """Its line was looked for by reading from the start again, where the same was told, for ever."""
    with pytest.raises(ProgramError) as told:
        read(b'"id,name\n' + b"1,x\n" * (MAX_RECORD // 4))
    assert str(told.value) == "line 1 of visits.csv is longer than 64 MB: is a quote left open?"


@pytest.mark.parametrize("drop", [None, 1])
@pytest.mark.parametrize(
    ("content", "settings", "names", "found"),
    [
        (b"1,Ann\n2,\n", {}, ["A", "B"], [("1", "Ann"), ("2", None)]),
        (b'\xef\xbb\xbf"1\n2",Ann', {}, ["A", "B"], [("1\n2", "Ann")]),
        (b"\n1,Ann\n\n", {}, ["A", "B"], [("1", "Ann")]),
        (b"\n1\n", {}, ["A"], [(None,), ("1",)]),
        (b"\n\n", {}, ["A"], [(None,), (None,)]),
        (b"x" + b"," * 26, {}, [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AA"], [("x", *[None] * 26)]),
        (b"", {"types": {"C": TEXT}}, ["A", "B", "C"], []),
        (b'A "title\r\nof it\r\n1,Ann', {"skip": 2}, ["A", "B"], [("1", "Ann")]),
    ],
)
def test_a_file_may_have_no_line_of_names(
    content: bytes, settings: Any, names: list[str], found: Rows, drop: int | None
) -> None:
    assert read(content, drop=drop, has_header=False, **settings) == (names, found)


@pytest.mark.parametrize("drop", [None, 1])
@pytest.mark.parametrize(
    ("content", "skip"),
    [
        (b"Report\n\nid,name\n1,Ann\n", 2),
        (b"\xef\xbb\xbfsep=,\r\nid,name\r\n1,Ann\r\n", 1),
        (b'5" pipes, "half open\rid,name\r1,Ann', 1),
        (b"1\n" * 200_000 + b"id,name\n1,Ann\n", 200_000),
    ],
)
def test_lines_above_the_table_are_skipped_whatever_they_hold(
    content: bytes, skip: int, drop: int | None
) -> None:
    if drop is None or len(content) < 1000:
        assert read(content, drop=drop, skip=skip) == (["id", "name"], [("1", "Ann")])


@pytest.mark.parametrize(
    ("content", "settings", "sentence"),
    [
        (b"", {"has_header": False}, "visits.csv is empty: its first line tells how many columns"),
        (b"sep=;\n1;2\n", {"has_header": False, "delimiter": ";"}, "begins with 'sep='"),
        (b"1,2\n", {"has_header": False, "types": {"C": TEXT}}, "has no column 'C'; it has A, B"),
        (b"1,2\n3\n", {"has_header": False}, "line 2 of visits.csv has 1 field where the first"),
        (b'\n\r\n"1,2\n', {"has_header": False}, "line 3 of visits.csv opens a quote that nothing"),
        (b"T\n", {"skip": 1}, "visits.csv has no line 2, which must name the columns"),
        (b"T", {"skip": 3, "has_header": False}, "visits.csv has no line 4, which tells how many"),
        (b"T\na,a\n", {"skip": 1}, "are called 'a': rename one in line 2"),
        (b"T\na,b\n1\n", {"skip": 1}, "line 3 of visits.csv has 1 field where line 2 has 2"),
        (b'T\na,b\n1,"x', {"skip": 1}, "line 3 of visits.csv opens a quote that nothing closes"),
        (b'T\n\n"a,b\n1,2', {"skip": 2}, "line 3 of visits.csv opens a quote that nothing"),
        (b"T\na,b\nx,1\n", {"skip": 1, "types": {"a": INTEGER}}, "line 3 of visits.csv, column a"),
        (b"T\na,b,\n1,2,3\n", {"skip": 1}, "'3' stands in column 3, which has no name in line 2"),
    ],
)
def test_lines_are_counted_from_the_files_own_first_one(
    content: bytes, settings: Any, sentence: str
) -> None:
    assert sentence in refusal(content, **settings)


def test_a_type_for_a_column_that_is_not_there_is_refused_with_what_there_is() -> None:
    sentence = refusal(b"id;name\n", types={"price": NUMERIC}, delimiter=";")
    assert sentence == "visits.csv has no column 'price'; it has id, name"


def test_columns_have_the_types_that_the_graph_gives_them() -> None:
    reader = CsvReader("x.csv", opener=opener(b"id,born,name\n"), types={"born": DATE})
    assert reader.open() == (Column("id", TEXT), Column("born", DATE), Column("name", TEXT))
    reader.close()


def test_a_last_column_without_a_name_must_be_empty() -> None:
    assert rows(b'id,name,\n1,Ann,\n2,Bob,""\n') == [("1", "Ann"), ("2", "Bob")]
    sentence = refusal(b"id,name,\n1,Ann,\n\n2,Bob,x\n")
    assert sentence.startswith("line 4 of visits.csv")
    assert "'x' stands in column 3, which has no name in line 1" in sentence


# --- rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'a,b\n1,\n,""\n', [("1", None), (None, "")]),
        (b"a,b\n 1 , x \n", [(" 1 ", " x ")]),
        (b"a,b\r\n1,2\r\n3,4", [("1", "2"), ("3", "4")]),
        (b"a,b\r1,2\r3,4\r", [("1", "2"), ("3", "4")]),
        (b'a,b\n1,"x\ny"\n', [("1", "x\ny")]),
        (b'a,b\r\n1,"x\r\ny\rz"\r\n', [("1", "x\r\ny\rz")]),
        (b'a,b\n1,"say ""hi"""\n2,""""\n', [("1", 'say "hi"'), ("2", '"')]),
        (b'a,b\n1,5" nails\n2,6"\n', [("1", '5" nails'), ("2", '6"')]),
        (b'a,b\n1,5" nails\n2,"x,\n"\n', [("1", '5" nails'), ("2", "x,\n")]),
        (b"a,b\n\n1,2\n\r\n\n3,4\n\n", [("1", "2"), ("3", "4")]),
        (b"a,b\n1,\x00\n", [("1", "\0")]),
        (b"a,b\n1,=1+1\n2,'x\n", [("1", "=1+1"), ("2", "'x")]),
        (b"a,b\nNULL,\\N\n", [("NULL", "\\N")]),
        (b"a\n1\n\n2\n", [("1",), (None,), ("2",)]),
        (b'a\n\n\n""\n', [(None,), (None,), ("",)]),
        (b"a\r\n\r\n1\r\n", [(None,), ("1",)]),
        (b'a,b\n"x",', [("x", None)]),
        (b'a,b\n"x",\r', [("x", None)]),
        (b'a,b\n1,2\n"",', [("1", "2"), ("", None)]),
        (b'a\n"x"', [("x",)]),
        (b"a\n\xef\xbb\xbf1\n\n", [("\ufeff1",), (None,)]),
        (b"a,b\n\xef\xbb\xbf1,2\n", [("\ufeff1", "2")]),
        (b'a,b\n\xef\xbb\xbf"1",', [('\ufeff"1"', None)]),
    ],
)
def test_fields_are_what_stands_there(content: bytes, expected: Rows) -> None:
    for drop in (None, 1, 2, 3):
        assert rows(content, drop=drop) == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b'id,name\n1,"Ann\n2,Bob\n3,Cy\n',
            "line 2 of visits.csv opens a quote that nothing closes",
        ),
        (b'id,name\n1,Ann\n2,"', "line 3 of visits.csv opens a quote that nothing closes"),
        (b'id,name\n1,"Ann" x\n', "line 2 of visits.csv has ' x' after a closing quote"),
        (b'id,name\n1,"a \\"b\\""\n', "line 2 of visits.csv has 'b\\\\\"\"' after a closing quote"),
        (
            b'id,name\n1,"Ann\n2,"Bob"\n',
            "line 2 of visits.csv opens a quoted field that ends 1 line later, before 'Bob\"'",
        ),
        (b'id,name\n1, "Ann"\n', "line 2 of visits.csv has a space before a quote"),
        (b'id,name\n  "1",Ann\n', "line 2 of visits.csv has a space before a quote"),
        (b"id,name\n1,Ann\n2\n", "line 3 of visits.csv has 1 field where the first line has 2"),
        (b"id,name\n1,Ann,x\n", "line 2 of visits.csv has 3 fields where the first line has 2"),
        (b'id,name\n1,"a\nb"\n\n2,x,\n', "line 5 of visits.csv has 3 fields"),
        (b'id,name\r\n1,"a\r\nb\rc"\r\n2\r\n', "line 4 of visits.csv has 1 field"),
        (b'id,name\r1,"a\rb"\r2\r', "line 3 of visits.csv has 1 field"),
        (b"id,name\n1,\xff\n", "line 2 of visits.csv holds 0xff, which is not utf-8"),
        (b"id,name\n\n1,ok\n2,\xc3\n", "line 4 of visits.csv holds 0xc3, which is not utf-8"),
        (b"id,name\n1,\xed\xa0\x80\n", "line 2 of visits.csv holds 0xed"),  # half of a pair
        (b"id,name\n   \n", "line 2 of visits.csv has 1 field"),
        (b"id\n1,2\n", "line 2 of visits.csv has 2 fields where the first line has 1"),
    ],
)
def test_a_line_that_is_no_row_is_named(content: bytes, sentence: str) -> None:
    assert sentence in refusal(content)


def test_a_line_is_named_however_far_it_is() -> None:
    lines = [b"%d,row %d" % (n, n) for n in range(200_000)]
    lines[150_000] = b"150000"
    sentence = refusal_of_a_large_file(b"id,name\n" + b"\n".join(lines))
    assert sentence == "line 150,002 of visits.csv has 1 field where the first line has 2"


def test_a_value_is_named_by_its_line_however_far_it_is() -> None:
    lines = [b'%d,"a\nb"\n' % n if n % 1000 == 0 else b"%d,x" % n for n in range(200_000)]
    lines[150_000] = b'one,"a\nb"'
    content = b"id,name\n" + b"\n".join(lines)
    line = content[: content.index(b"one")].count(b"\n") + 1
    sentence = refusal_of_a_large_file(content, types={"id": INTEGER})
    assert sentence == f"line {line:,} of visits.csv, column id: 'one' is not a whole number"


def refusal_of_a_large_file(content: bytes, **settings: Any) -> str:
    with pytest.raises(ProgramError) as caught:
        read(content, **settings)
    return str(caught.value)


def test_the_first_bad_row_is_named_whatever_its_column() -> None:
    types = {"a": INTEGER, "b": INTEGER}
    assert "line 3 of visits.csv, column b" in refusal(b"a,b\n1,2\n3,x\ny,4\n", types=types)


def test_a_quote_that_is_left_open_does_not_fill_the_memory() -> None:
    lines = b'id,name\n1,x\n2,"Ann\n' + b"3,no end of it\n" * (MAX_RECORD // 13)
    sentence = refusal_of_a_large_file(lines)
    assert sentence == "line 3 of visits.csv is longer than 64 MB: is a quote left open?"


def test_fields_of_ten_megabytes_are_fields() -> None:
    large = b'a "quoted"\n, ' * 800_000
    content = b'id,text\n1,x\n2,"%s"\n3,y\n' % large.replace(b'"', b'""')
    assert rows(content) == [("1", "x"), ("2", large.decode()), ("3", "y")]


def test_batches_keep_their_bounds() -> None:
    reader = CsvReader("x.csv", opener=opener(b"a\n" + b"1\n" * 260_001), types={"a": INTEGER})
    reader.open()
    sizes = [len(batch) for batch in reader.batches()]
    assert sum(sizes) == 260_001
    assert max(sizes) <= BATCH_ROWS
    wide = b"a,b\n" + b"1,%s\n" % (b"x" * 3_000_000) * 20
    reader = CsvReader("x.csv", opener=opener(wide))
    reader.open()
    batches = list(reader.batches())
    assert sum(map(len, batches)) == 20
    assert max(batch.nbytes for batch in batches) <= BATCH_BYTES + 3_100_000


def test_a_typed_field_is_a_value_or_null() -> None:
    types = {"n": INTEGER, "d": decimal(10, 2), "x": NUMERIC, "on": DATE}
    content = b'n,d,x,on\n" 7",19.99,0.10,2026-07-01\n,,,\n"1","2","3","2026-01-01"\n'
    got = rows(content, types=types)
    assert got[0][:3] == (7, Decimal("19.99"), "0.10")
    assert got[1] == (None, None, None, None)
    assert got[2][:3] == (1, Decimal("2.00"), "3")


@pytest.mark.parametrize("field", [b"12_34", b"nan", b"1e400", b"0x10", b'""', b" ", b"1,5"])
def test_a_number_is_plain_or_refused(field: bytes) -> None:
    sentence = refusal(b"a;b\n1;x\n%s;y\n" % field, types={"a": NUMERIC}, delimiter=";")
    assert sentence.startswith("line 3 of visits.csv, column a: ")


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_delimiter_stands_between_fields_and_others_are_text(delimiter: str) -> None:
    others = "".join({",", ";", "\t", "|"} - {delimiter})
    content = f'a{delimiter}b\n{others}{delimiter}"x{delimiter}y"\n'.encode()
    assert rows(content, delimiter=delimiter) == [(others, f"x{delimiter}y")]


def test_null_is_what_the_setting_says() -> None:
    content = b'a,b\nNULL,"NULL"\n,""\n'
    assert rows(content, null="NULL") == [(None, "NULL"), ("", "")]
    assert rows(content, null="NULL", is_quoted_null=True) == [(None, None), ("", "")]
    assert rows(content, is_quoted_null=True) == [("NULL", "NULL"), (None, None)]
    assert rows(b"a\nNULL\n\n", null="NULL") == [(None,), ("",)]


def test_a_quoted_null_helps_where_every_field_is_quoted() -> None:
    content = b'"a","b"\n"1",""\n'
    assert rows(content, types={"b": INTEGER}, is_quoted_null=True) == [("1", None)]
    assert "an empty text is not a whole number" in refusal(content, types={"b": INTEGER})


def test_without_quotes_a_quote_is_text() -> None:
    assert rows(b'a\tb\n"x\t"y"\n', delimiter="\t", quote=None) == [('"x', '"y"')]


def test_another_quote_is_a_setting() -> None:
    assert rows(b"a,b\n'x,''y''',\"\n", quote="'") == [("x,'y'", '"')]


@pytest.mark.parametrize(
    "settings",
    [
        {"delimiter": ""},
        {"delimiter": "ab"},
        {"delimiter": '"'},
        {"delimiter": "\n"},
        {"delimiter": "5"},
        {"delimiter": "§"},
        {"encoding": "utf-7"},
        {"decimal": ","},
        {"decimal": ";", "delimiter": "|"},
        {"quote": ","},
        {"quote": "x"},
        {"null": "a,b"},
        {"null": "a\nb"},
    ],
)
def test_settings_that_could_not_be_told_apart_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ProgramError):
        CsvReader("x.csv", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "größe,名,😀\n"),
        ("utf-8-sig", "größe,名,😀\n"),
        ("latin-1", "größe,x\n"),
        ("cp1252", "größe,€ „x“\n"),
        ("iso-8859-15", "größe,€ Œ\n"),
        ("cp1250", "größe,Łódź\n"),
        ("cp1251", "Москва,№\n"),
        ("cp932", "東京,表ソ能ｱ\n"),  # whose second bytes are those of \\ and |
        ("gb18030", "北京,😀€\n"),
        ("cp950", "台北,許功蓋\n"),
        ("cp949", "서울,똠방각하\n"),
        ("utf-16", "größe,名,😀\r\n"),
    ],
)
@pytest.mark.parametrize("drop", [None, 1, 2, 3, 5])
def test_an_encoding_is_a_setting(encoding: str, text: str, drop: int | None) -> None:
    header = "a,b,c\n" if text.count(",") == 2 else "a,b\n"
    content = (header + text).encode(encoding)
    assert rows(content, encoding=encoding, drop=drop) == [tuple(text.strip().split(","))]


def test_utf_16_of_either_byte_order_is_read() -> None:
    for mark, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        content = mark + 'a\n"x\nċ"\n'.encode(name)
        assert rows(content, encoding="utf-16") == [("x\nċ",)]


@pytest.mark.parametrize(
    ("encoding", "content", "sentence"),
    [
        ("cp1252", b'a\n"x\ny"\n\n\x81\n', "line 5 of visits.csv holds 0x81, which is not cp1252"),
        ("utf-16", b"\xff\xfea\0\n\0b\0\n\0\x00\xd8x\0", "line 3 of visits.csv holds 0x00 0xd8"),
        ("cp1250", b"a\rb\rc\r\x81\r", "line 4 of visits.csv holds 0x81, which is not cp1250"),
        ("cp932", b"a\n\x83\n", "line 2 of visits.csv holds 0x83, which is not cp932"),
        ("utf-16", b"\xff\xfea\0\n\0b", "line 2 of visits.csv holds 0x62, which is not utf-16"),
    ],
)
def test_bytes_of_another_encoding_name_their_line(
    encoding: str, content: bytes, sentence: str
) -> None:
    assert sentence in refusal(content, encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "content", "sentence"),
    [
        (
            "utf-16",
            b"a\0\n\0",
            "visits.csv does not begin with the byte order mark that utf-16 needs: choose",
        ),
        (
            "utf-16",
            b"\0a\0\n",
            "visits.csv does not begin with the byte order mark that utf-16 needs: choose",
        ),
        (
            "utf-16",
            b"a,b\n1,2\n",
            "visits.csv does not begin with the byte order mark that utf-16 needs: choose",
        ),
        ("latin-1", b"\xef\xbb\xbfa\n\xc3\xa9\n", "begins with the byte order mark of utf-8"),
        ("cp1252", b"\xef\xbb\xbfa\n\xc3\xa9\n", "begins with the byte order mark of utf-8"),
        ("cp1250", b"\xff\xfe1\0,\0x\0\n\0", "begins with the byte order mark of utf-16"),
        ("cp932", b"\xfe\xff\x001\0\n", "begins with the byte order mark of utf-16"),
    ],
)
def test_a_file_that_begins_as_another_encoding_does_is_refused(
    encoding: str, content: bytes, sentence: str
) -> None:
    for has_header in (True, False):
        assert sentence in refusal(content, encoding=encoding, has_header=has_header)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            gzip.compress(b"a,b\n", mtime=0),
            "is packed by gzip: unpack it, or let its name end in .gz",
        ),
        (bz2.compress(b"a,b\n"), "is packed by bzip2: unpack it"),
        (bz2.compress(b"a,b\n", 1), "is packed by bzip2: unpack it"),
        (lzma.compress(b"a,b\n"), "is packed by xz: unpack it"),
        (
            pa.compress(b"a,b\n", codec="zstd", asbytes=True),
            "is packed by Zstandard: unpack it, or let its name end in .zst",
        ),
        (b"PK\x03\x04\x14\0", "is a zip: unpack it; or an .xlsx file: an Excel Input reads it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "is an .xls file of old: save it as .xlsx"),
        (b"PAR1\x15\x04", "is a Parquet file: a Parquet Input reads it"),
        (b"SQLite format 3\0\x10", "is a SQLite database: a DB Input reads it"),
    ],
)
def test_a_file_that_is_no_text_is_told_by_what_it_is(
    content: bytes, sentence: str, encoding: str
) -> None:
    assert refusal(content, encoding=encoding).startswith(f"visits.csv {sentence}")


def test_texts_that_begin_nearly_so_are_texts() -> None:
    for first in ("PK", "PAR1", "BZh9", "SQLite format 3"):
        assert read(f"{first},b\n1,2\n".encode()) == ([first, "b"], [("1", "2")])


@pytest.mark.parametrize("drop", [None, 1, 2, 3, 5])
def test_a_mark_that_is_there_twice_is_no_part_of_a_name(drop: int | None) -> None:
    for encoding in ("utf-8", "gb18030"):
        mark = "\ufeff".encode(encoding)
        for content in (b"id,b\n1,2\n", b'"id",b\n1,2\n'):
            found = read(mark + mark + content, encoding=encoding, drop=drop)
            assert found == (["id", "b"], [("1", "2")])
    assert read(b'"\xef\xbb\xbfid"\n1\n', drop=drop) == (["\ufeffid"], [("1",)])


def test_signs_that_begin_as_a_mark_does_are_no_mark() -> None:
    for encoding in ("latin-1", "cp1252"):
        assert read("ï»,b\nÿþ,1\n".encode(encoding), encoding=encoding, drop=1) == (
            ["ï»", "b"],
            [("ÿþ", "1")],
        )


# --- files and pipes -----------------------------------------------------------------------------


def test_a_file_on_the_disk_is_read_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_bytes(b"a\n1\nx\n")
    reader = CsvReader(str(path), types={"a": INTEGER})
    reader.open()
    with pytest.raises(RowRefused) as caught:
        list(reader.batches())
    assert caught.value.index == 1
    assert reader.where(2) == "line 3 of visits.csv"
    reader.close()
    reader.close()


@pytest.mark.parametrize("line", [b"7,seven\n", b'8,"a\nb"\r\n', b"9," + b"n" * 3 * NEAR + b"\n"])
def test_a_file_is_read_up_to_the_end_of_a_line_where_one_is_near(
    tmp_path: Path, line: bytes
) -> None:
    content = line * (100_000 // len(line)) + b"10,ten"
    (tmp_path / "in.csv").write_bytes(content)
    with (tmp_path / "in.csv").open("rb") as file:
        source = Source(file, "utf-8")
        parts = []
        while not source.is_at_end:
            parts.append(source.read(20_000))
    assert b"".join(parts) == content
    assert all(len(part) <= 20_000 for part in parts)
    if len(line) < NEAR:
        assert [part[-1:] for part in parts[:-2]] == [b"\n"] * (len(parts) - 2)


def test_a_missing_file_is_said_by_the_system(tmp_path: Path) -> None:
    reader = CsvReader(str(tmp_path / "none.csv"))
    with pytest.raises(FileNotFoundError):
        reader.open()
    reader.close()


def test_a_pipe_hands_on_what_came(tmp_path: Path) -> None:
    """The rest is written after the first rows have arrived here: else the test would hang."""
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    has_arrived = threading.Event()

    def write() -> None:
        with open(path, "wb", buffering=0) as pipe:
            pipe.write(b"a\n1\n2\n3")
            assert has_arrived.wait(60)
            pipe.write(b"4\nx\n")

    writer = threading.Thread(target=write)
    writer.start()
    reader = CsvReader(str(path), types={"a": INTEGER})
    try:
        assert reader.open().names == ["a"]
        batches = reader.batches()
        first = next(batches)["a"].to_pylist()
        has_arrived.set()
        with pytest.raises(RowRefused) as caught:
            list(batches)
        assert first == [1, 2]
        assert caught.value.index == 1
        assert reader.where(4) == "row 4 of pipe.csv"
    finally:
        has_arrived.set()
        writer.join(60)
        reader.close()


def test_a_reader_that_is_left_in_the_middle_leaves_no_thread() -> None:
    reader = CsvReader("x.csv", opener=opener(b"a\n" + b"1\n" * 400_000))
    reader.open()
    batches = reader.batches()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    reader.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("csv")]


# --- against Python's csv ------------------------------------------------------------------------

odd_text = st.text('ab,;" \r\n\ufeffé', max_size=30) | st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", ' "', '","', '"\n"'])
).map("".join)


def as_python_reads(text: str, width: int) -> Rows | None:
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return None
    if width == 1:
        lines = [line or [""] for line in lines]
    fields = [tuple(line) for line in lines if line]
    return fields if all(len(line) == width for line in fields) else None


@given(odd_text, st.integers(1, 3), st.integers(1, 7))
@example('"\n', 1, 1)
@example('"a"\r', 1, 1)
@example("a\r\r\n", 1, 3)
@example('"a""', 1, 2)
@example("\ufeffa", 1, 9)
def test_rows_are_those_of_pythons_csv_or_refused(text: str, width: int, drop: int) -> None:
    content = (",".join("abc"[:width]) + "\n" + text).encode()
    expected = as_python_reads(text, width)
    got = outcome(content)
    assert outcome(content, drop=drop) == got
    if isinstance(got, str):
        assert expected is None or "space before a quote" in got
    else:
        assert [tuple("" if field is None else field for field in row) for row in got] == expected


def outcome(content: bytes, drop: int | None = None) -> Rows | str:
    """Rows, or the sentence of a refusal."""
    try:
        return rows(content, drop=drop)
    except ProgramError as error:
        return str(error)


@given(st.lists(st.sampled_from(["1", "", '"x\ny"', '5"', "2\n", '"\r"']), min_size=1), st.data())
def test_where_names_the_line_at_which_a_row_begins(fields: list[str], data: st.DataObject) -> None:
    """A marked row is found in the text by its mark, and by `where` through its number."""
    marked = data.draw(st.integers(0, len(fields) - 1))
    lines = [f"{'mark' if at == marked else 'x'},{field}\n" for at, field in enumerate(fields)]
    text = "a,b\n" + "".join(lines)
    reader = CsvReader("x.csv", opener=opener(text.encode()))
    reader.open()
    got = [value for batch in reader.batches() for value in batch["a"].to_pylist()]
    line = text[: text.index("mark")].count("\n") + 1
    assert reader.where(got.index("mark") + 1) == f"line {line:,} of x.csv"


# ---------------------------------------------------------------- a backslash before quotes


MYSQL = rb"""a,b
"5\" nails",1
"C:\\temp",2
"x,y\\",3
"l1\
l2",4
"\\\"",5
"",6
\N,7
"""  # what MariaDB writes INTO OUTFILE … ENCLOSED BY '"' ESCAPED BY '\\'


def escaped(content: bytes, **settings: Any) -> Rows:
    return rows(content, escape="\\", **settings)


@pytest.mark.parametrize("drop", [None, 1, 2, 7])
def test_a_backslash_may_stand_before_a_quote(drop: int | None) -> None:
    texts = ['5" nails', "C:\\temp", "x,y\\", "l1\nl2", '\\"', "", None]
    wanted = [(text, str(number)) for number, text in enumerate(texts, 1)]
    assert escaped(MYSQL, null="\\N", drop=drop) == wanted


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'a\n"C:\\temp"\n', "C:\\temp"),  # before another sign it is text
        (b"a\nC:\\temp\n", "C:\\temp"),
        (b'a\n"\\N"\n', "\\N"),
        (b'a\n"5"" \\" nails"\n', '5" " nails'),
        (b'a\r\n"x\\\r\ny"\r\n', "x\r\ny"),
        ('a\n"é\\"ü"\n'.encode("utf-16"), 'é"ü'),
    ],
)
def test_a_backslash_in_a_field_is_what_programs_agree_on(content: bytes, value: str) -> None:
    encoding = "utf-16" if content.startswith(b"\xff\xfe") else "utf-8"
    assert escaped(content, encoding=encoding, null="-") == [(value,)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'a,b\n"l\nl",1\n\\\\srv,2\n', "line 4 of visits.csv has a backslash before another"),
        (b'a,b\n1,5\\" n\n', "line 2 of visits.csv has a backslash before another, a quote"),
        (b"a,b\n1\\,5,2\n", "line 2 of visits.csv has a backslash before another"),
        (b"a,b\n1,C:\\", "line 2 of visits.csv has a backslash before another"),
        (b'a,b\n1,2\n"x\\0y",1\n', r"line 3 of visits.csv has \0 in quotes, which is a NUL for"),
        (b'a,b\n1,"x\\"\n', "line 2 of visits.csv opens a quote that nothing closes"),
        (b'a,b\n1,2\n"x\\"",1,2\n', "line 3 of visits.csv has 3 fields"),
    ],
)
@pytest.mark.parametrize("drop", [None, 1])
def test_a_backslash_that_programs_read_differently_is_refused_with_its_line(
    content: bytes, told: str, drop: int | None
) -> None:
    with pytest.raises(ProgramError) as refused:
        escaped(content, drop=drop)
    assert told in str(refused.value)


def test_lines_that_are_skipped_may_leave_a_quote_open_before_backslashes() -> None:
    assert escaped(b'say "x\n,"more\na\n"1\\"2"\n', skip=2) == [('1"2',)]


def test_a_bad_value_behind_quotes_with_backslashes_is_told_with_its_line() -> None:
    with pytest.raises(ProgramError, match=r"^line 5 of visits.csv, column n: 'x' is not a whole"):
        escaped(b'a,n\n"1\\"\n2",1\n"\\\\",2\n"\\"",x\n', types={"n": INTEGER})


def test_a_quote_that_a_backslash_does_not_close_ends_at_the_bound() -> None:
    with pytest.raises(ProgramError, match=r"is longer than 64 MB: is a quote left open\?"):
        escaped(b'a\n"' + b"x" * (MAX_RECORD + 10))


class Asked(io.BytesIO):
    """A file that counts how often it is read."""

    times = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.times += 1
        return super().read(size)


def test_a_long_field_with_backslashes_is_read_in_doubled_pieces() -> None:
    """It is looked at from its start with each piece: of equal ones that took the square of its length."""
    file = Asked(b'a\n"\\"' + b"x" * 4 * 1024 * 1024 + b'"\n')
    reader = CsvReader("visits.csv", opener=lambda path: file, escape="\\")
    reader.open()
    assert sum(map(len, reader.batches())) == 1
    assert file.times < 10


TEXTS_WITH_SIGNS = st.text(st.sampled_from('",\\\na0é; \r'), max_size=6)


@given(written=st.lists(st.tuples(TEXTS_WITH_SIGNS, TEXTS_WITH_SIGNS)), drop=st.integers(1, 20))
def test_what_python_writes_with_an_escapechar_comes_back(
    written: list[tuple[str, str]], drop: int
) -> None:
    file = io.StringIO(newline="")
    form: Any = {"quoting": csv.QUOTE_ALL, "escapechar": "\\", "doublequote": False}
    csv.writer(file, lineterminator="\n", **form).writerows([("a", "b"), *written])
    assert escaped(file.getvalue().encode(), drop=drop) == written


def test_a_file_with_backslashes_is_told_of_the_setting() -> None:
    with pytest.raises(ProgramError, match=r"written twice, unless Escape says that \\\" is one"):
        rows(b'a,b\n1,"5\\" nails"\n')
