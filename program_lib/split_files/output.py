"""What a program calls: one file, or several where the output is split."""

from __future__ import annotations

from collections.abc import Callable

from program_lib.data_files import claim, place_of
from program_lib.ports import Writer
from program_lib.split_files.writer import KEEP, FileWriter, SplitWriter
from program_lib.stores import Place

__all__ = ["KEEP", "one_or_split"]


def one_or_split(
    path: str,
    make: Callable[[Place], FileWriter],
    as_what: str,
    *,
    by: str = "",
    rows: int = 0,
    megabytes: int = 0,
    existing: str = KEEP,
) -> Writer:
    """The writer of one file, or of many where a column, a number of rows or a size splits it."""
    if by or rows or megabytes:
        return SplitWriter(
            path, make, as_what, by=by, rows=rows, megabytes=megabytes, existing=existing
        )
    place = place_of(path)
    claim(place, as_what)
    return make(place)
