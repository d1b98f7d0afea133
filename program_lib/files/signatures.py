"""The first bytes of files that are no text, though people take them for one."""

from __future__ import annotations

SQLITE = b"SQLite format 3\0"
_PACKED = "is packed by {}: unpack it, or let its name end in {}"
KINDS = {
    b"\x1f\x8b\x08": _PACKED.format("gzip", ".gz"),
    b"\x28\xb5\x2f\xfd": _PACKED.format("Zstandard", ".zst"),
    **dict.fromkeys(
        (b"BZh%d1AY&SY" % level for level in range(1, 10)), "is packed by bzip2: unpack it"
    ),
    b"\xfd7zXZ\0": "is packed by xz: unpack it",
    b"PK\x03\x04": "is a zip: unpack it; or an .xlsx file: an Excel Input reads it",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "is an .xls file of old: save it as .xlsx, which an Excel Input reads",
    b"PAR1\x15": "is a Parquet file: a Parquet Input reads it",
    SQLITE: "is a SQLite database: a DB Input reads it",
}


def kind_of(begun: bytes) -> str | None:
    """What a file that begins so is, and what to do with it, after its name; None of what may be a text."""
    return next((kind for start, kind in KINDS.items() if begun.startswith(start)), None)
