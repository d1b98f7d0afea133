"""Nodes that reshape rows: what PostgreSQL has no word for, what is refused, and what is said meanwhile."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from program_lib.batch import Batch
from program_lib.errors import ProgramError
from program_lib.gathering import Gather
from program_lib.nodes import Expand, Map, NodeFailed, Step
from program_lib.reshape import Answer, Rows
from program_lib.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    UUID,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
)
from progress_lib import Status
from tests.program_lib.nodes.gathered import Handed, handed_on, table_of

INET = Type(Kind.OTHER, native="postgresql:inet")
SALES = Schema([Column("city", TEXT), Column("month", TEXT), Column("amount", NUMERIC)])
SOLD = [("Rom", "jan", "1.50"), ("Bonn", "feb", "2"), ("Rom", "feb", "3"), (None, "jan", None), ("Rom", "jan", "0.5")]  # fmt: skip


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def gather(
    work: Callable[[Rows], Answer], schema: Schema = SALES, rows: Sequence[Sequence[Any]] = SOLD
) -> Handed:
    return handed_on(Gather(2, "Node", work, feeds=[3]), schema, table_of(schema, rows))


def step(
    kind: type[Step], work: Callable[[Batch], Batch], schema: Schema, rows: Sequence[Sequence[Any]]
) -> Handed:
    node = kind(2, "Node", work, feeds=[3])
    return handed_on(node, schema, table_of(schema, rows))


# ------------------------------------------------ a node that gathers


def test_it_says_what_it_gathers_and_then_what_it_hands_on(directory: Path) -> None:
    schema = Schema([Column("a", INTEGER)])
    rows = 120_000  # more than two batches
    tables = [
        pa.table([pa.arange(start, start + 40_000)], ["a"]) for start in range(0, rows, 40_000)
    ]
    node = Gather(2, "Sort", lambda rows: rows.sort(("a", "desc", "last")), feeds=[3])
    handed = handed_on(node, schema, *tables)
    assert handed.table["a"].to_pylist() == list(range(rows - 1, -1, -1))
    said = [(one.status, one.message, one.row_count) for one in handed.said]
    assert said[:2] == [(Status.RUNNING, "Started", 0), (Status.RUNNING, "40,000 rows gathered", 0)]
    assert said[-1] == (Status.COMPLETED, "120,000 rows made of 120,000", rows)
    counts = [count for _, _, count in said]
    assert counts == sorted(counts)
    assert list(directory.iterdir()) == []  # what was gathered is gone


def test_a_row_behind_it_is_named_by_its_place_in_what_it_made() -> None:
    handed = gather(lambda rows: rows.sort(("amount", "asc", "last")))
    [batch] = handed.batches
    assert batch.numbers.to_pylist() == [1, 2, 3, 4, 5]
    assert batch.where_is(2) == "row 2 of Node"


def test_columns_that_are_not_needed_are_not_gathered() -> None:
    answer = Rows(SALES, {}).aggregate(["city"], {"n": ("count", None)})
    assert answer.needed == ("city",)


def test_it_leaves_nothing_where_it_fails(directory: Path) -> None:
    schema = Schema([Column("a", INTEGER)])
    with pytest.raises(
        NodeFailed, match=r"Node: the sum of a is beyond 64 bits: 9223372036854775808"
    ):
        gather(lambda rows: rows.aggregate([], {"s": ("sum", "a")}), schema, [(2**63 - 1,), (1,)])
    assert list(directory.iterdir()) == []


def test_a_mean_of_numerics_may_have_more_digits_than_a_decimal() -> None:
    """17 digits before the point, 20 after it, and six more of the mean."""
    schema = Schema([Column("a", NUMERIC)])
    rows = [("12345678901234567.00000000000000000001",), ("12345678901234568",), ("-1",)]
    handed = gather(lambda rows: rows.aggregate([], {"m": ("mean", "a")}), schema, rows)
    assert handed.rows() == [("8230452600823044.66666666666666666667",)]


@pytest.mark.parametrize("of", [INTEGER, NUMERIC, decimal(12, 3), DOUBLE])
def test_a_median_is_what_stands_in_the_middle(of: Type) -> None:
    chance = random.Random(str(of))
    made: dict[Kind, Callable[[], Any]] = {
        Kind.INTEGER: lambda: chance.choice([chance.randrange(-9, 9), 2**63 - 1]),
        Kind.NUMERIC: lambda: str(
            Decimal(chance.randrange(-999, 999)).scaleb(-chance.randrange(3))
        ),
        Kind.DECIMAL: lambda: Decimal(chance.randrange(-(10**11), 10**11)).scaleb(-3),
        Kind.DOUBLE: lambda: chance.choice([chance.uniform(-5, 5), 1.5e308, 5e-324]),
    }
    groups = [[made[of.kind]() for _ in range(chance.randrange(1, 9))] for _ in range(200)]
    rows = [(at, value) for at, values in enumerate(groups) for value in (*values, None)]
    schema = Schema([Column("g", INTEGER), Column("a", of)])
    handed = gather(lambda rows: rows.aggregate(["g"], {"m": ("median", "a")}), schema, rows)
    found = dict(handed.rows())
    for at, values in enumerate(groups):
        middle = sorted(values, key=Decimal)[(len(values) - 1) // 2 : len(values) // 2 + 1]
        exact = sum(map(Fraction, middle)) / len(middle)
        assert float(found[at]) == float(exact) if of is DOUBLE else Fraction(found[at]) == exact


def test_a_median_of_nothing_is_null_and_of_texts_refused() -> None:
    wanted = {"m": ("median", "a")}
    rows = [(None,), (None,)]
    handed = gather(lambda rows: rows.aggregate([], wanted), Schema([Column("a", INTEGER)]), rows)
    assert handed.rows() == [(None,)]
    with pytest.raises(NodeFailed, match="median is for numbers, and a is text"):
        gather(lambda rows: rows.aggregate([], wanted), Schema([Column("a", TEXT)]), rows)


@pytest.mark.parametrize(
    ("of", "values"), [(DOUBLE, (-0.0, 0.0)), (DOUBLE, (0.0, -0.0)), (NUMERIC, ("1.50", "1.5"))]
)
def test_the_least_and_the_most_of_equal_values_are_the_first_rows(
    of: Type, values: Sequence[Any]
) -> None:
    schema = Schema([Column("a", of)])
    rows = [(value,) for value in values]
    wanted = {"least": ("min", "a"), "most": ("max", "a")}
    handed = gather(lambda rows: rows.aggregate([], wanted), schema, rows)
    assert str(handed.rows()) == str([(values[0], values[0])])
    handed = gather(
        lambda rows: rows.window(
            {f"r {name}": (f"running {of}", "a") for name, (of, _) in wanted.items()}
        ),
        schema,
        rows,
    )
    assert str(handed.rows()[-1]) == str((values[1], values[0], values[0]))


def test_a_mean_that_rounds_to_nothing_has_no_sign() -> None:
    schema, least = Schema([Column("a", NUMERIC)]), "-0." + "0" * 37 + "1"
    handed = gather(
        lambda rows: rows.aggregate([], {"m": ("mean", "a")}), schema, [(least,), ("0",), ("0",)]
    )
    assert handed.rows() == [("0",)]


@pytest.mark.parametrize(
    ("function", "value", "words"),
    [
        ("sum", Decimal("9" * 36 + ".99"), "a sum has no room in 38 digits: let a Map before round its column"),
        ("mean", Decimal("9" * 35 + ".99"), "the mean of a has no room in 38 digits, 8 of them after the point: 9"),
    ],
)  # fmt: skip
def test_a_sum_or_a_mean_without_room_says_so(function: str, value: Decimal, words: str) -> None:
    schema = Schema([Column("a", decimal(38, 2))])
    with pytest.raises(NodeFailed) as caught:
        gather(
            lambda rows: rows.aggregate([], {"s": (function, "a")}), schema, [(value,), (value,)]
        )
    assert words in caught.value.reason


@pytest.mark.parametrize("of", [JSON, INTERVAL, INET], ids=str)
def test_what_has_no_order_is_not_sorted(of: Type) -> None:
    schema = Schema([Column("a", of)])
    with pytest.raises(NodeFailed, match=f"a is {of}, which has no order here: make it a text"):
        gather(lambda rows: rows.sort(("a", "asc", "last")), schema, [])
    with pytest.raises(NodeFailed, match="has no order"):
        gather(lambda rows: rows.aggregate([], {"m": ("min", "a")}), schema, [])


def test_json_is_no_group_and_other_texts_are() -> None:
    schema = Schema([Column("j", JSON), Column("i", INTERVAL)])
    rows = [("1", "1 mon"), ("1.0", "1 mon"), ("1", None)]
    with pytest.raises(NodeFailed, match="j is json, which has many texts for one value"):
        gather(lambda rows: rows.distinct(["j"]), schema, rows)
    assert gather(lambda rows: rows.distinct(["i"]), schema, rows).rows() == [rows[0], rows[2]]
    counts = gather(lambda rows: rows.aggregate(["i"], {"f": ("first", "j")}), schema, rows)
    assert counts.rows() == [("1 mon", "1"), (None, "1")]
    assert counts.schema == Schema([Column("i", INTERVAL), Column("f", JSON)])


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda rows: rows.sort(("x", "asc", "last")), "there is no column 'x'; there are city, month"),
        (lambda rows: rows.sort(), "there is no column to sort by"),
        (lambda rows: rows.sort(("city", "up", "last")), "it must be asc or desc"),
        (lambda rows: rows.aggregate([], {"s": ("sum", "city")}), "sum is for numbers, and city is text"),
        (lambda rows: rows.aggregate([], {"s": ("mode", "city")}), "there is no function 'mode'"),
        (lambda rows: rows.aggregate([], {"s": ("sum", None)}), "sum needs a column"),
        (lambda rows: rows.aggregate(["city"], {"city": ("count", None)}), "two columns are called 'city'"),
        (lambda rows: rows.window({"city": ("row number", None)}), "two columns are called 'city'"),
        (lambda rows: rows.window({"r": ("rank", None)}), "rank needs an order"),
        (lambda rows: rows.window({"r": ("lag", None)}), "lag needs a column"),
        (lambda rows: rows.pivot([], "amount", {"a": "1"}, ("count", None)), "amount is numeric, and columns are named by text"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_the_first_row(
    work: Callable[[Rows], Answer], said: str
) -> None:
    with pytest.raises(NodeFailed, match=said.replace("(", r"\(")):
        handed_on(Gather(2, "Node", work, feeds=[3]), SALES)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["NaN"], "n cannot be added up exactly, with 38 digits: NaN"),
        (["1" + "0" * 38], "n cannot be added up exactly, with 38 digits: 1000"),
        (["9" * 38, "1"], "does not fit"),
        (["0." + "1" * 39], "n has a value with 39 digits after the point"),
    ],
)
def test_a_sum_that_would_not_be_exact_fails(values: list[str], said: str) -> None:
    schema = Schema([Column("n", NUMERIC)])
    with pytest.raises(NodeFailed, match=said):
        gather(lambda rows: rows.aggregate([], {"s": ("sum", "n")}), schema, [(v,) for v in values])


def test_groups_come_in_the_order_of_their_first_rows_and_null_is_one() -> None:
    work = gather(
        lambda rows: rows.aggregate(["city"], {"s": ("sum", "amount"), "m": ("mean", "amount")})
    )
    assert work.rows() == [("Rom", "5", "1.6666667"), ("Bonn", "2", "2"), (None, None, None)]


def test_names_that_differ_by_case_and_signs_stay_apart() -> None:
    schema = Schema(
        [Column(name, INTEGER) for name in ("id", "ID", 'a"; DROP TABLE rows; --', "n")]
    )
    rows = [(1, 2, 3, 4), (1, 3, 3, 5)]
    names = schema.names
    handed = gather(lambda all: all.sort(*((name, "desc", "last") for name in names)), schema, rows)
    assert (handed.table.column_names, handed.rows()) == (names, [rows[1], rows[0]])
    columns = {name: ("sum", name) for name in names}
    assert gather(lambda all: all.aggregate([], columns), schema, rows).rows() == [(2, 5, 6, 9)]


# ------------------------------------------------ sample


def test_a_sample_is_the_same_for_a_seed_and_in_order() -> None:
    schema = Schema([Column("a", INTEGER)])
    rows = [(number,) for number in range(1_000)]

    def sampled(seed: int) -> list[tuple[Any, ...]]:
        return gather(lambda all: all.sample(100, seed=seed), schema, rows).rows()

    samples = [sampled(1), sampled(1), sampled(2)]
    assert samples[0] == samples[1] == sorted(samples[0])
    assert len(set(samples[0])) == 100
    assert samples[2] != samples[0]
    assert min(samples[0])[0] < 250 and max(samples[0])[0] > 750
    assert gather(lambda all: all.sample(5_000), schema, rows).rows() == rows


def test_one_of_so_many_counts_on_over_batches() -> None:
    schema = Schema([Column("a", INTEGER)])
    tables = [table_of(schema, [(start + n,) for n in range(7)]) for start in (0, 7, 14)]
    node = Gather(2, "Node", lambda rows: rows.every(5), feeds=[3])
    assert handed_on(node, schema, *tables).table["a"].to_pylist() == [0, 5, 10, 15, 20]
    with pytest.raises(NodeFailed, match="it must be 1 or more"):
        gather(lambda rows: rows.every(0))


# ------------------------------------------------ pivot, unpivot


def test_a_pivot_has_a_column_for_each_value() -> None:
    values = {"jan": "jan", "März's": "mar", "feb": "feb"}
    handed = gather(lambda rows: rows.pivot(["city"], "month", values, ("sum", "amount")))
    assert handed.table.column_names == ["city", *values]
    assert handed.rows() == [
        ("Rom", "2", None, "3"),
        ("Bonn", None, None, "2"),
        (None, None, None, None),
    ]


@pytest.mark.parametrize("attack", ["' FROM rows; --", "x') FROM rows", "jan"])
def test_a_value_without_a_column_fails_or_is_ignored(attack: str) -> None:
    values = {"one": attack}
    with pytest.raises(NodeFailed, match=r"there is no column for this value of month: (jan|feb)"):
        gather(lambda rows: rows.pivot(["city"], "month", values, ("count", None)))
    handed = gather(lambda rows: rows.pivot([], "month", values, ("count", None), others="ignore"))
    assert handed.rows() == [(3 if attack == "jan" else 0,)]


def test_null_is_no_name_of_a_column() -> None:
    with pytest.raises(NodeFailed, match="no column for this value of city: NULL"):
        gather(lambda rows: rows.pivot([], "city", {"R": "Rom", "B": "Bonn"}, ("count", None)))


@pytest.mark.parametrize(
    ("of", "right", "wrong"),
    [
        (INTEGER, ["0", "-1", "10"], ["01", "+1", "1.0", " 1", "x", ""]),
        (BOOLEAN, ["true", "false"], ["TRUE", "t", "1"]),
        (DATE, ["2026-01-31"], ["31.01.2026", "2026-1-31"]),
        (UUID, ["123e4567-e89b-12d3-a456-426614174000"], ["123E4567-E89B-12D3-A456-426614174000"]),
        (Type(Kind.TEXT, length=3, is_padded=True), ["a", " a", ""], ["a  "]),
        (TEXT, ["a  ", "", "01", "a\nb"], []),
    ],
    ids=["integer", "boolean", "date", "uuid", "char", "text"],
)  # fmt: skip
def test_a_pivot_has_no_column_for_what_no_value_is(
    of: Type, right: list[str], wrong: list[str]
) -> None:
    rows = Rows(Schema([Column("k", of), Column("v", INTEGER)]), {})
    for text in right:
        assert rows.pivot([], "k", {"x": text}, ("sum", "v")).schema.names == ["x"]
    for text in wrong:
        with pytest.raises(ProgramError, match="no value of it is written so"):
            rows.pivot([], "k", {"x": text}, ("sum", "v"), "ignore")


def test_an_unpivot_makes_rows_and_keeps_their_numbers() -> None:
    schema = Schema(
        [Column("k", TEXT), Column("a", INTEGER), Column("b", decimal(4, 2)), Column("c", NUMERIC)]
    )
    rows = [("x", 1, Decimal("2.50"), None), ("y", None, None, "0.125")]
    names = ["c", "a", "b"]
    handed = step(Expand, lambda batch: batch.unpivot(names, "name", "value"), schema, rows)
    assert handed.rows() == [
        ("x", "c", None), ("x", "a", "1"), ("x", "b", "2.50"), ("y", "c", "0.125"), ("y", "a", None), ("y", "b", None),
    ]  # fmt: skip
    assert handed.schema == Schema(
        [schema[0], Column("name", TEXT, False), Column("value", NUMERIC)]
    )
    assert handed.batches[0].numbers.to_pylist() == [1, 1, 1, 2, 2, 2]
    dropped = step(Expand, lambda b: b.unpivot(names, "name", "value", nulls="drop"), schema, rows)
    assert [row[1] for row in dropped.rows()] == ["a", "b", "c"]
    assert dropped.said[-1].message == "3 rows made of 2"


def test_an_unpivot_of_many_rows_is_the_same_in_parts() -> None:
    schema = Schema([Column("a", INTEGER), Column("b", INTEGER)])
    rows = [(n, -n) for n in range(2_500)]
    handed = step(Expand, lambda batch: batch.unpivot(["a", "b"], "n", "v"), schema, rows)
    assert handed.rows() == [pair for n in range(2_500) for pair in (("a", n), ("b", -n))]


def test_columns_of_two_types_are_not_unpivoted() -> None:
    schema = Schema([Column("a", INTEGER), Column("b", TEXT)])
    with pytest.raises(NodeFailed, match="a is integer, b text: make them alike"):
        step(Expand, lambda batch: batch.unpivot(["a", "b"], "n", "v"), schema, [])


# ------------------------------------------------ select


def select(of: Type, value: Any, to: str) -> Any:
    schema = Schema([Column("other", TEXT), Column("a", of)])
    handed = step(
        Map, lambda batch: batch.select({"b": ("a", to)}), schema, [("x", None), ("y", value)]
    )
    assert handed.rows()[0] == (None,)
    return handed.rows()[1][0]


@pytest.mark.parametrize(
    ("of", "value", "to", "wanted"),
    [
        (TEXT, "42", "integer", 42),
        (TEXT, "1.50", "numeric", "1.50"),
        (TEXT, "2026-07-31", "date", datetime.date(2026, 7, 31)),
        (NUMERIC, "2.00", "integer", 2),
        (decimal(4, 1), Decimal("200.0"), "integer", 200),
        (DOUBLE, 2.0, "integer", 2),
        (DOUBLE, 0.1, "numeric", "0.1"),
        (NUMERIC, "0.10", "double", 0.1),
        (INTEGER, 2**53, "double", 2.0**53),
        (INTEGER, -7, "text", "-7"),
        (DATE, datetime.date(2026, 7, 31), "timestamp", datetime.datetime(2026, 7, 31)),
        (TIMESTAMP, datetime.datetime(2026, 7, 31), "date", datetime.date(2026, 7, 31)),
        (JSON, "[1]", "text", "[1]"),
        (INTEGER, 1, "integer", 1),
    ],
)
def test_a_value_takes_another_type_where_it_stays_what_it_is(
    of: Type, value: Any, to: str, wanted: Any
) -> None:
    assert select(of, value, to) == wanted


@pytest.mark.parametrize(
    ("of", "value", "to"),
    [
        (NUMERIC, "1.75", "integer"),
        (DOUBLE, 1.75, "integer"),
        (DOUBLE, 1e20, "integer"),
        (DOUBLE, float("nan"), "numeric"),
        (INTEGER, 2**53 + 1, "double"),
        (NUMERIC, "0.12345678901234567890", "double"),
        (TEXT, "", "integer"),
        (TEXT, "1e5", "numeric"),
        (TEXT, "31.07.2026", "date"),
        (TIMESTAMP, datetime.datetime(2026, 7, 31, 1), "date"),
        (TIMESTAMP, datetime.datetime(2026, 7, 31, 0, 0, 0, 1), "date"),
        (TIMESTAMP, datetime.datetime(2026, 7, 31, 1), "timestamptz"),
    ],
)
def test_a_value_that_would_lose_something_is_refused_with_its_row(
    of: Type, value: Any, to: str
) -> None:
    with pytest.raises(NodeFailed, match=r"\(row 2 of the test: other=") as failed:
        select(of, value, to)
    assert failed.value.row is not None
    assert failed.value.row.number == 2


def test_columns_are_picked_in_an_order_and_others_kept() -> None:
    def work(batch: Batch) -> Batch:
        return batch.select({"price": "amount", "town": "city"}, others="keep")

    handed = step(Map, work, SALES, SOLD)
    assert handed.table.column_names == ["price", "town", "month"]
    assert handed.rows()[0] == ("1.50", "Rom", "jan")
    with pytest.raises(NodeFailed, match="two columns are called 'city'"):
        step(Map, lambda batch: batch.select({"city": "month"}, others="keep"), SALES, SOLD)
    with pytest.raises(NodeFailed, match="there is no column 'x'"):
        step(Map, lambda batch: batch.select({"a": "x"}), SALES, [])
