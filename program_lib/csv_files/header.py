"""The first line of a CSV file, which names its columns. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from program_lib.csv_files.form import NOTE_FOR_EXCEL
from program_lib.csv_files.grammar import FieldText
from program_lib.errors import ProgramError
from program_lib.types import TEXT, Column, Schema, Type, listed


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line says."""

    schema: Schema
    width: int  # fields of a line: one more than columns where the last has no name

    @property
    def has_nameless_last(self) -> bool:
        return self.width > len(self.schema)


def header(fields: Sequence[FieldText], types: Mapping[str, Type], file: str) -> Header:
    """The columns of a file. Raises ProgramError where a name is missing, or stands twice.

    Spaces around a name do not count, unless it is quoted. A last column without a name, as `id,name,` has it,
    is no column: the reader sees to it that its fields are empty.
    """
    names = [_name(field, number, file) for number, field in enumerate(fields, 1)]
    _check_no_note(names, fields, file)
    if not any(names):
        raise ProgramError(f"line 1 of {file} is empty: it must name the columns")
    if not names[-1] and len(names) > 1:
        names.pop()
    _check_named(names, len(fields), file)
    _check_unlike(names, file)
    _check_types(names, types, file)
    schema = Schema(Column(name, types.get(name, TEXT)) for name in names)
    return Header(schema, len(fields))


def _name(field: FieldText, number: int, file: str) -> str:
    try:
        name = field.text.decode()
    except UnicodeDecodeError as error:
        found = field.text[error.start]
        raise ProgramError(
            f"line 1 of {file} holds the byte 0x{found:02x}, which is not UTF-8: choose the file's encoding"
        ) from error
    if "\0" in name:
        raise ProgramError(
            f"the name of column {number} of {file} holds a NUL byte: is the file's encoding utf-16?"
        )
    return name if field.is_quoted else name.strip()


def _check_no_note(names: Sequence[str], fields: Sequence[FieldText], file: str) -> None:
    if fields[0].is_quoted or any(names[1:]) or not NOTE_FOR_EXCEL.fullmatch(names[0]):
        return
    raise ProgramError(
        f"line 1 of {file} begins with {names[0]!r}, which tells Excel the delimiter and names no column: take it out"
    )


def _check_named(names: Sequence[str], width: int, file: str) -> None:
    nameless = [number for number, name in enumerate(names, 1) if not name]
    if not nameless:
        return
    if width > len(names):
        nameless.append(width)
    raise ProgramError(
        f"{_columns(nameless)} of {file} {_has(nameless)} no name: write it in line 1"
    )


def _check_unlike(names: Sequence[str], file: str) -> None:
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        same = [number for number, other in enumerate(names, 1) if other == name]
        raise ProgramError(f"{_columns(same)} of {file} are called {name!r}: rename one in line 1")


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
