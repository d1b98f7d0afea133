"""What the catalog says of tables and columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from program_lib.databases.mysql.session import Session
from program_lib.databases.names import Table, find_table, no_table
from program_lib.errors import ProgramError

MAX_NAME = 64  # characters
_JSON = re.compile(r"json_valid\((?P<mark>[`\"])(?P<name>.+)(?P=mark)\)")

_TABLES = """
    SELECT table_schema, table_name, table_schema <=> database() FROM information_schema.tables
    WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
"""
# the collation decides what is alike, so that find_table has the last word
_ALIKE = " AND (lower(table_name) = lower(%s) OR lower(concat(table_schema, '.', table_name)) = lower(%s))"


def _tables(session: Session, query: str, *parameters: str) -> list[Table]:
    return [
        Table(schema, name, near == "1") for schema, name, near in session.rows(query, parameters)
    ]


def find(session: Session, written: str) -> Table | None:
    if _is_beyond(written):
        return None
    return find_table(written, _tables(session, _TABLES + _ALIKE, written, written))


def shown_tables(session: Session) -> list[Table]:
    """The tables and views that people look for, those of the connection's database first."""
    found = _tables(session, _TABLES)
    return sorted(found, key=lambda table: (not table.is_near, table.schema, table.name))


def existing(session: Session, written: str) -> Table:
    """The table of that name. Raises ProgramError where there is none."""
    table = find(session, written)
    if table is None:
        raise ProgramError(no_table(written, _tables(session, _TABLES)))
    return table


def place_of_new(session: Session, written: str) -> Table:
    """Where a table that is not there is to be made. Raises ProgramError where it cannot be."""
    schema, dot, name = written.partition(".")
    if not dot:
        schema, name = session.value("SELECT database()") or "", written
        if not schema:
            raise ProgramError("the connection names no database to make a table in")
    elif not session.rows(
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", [schema]
    ):
        raise ProgramError(f"there is no database {schema}: a dot parts database and table")
    check_name(name, "table")
    return Table(schema, name, is_near=not dot)


def check_name(name: str, what: str) -> None:
    """Raises ProgramError for a name that the database does not take."""
    if not 1 <= len(name) <= MAX_NAME or name.endswith(" ") or _is_beyond(name):
        raise ProgramError(
            f"a {what} may have a name of {MAX_NAME} characters in MariaDB and MySQL, with no space at"
            f" its end and none beyond U+FFFF, such as 😀: not {name!r}"
        )


def _is_beyond(name: str) -> bool:
    """Whether there is a character in it that no name of these databases has."""
    return max(name, default="") > "\uffff"


@dataclass(frozen=True, slots=True)
class Declared:
    """A column as its table declares it."""

    name: str
    base: str  # int
    spelt: str  # int(10) unsigned
    length: int | None  # characters of a text
    precision: int | None
    scale: int | None
    second_digits: int | None
    character_set: str | None  # of a text
    is_nullable: bool
    has_default: bool  # or counts by itself
    extra: str  # auto_increment, STORED GENERATED, INVISIBLE …
    is_json: bool

    @property
    def is_unsigned(self) -> bool:
        return "unsigned" in self.spelt or "zerofill" in self.spelt

    @property
    def is_generated(self) -> bool:
        return "GENERATED" in self.extra or "PERSISTENT" in self.extra or "VIRTUAL" in self.extra


def columns(session: Session, table: Table) -> list[Declared]:
    rows = session.rows(
        "SELECT column_name, data_type, column_type, character_maximum_length, numeric_precision,"
        " numeric_scale, datetime_precision, character_set_name, is_nullable, column_default, extra"
        " FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        " ORDER BY ordinal_position",
        [table.schema, table.name],
    )
    json = _json_columns(session, table)
    return [_declared(row, json) for row in rows]


def _declared(row: tuple[str | None, ...], json: set[str]) -> Declared:
    name, base, spelt, *numbers, character_set, nullable, default, extra = row
    length, precision, scale, second_digits = (
        None if number is None else int(number) for number in numbers
    )
    assert name is not None
    extra = extra or ""
    return Declared(
        name,
        str(base).lower(),
        str(spelt).lower() if base not in ("enum", "set") else str(spelt),
        length,
        precision,
        scale,
        second_digits,
        character_set,
        nullable == "YES",
        default not in (None, "NULL") or "auto_increment" in extra,
        extra,
        base == "json" or name in json,
    )


def _json_columns(session: Session, table: Table) -> set[str]:
    """MariaDB keeps JSON as text, with a constraint, which it tells with quotes by the session's sql_mode."""
    if not session.is_mariadb:
        return set()
    rows = session.rows(
        "SELECT check_clause FROM information_schema.check_constraints"
        " WHERE constraint_schema = %s AND table_name = %s",
        [table.schema, table.name],
    )
    found = (_JSON.fullmatch(clause) for (clause,) in rows)
    return {one["name"].replace(one["mark"] * 2, one["mark"]) for one in found if one}


def why_not_all_or_nothing(session: Session, table: Table) -> str | None:
    """Why rows of this table cannot be taken back; None where they can."""
    [(kind, engine, transactions)] = session.rows(
        "SELECT t.table_type, t.engine, e.transactions FROM information_schema.tables t"
        " LEFT JOIN information_schema.engines e ON e.engine = t.engine"
        " WHERE t.table_schema = %s AND t.table_name = %s",
        [table.schema, table.name],
    )
    if "VIEW" in kind:
        return "is a view: write into its table"
    if transactions != "YES":
        return f"is kept by {engine}, which takes nothing back when a run fails: ALTER TABLE … ENGINE=InnoDB"
    return None


def unique_keys(session: Session, table: Table) -> list[tuple[str, ...]]:
    """The columns of each key that no two rows share, without those of parts of columns and of expressions."""
    rows = session.rows(
        "SELECT index_name, column_name, sub_part FROM information_schema.statistics"
        " WHERE table_schema = %s AND table_name = %s AND non_unique = 0"
        " ORDER BY index_name, seq_in_index",
        [table.schema, table.name],
    )
    keys: dict[str, list[str | None]] = {}
    for index, column, part in rows:
        keys.setdefault(index, []).append(None if part is not None else column)
    whole = [tuple(name for name in names if name) for names in keys.values() if None not in names]
    return sorted(set(whole))


def losing_tables(session: Session, table: Table) -> list[str]:
    """Other tables that would lose rows or values with a row of this one, by ON DELETE."""
    rows = session.rows(
        "SELECT DISTINCT concat(constraint_schema, '.', table_name)"
        " FROM information_schema.referential_constraints"
        " WHERE unique_constraint_schema = %s AND referenced_table_name = %s"
        " AND delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')"
        " AND NOT (constraint_schema = %s AND table_name = %s) ORDER BY 1",
        [table.schema, table.name, table.schema, table.name],
    )
    return [name for (name,) in rows]
