"""Rows that fail leave by an output of their own, with why and where; the others go on in their order."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from program_lib.batch import Batch
from program_lib.csv_files.reader import CsvReader
from program_lib.errors import ExpressionFailed, ProgramError, RowRefused
from program_lib.failures.failing import sorted_out
from program_lib.nodes import Expand, Filter, Map, Output, Source, Split
from program_lib.ports import UNNAMED
from program_lib.rejects import REJECTED, Rejects, rejected_schema
from program_lib.types import INTEGER, TEXT, Column, Schema
from progress_lib import Status
from tests.program_lib.in_memory import Kept, Rows, last, ran, rows_of

NUMBERS = Schema([Column("id", INTEGER), Column("n", INTEGER)])
BY = {UNNAMED: [3], REJECTED: [4]}


def source(*numbers: int | None, each: int = 50_000) -> Source:
    rows = [(place, n) for place, n in enumerate(numbers, 1)]
    return Source(1, "Orders", lambda: rows_of(NUMBERS, rows, each), feeds=[2])


def share_of(batch: Batch) -> Batch:
    return batch.compute({"share": "100 // n"})


def ids(kept: Kept) -> list[Any]:
    return [row["id"] for row in kept.rows]  # type: ignore[index]


def divided(
    *numbers: int | None, limits: Rejects | None = None, each: int = 50_000
) -> tuple[int, Kept, Kept, Any]:
    """100 divided by numbers: the exit code, the rows that could be, those that could not, what the Map said last."""
    good, bad = Kept(), Kept()
    code, said = ran(
        source(*numbers, each=each),
        Map(2, "Share", share_of, feeds=BY, rejects=limits or Rejects()),
        Output(3, "Good", lambda: good),
        Output(4, "Bad", lambda: bad),
    )
    return code, good, bad, last(said, 2)


# ---------------------------------------------------------------- which rows of a batch fail


class Refused(ProgramError):
    """An error that names no row."""


def numbered(count: int) -> Batch:
    table = pa.table([pa.array(range(count), pa.int64())] * 2, schema=NUMBERS.arrow())
    return Batch(table, NUMBERS, pa.arange(1, count + 1), str)


@given(st.sets(st.integers(0, 39)), st.integers(1, 40), st.booleans())
@settings(max_examples=100)
def test_each_failing_row_is_found_and_the_others_stay_in_order(
    bad: set[int], count: int, tells_row: bool
) -> None:
    def work(batch: Batch) -> list[int]:
        found: list[int] = batch.table["n"].to_pylist()
        if wrong := [(at, n) for at, n in enumerate(found) if n in bad]:
            at, n = wrong[0]
            raise RowRefused(at, f"{n} is bad") if tells_row else Refused(f"{n} is bad")
        return found

    bad &= set(range(count))
    refused: list[tuple[int, str]] = []
    batch = numbered(count)
    if not bad:
        return
    with pytest.raises(ProgramError) as caught:
        work(batch)
    parts = sorted_out(work, batch, caught.value, lambda at, why: refused.append((at, str(why))))
    assert [n for part in parts for n in part] == [n for n in range(count) if n not in bad]
    assert [at for at, _ in refused] == sorted(bad)
    if not tells_row:
        assert [why for _, why in refused] == [f"{n} is bad" for n in sorted(bad)]


@pytest.mark.parametrize("error", [MemoryError("full"), TypeError("a bug"), OSError("no space")])
def test_an_error_that_no_row_is_the_reason_of_fails_the_node(error: Exception) -> None:
    def work(batch: Batch) -> Batch:
        if len(batch):
            raise error
        return batch

    bad = Kept()
    code, said = ran(
        source(1, 2),
        Map(2, "Broken", work, feeds=BY, rejects=Rejects()),
        Output(3, "Good", Kept),
        Output(4, "Bad", lambda: bad),
    )
    assert (code, last(said, 2).status, bad.rows) == (1, Status.FAILED, [])
    assert str(error) in last(said, 2).message


def test_an_expression_that_duckdb_itself_cannot_evaluate_fails_the_node() -> None:
    class InternalError(Exception):
        """As DuckDB calls it."""

    def work(batch: Batch) -> Batch:
        if len(batch):
            raise ExpressionFailed("n + 1", "a bug of DuckDB", ["n"]) from InternalError("!")
        return batch

    code, said = ran(
        source(1, 2),
        Map(2, "Broken", work, feeds={REJECTED: [3]}, rejects=Rejects()),
        Output(3, "Bad", Kept),
    )
    assert code == 1
    assert last(said, 2).message.startswith("a bug of DuckDB (in n + 1)")


# ---------------------------------------------------------------- a step


def test_a_step_hands_on_good_rows_in_order_and_bad_ones_with_their_reason() -> None:
    code, good, bad, said = divided(5, 0, None, 2, 0, 1, each=4)
    assert code == 0
    assert good.rows == [
        {"id": 1, "n": 5, "share": 20},
        {"id": 3, "n": None, "share": None},  # NULL is no failure
        {"id": 4, "n": 2, "share": 50},
        {"id": 6, "n": 1, "share": 100},
    ]
    reason = {"reject_reason": "division by zero (in 100 // n)", "reject_column": "n"}
    assert bad.rows == [
        {"id": 2, "n": 0, **reason, "reject_row": 2, "reject_place": "line 3 of orders.csv"},
        {"id": 5, "n": 0, **reason, "reject_row": 5, "reject_place": "line 6 of orders.csv"},
    ]
    assert (said.row_count, said.ports) == (4, {REJECTED: 2})
    assert said.message == "4 rows computed, 2 rejected"


def test_all_rows_may_be_bad_and_the_columns_are_there_all_the_same() -> None:
    code, good, bad, said = divided(0, 0, 0)
    assert (code, good.rows, ids(bad)) == (0, [], [1, 2, 3])
    assert good.schema.names == ["id", "n", "share"]
    assert bad.schema.names[2:] == [
        "reject_reason",
        "reject_column",
        "reject_row",
        "reject_place",
    ]
    assert said.message == "0 rows computed, 3 rejected"


@pytest.mark.parametrize(("limit", "code"), [(2, 0), (1, 1), (0, 1)])
def test_as_many_rows_as_the_limit_may_fail_and_one_more_fails_the_run(
    limit: int, code: int
) -> None:
    got, good, bad, said = divided(1, 0, 2, 0, 3, limits=Rejects(limit), each=2)
    assert got == code
    assert good.done[-2:] == (["commit", "undo"] if code == 0 else ["start", "undo"])
    assert bad.done == good.done
    if code:
        assert said.message == (
            f"{limit + 1} row{'s' if limit else ''} failed, and no more than {limit} may be rejected; the last one:"
            f" division by zero (in 100 // n) (line {2 * limit + 3} of orders.csv: id={2 * limit + 2}, n=0)"
        )
        assert said.row is not None
        assert said.row.number == 2 * limit + 2


@pytest.mark.parametrize(("numbers", "code"), [([0, 1, 1, 1], 0), ([0, 0, 1, 1], 1), ([], 0)])
def test_a_share_is_looked_at_once_all_rows_have_come(numbers: list[int], code: int) -> None:
    got, *_, said = divided(*numbers, limits=Rejects(share=25), each=1)
    assert got == code
    if code:
        assert "2 of 4 rows failed, and no more than 25 % may be rejected" in said.message


def test_a_share_is_looked_at_on_the_way_after_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("program_lib.nodes.source.SHARE_FROM", 4)
    monkeypatch.setattr("program_lib.nodes.steps.SHARE_FROM", 4)
    got, _, bad, said = divided(0, 0, 1, 1, 1, 1, 1, 1, limits=Rejects(share=25), each=2)
    assert got == 1
    assert "2 of 4 rows failed" in said.message
    assert ids(bad) == [1, 2], "of the first two rows nothing is said yet"


def test_without_rejects_the_first_bad_row_fails_the_run_as_before() -> None:
    code, said = ran(source(1, 0), Map(2, "Share", share_of, feeds=[3]), Output(3, "Out", Kept))
    assert code == 1
    assert last(said, 2).message == (
        "division by zero (in 100 // n) (line 3 of orders.csv: id=2, n=0)"
    )
    assert last(said, 2).ports is None


def test_rejected_rows_of_two_nodes_meet_and_names_that_are_taken_get_a_number() -> None:
    assert rejected_schema(Schema([Column("Reject_Row", TEXT)])).names == [
        "Reject_Row",
        "reject_reason_2",
        "reject_column_2",
        "reject_row_2",
        "reject_place_2",
    ]
    again = Kept()
    code, _ = ran(
        source(0, 3),
        Map(2, "Share", share_of, feeds={REJECTED: [3]}, rejects=Rejects()),
        Map(3, "Again", lambda b: b.compute({"x": "7 // n"}), feeds={REJECTED: [4]}, rejects=Rejects()),
        Output(4, "Bad", lambda: again),
    )  # fmt: skip
    assert code == 0
    [row] = again.rows
    assert row["reject_reason"] == "division by zero (in 100 // n)"  # type: ignore[index]
    assert row["reject_reason_2"] == "division by zero (in 7 // n)"  # type: ignore[index]
    assert row["reject_place_2"] == "line 2 of orders.csv"  # type: ignore[index]


def test_a_filter_and_a_split_reject_beside_what_they_keep() -> None:
    kept, large, rest, bad = (Kept() for _ in range(4))
    code, said = ran(
        source(0, 50, 4, 0, None),
        Filter(2, "Few", lambda b: b.where("100 // n > 1"), feeds={UNNAMED: [3], REJECTED: [7]}, rejects=Rejects()),
        Split(3, "Ways", lambda b: b.split({"large": "id // (n - 4) > -1"}), feeds={"large": [4], "else": [5], REJECTED: [6]}, rejects=Rejects()),
        Output(4, "Large", lambda: large),
        Output(5, "Rest", lambda: rest),
        Output(6, "Bad", lambda: kept),
        Output(7, "Bad, too", lambda: bad),
    )  # fmt: skip
    assert code == 0
    assert (ids(bad), ids(large), ids(rest), ids(kept)) == ([1, 4], [2], [], [3])
    assert last(said, 2).message == "2 of 5 rows kept, 2 rejected"
    assert last(said, 3).message == "2 rows split: 1 large, 0 else, 1 rejected"
    assert last(said, 3).ports == {"large": 1, "else": 0, REJECTED: 1}


def test_who_gets_rejected_rows_is_told_how_far_the_source_is_and_no_total() -> None:
    rows = rows_of(NUMBERS, [(1, 1), (2, 0), (3, 1), (4, 1)], 2)
    rows.count = 4
    code, said = ran(
        Source(1, "Orders", lambda: rows, feeds=[2]),
        Map(2, "Share", share_of, feeds=BY, rejects=Rejects()),
        Output(3, "Good", Kept),
        Output(4, "Bad", Kept),
    )
    assert code == 0
    assert {p.row_total for p in said if p.node_id > 1} == {None}
    assert {p.share for p in said if p.node_id == 4} == {None, 0.5, 1.0}


# ---------------------------------------------------------------- a source, and an output


def read(text: str, *, types: dict[str, Any], limits: Rejects) -> tuple[int, Kept, Kept, Any]:
    good, bad = Kept(), Kept()
    opener = opened(text)
    code, said = ran(
        Source(1, "Orders", lambda: CsvReader("a.csv", types=types, opener=opener), feeds={UNNAMED: [2], REJECTED: [3]}, rejects=limits),
        Output(2, "Good", lambda: good),
        Output(3, "Bad", lambda: bad),
    )  # fmt: skip
    return code, good, bad, last(said, 1)


def opened(text: str) -> Any:
    return lambda path: io.BytesIO(text.encode())


def test_a_line_whose_field_has_not_its_type_is_rejected_as_it_is_written() -> None:
    text = 'id,n,note\n1,5,"two\nlines"\nx,y,\n\n3,,""\n4,z,last\n'
    code, good, bad, said = read(text, types={"id": INTEGER, "n": INTEGER}, limits=Rejects())
    assert code == 0
    assert good.rows == [
        {"id": 1, "n": 5, "note": "two\nlines"},
        {"id": 3, "n": None, "note": ""},
    ]
    assert [tuple(row.values()) for row in bad.rows] == [  # type: ignore[attr-defined]
        ("x", "y", None, "'x' is not a whole number", "id", 2, "line 4 of a.csv"),
        ("4", "z", "last", "'z' is not a whole number", "n", 4, "line 7 of a.csv"),
    ]
    assert (said.message, said.ports) == ("2 rows read, 2 rejected", {REJECTED: 2})


def test_a_source_that_rejects_too_much_fails_with_the_line() -> None:
    code, good, _, said = read("id\n1\nx\ny\n", types={"id": INTEGER}, limits=Rejects(1))
    assert (code, good.rows) == (1, [])
    assert said.message.startswith("2 rows failed, and no more than 1 may be rejected; the last")
    assert said.message.endswith("'y' is not a whole number (line 4 of a.csv: id='y')")


def test_a_line_that_is_none_fails_the_run_though_rows_may_be_rejected() -> None:
    code, *_, said = read("id,n\n1,2\n3\n", types={"id": INTEGER}, limits=Rejects())
    assert code == 1
    assert "line 3 of a.csv has 1 field" in said.message


def test_a_source_whose_reader_has_types_from_the_start_rejects_nothing() -> None:
    code, said = ran(
        Source(1, "Orders", lambda: Rows(NUMBERS, []), feeds={REJECTED: [2]}, rejects=Rejects()),
        Output(2, "Bad", Kept),
    )
    assert code == 1
    assert last(said, 1).message == "a source of this kind rejects no rows"


@pytest.mark.parametrize("refused", [[], [2], [1, 3], [1, 2, 3]])
def test_an_output_writes_the_others_and_hands_on_what_its_target_refuses(
    refused: Sequence[int],
) -> None:
    good, bad = Kept(lambda value: value in refused), Kept()
    code, said = ran(
        Source(1, "Orders", lambda: rows_of(NUMBERS, [(1, 7), (2, 8), (3, 9)]), feeds=[2]),
        Output(2, "Good", lambda: good, feeds={REJECTED: [3]}, rejects=Rejects()),
        Output(3, "Bad", lambda: bad),
    )
    assert code == 0
    assert ids(good) == [n for n in (1, 2, 3) if n not in refused]
    assert ids(bad) == list(refused)
    assert last(said, 2).row_count == 3 - len(refused)
    assert last(said, 2).message == f"{3 - len(refused)} rows written, {len(refused)} rejected"
    assert good.done == bad.done == ["start", "finish", "commit", "undo"]


def test_lines_of_rows_in_their_order_cost_one_reading_of_the_file() -> None:
    text = "id\n" + "".join(f'"{n}\nx"\n' for n in range(60_000))
    opens = []

    def opener(path: str) -> io.BytesIO:
        opens.append(path)
        return io.BytesIO(text.encode())

    reader = CsvReader("a.csv", opener=opener)
    reader.open()
    assert sum(len(table) for table in reader.batches()) == 60_000
    asked = [1, 2, 2, 30_000, 59_999, 60_000]
    assert [reader.where(n) for n in asked] == [f"line {2 * n:,} of a.csv" for n in asked]
    assert len(opens) == 2
    assert reader.where(7) == "line 14 of a.csv"
    assert len(opens) == 3, "from the start again"
    reader.close()


def test_rows_without_nulls_that_an_unpivot_made_may_be_rejected_behind_it() -> None:
    """The run failed: “Iterable should contain Array objects, got <class 'pyarrow.lib.ChunkedArray'> instead”."""
    good, bad = Kept(), Kept()
    code, _ = ran(
        source(5, None, 0, each=3),
        Expand(2, "Rows", lambda b: b.unpivot(["id", "n"], "of", "n", nulls="drop"), feeds=[5]),
        Map(5, "Share", share_of, feeds=BY, rejects=Rejects()),
        Output(3, "Good", lambda: good),
        Output(4, "Bad", lambda: bad),
    )
    assert code == 0
    assert [row["share"] for row in good.rows] == [100, 20, 50, 33]  # type: ignore[index]
    assert [row["reject_row"] for row in bad.rows] == [3]  # type: ignore[index]
