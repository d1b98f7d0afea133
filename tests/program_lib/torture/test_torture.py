"""Every type of every source into every target: the very value that arrives, or the refusal that names it.

The expectations are torture_table.py, to be read as a table. All types of a source move together; where that fails,
each is moved alone, so that the one at fault is the one that fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.program_lib.torture import torture_table
from tests.program_lib.torture.torture import (
    COLUMN,
    TARGETS,
    Arrived,
    Cells,
    Moves,
    Ran,
    Value,
    appended_cells,
    cells_of,
)
from tests.program_lib.torture.torture_places import (
    NULL,
    Columns,
    Csv,
    Excel,
    Mariadb,
    Postgresql,
    Sqlite,
    meant,
    visible,
)
from tests.servers.databases import Running, believing_nobody

ALL = [cells for source, table in torture_table.NEW.items() for cells in cells_of(source, table)]
APPENDED = list(appended_cells(torture_table.APPENDED))

UNDECLARED = {
    cells.declared for cells in ALL if cells.declared.startswith(("(none)", "WHATEVER", "ANYTHING"))
}  # the type is that of all values
TEXTS = {"postgresql": "text", "mariadb": "longtext", "sqlite": "TEXT"}  # where there are none


def modes(cells: Cells) -> list[str]:
    return ["create"] if cells.target == "csv" else ["create", "append"]


@pytest.fixture(scope="module")
def moves(
    postgresql_server: Running, mariadb_server: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Moves]:
    directory = tmp_path_factory.mktemp("torture")
    with (
        pytest.MonkeyPatch.context() as patch,
        postgresql_server.database() as postgresql,
        mariadb_server.database() as mariadb,
    ):
        believing_nobody(patch)
        patch.setattr("program_lib.files.data_files.data_roots", lambda: (Path(directory),))
        places = (
            Postgresql(postgresql),
            Mariadb(mariadb),
            Sqlite(directory / "torture.db"),
            Csv(directory),
            Excel(directory),
        )
        yield Moves({place.name: place for place in places})


@pytest.mark.parametrize(
    ("cells", "mode"),
    [pytest.param(cells, mode, id=f"{cells}, {mode}") for cells in ALL for mode in modes(cells)],
)
def test_what_arrives(cells: Cells, mode: str, moves: Moves) -> None:
    group = [other for other in ALL if (other.source, other.target) == (cells.source, cells.target)]
    arrived, place = moves.together(group, mode), group.index(cells)
    if arrived is None:
        how, arrived = moves.of_type(cells, mode, cells.carried)
        assert how.code == 0, how.why
        place = 0
    check(cells, arrived, place)


def check(cells: Cells, arrived: Arrived, place: int) -> None:
    values, nulls = arrived.values[f"t{place}"], arrived.values[f"n{place}"]
    if cells.new:
        of_nulls = TEXTS[cells.target] if cells.declared in UNDECLARED else cells.new
        types = (arrived.types[f"t{place}"], arrived.types[f"n{place}"])
        assert types in ((cells.new, of_nulls), (cells.new, cells.new))
    expected = [value.arrives for value in cells.carried]
    assert values[1 : len(expected) + 1] == expected
    assert {values[0], *values[len(expected) + 1 :], *nulls} == {NULL}


@pytest.mark.parametrize(
    ("cells", "mode", "value"),
    [
        pytest.param(
            cells,
            mode,
            value,
            id=f"{cells.source} {cells.declared} {value.text} to {cells.target}, {mode}",
        )
        for cells in ALL
        for mode in modes(cells)
        for value in cells.refused
        if not value.is_same
    ],
)
def test_what_is_refused(cells: Cells, mode: str, value: Value, moves: Moves) -> None:
    check_refused(moves, cells, mode, value)


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        pytest.param(cells, value, id=f"{cells.source} {cells.declared} {value.text}")
        for cells in ALL
        for value in cells.refused
        if value.is_same and cells.target == TARGETS[0]
    ],
)
def test_what_is_refused_by_its_source(cells: Cells, value: Value, moves: Moves) -> None:
    check_names_the_row(
        moves.refused_by_source(cells.source, Columns.of([cells.declared], [[value.text]])), value
    )


def check_refused(moves: Moves, cells: Cells, mode: str, value: Value) -> None:
    how, arrived = moves.of_type(cells, mode, [value])
    assert not arrived.values.get(COLUMN), "rows of a failed run"
    check_names_the_row(how, value)


def check_names_the_row(how: Ran, value: Value) -> None:
    assert value.words in how.why
    assert how.last.row is not None
    assert how.last.row.number == 2  # after a NULL
    assert COLUMN in how.last.row.values


# --- Excel files, which hold what CSV files do --------------------------------------------------------

INTO_FILES = [cells for cells in ALL if cells.target == "csv" and cells.source != "csv"]


def into_excel(cells: Cells) -> Cells:
    """What arrives in an Excel file is what arrives in a CSV file, but for a NUL, which no cell has."""
    values = tuple(value for value in cells.values if not _has_nul(value))
    return replace(cells, target="excel", values=values)


def _has_nul(value: Value) -> bool:
    return "␀" in value.text + value.arrives


def as_in_a_csv_file(found: str) -> str:
    """What a CSV field means, without its quotes."""
    is_quoted = len(found) > 1 and found[0] == found[-1] == '"'
    return visible(meant(found[1:-1].replace('""', '"'))) if is_quoted else found


def is_same(in_excel: str, in_csv: str) -> bool:
    """A number may lose zeros at its end, which its cell shows by its format."""
    try:
        return in_excel == in_csv or ("." in in_csv and Decimal(in_excel) == Decimal(in_csv))
    except ArithmeticError:
        return False


@pytest.mark.parametrize(
    "cells", [pytest.param(cells, id=str(into_excel(cells))) for cells in INTO_FILES]
)
def test_what_arrives_in_an_excel_file(cells: Cells, moves: Moves) -> None:
    wanted = into_excel(cells)
    how, arrived = moves.of_type(wanted, "create", wanted.carried)
    assert how.code == 0, how.why
    expected = [as_in_a_csv_file(value.arrives) for value in wanted.carried]
    found = arrived.values.get(COLUMN, [NULL])
    assert found[0] == NULL
    pairs = list(zip(found[1:], expected, strict=True))
    assert [pair for pair in pairs if not is_same(*pair)] == []
    assert set(arrived.values.get("n0", [NULL])) == {NULL}


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        pytest.param(cells, value, id=f"{cells.source} {cells.declared} {value.text}")
        for cells in INTO_FILES
        for value in cells.carried
        if _has_nul(value) and "text" in cells.declared.lower()
    ],
)
def test_a_nul_is_refused_by_an_excel_file(cells: Cells, value: Value, moves: Moves) -> None:
    how, arrived = moves.of_type(replace(cells, target="excel"), "create", [value])
    assert arrived.values == {}
    assert "holds a NUL, which no cell has" in how.why


# --- tables that are there, of another type ---------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(cells, id=f"{cells} {cells.new}")
        for cells in APPENDED
        if not cells.refusal and cells.carried
    ],
)
def test_what_arrives_in_another_type(cells: Cells, moves: Moves) -> None:
    how, arrived = moves.of_type(cells, "append", cells.carried)
    assert how.code == 0, how.why
    assert arrived.values[COLUMN] == [NULL, *(value.arrives for value in cells.carried)]
    assert set(arrived.values["n0"]) == {NULL}


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        pytest.param(
            cells,
            value,
            id=f"{cells.source} {cells.declared} {value.text} to {cells.target} {cells.new}",
        )
        for cells in APPENDED
        for value in cells.refused
    ],
)
def test_which_value_another_type_refuses(cells: Cells, value: Value, moves: Moves) -> None:
    check_refused(moves, cells, "append", value)


@pytest.mark.parametrize(
    "cells",
    [pytest.param(cells, id=f"{cells} {cells.new}") for cells in APPENDED if cells.refusal],
)
def test_which_types_do_not_go_together(cells: Cells, moves: Moves) -> None:
    """Before any row: a table that is empty today would else fail on another day."""
    how, _ = moves.of_type(cells, "append", [])
    assert cells.refusal in how.why
    assert COLUMN in how.why
    assert how.last.row is None


# --- values that come late --------------------------------------------------------------------------

LATE = 1_200  # rows: more than any source fetches at once


def late(cells: Cells) -> Columns:
    """Many rows of NULL before the values."""
    columns = Columns.of([cells.declared], [[value.text for value in cells.carried]])
    return replace(columns, rows=[*[[NULL, NULL]] * LATE, *columns.rows])


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(cells, id=str(cells))
        for cells in ALL
        if cells.declared in ("integer", "int(11)", "numeric(10,2)", "decimal(10,2)", "INTEGER")
        or cells.declared in ("numeric", "NUMERIC", "date", "DATE", "jsonb")
    ],
)
def test_a_type_does_not_depend_on_the_first_rows(cells: Cells, moves: Moves) -> None:
    how, arrived = moves.run(cells.source, cells.target, late(cells))
    assert how.code == 0, how.why
    assert arrived.types.get(COLUMN, "") == cells.new
    values = arrived.values[COLUMN]
    assert set(values[: LATE + 1]) == {NULL}
    assert values[LATE + 1 :] == [value.arrives for value in cells.carried]


@pytest.mark.parametrize("target", ["postgresql", "mariadb", "sqlite"])
@pytest.mark.parametrize("source", torture_table.NEW)
def test_a_source_without_rows_makes_the_same_table(source: str, target: str, moves: Moves) -> None:
    group = [
        cells
        for cells in ALL
        if (cells.source, cells.target) == (source, target) and cells.declared not in UNDECLARED
    ]
    names = [f"t{i}" for i in range(len(group))]
    how, arrived = moves.run(source, target, Columns(names, [c.declared for c in group], []))
    assert how.code == 0, how.why
    expected = {cells.declared: cells.new for cells in group}
    assert {c.declared: arrived.types[n] for c, n in zip(group, names, strict=True)} == expected
    assert not any(arrived.values.values())


@pytest.mark.parametrize(
    ("target", "late_values"),
    [
        ("postgresql", ["2.5", "0.4"]),
        ("mariadb", ["2.5" + 29 * "0", "0.4" + 29 * "0"]),
        ("sqlite", ["2.5", "0.4"]),
        ("csv", ["2.5", "0.4"]),
    ],
)
def test_whole_numbers_first_do_not_make_the_others_whole(
    target: str, late_values: list[str], moves: Moves
) -> None:
    rows = [["1"]] * LATE + [["2.5"], ["0.4"]]
    how, arrived = moves.run("csv", target, Columns([COLUMN], ["numeric"], rows))
    assert how.code == 0, how.why
    assert arrived.values[COLUMN][LATE:] == late_values


@pytest.mark.parametrize("target", ["postgresql", "mariadb", "sqlite", "csv"])
def test_a_text_after_many_numbers_is_refused_with_its_row(target: str, moves: Moves) -> None:
    rows = [["1"]] * LATE + [["'n/a'"], ["2"]]
    how, _ = moves.run("sqlite", target, Columns([COLUMN], ["INTEGER"], rows))
    assert "the TEXT 'n/a' stands in a column of type integer (row 1,201)" in how.why
    assert how.last.row is not None
    assert how.last.row.number == LATE + 1


# --- columns that a database fills itself -----------------------------------------------------------


def test_an_identity_and_a_computed_column_are_read_as_plain_ones(moves: Moves) -> None:
    columns = Columns(
        ["i", "a", "g"],
        [
            "integer GENERATED BY DEFAULT AS IDENTITY",
            "bigint GENERATED ALWAYS AS IDENTITY",
            "integer GENERATED ALWAYS AS (k * 2) STORED",
        ],
        [],
    )
    places = moves.places
    places["postgresql"].make("own", columns)
    database = places["postgresql"].database  # type: ignore[attr-defined]
    database.execute("INSERT INTO own (k) VALUES (1), (2)")
    arrived = moves.copied("postgresql", "own", "postgresql")
    assert arrived.types == {"i": "integer", "a": "bigint", "g": "integer"}
    assert arrived.values == {"i": ["1", "2"], "a": ["1", "2"], "g": ["2", "4"]}


@pytest.mark.parametrize(
    ("target", "into", "words"),
    [
        ("postgresql", "integer GENERATED ALWAYS AS IDENTITY", "GENERATED ALWAYS AS IDENTITY"),
        ("postgresql", "integer GENERATED ALWAYS AS (k * 2) STORED", "GENERATED ALWAYS"),
        ("mariadb", "int GENERATED ALWAYS AS (k * 2) STORED", "GENERATED"),
        ("mariadb", "int AS (k * 2) VIRTUAL", "GENERATED"),
        ("sqlite", "INTEGER GENERATED ALWAYS AS (k * 2) STORED", "SQLite itself computes"),
        ("sqlite", "INTEGER AS (k * 2)", "SQLite itself computes"),
    ],
)
def test_a_column_that_is_computed_takes_no_values(
    target: str, into: str, words: str, moves: Moves
) -> None:
    how, _ = moves.run("csv", target, Columns([COLUMN], ["integer"], [["7"]]), [into])
    assert words in how.why
    assert f"the column {COLUMN} of" in how.why


@pytest.mark.parametrize("target", ["postgresql", "mariadb"])
def test_the_next_number_follows_those_that_were_given(target: str, moves: Moves) -> None:
    into = {
        "postgresql": "integer GENERATED BY DEFAULT AS IDENTITY UNIQUE",
        "mariadb": "int AUTO_INCREMENT UNIQUE",
    }[target]
    how, arrived, table = moves.kept("csv", target, Columns(["i"], ["integer"], [["5"]]), [into])
    assert how.code == 0, how.why
    assert arrived.values == {"i": ["5"]}
    place = moves.places[target]
    place.database.execute(f"INSERT INTO {table} (k) VALUES (100)")  # type: ignore[attr-defined]
    assert place.shown(table) == {"i": ["5", "6"]}


# --- files that come back ---------------------------------------------------------------------------

CSV_TYPES = {  # types of PostgreSQL that a file keeps, by what a CSV Input calls them
    "text": "text",
    "bigint": "integer",
    "numeric": "numeric",
    "double precision": "double",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
}
NOT_NUMERIC = ("NaN", "Infinity")  # written, and refused by a CSV Input: a double takes them


@pytest.mark.parametrize("type_", CSV_TYPES)
def test_what_we_wrote_into_a_file_comes_back_the_same(type_: str, moves: Moves) -> None:
    """NULL, the empty text, line ends within texts, infinite numbers, the two hours of one autumn night."""
    [cells] = [c for c in ALL if (c.source, c.declared, c.target) == ("postgresql", type_, "csv")]
    values = [v.text for v in cells.carried if type_ != "numeric" or v.text not in NOT_NUMERIC]
    columns = Columns.of([type_], [values])
    how, _, file = moves.kept("postgresql", "csv", columns)
    assert how.code == 0, how.why
    named = Columns(columns.names, [CSV_TYPES[type_]] * 2, [])
    arrived = moves.copied("csv", file, "postgresql", named)
    assert arrived.values[COLUMN] == [NULL, *(visible(meant(value)) for value in values)]
