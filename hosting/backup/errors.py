"""Why there is no backup, or why nothing was restored."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class BackupError(Exception):
    """The backup or restore cannot be made; the text says why, and what to do."""


class NotRead(Exception):
    """SQLite could not copy a database of ours or of a graph."""

    def __init__(self, path: Path, error: sqlite3.Error) -> None:
        super().__init__(f"{path}: {error}")
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary one
        self.is_broken = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
