"""What a connection to SQLite may be asked for: a list of what is allowed; what is not on it is refused.

A graph's SQL comes from whoever may write a job, and SQLite is a library in the program's own process, with
functions that take addresses and PRAGMAs that name files. docs/decisions/sqlite.md says what each part is against.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from program_lib.errors import ProgramError

# As SQLite advises where somebody else wrote the SQL, but wide enough for data.
LIMITS = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,  # a query opens no other file: ATTACH, VACUUM INTO
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1_000_000,  # bytes
    sqlite3.SQLITE_LIMIT_LENGTH: 256 << 20,  # bytes of a value or a row
    sqlite3.SQLITE_LIMIT_COLUMN: 2_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 250_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 100,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
}
FUNCTIONS = frozenset(
    """
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling changes char coalesce
    concat concat_ws cos cosh count cume_dist current_date current_time current_timestamp
    date datetime degrees dense_rank exp first_value floor format glob group_concat hex if
    ifnull iif instr json json_array json_array_insert json_array_length json_error_position
    json_extract json_group_array json_group_object json_insert json_object json_patch
    json_pretty json_quote json_remove json_replace json_set json_type json_valid jsonb
    jsonb_array jsonb_array_insert jsonb_extract jsonb_group_array jsonb_group_object
    jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set julianday lag
    last_insert_rowid last_value lead length like likelihood likely ln log log10 log2 lower
    ltrim max median min mod nth_value ntile nullif octet_length percent_rank percentile
    percentile_cont percentile_disc pi pow power printf quote radians random randomblob rank
    regexp replace round row_number rtrim sign sin sinh soundex sqlite_version sqrt strftime
    string_agg substr substring sum tan tanh time timediff total total_changes trim trunc
    typeof unhex unicode unistr unistr_quote unixepoch unlikely upper zeroblob
    """.split()  # noqa: SIM905
)
RENAMING = frozenset({"sqlite_rename_table", "sqlite_rename_test"})  # what ALTER TABLE calls
SHAPES = frozenset(  # PRAGMAs that tell of tables
    """
    database_list foreign_key_list index_info index_list index_xinfo table_info table_list
    table_xinfo
    """.split()  # noqa: SIM905
)
VALUES = frozenset(  # PRAGMAs that tell a value, and set it where they are given one
    """
    application_id encoding freelist_count journal_mode page_count page_size
    read_uncommitted schema_version user_version
    """.split()  # noqa: SIM905
)
READING = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
    }
)
SCHEMAS = ("sqlite_master", "sqlite_temp_master", "sqlite_sequence")
ROWS = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
WRITING = (
    READING
    | ROWS
    | {
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TEMP_TABLE,
        sqlite3.SQLITE_REINDEX,
    }
)
DESCRIBING = frozenset(
    {
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
        sqlite3.SQLITE_DROP_TEMP_VIEW,
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_DROP_TEMP_TABLE,
    }
)
MODULES = frozenset({"json_each", "json_tree"})  # table-valued functions that are open
VIRTUAL = re.compile(r"create(\s|/\*.*?\*/|--[^\n]*\n)+virtual\b", re.I | re.S)
REFUSAL = re.compile("not authorized|authorization denied|prohibited|vtable")
# Of a writer's pages: with 2,000, SQLite's default, pages of an index come and go
CACHE_KB = 16_000
SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")  # ends a journal that names another file


class SqliteGate:
    """Stands before one connection, from its beginning."""

    def __init__(self, writes: bool) -> None:
        self.allowed = WRITING if writes else READING
        self.functions = FUNCTIONS | (RENAMING if writes else frozenset())
        self.closed = frozenset[str]()  # tables that code of SQLite's extensions stands behind
        self.refused: str | None = None  # what was refused first since the last error, in words
        self.temporary = frozenset[str]()  # the views and tables that may be made now, and dropped

    def guard(self, connection: sqlite3.Connection) -> None:
        """Is called with a new connection, before anything else is; after a lock was met, once more."""
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        refuse_super_journal(path)
        for kind, most in LIMITS.items():
            connection.setlimit(kind, most)
        if hasattr(connection, "setconfig"):  # Python 3.12
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, False)  # type: ignore[attr-defined]
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined]
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA temp.journal_mode = MEMORY")
        if self.allowed is WRITING:
            journal_in_wal(connection)
            connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        else:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
        self.closed = frozenset(closed_tables(connection))
        connection.set_authorizer(self.judge)

    @contextmanager
    def describing(self, connection: sqlite3.Connection, *names: str) -> Iterator[None]:
        """Lets temporary views and tables of these names be made and dropped: they tell the types of a query.

        The SQL that is compiled meanwhile is judged as ever; that of the two PRAGMAs is our own.
        """
        self._set_query_only(connection, "OFF")
        self.temporary = frozenset(names)
        try:
            yield
        finally:
            self.temporary = frozenset()
            self._set_query_only(connection, "ON")

    def _set_query_only(self, connection: sqlite3.Connection, to: str) -> None:
        connection.set_authorizer(None)
        try:
            connection.execute(f"PRAGMA query_only = {to}")
        finally:
            connection.set_authorizer(self.judge)

    def judge(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if self.allows(action, (first or "").lower(), (second or "").lower()):
            return sqlite3.SQLITE_OK
        self.refused = self.refused or self.words(action, first, second)
        return sqlite3.SQLITE_DENY

    def allows(self, action: int, first: str, second: str) -> bool:
        if action == sqlite3.SQLITE_FUNCTION:
            return second in self.functions
        if action == sqlite3.SQLITE_PRAGMA:
            return first in SHAPES or (first in VALUES and not second)
        if self.temporary and self._is_of_temporary(action, first):
            return True
        if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
            return True  # said when json_each is first used; SQLite lets nobody do it
        if action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE) and first.startswith("sqlite_"):
            return first in SCHEMAS and action in self.allowed  # not its statistics
        return action in self.allowed and first not in self.closed

    def _is_of_temporary(self, action: int, first: str) -> bool:
        if action in ROWS and first == "sqlite_temp_master":
            return True
        return first in self.temporary and (
            action in DESCRIBING or action == sqlite3.SQLITE_DELETE  # which DROP asks for, too
        )

    def check_table(self, name: str) -> None:
        """Raises ProgramError for a table that no statement may use, before one is made for it."""
        if name.lower() in self.closed:
            raise ProgramError(f"the query is refused: {self.words(sqlite3.SQLITE_READ, name, '')}")

    def words(self, action: int, first: str | None, second: str | None) -> str:
        if action == sqlite3.SQLITE_FUNCTION:
            return f"it would use the function {second}"
        if action == sqlite3.SQLITE_PRAGMA and first == "data_version":  # FTS asks as it is opened
            return "it would use a virtual table"
        if action == sqlite3.SQLITE_PRAGMA:
            return f"it would use PRAGMA {first}" + (f" = {second}" if second else "")
        if action in ROWS | {sqlite3.SQLITE_READ} and (first or "").lower() in self.closed:
            return f"it would use {first}, which is a virtual table or belongs to one"
        if action == sqlite3.SQLITE_ATTACH:
            return "it would open another file"
        return "it would change the database; it must be a SELECT"

    def explain(self, error: BaseException) -> ProgramError | None:
        """What to raise in place of an error of the connection; None: that error."""
        refused, self.refused = self.refused, None
        if refused is None or not REFUSAL.search(str(error)):
            return None
        return ProgramError(f"the query is refused: {refused}")


def closed_tables(connection: sqlite3.Connection) -> Iterator[str]:
    """Virtual tables, the tables that keep their data, and modules that stand for a table."""
    query = "SELECT name, sql, rootpage FROM sqlite_master WHERE type = 'table'"
    tables = connection.execute(query)
    found = [(name.lower(), sql or "", root) for name, sql, root in tables]
    virtual = {name for name, sql, root in found if not root or VIRTUAL.match(sql)}
    yield from virtual
    yield from (n for n, _, _ in found if any(n.startswith(f"{owner}_") for owner in virtual))
    modules = {name.lower() for (name,) in connection.execute("PRAGMA module_list")}
    plain = {name for name, _, _ in found}
    yield from (name for name in modules - MODULES - plain if not name.startswith("pragma_"))


def journal_in_wal(connection: sqlite3.Connection) -> None:
    """No journal on disk: one that is cut short ends with bytes of a table, which may name a file.

    SQLite deletes the file that a journal names at its end.
    """
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    connection.execute("PRAGMA journal_mode = MEMORY")  # for the step to WAL, too
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode not in ("wal", "memory"):  # memory: a database that has no file
        raise ProgramError(f"the database cannot be turned into WAL mode: it stays in mode {mode}")


def refuse_super_journal(path: str) -> None:
    """Raises ProgramError where a journal was left that would have SQLite delete another file."""
    try:
        with open(f"{path}-journal", "rb") as journal:
            journal.seek(-len(SUPER_JOURNAL), os.SEEK_END)
            is_super = journal.read() == SUPER_JOURNAL
    except OSError:  # there is none, or it is too short
        return
    if is_super:
        name = f"{Path(path).name}-journal"
        raise ProgramError(f"{name} names another file, which SQLite would delete: remove it")
