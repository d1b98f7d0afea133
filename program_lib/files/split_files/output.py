"""What a program calls: one file, or several where the output is split."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, Unpack

from program_lib.files.data_files import claim, place_of
from program_lib.files.split_files.writer import KEEP, FileWriter, SplitWriter
from program_lib.ports import Writer
from program_lib.stores import Place


class Splitting(TypedDict, total=False):
    """How an output of files is split, by the values of a column, or so many rows or MB each; by default it is not."""

    split_by: str
    split_rows: int
    split_mb: int
    existing: str  # as SplitWriter has it


def one_or_split(
    path: str, make: Callable[[Place], FileWriter], as_what: str, **split: Unpack[Splitting]
) -> Writer:
    """The writer of one file, or of many."""
    by, rows, megabytes = (
        split.get("split_by", ""),
        split.get("split_rows", 0),
        split.get("split_mb", 0),
    )
    if by or rows or megabytes:
        existing = split.get("existing", KEEP)
        return SplitWriter(
            path, make, as_what, by=by, rows=rows, megabytes=megabytes, existing=existing
        )
    place = place_of(path)
    claim(place, as_what)
    return make(place)
