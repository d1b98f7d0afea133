"""Numbers as an expression writes them."""

from __future__ import annotations

import ast
from decimal import Decimal


def exact_number(written: str) -> Decimal:
    """The number that stands there, digit for digit: 1.10 has two digits after the point."""
    return Decimal(written.replace("_", ""))


def digits_of(number: Decimal) -> tuple[int, int]:
    """How many digits stand before and after the point when the number is written without an exponent."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    return max(len(digits) + exponent, 0), max(-exponent, 0)


def literal_value(node: ast.expr) -> str | int | None:
    """The text or whole number that is written out there; None where something else stands."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    value = node.value if isinstance(node, ast.Constant) else None
    if type(value) is int:
        return sign * value
    return value if isinstance(value, str) and sign == 1 else None
