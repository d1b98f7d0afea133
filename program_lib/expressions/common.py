"""Values side by side: which type they have in common, and how they compare."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace

from program_lib.expressions.moments import MOMENTS, literal_moment
from program_lib.expressions.quoting import case
from program_lib.expressions.terms import (
    NULL,
    NUMBERS,
    Misfit,
    Term,
    any_fails,
    as_double,
    as_exact,
    called,
    can_overflow,
    common_exact,
    convert,
    doubles_of,
    exact_type,
    scale_of,
)
from program_lib.types import (
    AS_TEXT,
    BOOLEAN,
    DOUBLE,
    NUMERIC,
    TIMESTAMP,
    Kind,
    Type,
)

COMPARISONS = {
    ast.Eq: "=",
    ast.NotEq: "<>",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
ONLY_EQUAL = frozenset({Kind.INTERVAL, Kind.OTHER, Kind.BYTES})  # these have no order here
NEVER_TRUE = "a comparison with None is never true: write 'is None' or 'is not None'"


# ------------------------------------------------ one of several values


def one_of(terms: Sequence[Term], choose: Callable[[list[str]], str]) -> Term:
    """What `choose` makes of the SQL of all terms in their common type: coalesce, if and else. Raises Misfit."""
    terms = adopted(terms)
    common = common_type(terms)
    if common is None:
        return NULL
    sql = choose([convert(term, common) for term in terms])
    scale = max(scale_of(term) for term in terms)
    return Term(
        sql,
        common,
        may_fail=True,
        doubles=doubles_of(terms),
        scale=scale if common is NUMERIC else 0,
    )


def first_known(terms: Sequence[Term]) -> Term:
    """The first that is not NULL; a later one is computed only where those before it are. Raises Misfit.

    DuckDB computes what two parts of a COALESCE have in common beforehand, for all rows.
    """
    return one_of(terms, _lazily_first if any_fails(terms[1:]) else _first)


def _first(values: list[str]) -> str:
    return f"coalesce({', '.join(values)})"


def _lazily_first(values: list[str]) -> str:
    *earlier, last = values
    return case(*((f"{value} IS NOT NULL", value) for value in earlier), otherwise=last)


def largest(terms: Sequence[Term], function: str) -> Term:
    """GREATEST or LEAST: a NULL does not count. Raises Misfit."""
    for term in terms:
        if term.kind in ONLY_EQUAL | {Kind.JSON} and not term.is_null:
            raise Misfit(f"{called(term)} has no order: max and min are not possible")
    terms = adopted(terms)
    if Kind.NUMERIC not in {term.kind for term in terms} or Kind.DOUBLE in {
        term.kind for term in terms
    }:
        return one_of(terms, lambda values: f"{function}({', '.join(values)})")
    refuse_strangers(terms)
    numbers = [term for term in terms if not term.is_null]
    exact = common_exact([exact_type(term) for term in numbers])
    values = ", ".join(as_exact(term, exact) for term in numbers)
    return Term(
        f"{function}({values})", NUMERIC, may_fail=True, exact=exact, scale=exact.scale or 0
    )


def common_type(terms: Sequence[Term]) -> Type | None:
    """The type that holds all of these values as they are; None: there is nothing but None. Raises Misfit."""
    known = [term for term in terms if not term.is_null]
    if not known:
        return None
    refuse_strangers(known)
    types = {term.type for term in known}
    if len(types) == 1 and not known[0].type.is_padded:
        return known[0].type
    kinds = {term.kind for term in known}
    if kinds <= NUMBERS:
        return _common_number(known, kinds)
    if kinds == {Kind.DATE, Kind.TIMESTAMP}:
        return TIMESTAMP
    return Type(known[0].kind)


def _common_number(terms: Sequence[Term], kinds: set[Kind]) -> Type:
    if Kind.DOUBLE in kinds:
        return DOUBLE
    if Kind.NUMERIC in kinds:
        return NUMERIC
    if kinds == {Kind.INTEGER}:
        return Type(Kind.INTEGER)
    return common_exact([exact_type(term) for term in terms])


def refuse_strangers(terms: Sequence[Term]) -> None:
    """Raises Misfit unless all terms are of one kind, or of kinds that go together."""
    known = [term for term in terms if not term.is_null]
    for term in known[1:]:
        if not _go_together(known[0].type, term.type):
            raise Misfit(_strangers(known[0], term))


def _go_together(left: Type, right: Type) -> bool:
    kinds = {left.kind, right.kind}
    if kinds <= NUMBERS or kinds == {Kind.DATE, Kind.TIMESTAMP}:
        return True
    return len(kinds) == 1 and (left.kind is not Kind.OTHER or left.native == right.native)


def _strangers(left: Term, right: Term) -> str:
    kinds = {left.kind, right.kind}
    said = f"{called(left)} and {called(right)} do not go together"
    if Kind.TEXT in kinds and kinds & NUMBERS:
        return f"{said}: write int(text) or float(text) for a number, or str(number) for a text"
    if kinds == {Kind.TEXT, Kind.BOOLEAN}:
        return f"{said}: write True or False, or text == 'true'"
    if Kind.BOOLEAN in kinds:
        return f"{said}: True and False are no numbers; int(x) makes 1 and 0 of them"
    moment = next((MOMENTS[kind] for kind in kinds if kind in MOMENTS), None)
    if moment and Kind.TEXT in kinds:
        return f"{said}: write {moment}"
    if Kind.TEXT in kinds:
        return f"{said}: write str(x) to have both as text"
    return said


# ------------------------------------------------ literals of other types


def adopted(terms: Sequence[Term]) -> list[Term]:
    """Makes a date of '2026-01-31' where the others are dates, and the like. Raises Misfit if it is none."""
    others = {term.kind for term in terms if not term.is_literal_text and not term.is_null}
    kinds = others & (MOMENTS.keys() | {Kind.UUID})
    if len(others) != 1 or not kinds:
        if others == {Kind.DATE, Kind.TIMESTAMP}:
            kinds = {Kind.TIMESTAMP}
        else:
            return list(terms)
    [kind] = kinds
    return [_adopted(term, kind) if term.is_literal_text else term for term in terms]


def _adopted(term: Term, kind: Kind) -> Term:
    assert isinstance(term.value, str)
    return literal_moment(term.value, kind)


# ------------------------------------------------ comparing


def compared(operator: ast.cmpop, left: Term, right: Term) -> Term:
    """left < right and the like: NULL where either is NULL. Raises Misfit."""
    if left.is_null or right.is_null:
        raise Misfit(NEVER_TRUE)
    sign = COMPARISONS[type(operator)]
    left, right = side_by_side([left, right], is_equality=sign in ("=", "<>"))
    return Term(f"({left.sql} {sign} {right.sql})", BOOLEAN, may_fail=any_fails([left, right]))


def contained(left: Term, values: Sequence[Term]) -> Term:
    """left in (a, b): NULL where left is NULL, and where it is none of them and one is NULL. Raises Misfit."""
    if left.is_null:
        raise Misfit(NEVER_TRUE)
    if not values:
        return Term("FALSE", BOOLEAN, False, is_literal=True, is_nullable=False)
    known = [value for value in values if not value.is_null]
    floating = [v for v in known if v.kind is Kind.DOUBLE and left.kind in NUMBERS - {Kind.DOUBLE}]
    others = [value for value in known if value not in floating]
    found = [_in_list(left, group) for group in (others, floating) if group]
    if len(known) < len(values):
        found.append(Term("CAST(NULL AS BOOLEAN)", BOOLEAN))
    return Term(f"({' OR '.join(one.sql for one in found)})", BOOLEAN, may_fail=any_fails(found))


def _in_list(left: Term, values: Sequence[Term]) -> Term:
    first, *rest = side_by_side([left, *values], is_equality=True)
    listed = ", ".join(value.sql for value in rest)
    return Term(f"({first.sql} IN ({listed}))", BOOLEAN, may_fail=any_fails([first, *rest]))


def side_by_side(terms: Sequence[Term], is_equality: bool) -> list[Term]:
    """All terms in one type that DuckDB compares as we mean it. Raises Misfit."""
    if any(term.kind is Kind.JSON for term in terms):
        raise Misfit(
            "json has many texts for one value: compare str(x), or compute in the database"
        )
    terms = _texts_of(adopted(terms))
    refuse_strangers(terms)
    kind = terms[0].kind
    if kind in ONLY_EQUAL and not is_equality:
        raise Misfit(f"{called(terms[0])} has no order here: only == and != are possible")
    kinds = {term.kind for term in terms}
    if not kinds <= NUMBERS:
        common = common_type(terms)
        assert common is not None
        return [replace(term, sql=convert(term, common), type=common) for term in terms]
    if Kind.DOUBLE in kinds:
        return [replace(term, sql=as_double(term), type=DOUBLE, exact=None) for term in terms]
    if kinds == {Kind.INTEGER}:
        return list(terms)
    return _exact_side_by_side(terms)


def _exact_side_by_side(terms: Sequence[Term]) -> list[Term]:
    common = common_exact([exact_type(term) for term in terms])
    return [
        replace(
            term,
            sql=as_exact(term, common),
            type=common,
            exact=None,
            may_fail=term.may_fail
            or term.kind is Kind.NUMERIC
            or can_overflow(exact_type(term), common),
        )
        for term in terms
    ]


def _texts_of(terms: Sequence[Term]) -> list[Term]:
    """A literal text beside an interval or a value of one database's own is compared with its text."""
    own = {term.kind for term in terms} & (AS_TEXT - {Kind.NUMERIC, Kind.UUID, Kind.JSON})
    literals = [term for term in terms if term.is_literal_text]
    if not own or not literals:
        return list(terms)
    others = [term for term in terms if not term.is_literal_text]
    refuse_strangers(others)
    return [replace(term, type=others[0].type) if term.is_literal_text else term for term in terms]


def is_null(term: Term, is_wanted: bool) -> Term:
    sql = f"({term.sql} IS {'' if is_wanted else 'NOT '}NULL)"
    if term.is_null:
        sql = str(is_wanted).upper()
    return Term(sql, BOOLEAN, may_fail=term.may_fail, is_nullable=False)
