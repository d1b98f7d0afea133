"""Functions of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from program_lib.expressions import arithmetic, texts
from program_lib.expressions.functions.function import (
    A_TEXT,
    AN_X,
    BYTES_TOO,
    MAX_TEXT,
    TEXTS,
    WHOLE,
    Argument,
    Compile,
    Function,
    guarded,
    plain,
    whole_between,
    whole_literal_of,
)
from program_lib.expressions.quoting import case, cast, let, quoted
from program_lib.expressions.terms import Term, any_fails, as_exact, exact_type, text_literal
from program_lib.expressions.texts import SPACES
from program_lib.types import BOOLEAN, DOUBLE, INTEGER, MAX_DIGITS, TEXT, Kind, decimal

TOO_LONG = "the text would become too long"
MOST_DIGITS = 20  # that format_number shows after the point
_CHARACTERS = Argument("characters", TEXTS, is_optional=True)
_COUNT = Argument("count", WHOLE)
_LENGTH = Argument("length", WHOLE)
_FILL = Argument("fill", TEXTS, is_optional=True)
_NAME = "v70177e00"  # of a word in SQL; written as the names are that `let` gives
_WORDS = r"[\p{L}\p{M}\p{N}]+|[^\p{L}\p{M}\p{N}]+"


def _stripped(function: str) -> Compile:
    def compiled(terms: Sequence[Term]) -> Term:
        characters = terms[1].sql if len(terms) == 2 else quoted(SPACES)
        return Term(f"{function}({terms[0].sql}, {characters})", TEXT, may_fail=any_fails(terms))

    return compiled


def _end_of(function: str) -> Compile:
    """left or right: a negative count takes all but that many."""

    def compiled(terms: Sequence[Term]) -> Term:
        count = texts.place(terms[1])
        return Term(f"{function}({terms[0].sql}, {count})", TEXT, may_fail=any_fails(terms))

    return compiled


def _mid(terms: Sequence[Term]) -> Term:
    text, start, count = terms

    def body(text: str, start: str, count: str) -> str:
        first = _at_least(start, 1)
        size = _at_least(f"{start} + CAST({count} AS HUGEINT) - {first}", 0)
        return f"substring({text}, {_at_most(first)}, CAST({_at_most(size)} AS BIGINT))"

    return guarded(
        TEXT,
        "a part of a text has no negative length: ",
        lambda text, start, count: f"{count} < 0",
        body,
        text.sql,
        start.sql,
        count.sql,
        shown=2,
    )


def _at_least(sql: str, least: int) -> str:
    """NULL stays NULL, which greatest() would leave out."""
    return case((f"{sql} < {least}", str(least)), otherwise=sql)


def _at_most(sql: str) -> str:
    return case((f"{sql} > {texts.MAX_PLACE}", str(texts.MAX_PLACE)), otherwise=sql)


def _repeated(terms: Sequence[Term]) -> Term:
    return guarded(
        TEXT,
        TOO_LONG,
        lambda text, count: f"length({text}) * {count} > {MAX_TEXT}",
        lambda text, count: f"repeat({text}, {count})",
        terms[0].sql,
        texts.place(terms[1]),
    )


def _padded(function: str) -> Compile:
    """lpad or rpad; with nothing to fill with, DuckDB would fail where PostgreSQL adds nothing."""

    def body(text: str, length: str, fill: str) -> str:
        cut = f"left({text}, {_at_least(length, 0)})"
        padded = f"{function}({text}, CAST({_at_least(length, 0)} AS INTEGER), {fill})"
        return case((f"{fill} = ''", cut), otherwise=padded)

    def compiled(terms: Sequence[Term]) -> Term:
        fill = terms[2] if len(terms) == 3 else text_literal(" ")
        return guarded(
            TEXT,
            TOO_LONG,
            lambda text, length, fill: f"{length} > {MAX_TEXT}",
            body,
            terms[0].sql,
            texts.place(terms[1]),
            fill.sql,
        )

    return compiled


def _title(terms: Sequence[Term]) -> Term:
    """By `let`, since DuckDB takes twice the time for each list of a list that stands in a list_transform."""

    def body(text: str) -> str:
        words = f"regexp_extract_all({text}, {quoted(_WORDS)})"
        changed = f"upper(left({_NAME}, 1)) || lower(substring({_NAME}, 2))"
        return f"array_to_string(list_transform({words}, lambda {_NAME}: {changed}), '')"

    return Term(let(body, terms[0].sql), TEXT, may_fail=any_fails(terms))


def _split_part(terms: Sequence[Term]) -> Term:
    text, separator, place = terms

    def body(text: str, separator: str, place: str) -> str:
        of_all = case((f"{place} IN (1, -1)", text), otherwise=f"left({text}, 0)")
        part = f"split_part({text}, {separator}, {place})"
        return case((f"{separator} = ''", of_all), otherwise=part)

    return guarded(
        TEXT,
        "parts are counted from 1, or from -1 at the end; there is no part 0",
        lambda text, separator, place: f"{place} = 0",
        body,
        text.sql,
        separator.sql,
        texts.place(place),
    )


def _count_of(terms: Sequence[Term]) -> Term:
    def body(text: str, part: str) -> str:
        found = f"(length({text}) - length(replace({text}, {part}, ''))) // length({part})"
        return case((f"{part} = ''", f"0 * length({text})"), otherwise=found)

    sql = let(body, terms[0].sql, terms[1].sql)
    return Term(sql, INTEGER, may_fail=any_fails(terms))


def _words(terms: Sequence[Term]) -> Term:
    sql = f"length(regexp_extract_all({terms[0].sql}, {quoted(f'[^{SPACES}]+')}))"
    return Term(sql, INTEGER, may_fail=any_fails(terms))


def _squeezed(terms: Sequence[Term]) -> Term:
    inside = f"trim({terms[0].sql}, {quoted(SPACES)})"
    sql = f"regexp_replace({inside}, {quoted(f'[{SPACES}]+')}, ' ', 'g')"
    return Term(sql, TEXT, may_fail=any_fails(terms))


def _character(terms: Sequence[Term]) -> Term:
    return guarded(
        TEXT,
        "there is no character with the code ",
        lambda code: (
            f"{code} < 1 OR {code} > {0x10FFFF} OR ({code} >= {0xD800} AND {code} <= {0xDFFF})"
        ),
        lambda code: f"chr(CAST({code} AS INTEGER))",
        terms[0].sql,
        shown=0,
    )


def _formatted(terms: Sequence[Term]) -> Term:
    digits = whole_literal_of(terms[1]) if len(terms) == 2 else 0
    number = terms[0]
    if number.kind is Kind.DOUBLE:
        return _formatted_double(number, digits)
    rounded = arithmetic.rounded(number, digits)
    of = exact_type(rounded)
    before = (of.precision or 0) - (of.scale or 0)
    exact = cast(as_exact(rounded), decimal(max(min(before + digits, MAX_DIGITS), 1), digits))

    def body(value: str) -> str:
        sign = case((f"{value} < 0", "'-'"), otherwise="''")
        whole = f"format('{{:,}}', CAST(trunc(abs({value})) AS HUGEINT))"
        fraction = f" || '.' || right(CAST({value} AS VARCHAR), {digits})" if digits else ""
        return case((f"{value} IS NULL", "NULL"), otherwise=f"{sign} || {whole}{fraction}")

    return Term(let(body, exact), TEXT, may_fail=True)


def _formatted_double(number: Term, digits: int) -> Term:
    """Without the sign of what is rounded to zero."""

    def body(value: str) -> str:
        shown = f"format('{{:,.{digits}f}}', {value})"
        return case(
            (f"isfinite({value})", rf"regexp_replace({shown}, '^-(0\.?0*)$', '\1')"),
            otherwise=texts.text_of(Term(value, DOUBLE)).sql,
        )

    return Term(let(body, number.sql), TEXT, may_fail=number.may_fail)


def _blank(terms: Sequence[Term]) -> Term:
    sql = f"(coalesce(trim({terms[0].sql}, {quoted(SPACES)}), '') = '')"
    return Term(sql, BOOLEAN, may_fail=terms[0].may_fail, is_nullable=False)


def _reversed(terms: Sequence[Term]) -> Term:
    """DuckDB's own reverse() keeps letters and their accents together, PostgreSQL's does not."""
    sql = f"array_to_string(list_reverse(string_split({terms[0].sql}, '')), '')"
    return Term(sql, TEXT, may_fail=any_fails(terms))


def _without_accents(terms: Sequence[Term]) -> Term:
    """Of the parts between NULs: DuckDB's own strip_accents() ends at the first."""

    def body(text: str) -> str:
        parts = f"string_split({text}, chr(0))"
        stripped = f"list_transform({parts}, lambda {_NAME}: strip_accents({_NAME}))"
        return case(
            (f"contains({text}, chr(0))", f"array_to_string({stripped}, chr(0))"),
            otherwise=f"strip_accents({text})",
        )

    return Term(let(body, terms[0].sql), TEXT, may_fail=any_fails(terms))


def _joined(function: str) -> Compile:
    def compiled(terms: Sequence[Term]) -> Term:
        sql = f"{function}({', '.join(term.sql for term in terms)})"
        return Term(sql, TEXT, may_fail=any_fails(terms))

    return compiled


def _of(function: Callable[..., Term]) -> Compile:
    return lambda terms: function(*terms)


def _named(*names: str) -> tuple[Argument, ...]:
    return tuple(Argument(name, TEXTS) for name in names)


FUNCTIONS = (
    Function("len", (Argument("text", BYTES_TOO),), "integer", "How many characters a text has (code points); of bytes: how many bytes.", "len('Köln')", "4", _of(texts.length), also=("length", "char_length")),
    Function("upper", (A_TEXT,), "text", "In capital letters, letter by letter: ß becomes ẞ.", "upper('abc')", "'ABC'", _of(texts.upper), also=("ucase", "toupper")),
    Function("lower", (A_TEXT,), "text", "In small letters.", "lower('ABC')", "'abc'", _of(texts.lower), also=("lcase", "tolower")),
    Function("title", (A_TEXT,), "text", "Each word with a capital first letter, all others small.", "title('new YORK')", "'New York'", _title, also=("initcap", "proper", "titlecase", "capitalize")),
    Function("strip", (A_TEXT, _CHARACTERS), "text", "Without spaces, tabs and line breaks around it, or without these characters.", "strip('  a ')", "'a'", _stripped("trim"), also=("trim", "btrim")),
    Function("lstrip", (A_TEXT, _CHARACTERS), "text", "Without spaces, tabs and line breaks before it, or without these characters.", "lstrip('007', '0')", "'7'", _stripped("ltrim"), also=("ltrim", "trim_left")),
    Function("rstrip", (A_TEXT, _CHARACTERS), "text", "Without spaces, tabs and line breaks after it, or without these characters.", "rstrip('1.50', '0')", "'1.5'", _stripped("rtrim"), also=("rtrim", "trim_right")),
    Function("squeeze", (A_TEXT,), "text", "Without spaces around it, and with one space for each run of them inside.", "squeeze(' a   b ')", "'a b'", _squeezed, also=("clean", "collapse")),
    Function("left", (A_TEXT, _COUNT), "text", "The first `count` characters; a negative count leaves out that many at the end.", "left('Berlin', 3)", "'Ber'", _end_of("left"), also=("head",)),
    Function("right", (A_TEXT, _COUNT), "text", "The last `count` characters; a negative count leaves out that many at the start.", "right('Berlin', 3)", "'lin'", _end_of("right"), also=("tail",)),
    Function("mid", (A_TEXT, Argument("start", WHOLE), _COUNT), "text", "`count` characters from `start` on, counted from 1; text[1:3] counts from 0. A negative count fails.", "mid('Berlin', 2, 3)", "'erl'", _mid, also=("substring", "substr", "slice")),
    Function("position", _named("text", "part"), "integer", "Where the part is first found, counted from 1; 0 where it is not.", "position('Berlin', 'l')", "4", plain("strpos({0}, {1})", INTEGER), also=("strpos", "instr", "find", "index", "charindex", "locate", "search")),
    Function("contains", _named("text", "part"), "boolean", "Whether the text holds the part; the same as `part in text`.", "contains('Berlin', 'lin')", "True", _of(texts.contains), also=("includes", "has")),
    Function("starts_with", _named("text", "start"), "boolean", "Whether the text begins with this one.", "starts_with('Berlin', 'Ber')", "True", _of(texts.starts_with), also=("startswith",)),
    Function("ends_with", _named("text", "end"), "boolean", "Whether the text ends with this one.", "ends_with('Berlin', 'lin')", "True", _of(texts.ends_with), also=("endswith",)),
    Function("replace", _named("text", "old", "new"), "text", "Each `old` replaced; an empty `old` changes nothing. Fails where the result could have more than 10,000,000 characters.", "replace('a-b-c', '-', '+')", "'a+b+c'", _of(texts.replaced), also=("substitute",)),
    Function("translate", _named("text", "old", "new"), "text", "Each character that stands in `old` replaced by the one at its place in `new`, or left out where there is none.", "translate('1.234,5', '.,', ',.')", "'1,234.5'", plain("translate({0}, {1}, {2})", TEXT)),
    Function("repeat", (A_TEXT, _COUNT), "text", "The text `count` times; more than 10,000,000 characters fail.", "repeat('ab', 3)", "'ababab'", _repeated, also=("rept", "replicate")),
    Function("pad_left", (A_TEXT, _LENGTH, _FILL), "text", "Filled up before it with spaces or `fill`; a longer text is cut to `length`.", "pad_left('7', 3, '0')", "'007'", _padded("lpad"), also=("lpad", "zfill", "rjust", "padstart")),
    Function("pad_right", (A_TEXT, _LENGTH, _FILL), "text", "Filled up after it with spaces or `fill`; a longer text is cut to `length`.", "pad_right('ab', 4, '.')", "'ab..'", _padded("rpad"), also=("rpad", "ljust", "padend")),
    Function("reverse", (A_TEXT,), "text", "From the last character to the first (code points).", "reverse('abc')", "'cba'", _reversed),
    Function("split_part", (A_TEXT, Argument("separator", TEXTS), Argument("place", WHOLE)), "text", "The part at this place, counted from 1, or from -1 at the end; '' where there is none. Part 0 fails.", "split_part('a,b,c', ',', 2)", "'b'", _split_part, also=("split", "get_part")),
    Function("concat", (A_TEXT,), "text", "All texts one after the other.", "concat('a', None, 'b')", "'ab'", _joined("concat"), repeats=1, nulls="NULL counts as ''; `a + b` gives NULL", also=("concatenate",)),
    Function("concat_ws", (Argument("separator", TEXTS), A_TEXT), "text", "All texts with the separator between them.", "concat_ws(', ', 'a', None, 'b')", "'a, b'", _joined("concat_ws"), repeats=1, nulls="texts that are NULL are left out; a separator that is NULL gives NULL", also=("join", "textjoin")),
    Function("count_of", _named("text", "part"), "integer", "How many times the part is found, none overlapping another; 0 for ''.", "count_of('banana', 'an')", "2", _count_of, also=("count", "countsubstring")),
    Function("word_count", (A_TEXT,), "integer", "How many words there are, parted by spaces, tabs and line breaks.", "word_count('to be or not')", "4", _words),
    Function("char", (Argument("code", WHOLE),), "text", "The character with this code point.", "char(241)", "'ñ'", _character, also=("chr", "unichar")),
    Function("code", (A_TEXT,), "integer", "The code point of the first character; 0 for ''.", "code('ñ')", "241", plain("CAST(ascii({0}) AS BIGINT)", INTEGER), also=("ascii", "unicode", "ord")),
    Function("strip_accents", (A_TEXT,), "text", "Letters without their accents; letters that have no plain form, as ß and ø, stay.", "strip_accents('Ñandú')", "'Nandu'", _without_accents, also=("unaccent", "remove_accents")),
    Function("format_number", (AN_X, Argument("digits", WHOLE, is_optional=True, literal=whole_between(0, MOST_DIGITS))), "text", "Rounded to `digits`, with a comma for each three digits before the point.", "format_number(1234567.5, 2)", "'1,234,567.50'", _formatted, also=("fixed", "format")),
    Function("is_blank", (A_TEXT,), "boolean", "Whether the text is empty, or nothing but spaces.", "is_blank('  ')", "True", _blank, nulls="True for NULL", also=("isempty", "isblank", "is_empty")),
)  # fmt: skip
