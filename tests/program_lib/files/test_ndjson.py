"""Files of JSON objects are read strictly: each row as it stands, or a sentence with the line that is none."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from program_lib.errors import ProgramError, RowRefused
from program_lib.ndjson_files import lines
from program_lib.ndjson_files.lines import FIRST_LINES
from program_lib.ndjson_files.reader import IGNORE, NdjsonReader
from program_lib.ndjson_files.writer import NdjsonWriter
from program_lib.ports import BATCH_ROWS
from program_lib.types import (
    BOOLEAN,
    BYTES,
    COLUMN_TYPES,
    DATE,
    DOUBLE,
    INTEGER,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Schema,
    Type,
    decimal,
)
from tests.program_lib.in_memory import rows_of
from tests.program_lib.moving import moved

UTC = ZoneInfo("UTC")


def opener(content: bytes) -> Callable[[str], BinaryIO]:
    return lambda path: io.BytesIO(content)


def read(content: bytes, **types: Type) -> list[dict[str, Any]]:
    return rows_in(NdjsonReader("data/x.ndjson", types=types, opener=opener(content)))


def rows_in(reader: NdjsonReader) -> list[dict[str, Any]]:
    """A refused row is raised with its line, as a program's node does."""
    schema = reader.open()
    rows: list[dict[str, Any]] = []
    try:
        for batch in reader.batches():
            assert batch.schema == schema.arrow()
            assert 0 < len(batch) <= BATCH_ROWS
            rows += batch.to_pylist()
    except RowRefused as error:
        where = reader.where(len(rows) + error.index + 1)
        raise ProgramError(f"{where}, column {error.column}: {error.reason}") from error
    finally:
        reader.close()
    return rows


# --- reading -------------------------------------------------------------------------------------


def test_members_are_columns_and_what_is_missing_or_null_is_null() -> None:
    content = b'\xef\xbb\xbf{"a": "x", "b": null}\r\n\n  \n {"c": true}\n{"a": ""}'
    assert read(content) == [
        {"a": "x", "b": None, "c": None},
        {"a": None, "b": None, "c": "true"},
        {"a": "", "b": None, "c": None},
    ]


def test_a_text_is_what_stands_there_and_numbers_keep_each_digit() -> None:
    content = b'{"a": 1e5, "b": 10.50, "c": -0, "d": [1.10, {"x": "\\u00e9"}], "e": "\\u00e9\\n\\u0000\\ud83d\\ude00"}'
    assert read(content) == [
        {"a": "1e5", "b": "10.50", "c": "-0", "d": '[1.10, {"x": "\\u00e9"}]', "e": "é\n\0😀"}
    ]


def test_each_type_is_read_from_numbers_and_from_texts() -> None:
    values: dict[str, tuple[str, Any]] = {
        "integer": ("9223372036854775807", 2**63 - 1),
        "numeric": ("12345678901234567890.10", "12345678901234567890.10"),
        "double": ("1e-7", 1e-7),
        "boolean": ("true", True),
        "date": ('"2026-07-31"', date(2026, 7, 31)),
        "time": ('"01:02:03.5"', time(1, 2, 3, 500_000)),
        "timestamp": ('"2026-07-31T12:00:00"', datetime(2026, 7, 31, 12)),
        "timestamptz": ('"2026-07-31T12:00:00Z"', datetime(2026, 7, 31, 12, tzinfo=UTC)),
        "text": ('"x"', "x"),
    }
    assert set(values) == set(COLUMN_TYPES)
    for name, (written, value) in values.items():
        quoted = written if written.startswith('"') else f'"{written}"'
        lines = f'{{"a": null}}\n{{"a": {written}}}\n{{"a": {quoted}}}\n{{}}\n'
        expected = [{"a": found} for found in (None, value, value, None)]
        assert read(lines.encode(), a=COLUMN_TYPES[name]) == expected, name


@pytest.mark.parametrize(
    ("written", "number"),
    [("1e3", "1000"), ("1.5E-3", "0.0015"), ("-1.50e1", "-15.0"), ("0e-400", "0." + "0" * 400)],
)
def test_an_exponent_of_a_number_is_written_out_exactly(written: str, number: str) -> None:
    assert read(b'{"a": %s}' % written.encode(), a=NUMERIC) == [{"a": number}]


@pytest.mark.parametrize(
    ("written", "number"),
    [("1.0", 1), ("-2.00", -2), ("10e-1", 1), ("9007199254740993.0", 2**53 + 1)],
)
def test_a_whole_number_may_be_written_with_a_point(written: str, number: int) -> None:
    """As pandas does where a column has NULLs; to JSON 1.0 and 1 are one number."""
    lines = f'{{"a": {written}}}\n{{"a": 7}}\n{{"a": null}}\n'
    assert read(lines.encode(), a=INTEGER) == [{"a": number}, {"a": 7}, {"a": None}]


@pytest.mark.parametrize(
    ("value", "of", "why"),
    [
        ("1.5", INTEGER, "'1.5' is not a whole number"),
        ("1e999999999", NUMERIC, "'1e999999999' is not a number"),
        ("9223372036854775808", INTEGER, "does not fit into 64 bits"),
        ("1e400", DOUBLE, "beyond what a double can hold"),
        ("[1]", INTEGER, "is not a whole number"),
        ('""', NUMERIC, "an empty text is not a number"),
        ("1", BOOLEAN, "'1' is not true or false"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_line(value: str, of: Type, why: str) -> None:
    content = f'{{"a": null}}\n\n{{"a": {value}}}\n'.encode()
    with pytest.raises(ProgramError, match=rf"^line 3 of x\.ndjson, column a: .*{why}"):
        read(content, a=of)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a": 1}, {"b": "x\\ny"}]',
        b'\xef\xbb\xbf\r\n [\r\n  {"a":\r\n 1},\r\n  {"b": "x\\ny"}\r\n]\r\n',
    ],
)
def test_a_file_may_be_one_list_of_objects(content: bytes) -> None:
    """As most programs write JSON, pandas and a service's answer that was kept among them."""
    assert read(content, a=INTEGER) == [{"a": 1, "b": None}, {"a": None, "b": "x\ny"}]


def test_a_long_list_comes_in_batches_with_the_text_of_what_is_nested() -> None:
    rows = b",\n".join(b'{"n": %d, "of": {"k": [1,\n2]}}' % number for number in range(90_000))
    reader = NdjsonReader("x.json", types={"n": INTEGER}, opener=opener(b"[" + rows + b"]"))
    reader.open()
    batches = list(reader.batches())
    assert [value for batch in batches for value in batch["n"].to_pylist()] == [*range(90_000)]
    assert len(batches) > 1
    assert set(batches[-1]["of"].to_pylist()) == {'{"k": [1, 2]}'}
    assert reader.where(70_000) == "element 70,000 of x.json"
    assert read(b"[]", n=INTEGER) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'[{"a": 1}, 2]', "element 2 of x.ndjson is no JSON object"),
        (
            b'[{"a": 1},\n\n{"a": 1, "a": 2}]',
            "element 2 of x.ndjson has two members that are called",
        ),
        (b'[{"a": 1}, {"a": "x"}]', "element 2 of x.ndjson, column a: 'x' is not a whole number"),
        (b'[{"a": 1}, {"a": "\xff"}]', "element 2 of x.ndjson holds 0xff, which is not UTF-8"),
        (b'[{"a": 1}, {"a": ', "x.ndjson begins with [, as a list, and is no JSON: Input data was"),
        (b"[1]\n[2]\n", "x.ndjson begins with [, as a list, and is no JSON"),
    ],
)
def test_what_is_wrong_in_a_list_is_told_with_its_element(content: bytes, why: str) -> None:
    with pytest.raises(ProgramError) as told:
        read(content, a=INTEGER)
    assert why in str(told.value)


def test_a_list_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 2**20)
    with pytest.raises(
        ProgramError, match=r"^x\.ndjson is a list of more than 1 MB: write an object"
    ):
        read(b"[" + b'{"a": 1},' * 2**17 + b"{}]")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"[1]", "is no JSON object"),
        (b"1", "is no JSON object"),
        (b'{"a": 1', "is no JSON"),
        (b'{"a": 1} {"a": 2}', "is no JSON"),
        (b'{"a": 1},', "is no JSON"),
        (b"{'a': 1}", "is no JSON"),
        (b'{"a": NaN}', "is no JSON"),
        (b'{"a": 01}', "is no JSON"),
        (b'{"a": "\\ud800"}', r"is no JSON: \\ud800 is half of a character"),
        (b'{"a": "\\ud800 and more text"}', r"is no JSON: \\ud800 is half of a character"),
        (b'{"a": "\\ud83d\\ude00 \\uDE00"}', r"is no JSON: \\uDE00 is half of a character"),
        (b'{"a": "\\\\ud83d", "b": "\\ud83d\\ude00', "is no JSON: Input data was truncated"),
        (b'{"a": "\xff"}', "holds 0xff, which is not UTF-8"),
        (b'{"\xff": 1}', "holds 0xff, which is not UTF-8"),
        (b'{"a": 1, "a": 1}', "has two members that are called 'a'"),
        (b'{"a": {"a": 1}, "b": ":", "a": 1}', "has two members that are called 'a'"),
        (b'{"\\u003a": 1, "a": 2, "a": 3}', "has two members that are called 'a'"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply"),
        (b'{"a": 1, "z": 1}', "has a member 'z', which the first 1,000 lines have not: name it in Types"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else "",
)  # fmt: skip
def test_a_line_that_is_no_row_is_named(line: bytes, why: str) -> None:
    before = b'{"a": 1, "b": 2, ":": 3}\n' * FIRST_LINES
    with pytest.raises(ProgramError, match=rf"^line 1,002 of x\.ndjson {why}"):
        read(before + b"\n" + line + b"\n")


def test_a_file_in_utf_16_is_told_by_its_mark() -> None:
    with pytest.raises(
        ProgramError, match=r"x\.ndjson begins with the byte order mark of utf-16, and"
    ):
        read('{"a": 1}\n'.encode("utf-16"))


def test_a_file_that_is_no_text_is_told_by_what_it_is() -> None:
    with pytest.raises(ProgramError, match=r"^x\.ndjson is packed by gzip: unpack it, or let"):
        read(gzip.compress(b'{"a": 1}\n'))


def test_colons_are_no_members() -> None:
    line = b'{"a:": "b:c", "\\u003a": {"x": [":"]}, "t": "12:00"}'
    assert read(line) == [{"a:": "b:c", ":": '{"x": [":"]}', "t": "12:00"}]


def test_members_that_come_late_are_columns_by_types_or_are_ignored() -> None:
    content = b'{"a": 1}\n' * FIRST_LINES + b'{"a": 2, "b": 3}\n'
    assert read(content, b=INTEGER)[-1] == {"a": "2", "b": 3}
    reader = NdjsonReader("x", others=IGNORE, opener=opener(content))
    assert rows_in(reader)[-1] == {"a": "2"}
    earlier = content.split(b"\n", 1)[1]
    assert read(earlier)[-1] == {"a": "2", "b": "3"}


def test_a_file_without_rows_has_the_columns_of_types() -> None:
    for content in (b"", b"\n", b"{}\n"):
        assert [row["a"] for row in read(content, a=INTEGER)] == [None] * content.count(b"{")
        with pytest.raises(ProgramError, match="tells no columns"):
            read(content)


def test_more_rows_than_a_batch_tell_how_far_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text(
        "".join(f'{{"n": {n}, "a": "{"x" * 40}"}}\n' for n in range(BATCH_ROWS + 40_000))
    )
    reader = NdjsonReader(str(path), types={"n": INTEGER}, opener=lambda path: open(path, "rb"))  # noqa: SIM115
    reader.open()
    shares, numbers = list[float](), list[int]()
    for batch in reader.batches():
        numbers += batch.column("n").to_pylist()
        shares.append(reader.share() or 0.0)
    reader.close()
    assert numbers == list(range(BATCH_ROWS + 40_000))
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.7
    assert shares[-1] == 1.0


def test_a_line_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("program_lib.ndjson_files.lines.MAX_LINE", 2**20)
    with pytest.raises(ProgramError, match=r"line 1 of x\.ndjson is longer than 1 MB"):
        read(b'{"a": "' + b"x" * 2**22 + b'"}')


# --- writing -------------------------------------------------------------------------------------

WRITTEN: list[tuple[Type, Any, str]] = [
    (BOOLEAN, True, "true"),
    (INTEGER, -(2**63), "-9223372036854775808"),
    (decimal(10, 2), Decimal("10.50"), "10.50"),
    (decimal(38, 38), Decimal("1E-38"), "0." + "0" * 37 + "1"),
    (DOUBLE, 1e-7, "0.0000001"),
    (NUMERIC, "10.50", "10.50"),
    (TEXT, 'a"\\\n\x01é\u2028\0', '"a\\"\\\\\\n\\u0001é\u2028\\u0000"'),
    (TEXT, "", '""'),
    (BYTES, b"\x00\xff", '"\\\\x00ff"'),
    (DATE, date(1, 1, 1), '"0001-01-01"'),
    (TIME, time(1, 2, 3, 500_000), '"01:02:03.5"'),
    (TIMESTAMP, datetime(2026, 7, 31, 12), '"2026-07-31 12:00:00"'),
    (TIMESTAMPTZ, datetime(2026, 7, 31, 12, tzinfo=UTC), '"2026-07-31 12:00:00+00"'),
    (UUID, "123e4567-e89b-12d3-a456-426614174000", '"123e4567-e89b-12d3-a456-426614174000"'),
    (JSON, '{"a":\n1.10}', '{"a": 1.10}'),
]


def test_each_type_is_written_with_null_first_and_last_and_only_and_comes_back(
    tmp_path: Path,
) -> None:
    columns = [Column(f"t{at}", of) for at, (of, _, _) in enumerate(WRITTEN)]
    schema = Schema([*columns, Column("only", INTEGER)])
    nulls: list[Any] = [None] * len(schema)
    rows = [nulls, [*(value for _, value, _ in WRITTEN), None], nulls]
    moved(rows_of(schema, rows), NdjsonWriter(tmp_path / "x.ndjson"))
    content = (tmp_path / "x.ndjson").read_bytes()
    line = (
        "{"
        + ",".join(f'"t{at}":{text}' for at, (_, _, text) in enumerate(WRITTEN))
        + ',"only":null}'
    )
    lines = content.decode().split("\n")
    assert lines[1] == line
    assert set(json.loads(lines[0]).values()) == {None}
    assert lines[0] == lines[2]
    types = {column.name: column.type for column in schema}
    found = read(content, **types)
    expected = [list(row) for row in rows]
    expected[1][-2] = '{"a": 1.10}'
    assert [list(row.values()) for row in found] == expected


@pytest.mark.parametrize(
    ("of", "value", "why"),
    [
        (DOUBLE, float("nan"), "'NaN' is no number that JSON has"),
        (DOUBLE, float("-inf"), "'-Infinity' is no number that JSON has"),
        (NUMERIC, "NaN", "'NaN' is no number that JSON has"),
        (JSON, "{", "'{' is no JSON"),
        (JSON, '1}\n{"a":2', "is no JSON"),
    ],
)
def test_what_json_has_not_is_refused_with_its_row(
    tmp_path: Path, of: Type, value: Any, why: str
) -> None:
    with pytest.raises(RowRefused, match=why) as caught:
        moved(rows_of(Schema([Column("a", of)]), [[None], [value]]), NdjsonWriter(tmp_path / "x"))
    assert (caught.value.index, caught.value.column) == (1, "a")
    assert os.listdir(tmp_path) == []


def test_no_rows_and_odd_names(tmp_path: Path) -> None:
    schema = Schema([Column('a"\\:', TEXT), Column("ü", TEXT)])
    moved(rows_of(schema, []), NdjsonWriter(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b""
    moved(rows_of(schema, [["x", None]]), NdjsonWriter(tmp_path / "x"))
    assert read((tmp_path / "x").read_bytes()) == [{'a"\\:': "x", "ü": None}]
    with pytest.raises(ProgramError, match="a column is called ''"):
        moved(rows_of(Schema([Column("", TEXT)]), []), NdjsonWriter(tmp_path / "y"))


@given(
    st.lists(
        st.dictionaries(
            st.text(min_size=1).filter(lambda n: "\0" not in n), st.text() | st.none(), min_size=1
        ),
        min_size=1,
    )
)
@settings(max_examples=60)
def test_any_texts_are_read_as_pythons_json_writes_them(
    objects: list[dict[str, str | None]],
) -> None:
    lines = [json.dumps(one, ensure_ascii=at % 2 == 0) for at, one in enumerate(objects)]
    names = list(dict.fromkeys(name for one in objects for name in one))
    expected = [{name: one.get(name) for name in names} for one in objects]
    assert read("\n".join(lines).encode()) == expected
