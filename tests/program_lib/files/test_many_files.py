"""Many files as one source: which they are, in which order, and what each row's place is."""

from __future__ import annotations

import os
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from program_lib.csv_files import find_types, read_csv
from program_lib.errors import ProgramError, RowRefused
from program_lib.excel_files import read_excel
from program_lib.files import data_files
from program_lib.files.many_files import matching as matching_module
from program_lib.files.many_files.matching import matching
from program_lib.ndjson_files import read_ndjson
from program_lib.parquet_files import read_parquet
from program_lib.parquet_files.types import field_of
from program_lib.process import reasons, settings
from program_lib.types import TEXT, Column, Kind, Schema, Type
from tests.programs import chain, graph, node, run


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DATA_DIR, which is the only root."""
    directory = tmp_path / "data"
    directory.mkdir()
    monkeypatch.setattr(data_files, "data_dir", lambda: directory)
    monkeypatch.setattr(data_files, "data_roots", lambda: (directory,))
    monkeypatch.setattr(data_files, "not_data", lambda: (str(directory / "own.csv"),))
    return directory


def put(directory: Path, **files: str) -> None:
    """Files by their names, in which __ is a slash; each a CSV file."""
    for name, content in files.items():
        path = directory / (name.replace("__", "/") + ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def rows_of(reader: Any) -> list[dict[str, Any]]:
    with closing(reader):
        reader.open()
        return [row for table in reader.batches() for row in table.to_pylist()]


# ---------------------------------------------------------------- which files


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("v-*.csv", ["v-1.csv", "v-10.csv", "v-2.csv"]),
        ("v-?.csv", ["v-1.csv", "v-2.csv"]),
        ("*/v-1.csv", ["a/v-1.csv", "b/v-1.csv"]),
        ("**/v-1.csv", ["a/c/v-1.csv", "a/v-1.csv", "b/v-1.csv", "v-1.csv"]),
        ("a/**", ["a/c/v-1.csv", "a/v-1.csv"]),
        ("a/**/**/v-1.csv", ["a/c/v-1.csv", "a/v-1.csv"]),
        ("*[1].csv", ["x[1].csv"]),
        ("v-1.csv", ["v-1.csv"]),
    ],
)
def test_a_pattern_means_files_sorted_by_name(data: Path, pattern: str, found: list[str]) -> None:
    names = ("v-1", "v-2", "v-10", "a__v-1", "a__c__v-1", "b__v-1", "x[1]", "own", "a__.hidden")
    put(data, **dict.fromkeys(names, "a\n"))
    (data / "v-9.csv").mkdir()
    assert matching(pattern) == found


def test_no_match_is_an_error_that_names_the_pattern(data: Path) -> None:
    with pytest.raises(ProgramError, match=r"^no file matches v-\*\.csv$"):
        matching("v-*.csv")
    with pytest.raises(ProgramError, match=r"^there is no directory gone$"):
        matching("gone/*.csv")


def test_a_path_that_leads_to_no_file_is_told_as_the_graph_has_it(data: Path) -> None:
    """No path of the server and no word of Python's: `[Errno 21] Is a directory: PosixPath('/srv/…')`."""
    put(data, Orders="a\n")
    (data / "visits").mkdir()
    (data / "round.csv").symlink_to("round.csv")
    why = {
        "gone.csv": "there is no file gone.csv",
        "2026/gone.csv": "there is no file 2026/gone.csv",
        "Orders.csv/gone.csv": "there is no file Orders.csv/gone.csv",
        "orders.CSV": "there is no file orders.CSV, but Orders.csv",
        "visits/": "visits/ is a directory: visits/* means the files in it",
        "round.csv": "round.csv is a link that leads to no file",
    }
    for path, said in why.items():
        with pytest.raises(ProgramError) as told:
            read_csv(path).open()
        assert str(told.value) == said
        with pytest.raises(ProgramError) as told:
            read_csv(path, file_column="file").open()
        assert str(told.value) == said


def test_what_the_system_says_of_a_file_names_it_as_the_graph_does(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "data_dir", lambda: data)
    with pytest.raises(OSError) as told:
        (data / "orders.csv").open()
    assert reasons.reason(told.value) == "No such file or directory: orders.csv"
    assert reasons.reason(OSError(28, "No space left on device")) == "No space left on device"


@pytest.mark.parametrize("pattern", ["/etc/*", "../*.csv", "/**/passwd", "../**", "link/*", "/*"])
def test_no_pattern_looks_outside_of_the_data(data: Path, pattern: str) -> None:
    (data.parent / "secret.csv").write_text("a\n")
    (data / "link").symlink_to(data.parent)
    with pytest.raises(PermissionError, match="lies outside of the directories for data"):
        matching(pattern)


def test_a_link_out_of_the_data_is_refused_and_a_linked_directory_not_entered(data: Path) -> None:
    outside = data.parent / "out"
    put(outside, x="a\n1\n")
    put(data, a="a\n")
    (data / "linked").symlink_to(outside)
    assert matching("**/*.csv") == ["a.csv"]
    (data / "b.csv").symlink_to(outside / "x.csv")
    with pytest.raises(PermissionError, match=r"b\.csv lies outside"):
        matching("*.csv")


def test_what_a_pattern_looks_at_is_bounded(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(data, **{f"f{n}": "a\n" for n in range(5)})
    monkeypatch.setattr(matching_module, "MOST_FILES", 4)
    with pytest.raises(ProgramError, match=r"more than 4 files match \*\.csv"):
        matching("*.csv")
    monkeypatch.setattr(matching_module, "MOST_SEEN", 3)
    with pytest.raises(ProgramError, match="more than 3 names were looked at"):
        matching("none-*.csv")
    deep = data
    for _ in range(60):
        deep = deep / "d"
    deep.mkdir(parents=True)
    monkeypatch.setattr(matching_module, "MOST_SEEN", 1000)
    with pytest.raises(ProgramError, match="is too deep"):
        matching("**/none.csv")


def test_a_pipe_is_no_file_of_a_pattern(data: Path) -> None:
    put(data, a="a\n1\n")
    os.mkfifo(data / "b.csv")
    assert matching("*.csv") == ["a.csv"]


# ---------------------------------------------------------------- their rows


def test_rows_come_file_by_file_with_the_path_of_each(data: Path) -> None:
    put(data, v__1="a,b\n1,x\n2,y\n", v__2="a,b\n", v__3="b,a\nz,3\n")
    assert rows_of(read_csv("v/*.csv", types={"a": "integer"}, file_column="file")) == [
        {"a": 1, "b": "x", "file": "v/1.csv"},
        {"a": 2, "b": "y", "file": "v/1.csv"},
        {"a": 3, "b": "z", "file": "v/3.csv"},
    ]
    assert rows_of(read_csv("v/3.csv", file_column="from")) == [
        {"b": "z", "a": "3", "from": "v/3.csv"}
    ]


def test_packed_files_match_too(data: Path) -> None:
    import gzip

    (data / "x.csv.gz").write_bytes(gzip.compress(b"a\n1\n"))
    put(data, y="a\n2\n")
    assert rows_of(read_csv("*.csv*")) == [{"a": "1"}, {"a": "2"}]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("a\n1\n", r"^2\.csv has no column 'b', which 1\.csv has$"),
        ("a,b,c\n1,2,3\n", r"^2\.csv has a column 'c', which 1\.csv has not$"),
        ("a,a\n1,2\n", r"columns 1, 2 of 2\.csv|2\.csv"),
    ],
)
def test_other_columns_are_an_error_before_the_first_row(
    data: Path, second: str, said: str
) -> None:
    put(data, **{"1": "a,b\n1,2\n", "2": second})
    with closing(read_csv("*.csv")) as reader, pytest.raises(ProgramError, match=said):
        reader.open()


@pytest.mark.parametrize("types", [{}, {"A": "integer"}])
def test_of_many_csv_files_without_names_some_may_be_empty(
    data: Path, types: dict[str, str]
) -> None:
    """As our own output leaves one on a day without rows."""
    put(data, **{"1": "", "2": "1,x\n", "3": "", "4": "2,y\n"})
    form: dict[str, Any] = {"header": False, "types": types}
    rows = rows_of(read_csv("*.csv", **form))
    assert [tuple(row.values()) for row in rows] == (
        [(1, "x"), (2, "y")] if types else [("1", "x"), ("2", "y")]
    )
    assert [column.name for column in find_types("*.csv", header=False)] == ["A", "B"]
    put(data, **{"2": "", "4": ""})
    if types:
        assert rows_of(read_csv("*.csv", **form)) == []
    else:
        with pytest.raises(
            ProgramError, match=r"^1\.csv is empty: .* name A, B and so on in Types"
        ):
            rows_of(read_csv("*.csv", **form))


def test_the_column_for_the_file_must_be_new(data: Path) -> None:
    put(data, x="a,file\n1,2\n")
    with (
        closing(read_csv("*.csv", file_column="file")) as reader,
        pytest.raises(ProgramError, match="has a column 'file': call the one for the file's name"),
    ):
        reader.open()


def test_a_row_at_fault_is_told_with_its_file_and_its_line(data: Path) -> None:
    put(data, **{"1": "a\n1\n2\n", "2": "a\n3\nx\n"})
    with closing(read_csv("*.csv", types={"a": "integer"})) as reader:
        reader.open()
        batches = reader.batches()
        assert len(next(batches)) == 2
        with pytest.raises(RowRefused) as refused:
            next(batches)
        assert reader.where(2 + refused.value.index + 1) == "line 3 of 2.csv"
        assert reader.where(1) == "line 2 of 1.csv"
        assert reader.where(3) == "line 2 of 2.csv"


def test_of_files_with_one_name_the_directory_is_told(data: Path) -> None:
    put(data, a__x="n\n1\n", b__x="n\n2\n")
    with closing(read_csv("*/x.csv")) as reader:
        reader.open()
        assert [len(table) for table in reader.batches()] == [1, 1]
        assert [reader.where(n) for n in (1, 2)] == [
            "line 2 of x.csv (a/x.csv)",
            "line 2 of x.csv (b/x.csv)",
        ]


def test_types_are_found_over_all_files(data: Path) -> None:
    put(data, **{"1": "a,b\n1,2026-01-01\n", "2": "a,b\n1.5,2026-01-01 12:00\n"})
    assert {c.name: str(c.type) for c in find_types("*.csv")} == {"a": "numeric", "b": "timestamp"}


def test_objects_may_lack_what_other_files_have(data: Path) -> None:
    (data / "1.ndjson").write_text('{"a": 1}\n')
    (data / "2.ndjson").write_text('{"b": "x", "a": 2}\n')
    assert rows_of(read_ndjson("*.ndjson", types={"a": "integer"}, file_column="f")) == [
        {"a": 1, "b": None, "f": "1.ndjson"},
        {"a": 2, "b": "x", "f": "2.ndjson"},
    ]


def test_of_many_files_of_objects_some_may_be_empty(data: Path) -> None:
    """As our own output leaves one on a day without rows."""
    (data / "1.ndjson").write_text("")
    (data / "2.ndjson").write_text('{"a": 1}\n')
    (data / "3.ndjson").write_text("\n{}\n")
    assert rows_of(read_ndjson("*.ndjson", file_column="f")) == [
        {"a": "1", "f": "2.ndjson"},
        {"a": None, "f": "3.ndjson"},
    ]
    (data / "2.ndjson").write_text("")
    for path in "*.ndjson", "1.ndjson":
        with pytest.raises(ProgramError, match="tells no columns"):
            rows_of(read_ndjson(path))


def test_parquet_files_must_have_the_same_types(data: Path) -> None:
    for name, values in (("1", [1, 2]), ("2", [3])):
        pq.write_table(pa.table({"a": values}), data / f"{name}.parquet")
    reader = read_parquet("*.parquet", file_column="f")
    with closing(reader):
        reader.open()
        assert reader.total() == 3
    assert [row["a"] for row in rows_of(read_parquet("*.parquet"))] == [1, 2, 3]
    pq.write_table(pa.table({"a": ["x"]}), data / "3.parquet")
    with (
        closing(read_parquet("*.parquet")) as other,
        pytest.raises(ProgramError, match=r"a is text in 3\.parquet, and integer in 1\.parquet"),
    ):
        other.open()


def test_what_parquet_files_declare_of_a_type_is_that_of_all(data: Path) -> None:
    """The first one's NOT NULL was that of all: outputs failed at a NULL of the second. Other widths were refused as "integer, and integer"."""
    narrow = [pa.field("a", pa.int16(), nullable=False), field_of(Column("t", Type(Kind.TEXT, length=3)))]  # fmt: skip
    wide = [pa.field("a", pa.int32()), field_of(Column("t", Type(Kind.TEXT, length=5)))]
    pq.write_table(pa.table([[1], ["abc"]], pa.schema(narrow)), data / "1.parquet")
    pq.write_table(pa.table([[None], ["abcde"]], pa.schema(wide)), data / "2.parquet")
    reader = read_parquet("*.parquet")
    assert [row["a"] for row in rows_of(reader)] == [1, None]
    with closing(read_parquet("*.parquet")) as reader:
        assert reader.open() == Schema(
            [Column("a", Type(Kind.INTEGER, bits=32)), Column("t", Type(Kind.TEXT, length=5))]
        )


@pytest.mark.parametrize(
    "values",
    [
        pa.array([5]),
        pa.array([1.5]),
        pa.array([True]),
        pa.array(["1.50"]),
        pa.array([Decimal("1.50")]),
        pa.array([Decimal(1)], pa.decimal256(50, 0)),
        pa.array([5], pa.time64("us")),
        pa.array([5], pa.timestamp("us", "UTC")),
        pa.array([[1]]),
        pa.array([b"0123456789abcdef"], pa.uuid()),
    ],
    ids=lambda values: str(values.type),
)
@pytest.mark.parametrize("first", ["nulls", "values"])
def test_a_column_of_nulls_alone_that_tells_no_type_has_that_of_the_other_files(
    data: Path, values: pa.Array, first: str
) -> None:
    """As pandas and Polars write a day on which nobody had the value: it was a text, and the run refused."""
    nulls, others = ("1", "2") if first == "nulls" else ("2", "1")
    pq.write_table(pa.table({"a": pa.nulls(2)}), data / f"{nulls}.parquet")
    pq.write_table(pa.table({"a": values}), data / f"{others}.parquet")
    with closing(read_parquet(f"{others}.parquet")) as reader:
        alone = reader.open()
    with closing(read_parquet("*.parquet")) as reader:
        assert reader.open() == alone
    found = [row["a"] for row in rows_of(read_parquet("*.parquet"))]
    assert found.count(None) == 2
    assert len(found) == 3


def test_a_column_of_nulls_that_no_file_tells_the_type_of_is_a_text(data: Path) -> None:
    for name in ("1", "2"):
        pq.write_table(pa.table({"a": pa.nulls(1)}), data / f"{name}.parquet")
    with closing(read_parquet("*.parquet")) as reader:
        assert reader.open() == Schema([Column("a", TEXT)])


def test_a_column_that_may_be_null_since_its_file_was_looked_at_is_told(data: Path) -> None:
    """The output had been told that it never is."""
    for name in ("1", "2"):
        field = pa.field("a", pa.int64(), nullable=False)
        pq.write_table(pa.table([[1]], pa.schema([field])), data / f"{name}.parquet")
    with closing(read_parquet("*.parquet")) as reader:
        reader.open()
        pq.write_table(pa.table({"a": [None, 1]}), data / "2.parquet")
        with pytest.raises(ProgramError, match=r"2\.parquet has other columns, or other types"):
            list(reader.batches())


@pytest.mark.parametrize("columns", [{"a": ["x"]}, {"a": [1.5]}, {"b": [1]}])
def test_a_file_that_has_changed_before_its_turn_is_told(data: Path, columns: Any) -> None:
    """All are looked at before the first row; of many, the last one is read minutes later."""
    for name in ("1", "2"):
        pq.write_table(pa.table({"a": [1]}), data / f"{name}.parquet")
    with closing(read_parquet("*.parquet")) as reader:
        reader.open()
        pq.write_table(pa.table(columns), data / "2.parquet")
        with pytest.raises(
            ProgramError, match=r"^2\.parquet has other columns, or other types, than when the run"
        ):
            list(reader.batches())


def test_excel_files_match_too(data: Path) -> None:
    for name in ("jan", "feb"):
        with xlsxwriter.Workbook(data / f"{name}.xlsx") as book:
            book.add_worksheet("S").write_column(0, 0, ["month", name])
    rows = rows_of(read_excel("*.xlsx", sheet="S", file_column="f"))
    assert rows == [{"month": "feb", "f": "feb.xlsx"}, {"month": "jan", "f": "jan.xlsx"}]


def test_how_far_it_is_counts_the_bytes_of_all_files(data: Path) -> None:
    put(data, **{"1": "a\n" + "1\n" * 500, "2": "a\n" + "2\n" * 1500})
    with closing(read_csv("*.csv")) as reader:
        reader.open()
        shares = [reader.share() for _ in reader.batches()]
    assert shares[-1] == 1.0
    assert shares[0] == pytest.approx(0.25, abs=0.01)


# ---------------------------------------------------------------- in programs


def test_a_program_reads_all_and_rejects_with_the_file(tmp_path: Path) -> None:
    put(tmp_path, **{"in-1": "n\n1\nx\n", "in-2": "n\n2\n"})
    types = [{"column": "n", "type": "integer"}]
    source = node(1, "csv_input", path="in-*.csv", types=types, file_column="file")
    nodes = [source, node(2, "csv_output", path="out.csv"), node(3, "csv_output", path="bad.csv")]
    done = run(graph(nodes, [(1, 2), (1, 3, "rejected")]), tmp_path)
    assert done.code == 0, done.stderr
    assert (tmp_path / "out.csv").read_text() == "n,file\n1,in-1.csv\n2,in-2.csv\n"
    assert "line 3 of in-1.csv" in (tmp_path / "bad.csv").read_text()
    assert "from 2 of 2 files" in done.last(1)["message"]


def test_a_parameter_fills_a_pattern_and_is_none(tmp_path: Path) -> None:
    put(tmp_path, **{"in-2026-1": "n\n1\n", "in-2027-1": "n\n2\n"})
    document = chain(
        node(1, "csv_input", path="in-{year}-*.csv"), node(2, "csv_output", path="out.csv")
    )
    document["parameters"] = [{"name": "year", "type": "text", "default": "2026"}]
    assert run(document, tmp_path).code == 0
    assert (tmp_path / "out.csv").read_text() == "n\n1\n"
    document["parameters"][0]["default"] = "*"
    done = run(document, tmp_path)
    assert "in a path it may hold letters" in done.stderr
