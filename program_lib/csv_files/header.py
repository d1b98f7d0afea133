"""What stands above the rows of a CSV file: lines to skip, and one that names the columns. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from program_lib.csv_files.form import NOTE_FOR_EXCEL
from program_lib.csv_files.grammar import FieldText
from program_lib.errors import ProgramError
from program_lib.notation.excel_cells import column_of, letters_of
from program_lib.types import TEXT, Column, Schema, Type, listed


@dataclass(frozen=True, slots=True)
class Top:
    """What stands above the rows."""

    skipped: int = 0  # lines, whatever they hold
    # Else the first line below them is a row, and columns are called by letters
    has_header: bool = True

    @property
    def line(self) -> int:
        """The number of the first line below those that are skipped."""
        return self.skipped + 1

    @property
    def missing(self) -> str:
        """What is told of a file that has no such line, after its name."""
        where = f"has no line {self.line:,}, which" if self.skipped else "is empty: its first line"
        if self.has_header:
            return f"{where} must name the columns"
        return f"{where} tells how many columns there are; name A, B and so on in Types to take it for a file without rows"


@dataclass(frozen=True, slots=True)
class Header:
    """Which columns a file has."""

    schema: Schema
    width: int  # fields of a line: one more than columns where the last has no name

    @property
    def has_nameless_last(self) -> bool:
        return self.width > len(self.schema)


def header(fields: Sequence[FieldText], types: Mapping[str, Type], file: str, top: Top) -> Header:
    """The columns of a file, by the fields of its first line below those that are skipped.

    Raises ProgramError where a name is missing, or stands twice. Where nothing names the columns, they are A, B, C.
    Spaces around a name do not count, unless it is quoted. A last column without a name, as `id,name,` has it,
    is no column: the reader sees to it that its fields are empty.
    """
    if not fields and (top.has_header or not types):
        raise ProgramError(f"{file} {top.missing}")
    if fields:
        _check_no_note(fields, file, top.line)
    names = _names(fields, file, top.line) if top.has_header else _letters(fields, types)
    _check_types(names, types, file)
    schema = Schema(Column(name, types.get(name, TEXT)) for name in names)
    return Header(schema, len(fields))


def _letters(fields: Sequence[FieldText], types: Mapping[str, Type]) -> list[str]:
    """Names as a spreadsheet has them: of as many columns as the first line has; of a file without one, as have types."""
    width = len(fields) or max(map(column_of, types))
    return [letters_of(number) for number in range(1, width + 1)]


def _names(fields: Sequence[FieldText], file: str, line: int) -> list[str]:
    """The names that the fields of a line are."""
    names = [_name(field, number, file, line) for number, field in enumerate(fields, 1)]
    if not any(names):
        raise ProgramError(f"line {line:,} of {file} is empty: it must name the columns")
    if not names[-1] and len(names) > 1:
        names.pop()
    _check_named(names, len(fields), file, line)
    _check_unlike(names, file, line)
    return names


def _name(field: FieldText, number: int, file: str, line: int) -> str:
    try:
        name = field.text.decode()
    except UnicodeDecodeError as error:
        found = field.text[error.start]
        raise ProgramError(
            f"line {line:,} of {file} holds the byte 0x{found:02x}, which is not UTF-8: choose the file's encoding"
        ) from error
    if "\0" in name:
        raise ProgramError(
            f"the name of column {number} of {file} holds a NUL byte: is the file's encoding utf-16?"
        )
    return name if field.is_quoted else name.strip()


def _check_no_note(fields: Sequence[FieldText], file: str, line: int) -> None:
    first, *others = fields
    note = first.text.decode(errors="replace").strip()
    if (
        first.is_quoted
        or any(one.text.strip() for one in others)
        or not NOTE_FOR_EXCEL.fullmatch(note)
    ):
        return
    raise ProgramError(
        f"line {line:,} of {file} begins with {note!r}, which tells Excel the delimiter and is neither a name nor a value: skip it"
    )


def _check_named(names: Sequence[str], width: int, file: str, line: int) -> None:
    nameless = [number for number, name in enumerate(names, 1) if not name]
    if not nameless:
        return
    if width > len(names):
        nameless.append(width)
    raise ProgramError(
        f"{_columns(nameless)} of {file} {_has(nameless)} no name: write it in line {line:,}"
    )


def _check_unlike(names: Sequence[str], file: str, line: int) -> None:
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        same = [number for number, other in enumerate(names, 1) if other == name]
        raise ProgramError(
            f"{_columns(same)} of {file} are called {name!r}: rename one in line {line:,}"
        )


def _check_types(names: Sequence[str], types: Mapping[str, Type], file: str) -> None:
    for name in types:
        if name not in names:
            raise ProgramError(f"{file} has no column {name!r}; it has {listed(names)}")


def _columns(numbers: Sequence[int]) -> str:
    """column 3; columns 3 and 4; columns 3, 4 and 5."""
    if len(numbers) == 1:
        return f"column {numbers[0]}"
    return f"columns {listed(numbers[:-1])} and {numbers[-1]}"


def _has(numbers: Sequence[int]) -> str:
    return "has" if len(numbers) == 1 else "have"
