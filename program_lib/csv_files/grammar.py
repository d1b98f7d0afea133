"""Where the records of a CSV file begin and end, and whether its quotes are in order. Pure, over UTF-8 bytes.

A field is quoted when a quote is its first sign: it may hold delimiters and line ends, and a quote in it is
written twice. A quote later in an unquoted field is text (5" nails), as for Python, Arrow, pandas and spreadsheets.
Refused are a quote that nothing closes, text after a closing quote, and a quote after nothing but spaces:
there the writer meant a quoted field. A line ends with LF, CRLF or CR; in quotes all three are text.

Most blocks have no quotes, or quotes in order: that is seen by a few passes over their bytes. Only the others
are walked record by record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from program_lib.csv_files.escapes import Escapes
from program_lib.csv_files.form import Form
from program_lib.csv_files.repeats import repeated
from program_lib.texts import SHOWN, shown


class Broken(Exception):
    """A line that is no CSV: `line` counts from 1 in the bytes at hand, `what` goes on after its name."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line:,} {what}")
        self.line = line
        self.what = what


class Record(NamedTuple):
    start: int
    end: int  # without its line end
    next: int  # where the next record starts
    line: int  # counts from 1 in the bytes at hand


class FieldText(NamedTuple):
    text: bytes  # without its quotes
    is_quoted: bool


class Grammar:
    """The grammar of one form."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._quote = (form.quote or "").encode()
        self._delimiter = form.delimiter.encode()
        d, q = re.escape(self._delimiter), re.escape(self._quote)
        bare = rb"(?! *+%(q)s)[^%(d)s\r\n]*+" % {b"q": q, b"d": d}
        if not self._quote:
            bare = rb"[^%(d)s\r\n]*+" % {b"d": d}

        def quoted() -> bytes:
            doubled = repeated(rb"%(q)s%(q)s[^%(q)s]*+" % {b"q": q})
            return rb"%s[^%s]*+%s%s" % (q, q, doubled, q) if q else rb"(?!)"

        def field() -> bytes:
            return rb"(?:%s|%s)" % (quoted(), bare)

        record = rb"(%s%s)" % (field(), repeated(d + field()))
        self._record = re.compile(record + rb"(?:\r\n|\n|\r(?!\n|\Z))")
        self._last_record = re.compile(record + rb"(?:\r\n|\n|\r|\Z)")
        self._field = re.compile(rb"(?:(?P<quoted>%s)|(?P<bare>%s))" % (quoted(), bare))
        self._in_order = re.compile(
            rb"[^%s]*+%s" % (q, repeated(_alone(quoted(), d, q))) if q else rb""
        )

    def escapes(self) -> Escapes | None:
        """What makes doubled quotes of those that a backslash stands before; None where nobody writes them so."""
        if self._form.escape != "\\" or self._form.quote is None:
            return None
        return Escapes(self._form.delimiter, self._form.quote)

    def cut(self, block: bytes, *, is_last: bool) -> int:
        """How many of the bytes are whole records; all of them when they are the last of the file.

        Raises Broken where quotes of the first record are out of order; before another broken one it cuts.
        """
        end = len(block) if is_last else _last_line_end(block, 0, len(block))
        if not self._quote or self._quote not in block or self._are_in_order(block, end):
            return end
        if not is_last and self._are_in_order(block, end := self._end_outside(block)):
            return end
        end = 0
        try:
            for record in self.records(block, is_last=is_last):
                end = record.next
        except Broken:
            if not end:
                raise
        return end

    def records(self, block: bytes, *, is_last: bool) -> Iterator[Record]:
        """The records one by one, up to one that the block does not end. Raises Broken."""
        pattern = self._last_record if is_last else self._record
        start, line = 0, 1
        while start < len(block):
            match = pattern.match(block, start)
            if match is None:
                self._check_unfinished(block, start, line, is_last)
                return
            yield Record(start, match.end(1), match.end(), line)
            line += 1 + (block.count(b"\n", start, match.end(1)) if self._quote else 0)
            start = match.end()

    def fields(self, record: bytes) -> list[FieldText]:
        """The fields of one record in order."""
        fields, start = [], 0
        while True:
            match = self._field.match(record, start)
            assert match is not None
            fields.append(self._text(match))
            if match.end() == len(record):
                return fields
            start = match.end() + 1

    def line_ends(self, block: bytes) -> int:
        """How many lines end in whole records: a CR in quotes ends none, as for editors."""
        if b"\r" not in block or block.count(b"\r") == block.count(b"\r\n"):
            return block.count(b"\n")
        ends = 0
        for record in self.records(block, is_last=True):
            has_end = record.next > record.end
            ends = record.line - 1 + block.count(b"\n", record.start, record.end) + has_end
        return ends

    def rows(self, block: bytes, *, are_blanks_rows: bool) -> int:
        """How many records the block has; blank lines are rows where there is one column."""
        is_simple = b"\r" not in block and not (self._quote and self._quote in block)
        if is_simple and not block.startswith(b"\n") and b"\n\n" not in block:
            return block.count(b"\n") + (not block.endswith(b"\n"))
        records = self.records(block, is_last=True)
        return sum(are_blanks_rows or record.end > record.start for record in records)

    def _are_in_order(self, block: bytes, end: int) -> bool:
        """Whether every quote there opens a field, closes it, or is half of a doubled one."""
        return end > 0 and self._in_order.fullmatch(block, 0, end) is not None

    def _end_outside(self, block: bytes) -> int:
        """After the last line end outside of quotes, if quotes are in order; 0 where there is none."""
        end = len(block)
        is_inside = block.count(self._quote) % 2 == 1
        while end > 0:
            quote = block.rfind(self._quote, 0, end)
            if not is_inside and (found := _last_line_end(block, quote + 1, end)):
                return found
            end, is_inside = quote, not is_inside
        return 0

    def _check_unfinished(self, block: bytes, start: int, line: int, is_last: bool) -> None:
        """Raises Broken unless more bytes could make a record of what begins at `start`."""
        while match := self._field.match(block, start):
            end = match.end()
            if end == len(block) or block[end] in b"\r\n":
                return
            if block[end : end + 1] != self._delimiter:
                _check_after_quote(block, start, end, line, is_last)
                return
            line += block.count(b"\n", start, end)
            start = end + 1
        if not block.startswith(self._quote, start):
            raise Broken(line, "has a space before a quote: a quoted field begins with its quote")
        if is_last:
            raise Broken(line, "opens a quote that nothing closes")

    def _text(self, match: re.Match[bytes]) -> FieldText:
        if (quoted := match["quoted"]) is None:
            return FieldText(match["bare"], False)
        return FieldText(quoted[1:-1].replace(self._quote * 2, self._quote), True)


def _alone(quoted: bytes, d: bytes, q: bytes) -> bytes:
    """A quoted field between delimiters or ends of lines, and what follows up to the next quote."""
    signs = {b"d": d, b"q": q, b"quoted": quoted}
    return rb"(?:(?<=[%(d)s\r\n])|\A)%(quoted)s(?=[%(d)s\r\n]|\Z)[^%(q)s]*+" % signs


def _last_line_end(block: bytes, start: int, end: int) -> int:
    """After the last line end there; a CR at the very end may be half of a CRLF, and does not count."""
    found = block.rfind(b"\n", start, end)
    if found < 0:
        found = block.rfind(b"\r", start, min(end, len(block) - 1))
    return found + 1


def _check_after_quote(block: bytes, start: int, end: int, line: int, is_last: bool) -> None:
    """Raises Broken for text after a closing quote, when enough of it is there to be shown."""
    after = block[end : end + 4 * SHOWN + 4]
    rest, *others = after.splitlines()
    if not others and not is_last and len(after) <= 4 * SHOWN:
        return
    found, lines = shown(rest.decode(errors="replace")), block.count(b"\n", start, end)
    if lines:
        later = f"{lines:,} line{'s' if lines > 1 else ''} later, before {found}"
        raise Broken(line, f"opens a quoted field that ends {later}: is a quote missing?")
    doubled = "a quote inside of a field is written twice"
    if block[end - 2 : end - 1] == b"\\":
        doubled += ', unless Escape says that \\" is one'
    raise Broken(line, f"has {found} after a closing quote: {doubled}")
