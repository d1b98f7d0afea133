r"""Quotes that a backslash stands before, "5\" nails", made doubled ones, "5"" nails", which all that follows reads. Pure.

MySQL, Spark, pandas with an escapechar and PostgreSQL with ESCAPE write such files. In quotes \" is a quote, \\ a
backslash, and a line end behind one is a line end, as MySQL has it. All of them write a backslash twice there, so that
before another sign it is text, as in "C:\temp": nothing is lost. Refused is what they would read each in its own way.
"""

from __future__ import annotations

import re

from program_lib.csv_files.form import MAX_RECORD
from program_lib.csv_files.repeats import repeated

_IN_QUOTES = "has \\0 in quotes, which is a NUL for MySQL and two signs for others: a backslash is to be written twice"
_WITHOUT_QUOTES = (
    "has a backslash before another, a quote, a delimiter or a line end in a field without quotes, of which programs"
    " differ in what it means: let the one that writes the file put its texts in quotes"
)


class Unclear(Exception):
    """A backslash that has several meanings; `before` is what stands before it since the last call."""

    def __init__(self, before: bytes, what: str) -> None:
        super().__init__(what)
        self.before = before
        self.what = what


class Escapes:
    """Takes the bytes of a file in pieces, from the start of its first record on."""

    def __init__(self, delimiter: str, quote: str) -> None:
        self._quote = quote.encode()
        signs = {b"d": re.escape(delimiter.encode()), b"q": re.escape(self._quote)}
        # What may stand as it is; behind it a quoted field with backslashes, or one that goes on to the end of the bytes;
        # or a backslash outside of one, which is refused
        plain = repeated(rb"[^%(q)s\\]++|%(q)s%(q)s" % signs)
        as_it_is = repeated(
            rb"[^%(q)s\\]++|(?<![%(d)s\r\n])%(q)s|%(q)s%(plain)s%(q)s(?!\Z)|\\[^%(d)s%(q)s\\\r\n]"
            % {**signs, b"plain": plain}
        )
        inner = repeated(rb"[^%(q)s\\]++|\\.|%(q)s%(q)s" % signs)
        self._found = re.compile(
            rb"(?P<as_it_is>%(as_it_is)s)(?:(?P<field>%(q)s%(inner)s(?:%(q)s|\\?\Z))"
            rb"|(?P<unclear>\\(?:[%(d)s%(q)s\\\r\n]|\Z))|\Z)"
            % {**signs, b"as_it_is": as_it_is, b"inner": inner},
            re.DOTALL,
        )
        self._escaped = re.compile(rb"\\(?:([%(q)s\\\r\n])|0)" % signs)
        self._last = b"\n"  # the last byte that was given: whether a field begins behind it
        self._rest = b""  # a field whose end is still to come

    @property
    def waiting(self) -> int:
        """Bytes that were taken, and not given yet."""
        return len(self._rest)

    def doubled(self, raw: bytes, *, is_last: bool) -> bytes:
        """The bytes as far as fields end, of a field that is too long all of it. Raises Unclear."""
        whole = self._last + self._rest + raw
        made: list[bytes] = []
        start = len(self._last)
        for found in self._found.finditer(whole, start):
            made.append(found["as_it_is"])
            start = found.end("as_it_is")
            may_go_on = found.end() == len(whole) and not is_last
            if may_go_on and len(whole) - start <= MAX_RECORD:
                break
            if found["unclear"] is not None:
                raise Unclear(b"".join(made), _WITHOUT_QUOTES)
            made.append(self._with_doubled(found["field"] or b"", made))
            start = found.end()
        self._rest, self._last = whole[start:], whole[start - 1 : start]
        return b"".join(made)

    def _with_doubled(self, field: bytes, before: list[bytes]) -> bytes:
        def one(found: re.Match[bytes]) -> bytes:
            if found[1] is None:
                raise Unclear(b"".join([*before, field[: found.start()]]), _IN_QUOTES)
            return self._quote * 2 if found[1] == self._quote else found[1]

        return self._escaped.sub(one, field) if b"\\" in field else field
