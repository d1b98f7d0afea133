"""What an error of PostgreSQL is about: a row, what stores rows whatever they are, or the server."""

from __future__ import annotations

import psycopg

from program_lib.databases.postgresql.session import words

OF_A_TRIGGER = ("P0", "45")  # begin the codes of what a function says of a row: RAISE, ASSERT
OF_NAMES = ("42", "3F")  # begin the codes of tables, columns, functions, schemas and rights
# Begin the codes with which a proxy, such as PgCat, tells that its connection to the server broke; ours may stay
OF_A_CONNECTION = ("08", "57P", "58")
# The one of OperationalError's that is of a row: the others tell of locks, time-outs, deadlocks and the machine
OF_A_ROW = psycopg.errors.ProgramLimitExceeded  # as of a value that is too long for an index


def is_operational(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.OperationalError) and not isinstance(error, OF_A_ROW)


def names_what_is_not_there(error: psycopg.Error) -> bool:
    """Or what may not be used, whatever the row is."""
    return (error.sqlstate or "").startswith(OF_NAMES) and not may_be_of_one_row(error)


def may_be_of_one_row(error: psycopg.Error) -> bool:
    """Whether a function says so itself, by RAISE, or EXECUTEs what it makes of a row: the table of its month may be missing."""
    lines = (error.diag.context or "").splitlines()
    innermost = next((line for line in lines if "PL/pgSQL" in line), "")
    is_raised = error.diag.source_function == "exec_stmt_raise"
    return is_raised or innermost.endswith("EXECUTE")  # which no server translates


def are_alike(one: Exception, other: Exception) -> bool:
    """Whether two tries failed at the same: by one sentence, or at one place of a function, which may tell a time."""
    place = _place_of(one)
    return words(one) == words(other) or (place is not None and place == _place_of(other))


def _place_of(error: Exception) -> tuple[str, str] | None:
    """The code of an error of a function, and where in it that was."""
    of_database = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(of_database, psycopg.Error) or not of_database.diag.context:
        return None
    return of_database.sqlstate or "", of_database.diag.context
