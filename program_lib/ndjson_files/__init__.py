"""Files of JSON objects, one a line or all in a list, as sources and targets of rows: what a program calls.

Paths are checked as data_files says. A file whose name ends with .gz or .zst is packed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from program_lib.columns.narrowest_types import narrowest_types
from program_lib.files.compressed import opened_unpacked, packing
from program_lib.files.many_files import one_or_many_texts
from program_lib.files.split_files.output import Splitting, one_or_split
from program_lib.ndjson_files.reader import REFUSE, NdjsonReader
from program_lib.ndjson_files.writer import NdjsonWriter
from program_lib.ports import TextReader, Writer
from program_lib.stores import Place
from program_lib.types import COLUMN_TYPES, Column, Schema


def read_ndjson(
    path: str,
    *,
    types: Mapping[str, str] | None = None,
    others: str = REFUSE,
    file_column: str = "",
) -> TextReader:
    """The rows of a file, one JSON object a line or all in a list, or of all files that match a path with * in it.

    A member that is missing is NULL, and so is one that only other files have.

    `types` says what columns hold, by the names in program_lib.types.COLUMN_TYPES; all others are text. `others`: what
    becomes of members that are no columns, "refuse" or "ignore".
    """
    named = {column: COLUMN_TYPES[name] for column, name in (types or {}).items()}

    def make(one: str, columns: Schema | None) -> NdjsonReader:
        of_all = {column.name: column.type for column in columns or ()}
        return NdjsonReader(
            one,
            types={**of_all, **named},
            others=others,
            opener=opened_unpacked,
            is_alone=columns is None,
        )

    return one_or_many_texts(path, make, file_column=file_column, has_all=True)


def find_types(path: str, *, others: str = REFUSE) -> list[Column]:
    """What the columns of a file hold: for each the narrowest type that takes all of its values."""
    return narrowest_types(read_ndjson(path, others=others))


def write_ndjson(path: str, **split: Unpack[Splitting]) -> Writer:
    """Writes a file, which appears when it is complete; another one in its place stays until then.

    Of a path with * in its name several, where `split` says so.
    """

    def make(one: Place) -> NdjsonWriter:
        return NdjsonWriter(one, packing=packing(path))

    return one_or_split(path, make, "an NDJSON file", **split)
