"""Which types the columns of a CSV file have: proposed once, for the editor, from all of its values."""

from __future__ import annotations

from program_lib.csv_files.reader import CsvReader, Opener, open_file
from program_lib.narrowest_types import narrowest_types
from program_lib.types import Column


def find_types(
    path: str,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    null: str = "",
    quote: str | None = '"',
    is_quoted_null: bool = False,
    opener: Opener = open_file,
) -> list[Column]:
    """The narrowest type that takes every value of a column; text where none does, or all are NULL.

    It reads the whole file, for as long as that takes. Raises ProgramError for a file that is no CSV.
    """
    reader = CsvReader(
        path,
        delimiter=delimiter,
        encoding=encoding,
        null=null,
        quote=quote,
        is_quoted_null=is_quoted_null,
        opener=opener,
    )
    return narrowest_types(reader)
