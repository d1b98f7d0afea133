"""Expressions: whatever is accepted calls what the whitelist holds, and looks up columns of its row."""

from __future__ import annotations

import ast

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.graph.expressions import FUNCTIONS, ExpressionError, check_expression
from tests.programs import chain, node, program_of

GUARDS = {"power", "times", "remainder"}
WORDS = [
    *FUNCTIONS,
    *("row", "os", "system", "__import__", "__class__", "eval", "open", "col", "a", "_", "ß"),
    *("lambda", "for", "in", "if", "else", "not", "and", "is", "None", "True", "await", "yield"),
    *("(", ")", "[", "]", "{", "}", ".", ",", ":", ":=", "=", "==", "+", "*", "**", "%", "<", "@"),
    *("'", '"', '"""', "f'{a}'", "b'x'", "'x'", '"\\n"', "1", "1e9", "1j", "#", "\\", "\n", ";"),
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.lists(
    st.sampled_from(WORDS) | st.text(max_size=5), max_size=10
).map("".join)


@settings(max_examples=2_000, deadline=None)
@given(TEXTS)
@example("__import__('os').system('id')")
@example("a.__class__")
@example("row['x'].y")
@example("(lambda: eval('1'))()")
@example("[open for open in (1,)]")
@example("str(a)\nimport os")
@example("max(*a)")
def test_an_accepted_expression_calls_only_what_is_allowed(text: str) -> None:
    try:
        checked = check_expression(text)
    except ExpressionError:
        return
    tree = ast.parse(checked.code, mode="eval")
    for found in ast.walk(tree):
        assert not isinstance(found, (ast.Attribute, ast.Lambda, ast.NamedExpr, ast.Starred))
        if isinstance(found, ast.Call):
            assert isinstance(found.func, ast.Name)
            assert found.func.id in FUNCTIONS.keys() | GUARDS
        elif isinstance(found, ast.Name):
            assert found.id in FUNCTIONS.keys() | GUARDS | {"row"}
    document = chain(
        node(1, "csv_input", path="a.csv"),
        node(2, "filter", condition=text),
        node(3, "csv_output", path="b.csv"),
    )
    compile(program_of(document), "program.py", "exec")
