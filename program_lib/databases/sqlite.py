"""SQLite, by Python's own sqlite3 module: a reader and a writer of rows. docs/types.md has the types."""

from program_lib.databases.sqlite_reader import SqliteReader
from program_lib.databases.sqlite_writer import SqliteWriter

__all__ = ["SqliteReader", "SqliteWriter"]
