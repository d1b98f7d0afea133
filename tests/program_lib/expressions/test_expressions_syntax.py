"""What an expression may say: whatever is not allowed is refused with the reason and the place."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from program_lib.expressions import (
    FUNCTIONS,
    ExpressionError,
    compile_expression,
    identifier,
    parse,
)
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.program_lib.expressions.evaluating import evaluate, value


def test_the_columns_that_an_expression_reads_are_known_in_their_order() -> None:
    assert parse("upper(b) + a + col('c d') + a").columns == ("b", "a", "c d")


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("", "the expression is empty", 1),
        ("a = 5", "write == to compare", 3),
        ("  a = 5", "write == to compare", 5),
        ("a && b", "write and, or, not", 4),
        ("a || b", "write and, or, not", 4),
        ("a >= 5 AND b", "write and, or, not", 8),
        ("a != 1 and b = 2", "write == to compare", 14),
        ("a <> b", "write != for what differs", 3),
        ("!a", "and not", 1),
        (" a > ", "it ends too early", 5),
        ("a > 1 and", "it ends too early", 10),
        ("a b", "'b' is not expected here", 3),
        ("a and or b", "'or' is not expected here", 7),
        ("upper(a b)", "Perhaps you forgot a comma?", 7),
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
        ("'a\\0b' == a", "NUL", 1),
        ("a == '\\ud800'", "half a character", 6),
        ("c in ('DE' 'FR')", "two texts stand side by side: write a comma", 7),
        ("name == 'it''s'", 'a quote in a text as in "it\'s"', 9),
        ("replace_matches(s, '(a)', '<\\1>')", "write \\\\1 for the \\ itself", 27),
        ("matches(s, '\\bno\\b')", "write \\\\b for the edge of a word", 12),
        ("# nothing but this", "the expression is empty", 1),
        ("a > 1  # (\n and name.first", "a dot is not allowed", 17),
        ("col('a\\0b')", "NUL", 5),
        ("a + 1e38", "at most 38 digits", 5),
        ("a + 1e999", "at most 38 digits", 5),
        ("a + 1e99999999999999999999", "at most 38 digits", 5),
        ("a + 0." + "0" * 38 + "1", "at most 38 digits", 5),
        ("a + " + "9" * 39, "at most 38 digits", 5),
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
        parse(text)
    assert message in str(caught.value)
    assert caught.value.column == column
    assert f"(at character {column})" in str(caught.value)


def test_a_comment_ends_with_its_line_and_a_text_holds_none() -> None:
    """It went on to the end of the expression: what stood on the lines below it was left out, without a word."""
    assert parse("# large ones\na > 1  # it's (\r\nand b  # the end").columns == ("a", "b")
    assert parse("s == '#1' and t == \"'#\" and u").columns == ("s", "t", "u")
    assert value("r'\\1' + '\\\\2' + '''it's #3'''") == "\\1\\2it's #3"


def test_brackets_too_many_for_python_are_refused() -> None:
    for depth in (90, 150, 900):
        with pytest.raises(ExpressionError):
            parse("(" * depth + "1" + ")" * depth + "+")


def test_the_web_server_checks_expressions_without_duckdb_and_arrow() -> None:
    code = (
        "import sys; from program_lib.expressions import compile_expression, parse;"
        "from program_lib.types import INTEGER, Column, Schema;"
        "compile_expression(parse('a + 1'), Schema([Column('a', INTEGER)]));"
        "sys.exit(any(name in sys.modules for name in ('duckdb', 'pyarrow', 'numpy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------ what enters SQL

TEXTS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30
) | st.lists(
    st.sampled_from(
        ["'", '"', "''", "\\", "$$", "--", "/*", ";", "%", "a", "\u2019", "\n", "E'", "{}", "\\0"]
    )
).map("".join)


@given(TEXTS)
@example("'; DROP TABLE batch; --")
@example("\\'")
@example("\u0000".replace("\0", "\x01") + "\ufeff")
def test_a_literal_text_is_that_text(text: str) -> None:
    assert value(repr(text).replace("\n", "\\n")) == text


@pytest.mark.parametrize("name", ["\u00b5g", "ﬁn", "e\u0301", "\u212b", "ſ"])
def test_a_name_is_the_column_that_is_written_so(name: str) -> None:
    """Python's own names are normalized: \u00b5, the sign for micro, is the Greek letter \u03bc there."""
    assert parse(f"1 + {name}").columns == (name,)
    alike = unicodedata.normalize("NFKC", name)
    assert value(f"{name} * 10 + {alike}", **{name: (INTEGER, 1), alike: (INTEGER, 2)}) == 12


@given(st.lists(TEXTS, min_size=1, max_size=6, unique=True))
@example(["ID", "id", "Id"])
@example(["", " ", '"', "a.b", "batch", "rowid", "batch.a", "c_id", "x_", "x_4944"])
def test_a_column_is_found_whatever_its_name_is(names: list[str]) -> None:
    types = dict.fromkeys(names, INTEGER)
    row = list(range(len(names)))
    for place, name in enumerate(names):
        text = f"col({name!r}) + 0".replace("\n", "\\n")
        assert evaluate(text, types, [row]) == [place]


@given(st.lists(TEXTS, unique=True))
@example(["a", "A", "c_a", "x_41", "x_"])
def test_two_columns_never_share_a_name_in_sql(names: list[str]) -> None:
    assert len({identifier(name).lower() for name in names}) == len(names)


WORDS_OF_SQL = set(
    re.findall(
        r"\w+",
        "CASE WHEN THEN ELSE END AND OR NOT IS NULL IN TRUE FALSE CAST AS error left right list_transform lambda"
        " BOOLEAN BIGINT HUGEINT INTEGER DECIMAL DOUBLE FLOAT VARCHAR BLOB DATE TIME TIMESTAMP TIMESTAMPTZ TRY_CAST"
        " abs coalesce contains ends_with epoch_us floor format greatest hex isfinite isinf isnan least length lower make_time"
        " make_timestamp octet_length pow regexp_extract regexp_full_match regexp_matches regexp_replace repeat replace round round_even"
        " rpad rtrim starts_with substring to_microseconds trim trunc upper"
        " acos array_to_string ascii asin atan2 chr concat concat_ws cos date_part date_trunc decode degrees encode exp"
        " from_base64 json_array_length json_exists json_extract_string json_type json_valid last_day list_reverse ln log10"
        " lpad ltrim make_date md5 pi radians regexp_extract_all reverse sha1 sha256 sign sin split_part sqrt strftime"
        " string_split strip_accents strpos tan timezone to_base64 to_days to_months translate try_strptime unhex"
        " url_decode url_encode xor",
    )
)


def check_is_harmless(text: str) -> None:
    """Whatever is accepted holds nothing but columns, literals, operators and functions of ours."""
    schema = Schema(Column(name, of) for name, of in (("a", INTEGER), ("b1", INTEGER), ("x", TEXT)))
    try:
        sql = compile_expression(parse(text), schema).sql
    except ExpressionError:
        return
    [statement] = duckdb.extract_statements(f"SELECT {sql} FROM batch")
    assert statement.type is duckdb.StatementType.SELECT
    bare = re.sub(r"'(?:[^']|'')*'", " ", sql)
    columns = set(re.findall(r'"(\w+)"', bare))
    assert columns <= {"c_a", "c_b1", "c_x"}
    words = set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"\w+"|\bv[0-9a-f]{8}(?:\.f\d)?\b', " ", bare)))
    assert words <= WORDS_OF_SQL
    assert set(re.sub(r'[\w" ]', "", bare)) <= set("()[]{}:,.+-*/%<>=|&")


PIECES = st.sampled_from(
    ["a", "b1", "x", "1", "2.5", "'x'", '"', "(", ")", "[", "]", "{", "}", ",", ".", ":", ":=", "=", "==", "<"]
    + ["+", "-", "*", "**", "%", "/", "//", "@", "~", "<<", " and ", " or ", " not ", " in ", " is ", "\n"]
    + [" if ", " else ", " for ", "lambda ", "await ", "None", "f'{a}'", "__class__", "\\", "#", "*a"]
    + [f"{name}(" for name in ("upper", "round", "eval", "open", "col", "min", "print")]
)  # fmt: skip


CALLS = st.sampled_from(sorted(FUNCTIONS))
VALUES = st.sampled_from(
    ["a", "b1", "x", "1", "2.5", "-3", "'x'", "''", "None", "True", "x[1:a]", "x[a]"]
)
TREES = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.tuples(
            inner,
            st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "<", "in", "and", "or"]),
            inner,
        ).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(CALLS, st.lists(inner, min_size=1, max_size=3)).map(
            lambda parts: f"{parts[0]}({', '.join(parts[1])})"
        ),
        st.tuples(inner, inner, inner).map(lambda parts: "({} if {} else {})".format(*parts)),
    ),
    max_leaves=12,
)


@settings(max_examples=500)
@given(TREES)
@example("str(a / b1)")
@example("replace(x, 'a', x + x + x)[a:b1]")
def test_what_is_made_of_an_expression_is_sql_of_ours_alone(text: str) -> None:
    check_is_harmless(text)


@given(st.lists(PIECES, max_size=25).map("".join))
@example("(a) if (b1) else (a)")
@example("a)+(b1")
@example("__import__('os').system('id')")
@example("a.__class__")
@example("(lambda: eval('1'))()")
@example("[open for open in (1,)]")
@example("str(a)\nimport os")
@example("max(*a)")
def test_whatever_is_accepted_is_harmless(text: str) -> None:
    check_is_harmless(text)


@given(st.text(max_size=200))
def test_any_text_is_accepted_or_refused_but_nothing_else(text: str) -> None:
    check_is_harmless(text)
