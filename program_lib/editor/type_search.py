"""What the columns of a file hold, for the editor: reads the whole file once, and writes nothing but preview.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from program_lib.editor.preview import tell
from program_lib.editor.timed import TimeIsUp, within
from program_lib.process.exit_codes import FAILED
from program_lib.process.reasons import reason
from program_lib.process.settings import note_preview
from program_lib.types import Column


def run_type_search(number: int, find: Callable[[], Sequence[Column]], *, seconds: float) -> int:
    """Tells the columns that `find` gives, of the node with this number; the exit code."""
    note_preview()
    try:
        with within(seconds):
            answer, code = _answer(find()), 0
    except TimeIsUp:
        answer, code = _failure(number, _too_slow(seconds)), FAILED
    except Exception as error:
        answer, code = _failure(number, reason(error)), FAILED
    tell(answer)
    return code


def _answer(columns: Sequence[Column]) -> dict[str, Any]:
    return {
        "columns": [column.name for column in columns],
        "types": [str(column.type) for column in columns],
    }


def _failure(number: int, message: str) -> dict[str, Any]:
    return {"nodeId": number, "message": message}


def _too_slow(seconds: float) -> str:
    return (
        f"the file is not read to its end within {seconds:g} seconds, and a type must hold for all of it:"
        " name the types of its columns, or have them found in a file with its first rows"
    )
