"""The torture table as cells, and the moves that fill them.

A block of tests/program_lib/torture/torture_table.py is a type of a source, the types that new tables give it, and under it a
line for each value:

    type in the source | in PostgreSQL | in MariaDB | in SQLite
      value | what arrives in PostgreSQL | in MariaDB | in SQLite | in a CSV file

One cell alone stands for all four. In APPENDED the first line names the source, and the column of a table that is there:

    mariadb tinyint(1) → postgresql boolean | !words of a refusal before the first row
 `=` is the value as it is written; '=' and "=" are the value in quotes; `!words` is
a refusal that says so. The signs that stand for invisible ones are those of torture_places.meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from program_lib.nodes import Output, Source
from program_lib.ports import Reader, Writer
from program_lib.program import run_nodes
from progress_lib import Progress, Status
from tests.program_lib.torture.torture_places import NULL, Columns, Place, meant, visible

TARGETS = ("postgresql", "mariadb", "sqlite", "csv")
NO_TYPES = Columns([], [], [])
COLUMN = "t0"  # of a table with one type, beside n0, which is NULL in all rows


@dataclass(frozen=True)
class Value:
    """A value as its source has it, and what arrives in one target."""

    text: str
    arrives: str  # or ! and words of the refusal

    is_same: bool  # in all targets

    @property
    def is_refused(self) -> bool:
        return self.arrives.startswith("!")

    @property
    def words(self) -> str:
        return self.arrives[1:]


@dataclass(frozen=True)
class Cells:
    """A type of a source in one target: the type there, and all values."""

    source: str
    declared: str
    target: str
    new: str  # "" in a file
    values: tuple[Value, ...]
    refusal: str = ""  # of the type, whatever its values are

    @property
    def carried(self) -> list[Value]:
        return [value for value in self.values if not value.is_refused]

    @property
    def refused(self) -> list[Value]:
        return [value for value in self.values if value.is_refused]

    def __str__(self) -> str:
        return f"{self.source} {self.declared} to {self.target}"


def cells_of(source: str, table: str) -> Iterator[Cells]:
    """All cells of a source's table."""
    for head, lines in _blocks(table):
        declared, *new = _split(head)
        assert len(new) == len(TARGETS) - 1, head
        rows = [_split(line) for line in lines]
        for i, target in enumerate(TARGETS):
            values = tuple(_value(row, i) for row in rows)
            yield Cells(source, declared, target, [*new, ""][i], values)


def appended_cells(table: str) -> Iterator[Cells]:
    """All cells of types that meet another one in a table that is there."""
    for head, lines in _blocks(table):
        pair, *refusal = _split(head)
        (source, declared), (target, into) = (
            side.split(" ", maxsplit=1) for side in pair.split(" → ")
        )
        values = tuple(_value(_split(line), 0) for line in lines)
        yield Cells(source, declared, target, into, values, "".join(refusal).removeprefix("!"))


def _blocks(table: str) -> Iterator[tuple[str, list[str]]]:
    """Each line that is not indented, with those under it."""
    head, lines = "", list[str]()
    for line in table.splitlines():
        if line.startswith(" "):
            lines.append(line)
        elif line:
            if head:
                yield head, lines
            head, lines = line, []
    yield head, lines


def _split(line: str) -> list[str]:
    return [cell.strip(" ") for cell in line.split(" | ")]


def _value(row: list[str], place: int) -> Value:
    text, *arrives = row
    assert len(arrives) in (1, len(TARGETS)), f"a cell is missing: {row}"
    is_same = len(arrives) == 1
    return Value(text, written_out(arrives[0 if is_same else place], text), is_same)


def written_out(cell: str, value: str) -> str:
    """What a cell says, as a place shows it."""
    quote = cell[0] if cell in ("'='", '"="') else ""
    if cell.startswith("!"):
        return cell
    if quote:
        return quote + visible(meant(value).replace(quote, 2 * quote)) + quote
    return visible(meant(value if cell == "=" else cell)) if cell != NULL else NULL


# --- moves ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """How a program of two nodes ended."""

    code: int
    last: Progress  # of the node that failed, else of the last one

    @property
    def why(self) -> str:
        return "" if self.code == 0 else self.last.message or ""


def ran(reader: Reader, *writers: Writer) -> Ran:
    """Runs a source and its outputs to their end, as a program does."""
    said: list[Progress] = []
    outputs = [
        Output(number, f"Into {number}", partial(_itself, writer))
        for number, writer in enumerate(writers, start=2)
    ]
    feeds = [output.number for output in outputs]
    code = run_nodes([Source(1, "From", lambda: reader, feeds), *outputs], said.append)
    failed = [progress for progress in said if progress.status is Status.FAILED]
    return Ran(code, (failed or said)[-1])


def _itself(writer: Writer) -> Writer:
    return writer


@dataclass
class Arrived:
    """What one move left in its target, by column."""

    types: dict[str, str]
    values: dict[str, list[str]]


@dataclass
class Moves:
    """Moves between places; those of many columns at once are made once, and looked at by many tests."""

    places: dict[str, Place]
    _numbers: int = 0  # names given
    _sources: dict[tuple[str, str], str] = field(default_factory=dict)
    _groups: dict[tuple[str, str, str], Arrived | None] = field(default_factory=dict)

    def run(
        self, source: str, target: str, columns: Columns, into: Sequence[str] | None = None
    ) -> tuple[Ran, Arrived]:
        """Moves rows into a new table, or appends to one whose columns are declared as `into` says."""
        how, arrived, _ = self.kept(source, target, columns, into)
        return how, arrived

    def kept(
        self, source: str, target: str, columns: Columns, into: Sequence[str] | None = None
    ) -> tuple[Ran, Arrived, str]:
        """As `run`, with the name of the table or file that was written."""
        there, here = self.places[source], self.places[target]
        rows, table = self._made(source, columns), self._new_name()
        if into is not None:
            here.make(table, Columns(columns.names, into, []))
        mode = "create" if into is None else "append"
        how = ran(there.reader(rows, columns), here.writer(table, mode))
        if how.code and into is None:
            assert not here.is_there(table), "a move that failed left a table or a file"
        return how, Arrived(here.declared(table), here.shown(table)), table

    def refused_by_source(self, source: str, columns: Columns) -> Ran:
        """Moves rows that their source refuses into a new table of each target at once."""
        rows = self._made(source, columns)
        new = {target: self._new_name() for target in TARGETS}
        writers = [self.places[target].writer(name, "create") for target, name in new.items()]
        how = ran(self.places[source].reader(rows, columns), *writers)
        for target, name in new.items():
            assert not self.places[target].is_there(name), f"rows in {target}"
        return how

    def copied(self, source: str, table: str, target: str, types: Columns = NO_TYPES) -> Arrived:
        """Moves a table or a file that is there into a new one; `types` are those of a file."""
        copy, here = self._new_name(), self.places[target]
        how = ran(self.places[source].reader(table, types), here.writer(copy, "create"))
        assert how.code == 0, how.why
        return Arrived(here.declared(copy), here.shown(copy))

    def _made(self, source: str, columns: Columns) -> str:
        """The table or file with these rows, which all targets and modes get."""
        key = (source, repr(columns))
        if key not in self._sources:
            self._sources[key] = self._new_name()
            self.places[source].make(self._sources[key], columns)
        return self._sources[key]

    def _new_name(self) -> str:
        self._numbers += 1
        return f"t{self._numbers}"

    def of_type(self, cells: Cells, mode: str, values: Sequence[Value]) -> tuple[Ran, Arrived]:
        """Moves values of one type: NULL first, and a column of NULL alone."""
        columns = Columns.of([cells.declared], [[value.text for value in values]])
        into = [cells.new, cells.new] if mode == "append" else None
        return self.run(cells.source, cells.target, columns, into)

    def together(self, group: Sequence[Cells], mode: str) -> Arrived | None:
        """Moves all types of a source that share a target at once; None where that fails."""
        key = (group[0].source, group[0].target, mode)
        if key not in self._groups:
            columns = Columns.of(
                [cells.declared for cells in group],
                [[value.text for value in cells.carried] for cells in group],
            )
            into = [cells.new for cells in group for _ in range(2)] if mode == "append" else None
            how, arrived = self.run(key[0], key[1], columns, into)
            self._groups[key] = None if how.code else arrived
        return self._groups[key]
