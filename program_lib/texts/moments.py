"""The days and times that have a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.types import Kind

FIRST_DAY, LAST_DAY = (
    -719_162,
    2_932_896,
)  # 0001-01-01 and 9999-12-31: years are written in four digits
DAY_US = 86_400_000_000  # microseconds


def check_days(days: pa.Array) -> None:
    _check_between(pc.cast(days, pa.int32()), FIRST_DAY, LAST_DAY)


def check_instants(values: pa.Array) -> None:
    _check_between(pc.cast(values, pa.int64()), FIRST_DAY * DAY_US, (LAST_DAY + 1) * DAY_US - 1)


def check_times(times: pa.Array) -> None:
    """Raises ValueError for 24:00, which some programs have and Arrow does not write."""
    bounds = pc.min_max(pc.cast(times, pa.int64())).as_py()
    if bounds["min"] is not None and not 0 <= bounds["min"] <= bounds["max"] < DAY_US:
        raise ValueError("24:00 is no time of a day")


def _check_between(numbers: pa.Array, least: int, most: int) -> None:
    bounds = pc.min_max(numbers).as_py()
    if bounds["min"] is not None and not least <= bounds["min"] <= bounds["max"] <= most:
        raise ValueError("a date outside of the years 1 to 9999 has no text here")


MOMENT_CHECKS: Mapping[Kind, Callable[[pa.Array], None]] = {
    Kind.DATE: check_days,
    Kind.TIME: check_times,
    Kind.TIMESTAMP: check_instants,
    Kind.TIMESTAMPTZ: check_instants,
}
