"""Parameters in SQL for SQLite: a function of the connection gives their values.

SQLite takes no bound values in a view, and a view is what tells the types of a query.
"""

from __future__ import annotations

from decimal import Decimal

from program_lib.databases.sqlite.link import Link
from program_lib.errors import ProgramError
from program_lib.parameters import Value, taken
from program_lib.parameters.placeholders import SQLITE, replaced
from program_lib.types import NUMERIC

FUNCTION = "program_lib_parameter"
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # SQLite's whole numbers


def bound(link: Link, query: str) -> str:
    """The query as this connection can run it. Raises ProgramError for a name that is no parameter."""
    used: dict[str, str | int | float | None] = {}

    def put(name: str, value: Value) -> str:
        used[name] = _of_sqlite(name, value)
        return f"{FUNCTION}('{name}')"

    text = replaced(query, SQLITE, taken(), put)
    if used:
        link.connection.create_function(FUNCTION, 1, used.get, deterministic=True)
        link.gate.functions |= {FUNCTION}
    return text


def _of_sqlite(name: str, value: Value) -> str | int | float | None:
    """As SQL would have it: 5 is a whole number, 5.0 a floating one. Raises ProgramError for one that SQLite would change."""
    if value.type != NUMERIC or value.text is None:
        return value.text
    number = Decimal(value.text)
    if "." not in value.text and SMALLEST <= number <= LARGEST:
        return int(value.text)
    if Decimal(repr(float(number))) != number:
        raise ProgramError(
            f"the parameter {name} is {value.text}, which SQLite has no exact number for"
        )
    return float(number)
