"""The tables of a connection, for the editor: reads what the database says of them, and writes nothing but preview.json."""

from __future__ import annotations

from typing import Any

from program_lib.databases.tables import MOST_TABLES, TableFound, find_tables
from program_lib.editor.preview import tell
from program_lib.editor.timed import TimeIsUp, within
from program_lib.process.exit_codes import FAILED
from program_lib.process.reasons import reason

MOST_SHOWN = 20_000  # columns of all tables; each takes 30 bytes of the answer, 300 at most
LONGEST = 128  # characters of a name


def run_table_search(connection: str, *, seconds: float) -> int:
    """Tells the tables of the connection with their columns; the exit code."""
    try:
        with within(seconds):
            answer, code = _answer(find_tables(connection)), 0
    except TimeIsUp:
        answer, code = (
            {"message": f"the database did not tell its tables in {seconds:g} seconds"},
            FAILED,
        )
    except Exception as error:
        answer, code = {"message": reason(error)}, FAILED
    tell(answer)
    return code


def _answer(found: list[TableFound]) -> dict[str, Any]:
    tables = []
    left = MOST_SHOWN
    for table in found[:MOST_TABLES]:
        columns = [{"name": name, "type": of} for name, of in table.columns if len(name) <= LONGEST]
        if len(table.name) <= 2 * LONGEST:
            tables.append({"name": table.name, "columns": columns[:left]})
            left -= len(tables[-1]["columns"])
    return {"tables": tables, "truncated": len(tables) < len(found) or not left}
