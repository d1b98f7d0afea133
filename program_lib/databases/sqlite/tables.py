"""Tables of a SQLite database by their names, and what their columns are declared as."""

from __future__ import annotations

import re
from dataclasses import dataclass

from program_lib.databases import names
from program_lib.databases.sqlite.link import Link, quoted
from program_lib.errors import ProgramError

HIDDEN, GENERATED = 1, (2, 3)  # as table_xinfo says it: a virtual table's own; computed by SQLite
# REPLACE deletes other rows, and takes the default for NULL; after FAIL a part of a statement's rows stays
_CHANGES_ROWS = re.compile(r"\bON\s+CONFLICT\s+(?:REPLACE|FAIL)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TableColumn:
    name: str
    declared: str  # "" where nothing is
    is_not_null: bool = False
    has_default: bool = False
    is_generated: bool = False
    is_rowid: bool = False  # INTEGER PRIMARY KEY: it numbers itself, and is never NULL

    @property
    def must_be_given(self) -> bool:
        """Whether a row without it is refused."""
        return self.is_not_null and not (self.has_default or self.is_generated or self.is_rowid)


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view that is there."""

    schema: str
    name: str
    is_view: bool
    columns: tuple[TableColumn, ...]

    @property
    def sql(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def find_table(link: Link, written: str) -> Table | None:
    """The table or view of that name: of the whole name, else by its schema (main, temp)."""
    found = names.find_table(written, _tables(link))
    if found is None:
        return None
    is_view = (found.schema, found.name) in _views(link)
    return Table(found.schema, found.name, is_view, columns_of(link, found.name, found.schema))


def there_is_no(link: Link, written: str) -> ProgramError:
    """An error that says which tables there are instead."""
    there = [table for table in _tables(link) if not table.name.startswith("sqlite_")]
    return ProgramError(names.no_table(written, there))


def shown_names(link: Link) -> list[str]:
    """The tables and views that people look for."""
    names = {name for schema, name, _ in _masters(link) if schema == "main"}
    return sorted(name for name in names if not name.startswith("sqlite_"))


def _tables(link: Link) -> list[names.Table]:
    return [names.Table(schema, name, True) for schema, name, _ in _masters(link)]


def _views(link: Link) -> set[tuple[str, str]]:
    return {(schema, name) for schema, name, kind in _masters(link) if kind == "view"}


def _masters(link: Link) -> list[tuple[str, str, str]]:
    return link.execute(
        "SELECT 'main', name, type FROM sqlite_master WHERE type IN ('table', 'view') "
        "UNION ALL "
        "SELECT 'temp', name, type FROM sqlite_temp_master WHERE type IN ('table', 'view')"
    ).fetchall()


def new_table_name(written: str) -> str:
    """The name of a table that is not there yet: a dot parts it from main, and is else a part of it."""
    schema, dot, name = written.partition(".")
    if dot and schema.lower() == "temp":
        raise ProgramError(f"{written} would be gone when the run ends")
    return name if dot and schema.lower() == "main" else written


def or_abort(link: Link, table: Table) -> str:
    """What an INSERT or UPDATE says for a row that breaks a constraint to be refused; "" where the table does so itself.

    It counts for triggers, too: one that says INSERT OR IGNORE would fail, so that it is not said of each table.
    """
    master = f"{quoted(table.schema)}.sqlite_master"
    [[sql]] = link.execute(
        f"SELECT sql FROM {master} WHERE name = ? AND type IN ('table', 'view')",  # noqa: S608
        (table.name,),
    )
    return " OR ABORT" if _CHANGES_ROWS.search(sql) else ""


def unique_keys(link: Link, table: Table) -> list[tuple[str, ...]]:
    """The columns of each key that no two rows share, without those of expressions and with conditions."""
    schema = quoted(table.schema)
    columns = link.execute(f"PRAGMA {schema}.table_xinfo({quoted(table.name)})").fetchall()
    primary = sorted((row[5], row[1]) for row in columns if row[5])
    keys = {tuple(name for _, name in primary)}
    indexes = link.execute(f"PRAGMA {schema}.index_list({quoted(table.name)})").fetchall()
    for _, index, is_unique, _, is_partial in indexes:
        if is_unique and not is_partial:
            parts = link.execute(f"PRAGMA {schema}.index_info({quoted(index)})").fetchall()
            keys.add(tuple(name for _, _, name in parts))
    return sorted(key for key in keys if key and None not in key)


def columns_of(link: Link, name: str, schema: str) -> tuple[TableColumn, ...]:
    rows = link.execute(f"PRAGMA {quoted(schema)}.table_xinfo({quoted(name)})").fetchall()
    keys = sum(bool(row[5]) for row in rows)
    return tuple(
        TableColumn(
            name=column,
            declared=declared or "",
            is_not_null=bool(not_null),
            has_default=default is not None,
            is_generated=hidden in GENERATED,
            is_rowid=bool(key) and keys == 1 and declared.upper() == "INTEGER",
        )
        for _, column, declared, not_null, default, key, hidden in rows
        if hidden != HIDDEN
    )
