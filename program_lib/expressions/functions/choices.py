"""Functions that choose one of several values."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from program_lib.expressions import common
from program_lib.expressions.functions.function import Argument, Function
from program_lib.expressions.quoting import case
from program_lib.expressions.terms import Misfit, Term, called
from program_lib.types import Kind

_A, _B = Argument("a", None), Argument("b", None)


def _null_if(terms: Sequence[Term]) -> Term:
    value, other = terms
    same = common.compared(ast.Eq(), value, other)
    return common.one_of([value], lambda sql: case((same.sql, "NULL"), otherwise=sql[0]))


def _chosen(terms: Sequence[Term]) -> Term:
    """choose(condition, value, …, otherwise): a value is computed only where its condition is the first that is true."""
    whens, otherwise = _pairs(terms)
    for condition, _ in whens:
        if condition.kind is not Kind.BOOLEAN and not condition.is_null:
            raise Misfit(
                f"a condition is true or false; this is {called(condition)}: compare it, as in x != 0"
            )
    tests = ["FALSE" if condition.is_null else condition.sql for condition, _ in whens]
    return _first_of(tests, [value for _, value in whens], otherwise)


def _switched(terms: Sequence[Term]) -> Term:
    """switch(x, key, value, …, otherwise)"""
    subject = terms[0]
    whens, otherwise = _pairs(terms[1:])
    tests = [common.compared(ast.Eq(), subject, key).sql for key, _ in whens]
    return _first_of(tests, [value for _, value in whens], otherwise)


def _pairs(terms: Sequence[Term]) -> tuple[list[tuple[Term, Term]], list[Term]]:
    """Pairs, and what stands alone at the end."""
    count = len(terms) // 2 * 2
    return list(zip(terms[:count:2], terms[1:count:2], strict=True)), list(terms[count:])


def _first_of(tests: Sequence[str], values: Sequence[Term], otherwise: Sequence[Term]) -> Term:
    def choose(sql: list[str]) -> str:
        whens = zip(tests, sql, strict=False)
        return case(*whens, otherwise=sql[-1] if otherwise else "NULL")

    return common.one_of([*values, *otherwise], choose)


FUNCTIONS = (
    Function("coalesce", (_A,), "the common type", "The first that is not NULL.", "coalesce(None, 'b', 'c')", "'b'", common.first_known, repeats=1, nulls="the next value", also=("ifnull", "nvl", "isnull", "fillna", "zn")),
    Function("null_if", (_A, _B), "as a", "a, or NULL where it equals b.", "null_if('n/a', 'n/a')", "None", _null_if, nulls="a where b is NULL", also=("nullif",)),
    Function("choose", (Argument("condition", None), Argument("value", None)), "the common type", "The value of the first condition that is true; a value alone at the end is for all others, and without it they are NULL.", "choose(2 > 3, 'a', 3 > 2, 'b', 'c')", "'b'", _chosen, repeats=1, nulls="a condition that is NULL is not true", also=("case", "if", "iif", "iff", "ifs", "when", "case_when", "ifelse", "if_else")),
    Function("switch", (Argument("x", None), Argument("key", None), Argument("value", None)), "the common type", "The value of the first key that equals x; a value alone at the end is for all others, and without it they are NULL.", "switch('b', 'a', 1, 'b', 2, 0)", "2", _switched, repeats=1, nulls="no key equals NULL", also=("decode",)),
    Function("max", (_A, _B), "the common type", "The largest.", "max(3, None, 5)", "5", lambda terms: common.largest(terms, "greatest"), repeats=1, nulls="does not count; NULL only if all are", also=("greatest",)),
    Function("min", (_A, _B), "the common type", "The smallest.", "min(3, None, 5)", "3", lambda terms: common.largest(terms, "least"), repeats=1, nulls="does not count; NULL only if all are", also=("least",)),
)  # fmt: skip
