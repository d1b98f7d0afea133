"""Columns that are given numbers which the database would count itself."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass
class NumberSequence:
    """What gives the next value of a column that is given numbers."""

    name: str
    column: str
    counts_down: bool
    last: int | None = None  # of the numbers given: the highest; the lowest where it counts down

    def see(self, values: pa.Array) -> None:
        seen = pc.min_max(_whole_numbers(values)).as_py()
        found = [seen["min"], seen["max"], self.last]
        pick = min if self.counts_down else max
        self.last = pick((n for n in found if n is not None), default=None)


def _whole_numbers(values: pa.Array) -> pa.Array:
    """Those that a sequence may give, or meet: no NaN, and none beyond 18 digits of a numeric."""
    if pa.types.is_integer(values.type):
        return values
    texts = pc.cast(values, pa.string())
    plain = texts.filter(pc.match_substring_regex(texts, r"^-?[0-9]{1,18}(?:\.|$)"))
    return pc.cast(pc.replace_substring_regex(plain, r"\..*", ""), pa.int64())
