"""Parameters in SQL for MariaDB and MySQL: the server prepares the SQL, and gets the values when it executes it."""

from __future__ import annotations

from pymysql.cursors import SSCursor

from program_lib.databases.mysql.session import Session
from program_lib.parameters import Value, taken
from program_lib.parameters.placeholders import MYSQL, replaced
from program_lib.types import DATE

QUERY = "program_lib_query"  # a prepared statement, and the variable that tells it, of our session alone


def streaming(session: Session, query: str) -> SSCursor:
    """A cursor that has run the query with its parameters. Raises ProgramError for a name that is none."""
    used: list[Value] = []

    def put(name: str, value: Value) -> str:
        used.append(value)
        return "CAST(? AS DATE)" if value.type == DATE else "?"

    text = replaced(query, MYSQL, taken(), put)
    if not used:
        return session.streaming(text)
    with session.connection.cursor() as cursor:
        cursor.execute(f"SET @{QUERY} = %s", (text,))
        cursor.execute(f"PREPARE {QUERY} FROM @{QUERY}")
        for place, value in enumerate(used):
            cursor.execute(f"SET @{QUERY}_{place} = %s", (value.python(),))
    given = ", ".join(f"@{QUERY}_{place}" for place in range(len(used)))
    return session.streaming(f"EXECUTE {QUERY} USING {given}")
