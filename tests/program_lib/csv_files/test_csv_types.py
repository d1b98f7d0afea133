"""Types are proposed from all values of a column, and never lose what a value is."""

from __future__ import annotations

import io
from typing import Any

import pytest

from program_lib.columns.narrowest_types import narrowest_types
from program_lib.csv_files.comma_numbers import with_point
from program_lib.csv_files.reader import CsvReader
from program_lib.errors import ProgramError
from program_lib.types import BOOLEAN, DATE, INTEGER, NUMERIC, TEXT, TIMESTAMP, Type


def found(content: bytes, **settings: Any) -> dict[str, Type]:
    reader = CsvReader("in.csv", opener=lambda path: io.BytesIO(content), **settings)
    columns = narrowest_types(reader)
    return {column.name: column.type for column in columns}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", "9223372036854775807"], INTEGER),
        (["0", "-0", "5"], INTEGER),
        (["1", "9223372036854775808"], NUMERIC),
        (["1", "2.50"], NUMERIC),
        (["2.50", "1"], NUMERIC),
        ([".5", "1"], NUMERIC),
        (["2026-07-01", "2024-02-29"], DATE),
        (["2026-07-01", "2026-07-01 12:00:00"], TIMESTAMP),
        (["2026-07-01T12:00:00.5", "2026-07-01"], TIMESTAMP),
        (["true", "false"], BOOLEAN),
        (["1", "", "3"], INTEGER),
        (["007", "8"], TEXT),
        (["8", "007"], TEXT),
        (["-01"], TEXT),
        (["00.5"], TEXT),
        (["+4930123"], TEXT),
        (["t", "f"], TEXT),
        (["1e5"], TEXT),
        (["nan"], TEXT),
        (["1_000"], TEXT),
        (["1,000"], TEXT),
        (["0x10"], TEXT),
        (["2026-13-01"], TEXT),
        (["2026-07-01", "5"], TEXT),
        (["5", "2026-07-01"], TEXT),
        (["1", "true"], TEXT),
        (["2026-07-01 12:00:00+02"], TEXT),
        (["", ""], TEXT),
        ([], TEXT),
        (['""'], TEXT),
        (["1", '""'], TEXT),
        (["1", "n/a"], TEXT),
    ],
)
def test_the_narrowest_type_of_all_values_is_proposed(values: list[str], expected: Type) -> None:
    content = "v;x\n" + "".join(f"{value};x\n" for value in values)
    assert found(content.encode(), delimiter=";") == {"v": expected, "x": TEXT}


def test_the_last_value_of_a_long_file_counts() -> None:
    lines = b"a,b,c\n" + b"1,,2026-07-01\n" * 200_000
    assert found(lines) == {"a": INTEGER, "b": TEXT, "c": DATE}
    assert found(lines + b"0.5,7,x\n") == {"a": NUMERIC, "b": INTEGER, "c": TEXT}


def test_numbers_with_a_comma_are_numbers_where_the_file_has_them_so() -> None:
    content = b"n;i;p;t\n1,5;7;1.5;x\n2;8;2.5;1,5\n"
    reader = CsvReader("in.csv", delimiter=";", opener=lambda path: io.BytesIO(content))
    of = {one.name: one.type for one in narrowest_types(reader, as_number=with_point)}
    assert of == {"n": NUMERIC, "i": INTEGER, "p": TEXT, "t": TEXT}
    assert found(content, delimiter=";") == {"n": TEXT, "i": INTEGER, "p": NUMERIC, "t": TEXT}


def test_a_null_marker_is_no_value() -> None:
    content = b"a\nNULL\n5\n"
    assert found(content) == {"a": TEXT}
    assert found(content, null="NULL") == {"a": INTEGER}


def test_a_file_that_is_no_csv_is_refused_with_its_line() -> None:
    with pytest.raises(ProgramError, match=r"line 3 of in\.csv has 1 field"):
        found(b"a,b\n1,2\n3\n")
    with pytest.raises(ProgramError, match=r"line 3 of in\.csv: 'x' stands in column 3"):
        found(b"a,b,\n1,2,\n3,4,x\n")


def test_the_file_is_readable_with_what_was_found() -> None:
    content = b"i,n,d,t,b,x\n1,0.50,2026-07-01,2026-07-01 10:00:00,true,007\n,,,,,\n"
    types = found(content)
    reader = CsvReader("in.csv", types=types, opener=lambda path: io.BytesIO(content))
    assert [column.type for column in reader.open()] == [
        INTEGER,
        NUMERIC,
        DATE,
        TIMESTAMP,
        BOOLEAN,
        TEXT,
    ]
    assert sum(map(len, reader.batches())) == 2
    reader.close()
