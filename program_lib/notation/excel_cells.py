"""The names of cells, columns and sheets of an Excel file. A module of its own: the web server names them, and loads no Arrow. Pure."""

from __future__ import annotations

import re
from functools import cache

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384  # of a sheet
LONGEST_NAME = 31  # characters of a sheet's name
_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
# Begins what stands in the place of a value that a cell has not: XML has no NUL, so no text of a cell begins so
NO_VALUE = "\0"


def place_of(cell: str) -> tuple[int, int] | None:
    """The row and the column of a cell such as B7, counted from 1; None where it is none."""
    found = _CELL.fullmatch(cell)
    if found is None:
        return None
    row, column = int(found[2]), column_number(found[1])
    return (row, column) if 1 <= row <= MOST_ROWS and column <= MOST_COLUMNS else None


@cache
def column_number(letters: str) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_of(cell: str) -> int:
    """The column of a cell of a file; 0 where its name is none."""
    letters = cell.rstrip("0123456789")
    return (
        column_number(letters)
        if len(letters) < 4 and letters.isascii() and letters.isalpha()
        else 0
    )


@cache
def letters_of(number: int) -> str:
    """A for 1, AA for 27."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def sheet_name_error(name: str) -> str | None:
    """Why Excel would not open a file with a sheet of this name; None where it does."""
    if not name:
        return "is empty"
    if len(name.encode("utf-16-le")) // 2 > LONGEST_NAME:
        return f"has more than {LONGEST_NAME} characters"
    if found := _FORBIDDEN.search(name):
        return f"holds {found[0]!r}: a sheet's name has none of [ ] : * ? / \\"
    if name.startswith("'") or name.endswith("'"):
        return "begins or ends with '"
    return "is History, which Excel keeps for itself" if name.lower() == "history" else None
