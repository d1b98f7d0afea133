"""The path of a file: of what an input reads, and of what an output writes."""

from __future__ import annotations

from jobs.graph.fields.field import Field

_WHERE = "The file; a relative path lies in DATA_DIR, s3://CONNECTION/path in an object store."
_ENDS = " One that ends with .gz or .zst is"
_PATTERNS = " With * in its name, for example visits-*.csv, all files that match are read, sorted by name; ** is any directories."
_SPLIT = " With Split by, Rows a file or MB a file, * in its name is where each file's value or number stands: orders-*.csv."


def input_path(*, unpacks: bool = False) -> Field:
    """Of the file, or of the files, that an input reads; `unpacks`: also such as are packed."""
    return _path((f"{_ENDS} unpacked." if unpacks else "") + _PATTERNS)


def output_path(*, packs: bool = False) -> Field:
    """Of the file that an output writes, or of the files into which it splits its rows; `packs`: where the name asks for it."""
    return _path((f"{_ENDS} packed." if packs else "") + _SPLIT)


def _path(more: str) -> Field:
    return Field("path", "Path", "path", help=_WHERE + more)
