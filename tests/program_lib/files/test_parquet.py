"""Parquet files: each type comes back as it was, and what has no place here is refused with its row or column."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID as PythonUuid
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from program_lib.databases import read_rows, write_rows
from program_lib.errors import ProgramError, RowRefused
from program_lib.parquet_files.reader import ParquetReader
from program_lib.parquet_files.types import TYPE_KEY
from program_lib.parquet_files.writer import GROUP_ROWS, ParquetWriter
from program_lib.ports import BATCH_BYTES, BATCH_ROWS
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
)
from tests.program_lib.in_memory import rows_of
from tests.program_lib.moving import moved
from tests.servers.databases import Database

UTC = ZoneInfo("UTC")
SOME_UUID = "123e4567-e89b-12d3-a456-426614174000"

# each type with its odd values
VALUES: list[tuple[Type, list[Any]]] = [
    (BOOLEAN, [True, False]),
    (Type(Kind.INTEGER, bits=16), [-32768, 32767]),
    (Type(Kind.INTEGER, bits=32), [-(2**31), 2**31 - 1]),
    (INTEGER, [-(2**63), 2**63 - 1, 0]),
    (decimal(10, 2), [Decimal("19.99"), Decimal("-99999999.99"), Decimal("0.30")]),
    (decimal(38, 0), [Decimal("9" * 38)]),
    (decimal(38, 38), [Decimal("-0." + "9" * 38), Decimal("1E-38")]),
    (decimal(5, 5), [Decimal("0.00999")]),
    (DOUBLE, [0.1, 5e-324, -0.0, float("inf"), 1.7976931348623157e308]),
    (Type(Kind.DOUBLE, bits=32), [0.1, 0.10000000149011612]),
    (TEXT, ["", "NULL", "ü\n\r\t\0€𝄞", " x "]),
    (Type(Kind.TEXT, length=3), ["abc"]),
    (Type(Kind.TEXT, length=5, is_padded=True), ["ab"]),
    (BYTES, [b"", b"\x00\xff"]),
    (DATE, [date(1, 1, 1), date(9999, 12, 31)]),
    (TIME, [time(0, 0), time(23, 59, 59, 999999)]),
    (TIMESTAMP, [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)]),
    (TIMESTAMPTZ, [datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 7, 31, 12, 0, 0, 5, tzinfo=UTC)]),
    (NUMERIC, ["10.50", "0.0000001", "NaN", "-Infinity", "9" * 100]),
    (INTERVAL, ["1 mon", "-1 days"]),
    (UUID, [SOME_UUID]),
    (JSON, ['{"a": 1.10}', "null"]),
]


class Files:
    """Parquet files of one directory, and what reading them gave."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "x.parquet"

    def reader(self, columns: Sequence[str] = ()) -> ParquetReader:
        return ParquetReader(str(self.path), columns=columns, opener=opened)

    def write(self, schema: Schema, rows: list[list[Any]], **settings: Any) -> None:
        assert moved(rows_of(schema, rows), ParquetWriter(self.path, **settings)) == len(rows)

    def foreign(self, columns: dict[str, pa.Array], **settings: Any) -> None:
        """A file that another program writes."""
        pq.write_table(pa.table(columns), self.path, **settings)

    def read(self, columns: Sequence[str] = ()) -> tuple[Schema, list[dict[str, Any]]]:
        """A refused row is counted from the start of the file."""
        reader, rows = self.reader(columns), list[dict[str, Any]]()
        try:
            schema = reader.open()
            for batch in reader.batches():
                assert batch.schema == schema.arrow()
                assert 0 < len(batch) <= BATCH_ROWS
                rows += batch.to_pylist()
        except RowRefused as error:
            raise RowRefused(len(rows) + error.index, error.reason, error.column) from error
        finally:
            reader.close()
        assert reader.total() == len(rows)
        return schema, rows


def opened(path: str) -> BinaryIO:
    return open(path, "rb")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    yield Files(tmp_path)
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []


# --- our own files -------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_each_type_comes_back_as_it_was_with_null_first_and_last_and_only(
    files: Files, compression: str
) -> None:
    columns, cells = list[Column](), list[list[Any]]()
    most = max(len(values) for _, values in VALUES) + 1
    for at, (of, values) in enumerate(VALUES):
        columns += [Column(f"t{at}", of), Column(f"n{at}", of)]
        cells += [[None, *values, *[None] * (most - len(values))], [None] * (most + 1)]
    rows = [list(row) for row in zip(*cells, strict=True)]
    schema = Schema(columns)
    files.write(schema, rows, compression=compression)
    read, found = files.read()
    assert read == schema
    assert repr([list(row.values()) for row in found]) == repr(rows)  # -0.0 is not 0.0


def test_no_rows_keep_their_columns_and_what_may_not_be_null(files: Files) -> None:
    schema = Schema([Column("a.b", decimal(10, 2), is_nullable=False), Column("a", TEXT)])
    files.write(schema, [])
    assert files.read() == (schema, [])
    files.write(schema, [[Decimal("1.00"), "x"]])
    assert files.read() == (schema, [{"a.b": Decimal("1.00"), "a": "x"}])
    assert files.read(["a"]) == (Schema([Column("a", TEXT)]), [{"a": "x"}])
    with pytest.raises(pa.ArrowInvalid, match="non-nullable"):
        files.write(schema, [[None, "x"]])


def test_a_type_of_one_database_alone_becomes_text(files: Files) -> None:
    files.write(Schema([Column("a", Type(Kind.OTHER, native="postgresql:inet"))]), [["::1"]])
    assert files.read() == (Schema([Column("a", TEXT)]), [{"a": "::1"}])


def test_another_program_reads_what_we_write(files: Files) -> None:
    files.write(Schema(Column(str(at), of) for at, (of, _) in enumerate(VALUES)), [
        [values[0] for _, values in VALUES]
    ])  # fmt: skip
    found = duckdb.read_parquet(str(files.path))
    assert [str(of) for of in found.types][3:6] == ["BIGINT", "DECIMAL(10,2)", "DECIMAL(38,0)"]
    assert found.fetchall()[0][4] == Decimal("19.99")


def test_more_rows_than_a_batch_stay_in_order_and_small_batches_share_a_group(files: Files) -> None:
    schema = Schema([Column("n", INTEGER)])
    count = GROUP_ROWS + 2 * BATCH_ROWS
    source = rows_of(schema, [[n] for n in range(count)], each=1_000)
    moved(source, ParquetWriter(files.path))
    groups = pq.ParquetFile(files.path).metadata.num_row_groups
    assert groups == 2
    assert [row["n"] for row in files.read()[1]] == list(range(count))


def test_a_group_ends_where_it_has_bytes_enough(files: Files, monkeypatch: Any) -> None:
    monkeypatch.setattr("program_lib.parquet_files.writer.GROUP_BYTES", 10_000)
    moved(
        rows_of(Schema([Column("a", TEXT)]), [["x" * 4_000]] * 9, each=1), ParquetWriter(files.path)
    )
    assert pq.ParquetFile(files.path).metadata.num_row_groups == 3


def test_a_failed_run_leaves_the_file_that_was_there(files: Files) -> None:
    files.path.write_bytes(b"of before")
    writer = ParquetWriter(files.path)
    writer.start(lambda message: None)
    writer.open(Schema([Column("n", INTEGER)]))
    writer.write(pa.table({"n": [1]}))
    writer.finish()
    writer.undo()
    writer.undo()
    assert os.listdir(files.path.parent) == ["x.parquet"]
    assert files.path.read_bytes() == b"of before"


# --- files of others -----------------------------------------------------------------------------


def test_types_of_other_programs_become_ours(files: Files) -> None:
    at = datetime(2026, 7, 31, 12, 0, 0, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    files.foreign(
        {
            "int8": pa.array([-128], pa.int8()),
            "uint16": pa.array([65535], pa.uint16()),
            "uint32": pa.array([2**32 - 1], pa.uint32()),
            "uint64": pa.array([2**64 - 1], pa.uint64()),
            "float16": pa.array([1.5], pa.float16()),
            "float32": pa.array([0.1], pa.float32()),
            "decimal": pa.array([Decimal("1.50")], pa.decimal128(5, 2)),
            "wide": pa.array([Decimal("1E-40")], pa.decimal256(60, 40)),
            "large": pa.array(["x"], pa.large_string()),
            "category": pa.array(["x"]).dictionary_encode(),
            "fixed": pa.array([b"ab"], pa.binary(2)),
            "uuid": pa.array([PythonUuid(SOME_UUID).bytes], pa.uuid()),
            "json": pa.array(["[1]"], pa.json_()),
            "null": pa.array([None], pa.null()),
            "day": pa.array([date(2026, 7, 31)], pa.date64()),
            "millis": pa.array([time(12, 0, 0, 5000)], pa.time32("ms")),
            "nanos": pa.array([datetime(2026, 7, 31, 12, 0, 0, 5)], pa.timestamp("ns")),
            "zone": pa.array([at], pa.timestamp("ms", "Europe/Berlin")),
        }
    )
    schema, [row] = files.read()
    assert {column.name: (str(column.type), row[column.name]) for column in schema} == {
        "int8": ("integer", -128),
        "uint16": ("integer", 65535),
        "uint32": ("integer", 2**32 - 1),
        "uint64": ("decimal(20,0)", Decimal(2**64 - 1)),
        "float16": ("double", 1.5),
        "float32": ("double", 0.1),
        "decimal": ("decimal(5,2)", Decimal("1.50")),
        "wide": ("numeric", "0." + "0" * 39 + "1"),
        "large": ("text", "x"),
        "category": ("text", "x"),
        "fixed": ("bytes", b"ab"),
        "uuid": ("uuid", SOME_UUID),
        "json": ("json", "[1]"),
        "null": ("text", None),
        "day": ("date", date(2026, 7, 31)),
        "millis": ("time", time(12, 0, 0, 5000)),
        "nanos": ("timestamp", datetime(2026, 7, 31, 12, 0, 0, 5)),
        "zone": ("timestamptz", datetime(2026, 7, 31, 10, tzinfo=UTC)),
    }


REFUSED: list[tuple[pa.Array, str]] = [
    (pa.array([0, 1_000, 1], pa.timestamp("ns")), "does not fit into microseconds"),
    (pa.array([0, 1_000, 1], pa.time64("ns")), "does not fit into microseconds"),
    (pa.array([0, 0, 86_400_000_000], pa.time64("us")), "no time of a day"),
    (pa.array([0, 0, 2_932_897], pa.int32()).view(pa.date32()), "years 1 to 9999"),
    (pa.array([0, 0, 2**62], pa.timestamp("us")), "years 1 to 9999"),
    (pa.array([0, 0, 2**62], pa.timestamp("ms")), "does not fit into microseconds"),
    (pa.array([b"a", b"b", b"\xff"]).view(pa.string()), "not UTF-8"),
]


@pytest.mark.parametrize(
    ("values", "why"), REFUSED, ids=[str(values.type) for values, _ in REFUSED]
)
def test_a_value_that_has_no_place_here_is_refused_with_its_row(
    files: Files, values: pa.Array, why: str
) -> None:
    files.foreign({"a": pa.array([1, 2, 3]), "b": values}, version="2.6")
    with pytest.raises(RowRefused, match=why) as caught:
        files.read()
    assert (caught.value.index, caught.value.column) == (2, "b")


def test_timestamps_of_96_bits_keep_their_year_and_lose_no_digit(files: Files) -> None:
    moments = [datetime(1, 1, 1), None, datetime(9999, 12, 31, 23, 59, 59, 999999)]
    old = {"use_deprecated_int96_timestamps": True}
    files.foreign({"a": pa.array(moments, pa.timestamp("us"))}, **old)
    assert [row["a"] for row in files.read()[1]] == moments
    files.foreign({"a": pa.array([0, 1_000, 1_001], pa.timestamp("ns"))}, **old)
    with pytest.raises(RowRefused, match="not rounded") as caught:
        files.read()
    assert (caught.value.index, caught.value.column) == (2, "a")


def test_a_column_is_not_taken_for_one_whose_name_goes_on_after_a_dot(files: Files) -> None:
    """In a file a part of a column is called so, too."""
    moment = pa.array([datetime(2026, 7, 31, 12)])
    columns = {"n": pa.array([5]), "s": pa.array([{"x": 1}]), "n.at": moment, "s.at": moment}
    files.foreign(columns, use_deprecated_int96_timestamps=True)
    [row] = files.read()[1]
    assert row == {
        "n": 5,
        "s": '{"x":1}',
        "n.at": datetime(2026, 7, 31, 12),
        "s.at": datetime(2026, 7, 31, 12),
    }


@pytest.mark.parametrize(
    ("values", "of", "texts"),
    [
        ([[1, None], [], None], pa.list_(pa.int16()), ["[1,null]", "[]", None]),
        ([{"é": 'a"\n', "n": None}, None], None, ['{"é":"a\\"\\n","n":null}', None]),
        ([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64()), ['{"k":1}', None, "{}"]),
        ([[(date(2026, 1, 31), "x")]], pa.map_(pa.date32(), pa.string()), ['{"2026-01-31":"x"}']),
        ([[0.1], [2**-1]], pa.list_(pa.float32()), ["[0.1]", "[0.5]"]),
        ([[2**64 - 1]], pa.list_(pa.uint64()), ["[18446744073709551615]"]),
        ([[Decimal("1.10")]], None, ["[1.10]"]),
        ([[b"\x00\xff", None]], None, ['["\\\\x00ff",null]']),
        ([[1, 2], None], pa.list_(pa.int8(), 2), ["[1,2]", None]),
        ([["NaN"]], None, ['["NaN"]']),
    ],
)
def test_what_is_nested_is_read_as_json(
    files: Files, values: list[Any], of: pa.DataType | None, texts: list[str | None]
) -> None:
    files.foreign({"a": pa.array(values, of)})
    schema, rows = files.read()
    assert schema == Schema([Column("a", JSON)])
    assert [row["a"] for row in rows] == texts


def test_nested_values_are_those_that_arrow_has_however_they_are_cut_into_batches(
    files: Files,
) -> None:
    chance = random.Random(5)

    def some(depth: int) -> Any:
        if chance.random() < 0.2:
            return None
        if depth == 0:
            return {
                "k": chance.choice(["x", "", "ü"]),
                "l": [chance.randrange(9)] * chance.randrange(3),
            }
        return [some(depth - 1) for _ in range(chance.randrange(4))]

    values = [some(2) for _ in range(5_000)]
    files.foreign({"a": pa.array(values)}, row_group_size=1_700)
    found = [row["a"] for row in files.read()[1]]
    assert [None if text is None else json.loads(text) for text in found] == values


def test_what_json_cannot_hold_is_refused_with_its_row(files: Files) -> None:
    maps = [[("k", 1), ("l", 2)], [("k", 2)], [("k", 1), ("k", 2)]]
    twins = pa.array(maps, pa.map_(pa.string(), pa.int64()))
    for values, why in (
        (pa.array([[1.5], None, [2.5, float("nan")]]), "no numbers that JSON has"),
        (twins, "the map has the key 'k' twice"),
    ):
        files.foreign({"a": values})
        with pytest.raises(RowRefused, match=why) as caught:
            files.read()
        assert (caught.value.index, caught.value.column) == (2, "a")


def test_what_is_nested_keeps_the_types_that_stand_beside_bytes_and_texts(files: Files) -> None:
    found = pa.array([PythonUuid(SOME_UUID).bytes], pa.uuid())
    within = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"b":1}']))
    columns = {
        "ids": pa.ListArray.from_arrays([0, 1], found),
        "one": pa.StructArray.from_arrays([found, within], ["id", "more"]),
    }
    files.foreign(columns)
    [row] = files.read()[1]
    assert row == {"ids": f'["{SOME_UUID}"]', "one": f'{{"id":"{SOME_UUID}","more":{{"b":1}}}}'}


def test_what_has_no_type_here_is_refused_and_can_be_left_out(files: Files) -> None:
    span = pa.array([[1]], pa.list_(pa.duration("s")))
    files.foreign({"a": span, "b": pa.array([{"c": 1}]), "d": pa.array([1])})
    with pytest.raises(
        ProgramError, match=r"column a of x.parquet holds list<.*name the others in Columns"
    ):
        files.read()
    assert files.read(["d"]) == (Schema([Column("d", INTEGER)]), [{"d": 1}])
    with pytest.raises(ProgramError, match="has no column 'e'; it has a, b, d"):
        files.read(["e"])
    old = pa.array([[datetime(2026, 7, 31)]])
    files.foreign({"a": old}, use_deprecated_int96_timestamps=True)
    with pytest.raises(ProgramError, match=r"the column a of x\.parquet holds list<"):
        files.read()


def test_intervals_are_refused_and_never_the_bytes_that_they_lie_in(files: Files) -> None:
    query = "SELECT 1 AS a, INTERVAL 1 month AS b, '\\x01'::BLOB AS c"
    duckdb.execute(f"COPY ({query}) TO '{files.path}' (FORMAT parquet)")
    with pytest.raises(ProgramError, match=r"column b of x.parquet holds intervals, which is no"):
        files.read()
    assert files.read(["a", "c"])[1] == [{"a": 1, "c": b"\x01"}]


def test_two_columns_of_one_name_are_refused(files: Files) -> None:
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), files.path)
    with pytest.raises(ProgramError, match=r"two columns of x\.parquet are called 'a'"):
        files.read()


@pytest.mark.parametrize(
    "said",
    [
        b"{",
        b"[" * 100_000,
        b"[]",
        b'{"kind": "integer", "bits": 64, "length": null, "padded": false}',
        b'{"kind": "other", "bits": 64, "length": null, "padded": false, "native": "postgresql:x; DROP"}',
        b'{"kind": "text", "bits": 64, "length": "1); DROP TABLE x", "padded": false}',
        b'{"kind": "text", "bits": [], "length": 3, "padded": false}',
        b'{"kind": "decimal", "bits": 64, "length": 3, "padded": false}',
        b'{"kind": "no", "bits": 64, "length": null, "padded": false}',
    ],
)
def test_a_forged_type_beside_a_column_counts_nothing(files: Files, said: bytes) -> None:
    field = pa.field("a", pa.string(), metadata={TYPE_KEY: said})
    pq.write_table(pa.table([["x"]], schema=pa.schema([field])), files.path)
    assert files.read() == (Schema([Column("a", TEXT)]), [{"a": "x"}])


@pytest.mark.parametrize("kind", ["numeric", "uuid"])
def test_a_text_that_a_file_calls_a_number_is_looked_at(files: Files, kind: str) -> None:
    said = b'{"kind": "%s", "bits": 64, "length": null, "padded": false}' % kind.encode()
    field = pa.field("a", pa.string(), metadata={TYPE_KEY: said})
    pq.write_table(pa.table([[None, "1 OR 1"]], schema=pa.schema([field])), files.path)
    with pytest.raises(RowRefused, match="'1 OR 1' is not a") as caught:
        files.read()
    assert (caught.value.index, caught.value.column) == (1, "a")


# --- files that are none -------------------------------------------------------------------------


def test_what_is_no_parquet_file_or_a_part_of_one_is_said_in_a_sentence(files: Files) -> None:
    files.write(Schema([Column("a", TEXT)]), [["x"]])
    whole = files.path.read_bytes()
    for content in (b"", b"a,b\n1,2\n", whole[:-1], whole[: len(whole) // 2], whole[10:]):
        files.path.write_bytes(content)
        with pytest.raises(
            ProgramError, match=r"x\.parquet is (no Parquet file|damaged)"
        ) as caught:
            files.read()
        assert len(str(caught.value).splitlines()) == 1


def test_no_bit_that_flips_changes_a_value_without_a_word(files: Files) -> None:
    rows = [[f"text {n}"] for n in range(50)]
    files.write(Schema([Column("a", TEXT)]), rows, compression="none")
    whole, expected = files.path.read_bytes(), files.read()[1]
    chance = random.Random(7)
    for _ in range(60):
        flipped = bytearray(whole)
        flipped[chance.randrange(4, 500)] ^= 1 << chance.randrange(8)
        files.path.write_bytes(flipped)
        try:
            found = files.read()[1]
        except ProgramError:
            continue
        assert found == expected


# --- memory --------------------------------------------------------------------------------------


def test_wide_rows_travel_in_small_batches(files: Files) -> None:
    files.foreign({"a": pa.array([os.urandom(500_000) for _ in range(80)])}, use_dictionary=False)
    sizes = batch_sizes(files)
    assert sum(rows for rows, _ in sizes) == 80
    assert max(size for _, size in sizes) <= BATCH_BYTES


@pytest.mark.parametrize(
    "around",
    [
        lambda once: once,
        lambda once: pa.StructArray.from_arrays([once], ["b"]),
        lambda once: pa.ListArray.from_arrays([0, 0, *range(10, 1_001, 10)], once),
        lambda once: pa.MapArray.from_arrays(range(1_001), pa.array(range(1_000)), once),
    ],
    ids=["text", "struct", "list", "map"],
)
def test_a_long_text_that_a_dictionary_has_once_is_not_unpacked_for_all_rows(
    files: Files, around: Callable[[pa.Array], pa.Array]
) -> None:
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000, pa.int32()), ["x" * 1_000_000])
    files.foreign({"a": around(once)})
    assert files.path.stat().st_size < 200_000
    before = pa.total_allocated_bytes()
    reader = files.reader()
    reader.open()
    batches = reader.batches()
    assert next(batches).nbytes < 2 * BATCH_BYTES
    assert pa.total_allocated_bytes() - before < 12 * BATCH_BYTES  # all rows are 1,000 MB
    reader.close()


def batch_sizes(files: Files) -> list[tuple[int, int]]:
    reader = files.reader()
    reader.open()
    sizes = [(len(batch), batch.nbytes) for batch in reader.batches()]
    reader.close()
    return sizes


# --- between databases ---------------------------------------------------------------------------

# each type of PostgreSQL with a value, and what a new table declares after the way through a file
OF_POSTGRESQL = {
    "boolean": ("true", "boolean"),
    "smallint": ("-32768", "smallint"),
    "integer": ("-2147483648", "integer"),
    "bigint": ("9223372036854775807", "bigint"),
    "numeric(10,2)": ("19.90", "numeric(10,2)"),
    "numeric(38,18)": ("12345678901234567890.123456789012345678", "numeric(38,18)"),
    "numeric": ("NaN", "numeric"),
    "real": ("0.1", "real"),
    "double precision": ("5e-324", "double precision"),
    "text": ("é😀", "text"),
    "varchar(3)": ("abc", "character varying(3)"),
    "char(5)": ("ab", "character(5)"),
    "bytea": ("\\x00ff", "bytea"),
    "date": ("0001-01-01", "date"),
    "time": ("23:59:59.999999", "time without time zone"),
    "timestamp": ("9999-12-31 23:59:59.999999", "timestamp without time zone"),
    "timestamptz": ("2026-07-01 12:00:00.5+00", "timestamp with time zone"),
    "interval": ("1 mon -2 days", "interval"),
    "uuid": (SOME_UUID, "uuid"),
    "json": ('{"a":  1.10}', "json"),
    "inet": ("10.0.0.1/8", "text"),
    "int[]": ("{7}", "text"),
}


def test_each_type_of_postgresql_comes_back_from_a_file(postgresql: Database, files: Files) -> None:
    columns = ", ".join(f"c{at} {of}" for at, of in enumerate(OF_POSTGRESQL))
    values = ", ".join(f"'{value}'" for value, _ in OF_POSTGRESQL.values())
    nulls = ", ".join("NULL" for _ in OF_POSTGRESQL)
    postgresql.execute(
        "SET TimeZone = 'UTC'",
        f"CREATE TABLE s ({columns}, k integer NOT NULL)",
        f"INSERT INTO s VALUES ({nulls}, 1), ({values}, 2), ({nulls}, 3)",
    )
    moved(read_rows(postgresql.url, table="s"), ParquetWriter(files.path))
    moved(files.reader(), write_rows(postgresql.url, "t", "create"))
    texts = ", ".join(f"c{at}::text" for at in range(len(OF_POSTGRESQL)))
    found, expected = (postgresql.rows(f"SELECT {texts} FROM {name} ORDER BY k") for name in "ts")
    assert found == expected
    declared = postgresql.rows(
        "SELECT format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
        " WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"
    )
    kinds = [(kind, False) for _, kind in OF_POSTGRESQL.values()]
    assert declared == [*kinds, ("integer", True)]
