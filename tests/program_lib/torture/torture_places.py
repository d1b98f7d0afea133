"""The places between which the torture table moves rows, and how each shows what arrived there.

A place makes a table of one column for each type, is read and written by the product's own nodes, and shows its
values in its own text: PostgreSQL as `::text`, MariaDB as CHAR, SQLite by quote(), a CSV file as it stands there.
"""

from __future__ import annotations

import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from program_lib.csv_files import read_csv, write_csv
from program_lib.databases import read_rows, write_rows
from program_lib.excel_files import read_excel, write_excel
from program_lib.ports import Reader, Writer
from tests.servers.databases import Database

NULL = "NULL"  # how a NULL is shown everywhere but in a CSV file
KEY = "k"  # the column that numbers the rows, first in each table
_SIGNS = str.maketrans({"␊": "\n", "␍": "\r", "␉": "\t", "␀": "\0", "␠": " ", "∅": None})

_REPEATED = re.compile(r"\{(.)×(\d+)\}")


def meant(text: str) -> str:
    """The text of a cell: ␊ ␍ ␉ ␀ ␠ stand for what cannot be seen, ∅ for no characters, {0×300} for 300 zeros."""
    return _REPEATED.sub(lambda found: found[1] * int(found[2]), text.translate(_SIGNS))


def visible(text: str) -> str:
    """The other way: what `meant` reads as this text."""
    for sign, hidden in (("␊", "\n"), ("␍", "\r"), ("␉", "\t"), ("␀", "\0")):
        text = text.replace(hidden, sign)
    if text.startswith(" "):
        text = "␠" + text[1:]
    if text == NULL:
        return "∅NULL"
    return (text[:-1] + "␠" if text.endswith(" ") else text) or "∅"


@dataclass(frozen=True)
class Columns:
    """What a table of a source is to hold: names, declared types, and for each row the values as the table has them."""

    names: Sequence[str]
    types: Sequence[str]
    rows: Sequence[Sequence[str]]

    @classmethod
    def of(cls, types: Sequence[str], values: Sequence[Sequence[str]]) -> Columns:
        """Beside each column one that is NULL in all rows; NULL comes first, and last where others have more values."""
        most = max(map(len, values)) + 1
        padded = [[NULL, *column, *[NULL] * (most - 1 - len(column))] for column in values]
        names = [name for i in range(len(types)) for name in (f"t{i}", f"n{i}")]
        both = [type_ for type_ in types for _ in range(2)]
        rows = [[cell for column in padded for cell in (column[i], NULL)] for i in range(most)]
        return cls(names, both, rows)


class Place(ABC):
    """A kind of source and target."""

    name: str

    @abstractmethod
    def make(self, table: str, columns: Columns) -> None:
        """A table with these rows, numbered by the column `k`."""

    @abstractmethod
    def reader(self, table: str, columns: Columns) -> Reader: ...

    @abstractmethod
    def writer(self, table: str, mode: str) -> Writer: ...

    @abstractmethod
    def shown(self, table: str) -> dict[str, list[str]]:
        """The values of each column but `k`, in the order of `k`, as this place writes them."""

    @abstractmethod
    def declared(self, table: str) -> dict[str, str]:
        """The type of each column but `k`, as this place spells it."""

    @abstractmethod
    def is_there(self, table: str) -> bool: ...


def definitions(columns: Columns) -> str:
    pairs = zip(columns.names, columns.types, strict=True)
    return ", ".join([f"{KEY} integer NOT NULL", *(f"{name} {type_}" for name, type_ in pairs)])


class _Server(Place):
    """A database with a server."""

    settings: Sequence[str]

    def __init__(self, database: Database) -> None:
        self.database = database
        database.execute(*self.settings)

    def literal(self, value: str) -> str:
        raise NotImplementedError

    def nullable(self, type_: str) -> str:
        return type_

    def make(self, table: str, columns: Columns) -> None:
        typed = [self.nullable(type_) for type_ in columns.types]
        self.database.execute(
            f"CREATE TABLE {table} ({definitions(Columns(columns.names, typed, []))})"
        )
        if columns.rows:
            rows = (
                ", ".join([str(k), *map(self.literal, row)]) for k, row in enumerate(columns.rows)
            )
            self.database.execute(f"INSERT INTO {table} VALUES ({'), ('.join(rows)})")

    def reader(self, table: str, columns: Columns) -> Reader:
        return read_rows(self.database.url, table=table)

    def writer(self, table: str, mode: str) -> Writer:
        return write_rows(self.database.url, table, mode)

    def show(self, name: str, type_: str) -> str:
        raise NotImplementedError

    def shown(self, table: str) -> dict[str, list[str]]:
        declared = self.declared(table)
        if not declared:
            return {}
        listed = ", ".join(self.show(name, type_) for name, type_ in declared.items())
        rows = self.database.rows(f"SELECT {listed} FROM {table} ORDER BY {KEY}")
        return {
            name: [NULL if row[i] is None else visible(str(row[i])) for row in rows]
            for i, name in enumerate(declared)
        }

    def is_there(self, table: str) -> bool:
        return bool(self.declared(table))


class Postgresql(_Server):
    name = "postgresql"
    settings = (
        "SET TimeZone = 'UTC'",
        "SET DateStyle = 'ISO, YMD'",
        "SET IntervalStyle = 'postgres'",
        "SET bytea_output = 'hex'",
        "SET lc_monetary = 'C'",
        "SET client_min_messages = 'warning'",
        "CREATE TYPE mood AS ENUM ('sad', 'it''s, ok')",
        "CREATE DOMAIN short_text AS varchar(3)",
        "CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0)",
        "CREATE TYPE pair AS (n integer, t text)",
        "CREATE TYPE stay AS (guest text, began timestamp)",
        "CREATE TYPE clock_range AS RANGE (subtype = time)",
    )

    def literal(self, value: str) -> str:
        return value if value == NULL else "'" + meant(value).replace("'", "''") + "'"

    def show(self, name: str, type_: str) -> str:
        return f"{name}::text"

    def declared(self, table: str) -> dict[str, str]:
        rows = self.database.rows(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            f" WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND attname <> '{KEY}'"
            " ORDER BY attnum"
        )
        return dict(rows)


class Mariadb(_Server):
    name = "mariadb"
    settings = ("SET time_zone = '+00:00'", "SET sql_mode = ''")

    def nullable(self, type_: str) -> str:
        """A NULL in a TIMESTAMP would else become the time of the INSERT."""
        return f"{type_} NULL" if type_.startswith("timestamp") else type_

    _RAW = re.compile(r"NULL|[xb]'[^']*'|point\(.*\)")

    def literal(self, value: str) -> str:
        if self._RAW.fullmatch(value):
            return value
        return "'" + meant(value).replace("\\", "\\\\").replace("'", "''") + "'"

    def show(self, name: str, type_: str) -> str:
        base = type_.partition("(")[0]
        if base.endswith(("blob", "binary")) or base == "point":
            return f"concat('x''', hex({name}), '''')"
        if base == "float":
            return f"CAST(CAST({name} AS DOUBLE) AS CHAR)"
        return f"CAST({name} + 0 AS CHAR)" if base == "bit" else f"CAST({name} AS CHAR)"

    def declared(self, table: str) -> dict[str, str]:
        rows = self.database.rows(
            "SELECT column_name, column_type FROM information_schema.columns"
            f" WHERE table_schema = database() AND table_name = '{table}'"
            f" AND column_name <> '{KEY}' ORDER BY ordinal_position"
        )
        checked = self.database.rows(  # how MariaDB declares JSON
            "SELECT check_clause FROM information_schema.check_constraints"
            f" WHERE constraint_schema = database() AND table_name = '{table}'"
        )
        clauses = {clause for (clause,) in checked}
        return {
            name: "json" if f"json_valid(`{name}`)" in clauses else type_ for name, type_ in rows
        }


class Sqlite(Place):
    """A file; the values of its tables stand in the torture table as SQL, since their classes matter."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        # Stays open: the last one that closes clears the log away, which takes longer than most statements
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._rows("PRAGMA journal_mode = wal")

    def _rows(self, statement: str) -> list[tuple[str, ...]]:
        return self._connection.execute(statement).fetchall()

    def make(self, table: str, columns: Columns) -> None:
        types = [type_.partition("(none)")[0] for type_ in columns.types]
        self._rows(f"CREATE TABLE {table} ({definitions(Columns(columns.names, types, []))})")
        if columns.rows:
            rows = (", ".join([str(k), *map(meant, row)]) for k, row in enumerate(columns.rows))
            self._rows(f"INSERT INTO {table} VALUES ({'), ('.join(rows)})")

    def reader(self, table: str, columns: Columns) -> Reader:
        return read_rows(f"sqlite:///{self._path}", table=table)

    def writer(self, table: str, mode: str) -> Writer:
        return write_rows(f"sqlite:///{self._path}", table, mode)

    def shown(self, table: str) -> dict[str, list[str]]:
        names = list(self.declared(table))
        if not names:
            return {}
        listed = ", ".join(map(self._quote, names))
        rows = self._rows(f"SELECT {listed} FROM {table} ORDER BY {KEY}")
        return {
            name: [row[i] if row[i] == NULL else visible(row[i]) for row in rows]
            for i, name in enumerate(names)
        }

    def _quote(self, name: str) -> str:
        """quote() ends a text at its first NUL."""
        raw = f"CAST({name} AS BLOB)"
        has_nul = f"typeof({name}) = 'text' AND instr({raw}, x'00') > 0"
        return f"CASE WHEN {has_nul} THEN quote({raw}) || ' AS TEXT' ELSE quote({name}) END"

    def declared(self, table: str) -> dict[str, str]:
        rows = self._rows(f"SELECT name, type FROM pragma_table_info('{table}')")
        return {str(name): str(type_) for name, type_ in rows if name != KEY}

    def is_there(self, table: str) -> bool:
        return bool(self.declared(table))


class Csv(Place):
    """Files of a directory; a NULL is an empty field."""

    name = "csv"

    _FIELD = re.compile(r'("(?:[^"]|"")*"|[^,\n]*)([,\n])')

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _path(self, table: str) -> Path:
        return self._directory / f"{table}.csv"

    def make(self, table: str, columns: Columns) -> None:
        lines = [",".join([KEY, *columns.names])]
        for k, row in enumerate(columns.rows):
            lines.append(",".join([str(k), *("" if cell == NULL else meant(cell) for cell in row)]))
        self._path(table).write_text("\n".join(lines) + "\n", newline="")

    def reader(self, table: str, columns: Columns) -> Reader:
        types = {KEY: "integer", **dict(zip(columns.names, columns.types, strict=True))}
        return read_csv(str(self._path(table)), types=types)

    def writer(self, table: str, mode: str) -> Writer:
        return write_csv(str(self._path(table)))

    def shown(self, table: str) -> dict[str, list[str]]:
        if not self.is_there(table):
            return {}
        names, *rows = self._records(self._path(table).read_bytes().decode())
        rows.sort(key=lambda row: int(row[0]))
        return {name: [row[i] for row in rows] for i, name in enumerate(names) if name != KEY}

    def _records(self, text: str) -> Iterator[list[str]]:
        record: list[str] = []
        for found in self._FIELD.finditer(text):
            record.append(visible(found[1]) if found[1] else NULL)
            if found[2] == "\n":
                yield record
                record = []

    def declared(self, table: str) -> dict[str, str]:
        return {}

    def is_there(self, table: str) -> bool:
        return self._path(table).exists()


class Excel(Place):
    """Files of a directory. What Excel would change is text there; each cell is shown as our reader gives it."""

    name = "excel"

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _path(self, table: str) -> Path:
        return self._directory / f"{table}.xlsx"

    def make(self, table: str, columns: Columns) -> None:
        raise NotImplementedError("files of XlsxWriter are read in test_excel_reader.py")

    def reader(self, table: str, columns: Columns) -> Reader:
        return read_excel(str(self._path(table)))

    def writer(self, table: str, mode: str) -> Writer:
        return write_excel(str(self._path(table)), inexact="text")

    def shown(self, table: str) -> dict[str, list[str]]:
        if not self.is_there(table):
            return {}
        reader = self.reader(table, Columns([], [], []))
        with closing(reader):
            reader.open()
            rows = [row for found in reader.batches() for row in found.to_pylist()]
        rows.sort(key=lambda row: int(row[KEY]))
        names = [name for name in rows[0] if name != KEY] if rows else []
        return {
            name: [NULL if row[name] is None else visible(row[name]) for row in rows]
            for name in names
        }

    def declared(self, table: str) -> dict[str, str]:
        return {}

    def is_there(self, table: str) -> bool:
        return self._path(table).exists()
