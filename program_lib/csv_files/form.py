"""How a CSV file is written: what stands between fields, around texts, and for NULL."""

from __future__ import annotations

import re
from dataclasses import dataclass

from program_lib.errors import ProgramError
from program_lib.types import Kind, Type, listed

# One byte a character, or one to four; Python knows them by these names
WITHOUT_MARKS = ("latin-1", "iso-8859-15", "cp1252", "cp1250", "cp1251", "cp932", "gb18030", "cp950", "cp949")  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", *WITHOUT_MARKS, "utf-16")
MAX_RECORD = (
    64 * 1024 * 1024
)  # bytes in UTF-8; more is a quote that was left open, and would fill the memory
NOTE_FOR_EXCEL = re.compile("sep=[^A-Za-z0-9]?", re.IGNORECASE)  # a first line, for its delimiter
DECIMALS = (".", ",")
ESCAPES = ('"', "\\")
BROKEN = frozenset({Kind.DECIMAL, Kind.NUMERIC, Kind.DOUBLE})  # what may have a fraction
NO_DELIMITERS = frozenset("\"'-+.:\\_ ")  # these stand in numbers, dates and quoted texts


@dataclass(frozen=True, slots=True)
class Form:
    """The settings of a CSV file. Raises ProgramError where they could not be told apart in a line."""

    delimiter: str = ","
    encoding: str = "utf-8"
    quote: str | None = '"'  # None: quotes are text, and no field holds a delimiter or a line end
    null: str = ""  # an unquoted field that is this is NULL
    is_quoted_null: bool = False  # a quoted one is, too: "" is NULL where `null` is empty
    decimal: str = "."  # what stands before a fraction; a comma in much of Europe
    escape: str = '"'  # what stands before a quote in quotes: another one, or a backslash

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise ProgramError(
                f"the encoding {self.encoding!r} is unknown: choose one of {listed(ENCODINGS)}"
            )
        if not _is_delimiter(self.delimiter):
            raise ProgramError(
                f"{self.delimiter!r} cannot stand between fields: choose one sign, such as , ; | or a tab"
            )
        if self.quote is not None and (
            not _is_sign(self.quote) or self.quote in {self.delimiter, "\\", " "}
        ):
            raise ProgramError(
                f'{self.quote!r} cannot stand around texts: choose one sign, such as "'
            )
        if self.decimal not in DECIMALS or self.decimal == self.delimiter:
            raise ProgramError(
                f"{self.decimal!r} cannot stand in numbers: it is . or, where it parts no fields, a comma"
            )
        if self.escape not in ESCAPES:
            raise ProgramError(
                f"{self.escape!r} cannot stand before a quote: it is another one, or a backslash"
            )
        if any(sign in self.null for sign in (self.delimiter, self.quote or "\n", "\r", "\n")):
            raise ProgramError(
                f"{self.null!r} cannot stand for NULL: it holds a delimiter, a quote or a line end"
            )

    def has_comma(self, of: Type) -> bool:
        """Whether values of this type have a comma where ours have a point."""
        return self.decimal == "," and of.kind in BROKEN


def _is_delimiter(sign: str) -> bool:
    return sign == "\t" or (_is_sign(sign) and sign not in NO_DELIMITERS)


def _is_sign(sign: str) -> bool:
    return len(sign) == 1 and sign.isascii() and sign.isprintable() and not sign.isalnum()
