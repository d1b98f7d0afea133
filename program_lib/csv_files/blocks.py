"""Whole records of a CSV file, many at a time."""

from __future__ import annotations

import re

from program_lib.csv_files.escapes import Unclear
from program_lib.csv_files.form import MAX_RECORD
from program_lib.csv_files.grammar import Broken, FieldText, Grammar, Record
from program_lib.csv_files.header import Top
from program_lib.csv_files.source import NoText, OtherEncoding, Source, Undecodable
from program_lib.errors import ProgramError
from program_lib.ports import BATCH_ROWS

AIM = BATCH_ROWS * 9 // 10  # rows of a block: a few more than one batch holds would make two
FIRST_READ = 256 * 1024  # bytes; little, so that the first rows are soon on their way
LEAST_READ = 64 * 1024  # bytes
MOST_READ = 4 * 1024 * 1024  # bytes; as columns in memory they take up to four times as much
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the very end may be half of a CRLF


class Blocks:
    """Cuts a source's bytes after whole records.

    `top` says what stands above the rows. Lines are counted as they pass; of a file in UTF-8, which can be read again,
    when an error asks for them, unless `counts_lines`.
    """

    def __init__(
        self,
        source: Source,
        grammar: Grammar,
        name: str,
        top: Top,
        *,
        counts_lines: bool = False,
    ) -> None:
        self._source, self._grammar, self._name, self._top = source, grammar, name, top
        self._escapes = grammar.escapes()
        self._is_below = False  # the lines that are skipped
        is_as_it_lies = source.is_utf8 and self._escapes is None
        self._counts_later = source.is_file and is_as_it_lies and not counts_lines
        self._size = FIRST_READ
        self._rest = b""  # read, and not yet handed on
        self._start = self._end = 0  # of the last block, in bytes after what stands above the rows
        # Of the whole file, if they are counted; else of what stands above the rows
        self._lines_to_start = self._lines_to_end = 0

    @property
    def can_be_read_again(self) -> bool:
        return self._source.is_file

    def first_fields(self) -> list[FieldText]:
        """The fields of the first record below the lines to skip, which is a row unless it names the columns.

        None where there is no such line.
        """
        self._skip_lines()
        self._is_below = True
        self._rest = self._with_doubled_quotes(self._rest)
        while (first := self._first_record()) is None:
            if self._source.is_at_end:  # blank lines are rows of one column
                return self._grammar.fields(b"") if self._rest else []
            self._read()
        text = self._rest[first.start : first.end]
        if self._top.has_header:
            self._rest = self._rest[first.next :]
            self._lines_to_end += 1 + text.count(b"\n")
        return self._grammar.fields(text)

    def _skip_lines(self) -> None:
        """Leaves out the lines above the table, whatever stands in them."""
        start = 0
        while self._lines_to_end < self._top.skipped:
            if match := _LINE_END.search(self._rest, start):
                start = match.end()
                self._lines_to_end += 1
                continue
            self._rest, start = self._rest[start:], 0
            if self._source.is_at_end:
                self._rest = b""
                return
            self._read()
        self._rest = self._rest[start:]

    def next(self) -> bytes:
        """The next records; no bytes at the end. Raises ProgramError for a line that is none."""
        while not (end := self._whole()):
            if self._source.is_at_end:
                return b""
            self._read()
        block, self._rest = self._rest[:end], self._rest[end:]
        self._start, self._end = self._end, self._end + end
        self._lines_to_start = self._lines_to_end
        if not self._counts_later:
            self._lines_to_end += self._grammar.line_ends(block)
        return block

    def expect(self, rows: int, size: int) -> None:
        """Learns how long rows are, so that the next block is about one batch."""
        if rows:
            self._size = min(max(AIM * size // rows, LEAST_READ), MOST_READ)

    def share(self) -> float | None:
        """Which part of the file's bytes the blocks so far are, from 0 to 1; None where its size is not known."""
        return self._source.share(self._unread())

    def _unread(self) -> int:
        """Bytes that were taken, and not handed on, those of a field that goes on among them."""
        return len(self._rest) + (self._escapes.waiting if self._escapes else 0)

    def broken(self, error: Broken) -> ProgramError:
        """What to raise for a line of the last block."""
        return self._refused(self.lines_to_start() + error.line, error.what)

    def lines_to_start(self) -> int:
        """How many lines stand before the last block."""
        return self._lines_to(self._start) if self._counts_later else self._lines_to_start

    def _lines_to_rest(self) -> int:
        return self._lines_to(self._end) if self._counts_later else self._lines_to_end

    def _lines_to(self, end: int) -> int:
        """Reads from the start again, as far as a block began or ended. Nothing is read after that."""
        if not end:
            return self._lines_to_end
        again = Blocks(self._source.again(), self._grammar, self._name, self._top)
        again.first_fields()
        lines = again._lines_to_end
        while again._end < end and (block := again.next()):
            lines += self._grammar.line_ends(block[: end - again._start])
        return lines

    def _first_record(self) -> Record | None:
        """Without a header blank lines may be rows, and tell nothing of how many columns there are: they are passed over."""
        begun = self._rest if self._top.has_header else self._rest.lstrip(b"\r\n")
        blank = len(self._rest) - len(begun)
        try:
            found = next(self._grammar.records(begun, is_last=self._source.is_at_end), None)
        except Broken as error:
            line = self._lines_to_end + self._grammar.line_ends(self._rest[:blank]) + error.line
            raise self._refused(line, error.what) from error
        if found is None:
            return None
        return found._replace(start=blank + found.start, end=blank + found.end)

    def _whole(self) -> int:
        """Where the whole records in `_rest` end; 0 where it has none."""
        try:
            return self._grammar.cut(self._rest, is_last=self._source.is_at_end)
        except Broken as error:
            raise self._refused(self._lines_to_rest() + error.line, error.what) from error

    def _read(self) -> None:
        """Takes more bytes; as many again as are there, where these are no whole record."""
        there = self._unread()
        most = MAX_RECORD + 1 - there
        if most <= 0:
            what = f"is longer than {MAX_RECORD // 1024 // 1024} MB: is a quote left open?"
            raise self._refused(self._lines_to_rest() + 1, what)
        try:
            raw = self._source.read(min(max(self._size, there), most))
        except NoText as error:
            raise ProgramError(f"{self._name} {error}") from error
        except OtherEncoding as error:
            raise ProgramError(f"{self._name} {error}: choose the file's encoding") from error
        except Undecodable as error:
            line = self._lines_to_rest() + 1 + _line_ends(self._rest + error.before)
            raise self._refused(line, not_in(self._source.encoding, error.found)) from error
        self._rest += self._with_doubled_quotes(raw)

    def _with_doubled_quotes(self, raw: bytes) -> bytes:
        """The bytes, with quotes in quotes as the grammar has them."""
        if self._escapes is None or not self._is_below:
            return raw
        try:
            return self._escapes.doubled(raw, is_last=self._source.is_at_end)
        except Unclear as error:
            before = self._rest + error.before
            raise self._refused(
                self._lines_to_rest() + 1 + _line_ends(before), error.what
            ) from error

    def _refused(self, line: int, what: str) -> ProgramError:
        return ProgramError(f"line {line:,} of {self._name} {what}")


def _line_ends(text: bytes) -> int:
    return text.count(b"\n") or text.count(b"\r")  # a file has one or the other


def not_in(encoding: str, found: bytes) -> str:
    """What a line holds that its encoding does not have."""
    shown = " ".join(f"0x{byte:02x}" for byte in found[:8])
    return f"holds {shown}, which is not {encoding}: choose the file's encoding"
