"""Expressions: whatever is accepted stays a text of the program, and becomes SQL that computes and reaches nothing."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from program_lib import engine
from program_lib.expressions import (
    FUNCTIONS,
    Compiled,
    ExpressionError,
    Parsed,
    compile_expression,
    identifier,
    parse,
)
from program_lib.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    TEXT,
    TIMESTAMPTZ,
    Column,
    Schema,
    Type,
    decimal,
)
from tests.programs import chain, node, program_of

WORDS = [
    *FUNCTIONS,
    *("row", "os", "system", "__import__", "__class__", "eval", "open", "col", "a", "_", "ß"),
    *("batch", "read_text", "SELECT", "getenv", "query", "'/etc/passwd'", "--", "/*", "''", ");"),
    *("lambda", "for", "in", "if", "else", "not", "and", "is", "None", "True", "await", "yield"),
    *("(", ")", "[", "]", "{", "}", ".", ",", ":", ":=", "=", "==", "+", "*", "**", "%", "<", "@"),
    *("'", '"', '"""', "f'{a}'", "b'x'", "'x'", '"\\n"', "1", "1e9", "1j", "#", "\\", "\n", ";"),
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.lists(
    st.sampled_from(WORDS) | st.text(max_size=5), max_size=10
).map("".join)
TYPES = (INTEGER, TEXT, DOUBLE, decimal(10, 2), DATE, BOOLEAN)
HOSTILE = (
    "__import__('os').system('id')",
    "a.__class__",
    "row['x'].y",
    "(lambda: eval('1'))()",
    "[open for open in (1,)]",
    "str(a)\nimport os",
    "max(*a)",
    "col('a\" FROM read_text(''/etc/passwd''); --') == 1",
    "a == \"'; COPY batch TO '/tmp/x'; --\"",
    "read_text('/etc/passwd')",
    "getenv('HOME')",
)


def program_with(condition: str) -> str:
    source = node(1, "csv_input", path="a.csv")
    return program_of(
        chain(source, node(2, "filter", condition=condition), node(3, "csv_output", path="b.csv"))
    )


def without_constants(program: str) -> str:
    """The program's tree with every text and number left out."""
    tree = ast.parse(program)
    for found in ast.walk(tree):
        if isinstance(found, ast.Constant):
            found.value = None
    return ast.dump(tree)


PLAIN = without_constants(program_with("a == 1"))


@settings(max_examples=1_000)
@given(TEXTS)
@example("a > 1")
@example("a == 'it\\'s'")
def test_an_accepted_expression_is_a_text_of_the_program_and_nothing_else(text: str) -> None:
    if accepted(text) is not None:
        assert without_constants(program_with(text)) == PLAIN


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_expression_is_refused_or_a_text(text: str) -> None:
    if accepted(text) is not None:
        assert without_constants(program_with(text)) == PLAIN


def accepted(text: str) -> Parsed | None:
    """The expression, where it is one, and where a filter takes it as far as is known without columns."""
    try:
        parsed = parse(text)
        if not parsed.columns and compile_expression(parsed, Schema()).type != BOOLEAN:
            return None
    except ExpressionError:
        return None
    return parsed


# ------------------------------------------------ the SQL that DuckDB gets

COMPUTING = {  # what a tree of DuckDB's may hold: its classes of expressions
    "BETWEEN",
    "CASE",
    "CAST",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "OPERATOR",
    "TYPE",
}
PARSER = duckdb.connect(":memory:")
OURS = re.compile(r"v[0-9a-f]{8}(\.f\d+)?")  # what SQL calls a value that it needs more than once
REACHING = ("read_", "glob", "getenv", "query", "scan", "pragma", "duckdb_", "nextval", "sniff")


def tree_of(sql: str) -> Any:
    """What DuckDB's own parser makes of an expression; it takes no other statement than a SELECT."""
    asked = PARSER.execute("SELECT json_serialize_sql(?)", [f"SELECT ({sql}) AS v FROM batch"])
    [(answer,)] = asked.fetchall()
    tree = json.loads(answer)
    assert not tree["error"], (sql, tree)
    [statement] = tree["statements"]
    select = statement["node"]
    assert select["from_table"]["table_name"] == "batch"
    assert not any(select[part] for part in ("where_clause", "having", "qualify", "group_sets"))
    [computed] = select["select_list"]
    return computed


def parts(tree: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from parts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from parts(value)


@settings(max_examples=1_000)
@given(TEXTS)
@example("replace(a, 'x', \"';--\") + strip(a)[1:2]")
@example("a ** 2 / 3 % 4 // 5")
@example("1 < a <= 4 and a in (1, 2) or not a == 3")
@example("coalesce(a, 1) if a is None else round(a, 1)")
def test_an_accepted_expression_computes_over_its_row(text: str) -> None:
    try:
        parsed = parse(text)
    except ExpressionError:
        return
    for of in TYPES:
        schema = Schema(Column(name, of) for name in parsed.columns)
        try:
            sql = compile_expression(parsed, schema).sql
        except ExpressionError:
            continue
        check_computes(sql, schema)


def check_computes(sql: str, schema: Schema) -> None:
    for part in parts(tree_of(sql)):
        assert part.get("class", "CONSTANT") in COMPUTING, (sql, part)
        if part.get("class") == "FUNCTION":
            assert not part["function_name"].startswith(REACHING), sql
            assert not (part["schema"] or part["catalog"]), sql
        if part.get("class") == "COLUMN_REF":
            name = ".".join(part["column_names"])
            assert name in map(identifier, schema.names) or OURS.fullmatch(name), sql


HOSTILE_CALLS = (
    """to_zone(z, "UTC'); COPY batch TO '/tmp/x'; --")""",
    """format_date(d, "%Y'); COPY batch TO '/tmp/x'; --")""",
    """json_text(a, "x'), read_text('/etc/passwd'); --")""",
    """replace_matches(a, "'", "''); --")""",
    """matches(a, "'||getenv('HOME')||'")""",
    """uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8'", a)""",
    """start_of(d, "day'), getenv('HOME'), ('")""",
    "split_part(getenv('HOME'), '/', 1)",
)


@pytest.mark.parametrize("text", HOSTILE_CALLS)
def test_what_is_written_out_in_a_call_is_refused_or_stays_a_literal(text: str) -> None:
    schema = Schema([Column("a", TEXT), Column("d", DATE), Column("z", TIMESTAMPTZ)])
    try:
        sql = compile_expression(parse(text), schema).sql
    except ExpressionError:
        return
    check_computes(sql, schema)


def evaluated(text: str, value: str) -> Any:
    compiled = compile_expression(parse(text), Schema([Column("a", TEXT)]))
    table = pa.table({"a": pa.array([value], pa.string())})
    [found] = engine.evaluate([compiled], table)
    return found.to_pylist()[0]


def test_a_pattern_that_would_be_exponential_elsewhere_is_not() -> None:
    long = "a" * 50_000 + "!"
    for pattern in ("(a+)+$", "(a|a)+$", "(a*)*b", "(.*a){9}$"):
        assert evaluated(f"matches(a, '{pattern}')", long) is False
        assert evaluated(f"count_matches(a, '{pattern}')", long) == 0


@pytest.mark.parametrize(
    "text",
    [
        "matches(a, '((a{999}){999}){999}')",  # a pattern that would need gigabytes
        "repeat(repeat(repeat(repeat(a, 9999), 9999), 9999), 9999)",
        "repeat(a, 9223372036854775807)",
        "pad_left(a, 9223372036854775807, a)",
        "replace_matches(repeat(a, 1000000), '(.*)', '\\\\1\\\\1\\\\1\\\\1\\\\1\\\\1')",
        "replace(repeat(a, 5000000), 'x', a + a)",
        "char(9223372036854775807)",
        "json_text(repeat('[', 100000), '[0]')",
        "base64_decode(repeat('=', 1000))",
        "make_date(9223372036854775807, 1, 1)",
        "date_add('2026-01-01', 9223372036854775807, 'year')",
        "from_epoch(9223372036854775807, 'microsecond')",
    ],
)
def test_a_call_that_asks_for_too_much_fails_at_once_and_the_next_works(text: str) -> None:
    with pytest.raises((duckdb.Error, ExpressionError)):
        evaluated(text, "x")
    assert evaluated("a + '!'", "x") == "x!"


# ------------------------------------------------ what DuckDB could do if it were asked


@dataclass(frozen=True)
class Injected:
    """SQL that no expression gives, in the place of one."""

    sql: str
    type: Type = TEXT
    columns: tuple[str, ...] = ()
    numeric_columns: tuple[str, ...] = ()

    def sql_for(self, scales: Mapping[str, int]) -> str:
        return self.sql


secret = pa.table({"word": ["what only this process knows"]})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('{directory}/in.csv')",
        "SELECT content::VARCHAR FROM read_blob('{directory}/in.csv')",
        "SELECT n::VARCHAR FROM read_csv('{directory}/in.csv')",
        "SELECT n::VARCHAR FROM '{directory}/in.csv'",
        "SELECT file FROM glob('{directory}/*')",
        "SELECT content FROM read_text('https://127.0.0.1:1/x')",
        "SELECT word FROM secret",
        "SELECT getenv('PATH')",
        "SELECT word FROM query('SELECT * FROM secret')",
        "SELECT Delimiter FROM sniff_csv('{directory}/in.csv')",
        "SELECT '1') AS x; COPY (SELECT 1) TO '{directory}/out.csv'; SELECT (SELECT '1'",
        "SELECT '1') AS x; ATTACH '{directory}/out.db' AS x; SELECT (SELECT '1'",
        "SELECT '1') AS x; EXPORT DATABASE '{directory}/out'; SELECT (SELECT '1'",
        "SELECT '1') AS x; LOAD '{directory}/x.duckdb_extension'; SELECT (SELECT '1'",
        "SELECT '1') AS x; INSTALL httpfs; SELECT (SELECT '1'",
        "SELECT '1') AS x; SET enable_external_access = true; SELECT (SELECT '1'",
        "SELECT '1') AS x; SET lock_configuration = false; SELECT (SELECT '1'",
        "SELECT '1') AS x; SET temp_directory = '{directory}/out'; SELECT (SELECT '1'",
        "SELECT '1') AS x; SET memory_limit = '64GB'; SELECT (SELECT '1'",
    ],
)
def test_even_other_sql_would_reach_no_file_no_variable_and_no_setting(
    sql: str, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("n\n1\n")
    injected = cast("Compiled", Injected(f"({sql.format(directory=tmp_path)})"))
    with pytest.raises(duckdb.Error):
        engine.evaluate([injected], pa.table({"a": [1]}))
    assert os.listdir(tmp_path) == ["in.csv"]
    [value] = engine.evaluate([compile_expression(parse("1 + 1"), Schema())], pa.table({"a": [1]}))
    assert value.to_pylist() == [2], "and it goes on"
