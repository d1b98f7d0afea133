"""Expressions of filter and map: what they may hold, what they become, what is refused and where."""

from __future__ import annotations

import ast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.graph.expressions import FUNCTIONS, ExpressionError, check_expression

GUARDS = {"times", "remainder", "power"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("amount > 100 and country == 'DE'", 'row["amount"] > 100 and row["country"] == "DE"'),
        ("quantity * price", 'times(row["quantity"], row["price"])'),
        ("a * b * (1 - c / 100)", 'times(row["a"], row["b"]) * (1 - row["c"] / 100)'),
        ("float(a) * float(b)", 'float(row["a"]) * float(row["b"])'),
        ("a ** 2", 'power(row["a"], 2)'),
        ("col('order id') is not None", 'row["order id"] is not None'),
        ("x in ['a', 'b']", 'row["x"] in ("a", "b")'),
        ("day[:7]", 'row["day"][:7]'),
        ("x == 'it\\'s \"q\"'", 'row["x"] == \'it\\\'s "q"\''),
        ("a >\n  b", 'row["a"] > row["b"]'),
        ("min", 'row["min"]'),
        ("größe > 1", 'row["größe"] > 1'),
    ],
)
def test_an_expression_becomes_python_over_the_row(text: str, code: str) -> None:
    assert check_expression(text).code == code


def test_the_columns_that_an_expression_reads_are_known() -> None:
    assert check_expression("upper(b) + a + col('c d') + a").columns == ("b", "a", "c d")


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("", "the expression is empty", 1),
        ("a = 5", "write == to compare", 3),
        ("  a = 5", "write == to compare", 5),
        ("a && b", "write and, or, not", 4),
        ("(a", "'(' was never closed", 1),
        ("a; b", "not an expression", 2),
        ("x == null", "'null' is written None here", 6),
        ("name.upper()", "only functions can be called, as in upper(name)", 1),
        ("a + name.first", "a dot is not allowed", 5),
        ("ä + name.first", "a dot is not allowed", 5),
        ("uper(a)", "there is no function 'uper'; did you mean upper?", 1),
        ("__import__('os').system('rm')", "only functions can be called", 1),
        ("eval('1')", "there is no function 'eval'", 1),
        ("round()", "round has 0 arguments", 1),
        ("round(1, -1000000000)", "the digits of round", 10),
        ("round(1, digits)", "the digits of round", 10),
        ("upper(text=a)", "arguments have no names", 12),
        ("min(*a)", "min has 1 arguments", 1),
        ("min(*a, b)", "'*' before a value is not allowed", 5),
        ("lambda: 1", "lambda is not allowed", 1),
        ("[x for x in y]", "a comprehension is not allowed", 1),
        ("f'{a}'", "an f-string is not allowed", 1),
        ("(a := 1)", "':=' is not allowed", 2),
        ("{1: 2}", "a dictionary is not allowed", 1),
        ("a is b", "'is' compares with None only", 6),
        ("a @ b", "the operator MatMult is not allowed", 1),
        ("1 << 99999", "the operator LShift is not allowed", 1),
        ("~a", "the operator Invert is not allowed", 1),
        ("b'x'", "a value of type bytes is not allowed", 1),
        ("1j", "a value of type complex is not allowed", 1),
        ("...", "a value of type ellipsis is not allowed", 1),
        ("'a' * 1000000000", "text or a list cannot be multiplied", 1),
        ("9 * ('a' + b)", "text or a list cannot be multiplied", 6),
        ("(1, 2) * 9", "text or a list cannot be multiplied", 1),
        ("col(a)", "col takes the name of a column", 1),
        ("a\x00b", "null bytes", 1),
        ("a == '\ud800'", "cannot be read", 1),
        ("-" * 1_990 + "1", "nested too deeply", 41),
        ("a" * 2_001, "2,001 characters", 2_001),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_reason_and_the_place(
    text: str, message: str, column: int
) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_expression(text)
    assert message in str(caught.value)
    assert caught.value.column == column
    assert f"(at character {column})" in str(caught.value)


def test_brackets_too_many_for_python_are_refused() -> None:
    for depth in (90, 150, 900):
        with pytest.raises(ExpressionError):
            check_expression("(" * depth + "1" + ")" * depth + "+")


PIECES = st.sampled_from(
    ["a", "b1", "1", "2.5", "'x'", '"', "(", ")", "[", "]", "{", "}", ",", ".", ":", ":=", "=", "==", "<"]
    + ["+", "-", "*", "**", "%", "/", "//", "@", "~", "<<", " and ", " or ", " not ", " in ", " is ", "\n"]
    + [" if ", " else ", " for ", "lambda ", "await ", "None", "f'{a}'", "__class__", "\\", "#", "*a"]
    + [f"{name}(" for name in ("upper", "round", "eval", "open", "col", "min", "print")]
)  # fmt: skip


def check_is_harmless(text: str) -> None:
    """Whatever is accepted holds nothing but lookups in the row, operators and known functions."""
    try:
        expression = check_expression(text)
    except ExpressionError:
        return
    tree = ast.parse(expression.code, mode="eval")
    for node in ast.walk(tree):
        assert not isinstance(
            node,
            (ast.Attribute, ast.Lambda, ast.JoinedStr, ast.NamedExpr, ast.comprehension, ast.Pow),
        )
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            assert node.func.id in FUNCTIONS.keys() | GUARDS
        elif isinstance(node, ast.Name):
            assert node.id in FUNCTIONS.keys() | GUARDS | {"row"}
    assert "\n" not in expression.code


@given(st.lists(PIECES, max_size=25).map("".join))
@example("(a) if (b) else (c)")
@example("a)+(b")
def test_whatever_is_accepted_is_harmless(text: str) -> None:
    check_is_harmless(text)


@given(st.text(max_size=200))
def test_any_text_is_accepted_or_refused_but_nothing_else(text: str) -> None:
    check_is_harmless(text)
