"""Lets SQLite leave out locks that a program does not need: they take a quarter of the time of reading rows.

SQLite locks a connection for each value that it gives or takes, and its count of used memory for each allocation.
In a program no two threads use a connection at once (Python's sqlite3 refuses it, except to interrupt, for which SQLite
needs no lock), and nobody asks for the count. The setting is of the whole process: servers, whose
threads share connections, do without it.
"""

import ctypes
import importlib.util
import sys

_MULTITHREAD, _MEMSTATUS = 2, 9  # options of sqlite3_config
_OK = 0


def leave_out_locks() -> bool:
    """Whether SQLite took the settings: it does until its first use, where its library can be reached at all."""
    spec = importlib.util.find_spec("_sqlite3")
    if spec is None or spec.origin is None or spec.name in sys.modules:
        return False
    try:
        library = ctypes.CDLL(spec.origin)  # it is loaded with SQLite, and not yet imported
        codes = [library.sqlite3_config(_MULTITHREAD), library.sqlite3_config(_MEMSTATUS, 0)]
    except (OSError, AttributeError):  # it is part of the interpreter, and has no names
        return False
    return codes == [_OK, _OK]
