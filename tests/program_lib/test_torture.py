"""Every type of every source into every target: the very value that arrives, or the refusal that names it.

The expectations are torture_table.py, to be read as a table. All types of a source move together; where that fails,
each is moved alone, so that the one at fault is the one that fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Running
from tests.program_lib import torture_table
from tests.program_lib.torture import COLUMN, Arrived, Cells, Moves, Value, cells_of
from tests.program_lib.torture_places import NULL, Csv, Mariadb, Postgresql, Sqlite

ALL = [cells for source, table in torture_table.NEW.items() for cells in cells_of(source, table)]

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
        patch.setattr("program_lib.data_files.data_roots", lambda: (Path(directory),))
        places = (
            Postgresql(postgresql),
            Mariadb(mariadb),
            Sqlite(directory / "torture.db"),
            Csv(directory),
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
        if mode == "create" or not value.is_same  # its source refuses it
    ],
)
def test_what_is_refused(cells: Cells, mode: str, value: Value, moves: Moves) -> None:
    how, arrived = moves.of_type(cells, mode, [value])
    assert value.words in how.why
    assert not arrived.values.get(COLUMN), "rows of a failed run"
    assert how.last.row is not None
    assert how.last.row.number == 2  # after a NULL
    assert COLUMN in how.last.row.values
