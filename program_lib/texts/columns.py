"""Whole columns of Arrow at once."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Values: TypeAlias = pa.Array | pa.ChunkedArray


def first_bad(values: pa.Array, convert: Callable[[pa.Array], object]) -> int | None:
    """The first row at which a conversion fails, found by halves; None when it now works."""
    if not fails(values, convert):
        return None
    return first_failing(values, lambda part: fails(part, convert))


def first_failing(values: pa.Array, part_fails: Callable[[pa.Array], bool]) -> int:
    """The first row that fails, of values that fail together, by halves."""
    start, rows = 0, len(values)
    while rows > 1:
        half = rows // 2
        if part_fails(values.slice(start, half)):
            rows = half
        else:
            start, rows = start + half, rows - half
    return start


@cache
def constant(value: str | float) -> pa.Scalar:
    """A value beside columns. Arrow takes 50 µs to make one, as it looks for modules that are not there."""
    return pa.scalar(value)


def one_array(values: Values) -> pa.Array:
    """One array of all values, without a copy where they lie in one piece: combine_chunks copies that, too."""
    if isinstance(values, pa.Array):
        return values
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def fails(values: pa.Array, convert: Callable[[pa.Array], object]) -> bool:
    try:
        convert(values)
    except ValueError:
        return True
    return False


def matches(strings: pa.Array, pattern: str) -> bool:
    fits = pc.match_substring_regex(strings, f"^(?:{pattern})$")
    return bool(pc.all(fits, min_count=0).as_py())


def is_any(flags: pa.Array) -> bool:
    return bool(pc.any(flags, min_count=0).as_py())


def has_only(strings: pa.Array, characters: bytes) -> bool:
    """Whether the texts consist of these characters alone: one pass over their bytes, whatever the rows."""
    return not bytes(content(strings)).translate(None, characters)


def content(values: pa.Array) -> memoryview:
    """The bytes of all texts of an array, one after the other."""
    start, end = _bounds(values)
    return memoryview(values.buffers()[2] or b"")[start:end]


def _bounds(values: pa.Array) -> tuple[int, int]:
    """Where the bytes of an array of texts or bytes begin and end in their buffer."""
    offsets = values.buffers()[1]
    if not len(values) or offsets is None:
        return 0, 0
    (start,) = struct.unpack_from("=i", offsets, values.offset * 4)
    (end,) = struct.unpack_from("=i", offsets, (values.offset + len(values)) * 4)
    return start, end


def resized(
    values: pa.Array,
    to: pa.DataType,
    change: Callable[[pa.Array, pa.Scalar], pa.Array],
    content: bytes,
) -> pa.Array:
    """Values of new content where each is twice as long (`change` multiplies), or half (it divides)."""
    start, _ = _bounds(values)
    offsets = pa.Array.from_buffers(
        pa.int32(), len(values) + 1, [None, values.buffers()[1]], offset=values.offset
    )
    from_0 = pc.subtract(offsets, pa.scalar(start, pa.int32()))
    changed = change(from_0, pa.scalar(2, pa.int32()))
    assert changed.type == pa.int32()
    assert changed.offset == 0
    return pa.Array.from_buffers(
        to, len(values), [None, changed.buffers()[1], pa.py_buffer(content)]
    )


def most_bytes(strings: pa.Array) -> int:
    return int(pc.max(pc.binary_length(strings)).as_py() or 0)


def prefixed(texts: pa.Array, prefix: str) -> pa.Array:
    return pc.binary_join_element_wise(constant(prefix), texts, constant(""))
