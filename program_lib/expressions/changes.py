"""What an expression of an older graph may mean differently today: docs/expressions.md has the table."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from program_lib.expressions.syntax import Parsed, is_none

NULLS = (
    "a comparison or a sum with NULL (None) is NULL, where it was an error or False: a filter keeps only rows for"
    " which its condition is true, so that x != 5 no longer keeps rows where x is NULL; 'x is None' asks for them"
)
TEXT_AND_NUMBER = "text is never equal to a number, to True or to a date, but an error: write int(text), float(text), str(number)"
EXACT = "a number with a point, as 9.99, is exact: beside decimals nothing is rounded, and price == 9.99 is found"
DIVISION = "/ of decimals gives 12 digits after the point or more, exactly rounded; it was floating"
REMAINDERS = (
    "% has the sign of the dividend (-7 % 3 is -1, was 2), // cuts off (-7 // 2 is -3, was -4)"
)
POWERS = "** gives a floating-point number (2 ** 3 is 8.0), and refuses decimals"
ROUND = "round takes halves of exact numbers away from zero (round(2.5) of a decimal is 3, was 2), and keeps the type"
TEXTS = "str gives true and false for True and False, NULL for None, numbers without an exponent"
STRICT = "int and float of a text take plain numbers only: no 1_000, no nan"
IN_BRACKETS = (
    "x in ('DE') asks whether x is 'DE'; it asked whether 'DE' has x in it. For that: x in 'DE'"
)
NONE_EQUAL = "== None and != None are refused: write is None, is not None"
CONDITIONS = "and, or, not, if and a filter take conditions only: write x != 0 or name != '' for a number or a text"
LETTERS = "upper changes letter by letter: ß becomes ẞ, was SS"
NULL_TEXTS = "starts_with and ends_with of NULL are NULL, were False"
EMPTY_OLD = "replace of '' changes nothing; it put the new text between all letters"
STEPS = "text[start:end:step] is refused"
DAYS = "the difference of two days is a number of days"

_MEANINGS_OF_CALLS = {
    "round": (ROUND,),
    "str": (TEXTS,),
    "int": (STRICT,),
    "float": (STRICT,),
    "upper": (LETTERS,),
    "starts_with": (NULL_TEXTS,),
    "ends_with": (NULL_TEXTS,),
    "replace": (EMPTY_OLD,),
}
_MEANINGS_OF_OPERATORS: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Add: (NULLS,),
    ast.Sub: (NULLS, DAYS),
    ast.Mult: (NULLS,),
    ast.Div: (NULLS, DIVISION),
    ast.Mod: (NULLS, REMAINDERS),
    ast.FloorDiv: (NULLS, REMAINDERS),
    ast.Pow: (NULLS, POWERS),
}


def changed_meanings(parsed: Parsed) -> list[str]:
    """A sentence for each change that this expression may be touched by; each once, in the order of the text."""
    found = (said for node in ast.walk(parsed.tree) for said in _of(node, parsed))
    return list(dict.fromkeys(found))


def _of(node: ast.AST, parsed: Parsed) -> Iterator[str]:
    if isinstance(node, ast.BinOp):
        yield from _MEANINGS_OF_OPERATORS.get(type(node.op), ())
    elif isinstance(node, ast.Compare):
        yield from _of_comparison(node, parsed)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        yield from _MEANINGS_OF_CALLS.get(node.func.id, ())
    elif isinstance(node, ast.Constant) and type(node.value) is float:
        yield EXACT
    elif isinstance(node, ast.Slice) and node.step is not None:
        yield STEPS
    else:
        yield from _of_condition(node)


def _of_condition(node: ast.AST) -> Iterator[str]:
    conditions: list[ast.expr] = []
    if isinstance(node, ast.BoolOp):
        conditions = node.values
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        conditions = [node.operand]
    elif isinstance(node, ast.IfExp):
        conditions = [node.test]
    if any(not _is_condition(condition) for condition in conditions):
        yield CONDITIONS


def _is_condition(node: ast.expr) -> bool:
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return is_not or isinstance(node, (ast.Compare, ast.BoolOp))


def _of_comparison(node: ast.Compare, parsed: Parsed) -> Iterator[str]:
    lefts = [node.left, *node.comparators]
    for operator, left, right in zip(node.ops, lefts, node.comparators, strict=False):
        if isinstance(operator, (ast.Is, ast.IsNot)):
            continue
        yield NONE_EQUAL if is_none(left) or is_none(right) else NULLS
        yield TEXT_AND_NUMBER
        if isinstance(operator, (ast.In, ast.NotIn)) and _is_bracketed(left, right, parsed):
            yield IN_BRACKETS


def _is_bracketed(left: ast.expr, right: ast.expr, parsed: Parsed) -> bool:
    is_list = isinstance(right, (ast.Tuple, ast.List))
    return not is_list and parsed.source.in_brackets(left, right)
