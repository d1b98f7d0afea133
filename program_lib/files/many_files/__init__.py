"""Many files as one source of rows: those whose paths match a pattern."""

from __future__ import annotations

from typing import TypeVar

from program_lib.files.many_files.reader import Make, ManyFiles, ManyTexts
from program_lib.notation.patterns import is_pattern
from program_lib.ports import Reader, TextReader

R = TypeVar("R", bound=Reader)
T = TypeVar("T", bound=TextReader)


def one_or_many(path: str, make: Make[R], *, file_column: str = "") -> R | ManyFiles[R]:
    """The reader of one file, or of all that match; `file_column` is to hold the path of each row's file."""
    if not is_pattern(path) and not file_column:
        return make(path, None)
    return ManyFiles(path, make, name_column=file_column or None)


def one_or_many_texts(
    path: str, make: Make[T], *, file_column: str = "", has_all: bool = False
) -> T | ManyTexts[T]:
    """As `one_or_many`, of readers of texts. `has_all`: files may lack columns that others have."""
    if not is_pattern(path) and not file_column:
        return make(path, None)
    return ManyTexts(path, make, name_column=file_column or None, has_all=has_all)
