"""Finds the lines of rows in a file that is read again."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowLines:
    """Rows that stand together in a file: how many, and what tells the line of each, counted from 1."""

    rows: int
    lines: Callable[[], list[int]]


class LineFinder:
    """Goes on from where it found the last row, so that rows in their order cost one reading of the file together."""

    def __init__(self, read_again: Callable[[], Generator[RowLines, None, None]]) -> None:
        self._read_again = read_again
        self._parts: Generator[RowLines, None, None] | None = None
        self._part = RowLines(0, list)
        self._before = 0  # rows before the part
        self._lines: list[int] | None = None  # of the part, once one of its rows was looked for

    def line(self, number: int) -> int:
        """The line of a row, counted from 1; the first line where there is no such row."""
        if self._parts is None or number <= self._before:
            self.close()
            self._parts = self._read_again()
        while number > self._before + self._part.rows:
            if (part := next(self._parts, None)) is None:
                return 1
            self._before += self._part.rows
            self._part, self._lines = part, None
        if self._lines is None:
            self._lines = self._part.lines()
        return self._lines[number - self._before - 1]

    def close(self) -> None:
        """Closes the file; another `line` opens it again."""
        if self._parts is not None:
            self._parts.close()
        self._parts, self._part, self._before, self._lines = None, RowLines(0, list), 0, None
