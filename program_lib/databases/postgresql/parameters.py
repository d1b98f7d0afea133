"""Parameters in SQL for PostgreSQL: their values are bound to settings of the transaction, which the SQL reads.

COPY, by which rows are read, takes no bound values.
"""

from __future__ import annotations

from program_lib.databases.postgresql.session import Session
from program_lib.parameters import Value, taken
from program_lib.parameters.placeholders import POSTGRESQL, replaced
from program_lib.types import Kind

SETTING = "program_lib.{}"  # PostgreSQL takes any setting with a point in its name
_TYPES = {Kind.DATE: "date", Kind.NUMERIC: "numeric", Kind.TEXT: "text"}


def bound(session: Session, query: str) -> str:
    """The query with its parameters bound for this transaction. Raises ProgramError for a name that is none."""
    used: dict[str, Value] = {}

    def put(name: str, value: Value) -> str:
        used[name] = value
        setting = "NULL" if value.text is None else f"current_setting('{SETTING.format(name)}')"
        return f"CAST({setting} AS {_TYPES[value.type.kind]})"

    text = replaced(query, POSTGRESQL, taken(), put)
    for name, value in used.items():
        if value.text is not None:
            session.rows("SELECT set_config(%s, %s, true)", (SETTING.format(name), value.text))
    return text
