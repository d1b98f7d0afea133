"""Functions that look for regular expressions."""

from __future__ import annotations

from collections.abc import Sequence

from program_lib.expressions.functions.function import (
    A_TEXT,
    MAX_TEXT,
    TEXTS,
    WHOLE,
    Argument,
    Function,
    Literal,
    guarded,
    text_literal_of,
    whole_between,
    whole_literal_of,
)
from program_lib.expressions.functions.patterns import (
    MAX_GROUP,
    group_count,
    groups_named,
    pattern_error,
    replacement_error,
)
from program_lib.expressions.functions.text import TOO_LONG
from program_lib.expressions.quoting import case, let, quoted
from program_lib.expressions.terms import Misfit, Term, any_fails
from program_lib.types import BOOLEAN, INTEGER, TEXT

_PATTERN = Argument("pattern", TEXTS, literal=Literal("a pattern", pattern_error))
_GROUP = Argument("group", WHOLE, is_optional=True, literal=whole_between(0, MAX_GROUP))
_NEW = Argument("new", TEXTS, literal=Literal("a text in quotes", replacement_error))


def _matches(terms: Sequence[Term]) -> Term:
    sql = f"regexp_matches({terms[0].sql}, {_quoted(terms[1])})"
    return Term(sql, BOOLEAN, may_fail=any_fails(terms))


def _extracted(terms: Sequence[Term]) -> Term:
    """DuckDB gives '' both where nothing is found and for a group that there is not."""
    group = whole_literal_of(terms[2]) if len(terms) == 3 else 0
    _refuse_missing(terms[1], [group])
    pattern = _quoted(terms[1])

    def body(text: str) -> str:
        found = f"regexp_extract({text}, {pattern}, {group})"
        return case((f"regexp_matches({text}, {pattern})", found), otherwise="NULL")

    return Term(let(body, terms[0].sql), TEXT, may_fail=any_fails(terms))


def _replaced(terms: Sequence[Term]) -> Term:
    """Bounded by what each place between two characters could get, and each group could repeat."""
    text, pattern, new = terms
    written = text_literal_of(new)
    groups = groups_named(written)
    _refuse_missing(pattern, groups)
    each, again = len(written) + 1, len(groups) + 1
    return guarded(
        TEXT,
        TOO_LONG,
        lambda text: f"(length({text}) + 1) * {each} + length({text}) * {again} > {MAX_TEXT}",
        lambda text: f"regexp_replace({text}, {_quoted(pattern)}, {_quoted(new)}, 'g')",
        text.sql,
    )


def _counted(terms: Sequence[Term]) -> Term:
    sql = f"length(regexp_extract_all({terms[0].sql}, {_quoted(terms[1])}))"
    return Term(sql, INTEGER, may_fail=any_fails(terms))


def _refuse_missing(pattern: Term, groups: Sequence[int]) -> None:
    count = group_count(text_literal_of(pattern))
    if max(groups, default=0) > count:
        raise Misfit(f"the pattern has {count} groups, and none with the number {max(groups)}")


def _quoted(term: Term) -> str:
    return quoted(text_literal_of(term))


FUNCTIONS = (
    Function("matches", (A_TEXT, _PATTERN), "boolean", "Whether the pattern is found anywhere in the text; ^ and $ hold it to the whole text.", r"matches('AB-12', '^[A-Z]+-\\d+$')", "True", _matches, also=("regexp_matches", "regexp_like", "rlike", "regex_match", "regexp", "test", "match")),
    Function("extract", (A_TEXT, _PATTERN, _GROUP), "text", "What the pattern finds first, or its group with this number; NULL where it finds nothing, '' for a group that takes no part.", r"extract('AB-12', '([A-Z]+)-(\\d+)', 2)", "'12'", _extracted, also=("regexp_extract", "regexp_substr", "regex_extract")),
    Function("replace_matches", (A_TEXT, _PATTERN, _NEW), "text", "Each place where the pattern is found replaced; '\\\\1' to '\\\\9' are its groups. Fails where the result could have more than 10,000,000 characters.", r"replace_matches('2026-01', '(\\d+)-(\\d+)', '\\2/\\1')", "'01/2026'", _replaced, also=("regexp_replace", "regex_replace", "sub")),
    Function("count_matches", (A_TEXT, _PATTERN), "integer", "How many times the pattern is found, none overlapping another.", r"count_matches('a1b22', '\\d+')", "2", _counted, also=("regexp_count", "regex_count")),
)  # fmt: skip
