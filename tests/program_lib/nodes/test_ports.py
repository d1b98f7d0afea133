"""Nodes with several ports at work: Split, Union, and the order in which sources are read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from program_lib.batch import Batch
from program_lib.common_types import union
from program_lib.gathering import Gather
from program_lib.join import Join, join
from program_lib.lookup import Lookup, lookup
from program_lib.nodes import Filter, Node, Output, Source, Split, Union, wire
from program_lib.nodes.reading_order import in_reading_order
from program_lib.types import DATE, INTEGER, NUMERIC, TEXT, Column, Schema, decimal
from progress_lib import Status
from tests.program_lib.in_memory import Kept, Rows, ahead, last, ran, rows_of

NUMBERS = Schema([Column("n", INTEGER)])
CONDITIONS = {"small": "n < 3", "even": "n % 2 == 0"}


def batch(*numbers: int | None) -> Batch:
    table = pa.table([pa.array(numbers, pa.int64())], schema=NUMBERS.arrow())
    return Batch(table, NUMBERS, pa.arange(1, len(numbers) + 1), str)


def parted(rows: Batch, **how: Any) -> dict[str, list[int | None]]:
    return {
        name: part.table["n"].to_pylist() for name, part in rows.split(CONDITIONS, **how).items()
    }


@given(st.lists(st.none() | st.integers(-5, 5), max_size=10))
@settings(max_examples=50)
def test_a_row_goes_to_the_first_condition_that_is_true_or_to_all(
    numbers: list[int | None],
) -> None:
    small = [n for n in numbers if n is not None and n < 3]
    even = [n for n in numbers if n is not None and n % 2 == 0]
    neither = [n for n in numbers if n not in (*small, *even)]
    of_first = {"small": small, "even": [n for n in even if n not in small], "else": neither}
    assert parted(batch(*numbers)) == of_first
    assert parted(batch(*numbers), to="all") == {"small": small, "even": even, "else": neither}


def test_a_condition_is_not_asked_of_rows_that_are_taken() -> None:
    parts = batch(0, 5, 20).split({"none": "n == 0", "few": "100 / n > 10"})
    assert [part.table["n"].to_pylist() for part in parts.values()] == [[0], [5], [20]]
    assert parts["few"].numbers.to_pylist() == [2]


def test_a_split_counts_each_output_and_an_output_that_leads_nowhere() -> None:
    large, rest = Kept(), Kept()
    code, said = ran(
        Source(1, "A", lambda: rows_of(NUMBERS, [(i,) for i in range(10)], 4), feeds=[2]),
        Split(2, "Ways", lambda b: b.split({"large": "n > 6", "0": "n == 0"}), feeds={"large": [3], "else": [4]}),
        Output(3, "Large", lambda: large),
        Output(4, "Rest", lambda: rest),
    )  # fmt: skip
    assert code == 0
    assert [row["n"] for row in large.rows] == [7, 8, 9]  # type: ignore[index]
    assert [row["n"] for row in rest.rows] == [1, 2, 3, 4, 5, 6]  # type: ignore[index]
    assert last(said, 2).ports == {"large": 3, "0": 1, "else": 6}
    assert last(said, 2).message == "10 rows split: 3 large, 1 0, 6 else"
    assert last(said, 2).row_count == 10


def test_the_row_at_which_a_condition_fails_is_named() -> None:
    _, said = ran(
        Source(1, "A", lambda: rows_of(NUMBERS, [(i,) for i in range(100, -1, -1)]), feeds=[2]),
        Split(2, "Ways", lambda b: b.split({"few": "100 / n > 10"}), feeds={}),
    )
    assert last(said, 2).status is Status.FAILED
    assert "division by zero" in last(said, 2).message
    assert "(line 102 of orders.csv: n=0)" in last(said, 2).message


def test_an_output_that_a_split_does_not_have_ends_the_program_before_a_row() -> None:
    _, said = ran(
        Source(1, "A", lambda: rows_of(NUMBERS, [(1,)]), feeds=[2]),
        Split(2, "Ways", lambda b: b.split(CONDITIONS), feeds={"large": [3]}),
        Output(3, "Out", Kept),
    )
    assert last(said, 2).message == "it has no output 'large'; it has 'small', 'even', 'else'"


# ---------------------------------------------------------------- how far a node is

NAMES = Schema([Column("n", INTEGER), Column("name", TEXT)])


def counted(schema: Schema, *rows: tuple[Any, ...], each: int = 50_000) -> Rows:
    return replace(rows_of(schema, rows, each), count=len(rows))


def test_an_output_without_rows_is_told_how_far_the_source_is() -> None:
    _, said = ran(
        Source(1, "A", lambda: counted(NUMBERS, (1,), (2,), (3,), (4,), each=2), feeds=[2]),
        Split(2, "Ways", lambda b: b.split({"large": "n > 9"}), feeds={"large": [3], "else": [4]}),
        Output(3, "Large", Kept),
        Output(4, "Rest", Kept),
    )
    assert ahead(said, 3) == ahead(said, 4) == [(None, None), (None, 0.5), (None, 1.0)]


def test_a_node_that_gathers_tells_its_share_and_what_follows_it_does_not() -> None:
    _, said = ran(
        Source(1, "A", lambda: counted(NUMBERS, (1,), (2,), (3,), (4,), each=2), feeds=[2]),
        Filter(2, "Late", lambda b: b.where("n > 2"), feeds=[3]),
        Gather(3, "Sort", lambda rows: rows.sort(("n", "asc", "last")), feeds=[4]),
        Output(4, "Out", Kept),
    )
    assert ahead(said, 3)[:3] == [(None, None), (None, 0.5), (None, 1.0)]
    assert ahead(said, 4) == [(None, None)]


def test_rows_that_are_looked_up_are_as_many_and_the_table_does_not_count() -> None:
    _, said = ran(
        Source(1, "A", lambda: counted(NUMBERS, (1,), (2,)), feeds=[(3, "rows")]),
        Source(2, "B", lambda: rows_of(NAMES, [(1, "one")]), feeds=[(3, "table")]),
        Lookup(3, "Names", lambda: lookup(["name"], on=[("n", "n")]), feeds=[4]),
        Output(4, "Out", Kept),
    )
    assert [last(said, node_id).row_total for node_id in (1, 2, 3, 4)] == [2, None, 2, 2]


def test_what_a_join_is_one_of_several_inputs_of_has_no_share() -> None:
    _, said = ran(
        Source(1, "A", lambda: rows_of(NUMBERS, [(1,)]), feeds=[(4, "left")]),
        Source(2, "B", lambda: rows_of(NUMBERS, [(1,)]), feeds=[(4, "right")]),
        Source(3, "C", lambda: replace(rows_of(NUMBERS, [(2,)]), part=1.0), feeds=[5]),
        Join(4, "Both", lambda: join(on=[("n", "n")]), feeds=[5]),
        Output(5, "Out", Kept),
    )
    assert ahead(said, 5) == [(None, None)]


# ---------------------------------------------------------------- union

OTHERS = Schema([Column("day", DATE), Column("n", decimal(5, 2), is_nullable=False)])


@pytest.mark.parametrize(
    ("missing", "words"),
    [("refuse", "its inputs differ: one has n, another day, n"), ("null", None)],
)
def test_a_union_matches_columns_by_name_and_takes_missing_ones_as_null(
    missing: str, words: str | None
) -> None:
    kept = Kept()
    code, said = ran(
        Source(1, "A", lambda: rows_of(NUMBERS, [(1,), (None,)]), feeds=[3]),
        Source(2, "B", lambda: rows_of(OTHERS, [(None, 2)]), feeds=[3]),
        Union(3, "All", lambda: union(missing=missing), feeds=[4]),
        Output(4, "Out", lambda: kept),
    )
    if words is not None:
        assert (code, last(said, 3).message) == (1, words)
        return
    assert kept.rows == [{"n": 1, "day": None}, {"n": None, "day": None}, {"n": 2, "day": None}]
    assert [str(c.type) for c in kept.schema] == ["decimal(21,2)", "date"]
    assert all(column.is_nullable for column in kept.schema)
    assert last(said, 3).message == "3 rows"


def test_a_union_refuses_types_that_no_type_holds() -> None:
    with pytest.raises(Exception, match="the column n is integer in one, text in another"):
        union(missing="null")([NUMBERS, Schema([Column("n", TEXT)])])
    one = union(missing="null")([NUMBERS, Schema([Column("n", NUMERIC)]), OTHERS])
    assert str(one[0].type) == "numeric"


# ---------------------------------------------------------------- sources


def order(*nodes: Node) -> list[int]:
    wire(nodes, lambda progress: None)
    return [source.number for source in in_reading_order(nodes)]


def source(number: int, *feeds: Any) -> Source:
    return Source(number, str(number), lambda: rows_of(NUMBERS, []), feeds=feeds)


def looks_up(number: int, *feeds: Any) -> Lookup:
    return Lookup(number, str(number), lambda: lookup(["x"], on=[("n", "n")]), feeds=feeds)


def test_sources_are_read_as_they_are_given_unless_a_lookup_wants_its_table_first() -> None:
    both = Join(9, "9", lambda: join(on=[("n", "n")]))
    assert order(source(1, (9, "left")), source(2, (9, "right")), both) == [1, 2]
    assert order(source(1, (9, "rows")), source(2, (9, "table")), looks_up(9)) == [2, 1]
    chained = (
        source(1, (8, "rows")), source(2, (9, "rows")), source(3, (8, "table")),
        looks_up(8, (9, "table")), looks_up(9),
    )  # fmt: skip
    assert order(*chained) == [3, 1, 2]


def test_lookups_that_want_it_the_other_way_round_end_all_the_same() -> None:
    crossed = (
        source(1, (8, "rows"), (9, "table")), source(2, (8, "table"), (9, "rows")),
        looks_up(8), looks_up(9),
    )  # fmt: skip
    assert order(*crossed) == [1, 2]
