"""Compiles a checked expression, for columns of known types, to an expression of DuckDB's SQL.

Each part becomes SQL of a known type; DuckDB is never left to convert a value by itself. What it would compute though
nobody asks for it (the right side of `x != 0 and 1 / x > 2`) stands in a CASE, which computes only what it gives.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from program_lib.expressions import arithmetic, common, moments, texts
from program_lib.expressions.functions import FUNCTIONS
from program_lib.expressions.literals import exact_number
from program_lib.expressions.quoting import quoted_name
from program_lib.expressions.syntax import (
    ExpressionError,
    Parsed,
    column_of,
    is_none,
    parameter_of,
)
from program_lib.expressions.terms import (
    NULL,
    Misfit,
    Term,
    any_fails,
    as_value,
    boolean_literal,
    called,
    carried,
    given_value,
    number_literal,
    text_literal,
)
from program_lib.parameters.parameter import Value
from program_lib.types import BOOLEAN, Kind, Schema, Type, listed

NO_PARAMETERS: Mapping[str, Value] = MappingProxyType({})
Values: TypeAlias = tuple[tuple[str, Value], ...]  # the parameters that an expression reads
MAX_SQL = 100_000  # characters; DuckDB reads it again for each batch


@dataclass(frozen=True)
class Compiled:
    """An expression over columns of known types: the type that it has, the columns that it needs.

    `numeric_columns` are those of kind NUMERIC. `sql_for` takes the most digits after the point that each of them
    has in a batch: with fewer, values would be rounded. Columns are called as `identifier` says.
    """

    type: Type
    columns: tuple[str, ...]
    numeric_columns: tuple[str, ...]
    _parsed: Parsed = field(repr=False)
    _schema: Schema = field(repr=False)
    _values: Values = field(repr=False)

    @property
    def sql(self) -> str:
        """SQL of an expression that reads no NUMERIC column."""
        return self.sql_for({})

    def sql_for(self, scales: Mapping[str, int]) -> str:
        """SQL over a batch: a NUMERIC column is there as text, and a NUMERIC result is one.

        Raises ExpressionError where decimals of 38 digits do not do for that many digits after the point.
        """
        missing = [name for name in self.numeric_columns if name not in scales]
        if missing:
            raise ValueError(f"no scale is given for {listed(missing)}")
        return _sql(self._parsed, self._schema, self._values, tuple(sorted(scales.items())))


def compile_expression(
    parsed: Parsed, schema: Schema, parameters: Mapping[str, Value] = NO_PARAMETERS
) -> Compiled:
    """What the expression means for these columns and parameters. Raises ExpressionError with the reason and the place.

    Its type depends on the types of the parameters, and not on their values.
    """
    read = (name for name in parsed.parameters if name in parameters)
    values = tuple((name, parameters[name]) for name in read)
    term = _Compiler(parsed, schema, values, {}).compile()
    kinds = {column.name: column.type.kind for column in schema}
    numeric = tuple(name for name in parsed.columns if kinds[name] is Kind.NUMERIC)
    return Compiled(term.type, parsed.columns, numeric, parsed, schema, values)


@lru_cache(maxsize=1_000)
def _sql(
    parsed: Parsed, schema: Schema, values: Values, scales: tuple[tuple[str, int], ...]
) -> str:
    """The next batch has most probably the same scales."""
    return _Compiler(parsed, schema, values, dict(scales)).compile().sql


class _Compiler:
    """Goes through one expression, for one batch's scales."""

    def __init__(
        self, parsed: Parsed, schema: Schema, values: Values, scales: Mapping[str, int]
    ) -> None:
        self._parsed = parsed
        self._source = parsed.source
        self._schema = schema
        self._values_by_name = dict(values)
        self._scales = scales
        self._compile_by_type: dict[type[ast.expr], Callable[..., Term]] = {
            ast.BoolOp: self._bool,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.Compare: self._compare,
            ast.IfExp: self._choice,
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Call: self._call,
            ast.Tuple: self._values,
            ast.List: self._values,
            ast.Subscript: self._subscript,
        }

    def compile(self) -> Term:
        term = carried(self._raw(self._parsed.tree))
        if len(term.sql) > MAX_SQL:
            raise ExpressionError("the expression is too involved: compute it in two steps")
        return term

    def _raw(self, node: ast.expr) -> Term:
        """A part as it is computed, of which nobody has looked yet whether a double is in range."""
        try:
            term = self._compile_by_type[type(node)](node)
        except Misfit as misfit:
            raise self._source.error(str(misfit), node) from None
        if len(term.sql) > MAX_SQL:
            raise self._source.error("this is too involved: compute it in two steps", node)
        return term

    def _value(self, node: ast.expr) -> Term:
        return as_value(self._raw(node))

    def _all(self, nodes: Sequence[ast.expr]) -> list[Term]:
        return [self._value(node) for node in nodes]

    # ------------------------------------------------ values

    def _constant(self, node: ast.Constant) -> Term:
        value = node.value
        if value is None:
            return NULL
        if isinstance(value, bool):
            return boolean_literal(value)
        if isinstance(value, str):
            return text_literal(value)
        if isinstance(value, int):
            return number_literal(Decimal(value), is_whole=True)
        return number_literal(exact_number(self._source.written(node)), is_whole=False)

    def _name(self, node: ast.Name) -> Term:
        return self._column(node, node.id)

    def _column(self, node: ast.expr, name: str) -> Term:
        column = self._schema.column(name)
        if column is None:
            raise self._source.error(
                f"there is no column {name!r}; there are {listed(self._schema.names)}", node
            )
        sql = quoted_name(name)
        doubles = (sql,) if column.type.kind is Kind.DOUBLE else ()
        return Term(sql, column.type, doubles=doubles, scale=self._scales.get(name, 0))

    def _values(self, node: ast.Tuple | ast.List) -> Term:
        return _one_value(None)

    # ------------------------------------------------ operators

    def _binary(self, node: ast.BinOp) -> Term:
        left, right = self._raw(node.left), self._raw(node.right)
        if isinstance(node.op, (ast.Add, ast.Sub)):
            other = self._of_others(node.op, as_value(left), as_value(right))
            if other is not None:
                return other
        return arithmetic.compute(node.op, left, right)

    def _of_others(self, operator: ast.operator, left: Term, right: Term) -> Term | None:
        """A text that is joined, or a sum or difference of moments."""
        if isinstance(operator, ast.Sub):
            return moments.subtracted(left, right)
        kinds = {term.kind for term in (left, right) if not term.is_null}
        return texts.joined(left, right) if kinds == {Kind.TEXT} else moments.added(left, right)

    def _unary(self, node: ast.UnaryOp) -> Term:
        if isinstance(node.op, ast.Not):
            [term] = self._conditions([node.operand])
            return replace(term, sql=f"(NOT {term.sql})", is_literal=False, value=None)
        term = self._raw(node.operand)
        if isinstance(node.op, ast.USub):
            return arithmetic.negated(term)
        arithmetic.absolute(term)  # refuses what is no number
        return term

    def _conditions(self, nodes: Sequence[ast.expr]) -> list[Term]:
        terms = self._all(nodes)
        for node, term in zip(nodes, terms, strict=True):
            if term.kind is not Kind.BOOLEAN and not term.is_null:
                raise self._source.error(
                    f"a condition is true or false; this is {called(term)}: compare it, as in x != 0",
                    node,
                )
        return [
            replace(NULL, sql="CAST(NULL AS BOOLEAN)", type=BOOLEAN) if t.is_null else t
            for t in terms
        ]

    def _bool(self, node: ast.BoolOp) -> Term:
        return _lazily(self._conditions(node.values), is_and=isinstance(node.op, ast.And))

    def _choice(self, node: ast.IfExp) -> Term:
        [test] = self._conditions([node.test])
        body, orelse = self._all([node.body, node.orelse])
        return common.one_of(
            [body, orelse],
            lambda values: f"(CASE WHEN {test.sql} THEN {values[0]} ELSE {values[1]} END)",
        )

    # ------------------------------------------------ comparisons

    def _compare(self, node: ast.Compare) -> Term:
        """a < b < c is a < b and b < c; each of them is compiled once."""
        lefts = [node.left, *node.comparators]
        terms = [None if _is_list(operand) else self._value(operand) for operand in lefts]
        found = [
            self._compare_two(operator, lefts[place : place + 2], terms[place : place + 2])
            for place, operator in enumerate(node.ops)
        ]
        return found[0] if len(found) == 1 else _lazily(found, is_and=True)

    def _compare_two(
        self, operator: ast.cmpop, nodes: list[ast.expr], terms: list[Term | None]
    ) -> Term:
        left, right = terms
        if isinstance(operator, (ast.In, ast.NotIn)):
            found = self._contained(nodes, _one_value(left), right)
            return (
                found if isinstance(operator, ast.In) else replace(found, sql=f"(NOT {found.sql})")
            )
        if isinstance(operator, (ast.Is, ast.IsNot)):
            return common.is_null(_one_value(left), isinstance(operator, ast.Is))
        return common.compared(operator, _one_value(left), _one_value(right))

    def _contained(self, nodes: list[ast.expr], value: Term, inside: Term | None) -> Term:
        """x in (a, b); x in ('DE') asks whether it is that one value; 'x' in name whether the text has it."""
        left, right = nodes
        if isinstance(right, (ast.Tuple, ast.List)):
            return common.contained(value, self._all(right.elts))
        inside = _one_value(inside)
        if self._source.in_brackets(left, right):
            return common.contained(value, [inside])
        if inside.kind is not Kind.TEXT:
            raise self._source.error(
                f"after 'in' stands a list of values or a text, not {called(inside)}: write x in (a, b)",
                right,
            )
        return texts.contains(inside, value)

    # ------------------------------------------------ functions

    def _call(self, node: ast.Call) -> Term:
        column = column_of(node)
        if column is not None:
            return self._column(node, column)
        parameter = parameter_of(node)
        if parameter is not None:
            return self._parameter(node, parameter)
        assert isinstance(node.func, ast.Name)
        return FUNCTIONS[node.func.id].called_with(self._all(node.args))

    def _parameter(self, node: ast.expr, name: str) -> Term:
        value = self._values_by_name.get(name)
        if value is None:
            raise self._source.error(
                f"there is no parameter {name!r}: declare it with the job's parameters", node
            )
        return given_value(value)

    def _subscript(self, node: ast.Subscript) -> Term:
        text = self._value(node.value)
        if not isinstance(node.slice, ast.Slice):
            return texts.character(text, self._value(node.slice))
        if node.slice.step is not None and not is_none(node.slice.step):
            raise self._source.error(
                "a part of a text has a start and an end, no step", node.slice.step
            )
        return texts.part(text, self._place(node.slice.lower), self._place(node.slice.upper))

    def _place(self, node: ast.expr | None) -> Term | None:
        return None if node is None or is_none(node) else self._value(node)


def _is_list(node: ast.expr) -> bool:
    return isinstance(node, (ast.Tuple, ast.List))


def _one_value(term: Term | None) -> Term:
    """The term of what is no list. Raises Misfit."""
    if term is None:
        raise Misfit("a list of values stands only after 'in', as in x in (1, 2)")
    return term


def _lazily(terms: Sequence[Term], is_and: bool) -> Term:
    """and, or: what can fail is computed only for rows that the terms before it leave open."""
    word = "AND" if is_and else "OR"
    joined = f"({f' {word} '.join(term.sql for term in terms)})"
    if any_fails(terms[1:]):
        given = "FALSE" if is_and else "TRUE"
        tests = (f"(NOT {term.sql})" if is_and else term.sql for term in terms)
        whens = " ".join(f"WHEN {test} THEN {given}" for test in tests)
        joined = f"(CASE {whens} ELSE {joined} END)"
    is_nullable = any(term.is_nullable for term in terms)
    return Term(joined, BOOLEAN, may_fail=any_fails(terms), is_nullable=is_nullable)
