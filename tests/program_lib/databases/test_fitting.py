"""Values fit exactly into a column of a table, or their row is refused."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from program_lib.databases.fitting import Target, fitted
from program_lib.errors import RowRefused
from program_lib.types import DOUBLE, NUMERIC, decimal


def test_a_decimal_with_more_digits_than_the_column_has_room_for_is_refused() -> None:
    """Arrow's own cast makes another number of three in ten of these."""
    source, target = decimal(38, 0), Target("price", decimal(38, 10), "numeric(38,10)")
    fits = Decimal(10**28 - 1)
    for beyond in range(73 * 10**28, 93 * 10**28, 10**28):
        values = pa.chunked_array([pa.array([fits, Decimal(beyond)], source.arrow())])
        with pytest.raises(RowRefused) as refused:
            fitted(values, "n", source, target)
        assert (refused.value.index, refused.value.column) == (1, "n")
    assert fitted(pa.chunked_array([[fits]], source.arrow()), "n", source, target).to_pylist() == [
        fits
    ]


def test_a_double_of_minus_zero_is_the_numeric_0() -> None:
    """SQLite keeps a NUMERIC_TEXT as it is written, and no 0 is equal to the text -0."""
    doubles = pa.chunked_array([[-0.0, 0.0, -0.5, float("-inf"), float("nan"), None]])
    made = fitted(doubles, "n", DOUBLE, Target("price", NUMERIC, "NUMERIC_TEXT"))
    assert made.to_pylist() == ["0", "0", "-0.5", "-Infinity", "NaN", None]
