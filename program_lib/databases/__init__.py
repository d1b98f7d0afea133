"""Sources and targets in databases: which module reads and writes which kind.

Each kind's modules are imported when a program uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import URL

from program_lib.databases.around import Around
from program_lib.databases.committing import CommittingWriter
from program_lib.databases.connections import check_is_there, database_url, is_sqlite_file
from program_lib.databases.turns import claim_database, spelled_alike
from program_lib.errors import ProgramError
from program_lib.files.data_files import note_database
from program_lib.ports import Reader, Writer
from program_lib.write_modes import KEYED, MODES_THAT_COMMIT


def read_rows(connection: str, query: str | None = None, table: str | None = None) -> Reader:
    """A reader of a query, or of all rows of a table. Raises ProgramError for a connection that is not known."""
    url = database_url(connection)
    check_is_there(url)
    if is_sqlite_file(url):
        note_database(Path(str(url.database)))
    match url.get_backend_name():
        case "sqlite":
            from program_lib.databases.sqlite.reader import SqliteReader

            return SqliteReader(str(url.render_as_string(hide_password=False)), query, table)
        case "postgresql":
            from program_lib.databases.postgresql.reader import PostgresqlReader

            return PostgresqlReader(url, query, table)
        case "mysql" | "mariadb":
            from program_lib.databases.mysql.reader import MysqlReader

            return MysqlReader(url, query, table)
    from program_lib.databases.other.reader import OtherReader

    return OtherReader(url, query, table)


def write_rows(
    connection: str,
    table: str,
    mode: str,
    key: Sequence[str] = (),
    *,
    before: str = "",
    after: str = "",
    commit_rows: int = 0,
) -> Writer:
    """A writer of a table; `mode` is create, append, replace, or one of program_lib.write_modes.KEYED, which needs a `key`.

    `commit_rows`: rows are committed after each so many, and stand whatever happens later; else all or none are written.
    `before` and `after` are statements that run in its transaction: databases.around says which. Raises as `read_rows`.
    """
    assert bool(key) == (mode in KEYED), "a key goes with the modes that need one"
    url = database_url(connection)
    around = Around(before, after)
    around.check(url.get_backend_name())
    if mode in MODES_THAT_COMMIT:  # the table must be there
        check_is_there(url)
    if is_sqlite_file(url):
        note_database(Path(str(url.database)))
    database = spelled_alike(url)
    claim_database(database, alone=bool(commit_rows))
    if not commit_rows:
        return _writer(url, table, mode, key, around)
    if around:
        raise ProgramError(
            "SQL before and after the rows belongs to their one transaction: leave it out, or Commit every"
        )
    return CommittingWriter(
        lambda: _writer(url, table, mode, key, around), mode, commit_rows, database
    )


def _writer(url: URL, table: str, mode: str, key: Sequence[str], around: Around) -> Writer:
    match url.get_backend_name():
        case "sqlite":
            from program_lib.databases.sqlite.writer import SqliteWriter

            return SqliteWriter(
                str(url.render_as_string(hide_password=False)), table, mode, key, around
            )
        case "postgresql":
            from program_lib.databases.postgresql.writer import PostgresqlWriter

            return PostgresqlWriter(url, table, mode, key, around)
        case "mysql" | "mariadb":
            from program_lib.databases.mysql.writer import MysqlWriter

            return MysqlWriter(url, table, mode, key)
    from program_lib.databases.other.writer import OtherWriter

    return OtherWriter(url, table, mode)
