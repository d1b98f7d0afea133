"""Nodes at work: schemas before rows, counts, the row at fault, all or nothing."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.store.runs.node_states import MAX_KEPT
from program_lib.batch import Batch
from program_lib.csv_files.reader import CsvReader, open_file
from program_lib.csv_files.writer import CsvWriter
from program_lib.errors import EndUnknown, ProgramError
from program_lib.files.many_files.reader import ManyTexts
from program_lib.ndjson_files.reader import NdjsonReader
from program_lib.nodes import Filter, Map, NodeFailed, Output, Source, Split, wire
from program_lib.ports import Reader
from program_lib.process.exit_codes import STANDS
from program_lib.program import flow, told
from program_lib.types import INTEGER, NUMERIC, TEXT, Column, Schema, decimal
from progress_lib import Fault, Progress, Status
from tests.program_lib.in_memory import Kept, Rows, ahead, last, ran, rows_of

ORDERS = Schema([Column("id", INTEGER), Column("name", TEXT)])


def table(*ids: int | None, schema: Schema = ORDERS) -> pa.Table:
    return pa.table([list(ids), [f"name {i}" for i in ids]], schema=schema.arrow())


def test_counts_are_those_of_each_node_and_every_batch_reports() -> None:
    kept = Kept()
    code, said = ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2, 3), table(4)]), feeds=[2]),
        Filter(2, "Odd", lambda batch: batch.where("id % 2 == 1"), feeds=[3]),
        Map(3, "Double", lambda batch: batch.compute({"twice": "id * 2"}), feeds=[4]),
        Output(4, "Out", lambda: kept),
    )
    assert code == 0
    assert [p.row_count for p in said if p.node_id == 1] == [0, 3, 4, 4]
    ends = {p.node_id: (p.status, p.row_count) for p in said}
    assert ends == {n: (Status.COMPLETED, c) for n, c in {1: 4, 2: 2, 3: 2, 4: 2}.items()}
    assert kept.rows == [
        {"id": 1, "name": "name 1", "twice": 2},
        {"id": 3, "name": "name 3", "twice": 6},
    ]
    assert kept.done == ["start", "finish", "commit", "undo"]


def test_a_total_that_the_source_knows_is_that_of_all_who_give_as_many_rows() -> None:
    code, said = ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2, 3), table(4)], count=4), feeds=[2]),
        Map(2, "Double", lambda batch: batch.compute({"twice": "id * 2"}), feeds=[3, 4]),
        Output(3, "Out", Kept),
        Filter(4, "Odd", lambda batch: batch.where("id % 2 == 1"), feeds=[5]),
        Output(5, "Odd ones", Kept),
    )
    assert code == 0
    assert {last(said, node_id).row_total for node_id in (1, 2, 3)} == {4}
    # of how many rows a filter keeps nothing is known but which part of them it has seen
    assert ahead(said, 4) == ahead(said, 5) == [(None, None), (None, 0.75), (None, 1.0)], (
        "also of rows that it dropped"
    )
    assert last(said, 5).share is None, "who has ended has no share"


def test_a_part_of_the_source_is_told_where_no_total_is_known() -> None:
    class Halves(Rows):
        def batches(self) -> Iterator[pa.Table]:
            for part, rows in zip((0.5, 1.0), self.tables, strict=True):
                self.part = part
                yield rows

    code, said = ran(
        Source(1, "Orders", lambda: Halves(ORDERS, [table(1, 2, 3), table(4)]), feeds=[2]),
        Output(2, "Out", Kept),
    )
    assert code == 0
    assert ahead(said, 1) == ahead(said, 2) == [(None, None), (None, 0.5), (None, 1.0)]


def test_of_several_sources_a_total_is_told_only_where_each_has_one() -> None:
    def flow_of(second: int | None) -> list[Progress]:
        code, said = ran(
            Source(1, "A", lambda: Rows(ORDERS, [table(1, 2)], count=2), feeds=[3]),
            Source(2, "B", lambda: Rows(ORDERS, [table(3)], count=second, part=0.9), feeds=[3]),
            Output(3, "Out", Kept),
        )
        assert code == 0
        return said

    assert {p.row_total for p in flow_of(1) if p.node_id == 3} == {3}
    assert ahead(flow_of(None), 3) == [(None, None)]


def test_an_empty_source_has_no_total() -> None:
    _, said = ran(
        Source(1, "A", lambda: Rows(ORDERS, [], count=0), feeds=[2]), Output(2, "Out", Kept)
    )
    assert {(p.row_total, p.share) for p in said} == {(None, None)}


def test_columns_are_known_before_the_first_row() -> None:
    kept = Kept()

    class Unread(Rows):
        def batches(self) -> Iterator[pa.Table]:
            assert kept.schema.names == ["id", "price"]
            yield from self.tables

    code, _ = ran(
        Source(1, "Orders", lambda: Unread(ORDERS, [table(1)]), feeds=[2]),
        Map(2, "Price", lambda b: b.compute({"price": "id * 1.50"}, keep=["id"]), feeds=[3]),
        Output(3, "Out", lambda: kept),
    )
    assert code == 0
    assert str(kept.schema[0].type) == "integer"


LONG = Schema([Column("id", INTEGER), Column("n", NUMERIC)])
WHOLE, BROKEN = "12345678901234567890.5", "0.123456789012345678901234567890"


@pytest.mark.parametrize("count", [2, 3, 8])
def test_numbers_that_have_no_room_in_38_digits_together_have_it_apart(count: int) -> None:
    rows = [(n, WHOLE if n < count - 1 else BROKEN) for n in range(count)]
    kept, other = Kept(), Kept()
    code, said = ran(
        Source(1, "Numbers", lambda: rows_of(LONG, rows), feeds=[2]),
        Filter(2, "Some", lambda batch: batch.where("n != 5"), feeds=[3]),
        Map(3, "More", lambda batch: batch.compute({"m": "n + 1"}, keep=["id"]), feeds=[4]),
        Split(
            4,
            "Two",
            lambda batch: batch.split({"large": "m > 5"}),
            feeds={"large": [5], "else": [6]},
        ),
        Output(5, "Large", lambda: kept),
        Output(6, "Small", lambda: other),
    )
    assert code == 0, [progress.message for progress in said]
    assert kept.rows == [{"id": n, "m": "12345678901234567891.5"} for n in range(count - 1)]
    assert other.rows == [{"id": count - 1, "m": "1.12345678901234567890123456789"}]


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_rows_that_a_writer_takes_only_a_few_at_a_time_are_all_written(most: int) -> None:
    class Narrow(Kept):
        def write(self, table: pa.Table) -> None:
            if len(table) > most:
                raise ProgramError(f"more than {most} rows")
            super().write(table)

    kept = Narrow()
    code, said = ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(*range(20))]), feeds=[2]),
        Output(2, "Out", lambda: kept),
    )
    assert code == 0
    assert last(said, 2).row_count == 20
    assert kept.rows == table(*range(20)).to_pylist()


@pytest.mark.parametrize(
    "text",
    [
        "make_date(2026, 2, 30 if id == 3 else 1)",
        "parse_date('x' if id == 3 else '31.01.2026', '%d.%m.%Y')",
        "ln(id - 3)",
        "char(id - 3)",
        "json_text('{' if id == 3 else '{}', 'a')",
    ],
)
def test_a_function_that_has_no_value_for_a_row_names_it(text: str) -> None:
    code, said = ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(4, 5, 3, 6)]), feeds=[2]),
        Map(2, "Compute", lambda batch: batch.compute({"x": text}), feeds=[3]),
        Output(3, "Out", Kept),
    )
    assert code == 1
    assert "(line 4 of orders.csv: id=3" in last(said, 2).message


@pytest.mark.parametrize("text", ["price + 1", "price > 1", "decimal(1, 1, 0) * price"])
def test_a_numeric_that_is_no_number_is_told_with_what_finds_it(text: str) -> None:
    prices = Schema([Column("price", NUMERIC)])
    code, said = ran(
        Source(1, "Orders", lambda: rows_of(prices, [["1.5"], ["-Infinity"]]), feeds=[2]),
        Map(2, "Compute", lambda batch: batch.compute({"x": text}), feeds=[3]),
        Output(3, "Out", Kept),
    )
    assert code == 1
    assert last(said, 2).message == (
        "-Infinity is no exact number: is_finite(x) tells such values, and float(x) computes with them"
        f" (in {text}) (line 3 of orders.csv: price=-Infinity)"
    )


@pytest.mark.parametrize("text", ["price + 1e-38", "price == 1e-38", "price in (1e-38, 5)"])
def test_a_numeric_that_has_no_room_beside_another_number_says_so(text: str) -> None:
    """Could not convert string "5" to DECIMAL(38,38), it said."""
    prices = Schema([Column("price", NUMERIC)])
    code, said = ran(
        Source(1, "Orders", lambda: rows_of(prices, [["5"]]), feeds=[2]),
        Map(2, "Compute", lambda batch: batch.compute({"x": text}), feeds=[3]),
        Output(3, "Out", Kept),
    )
    assert code == 1
    assert last(said, 2).message == (
        "5 has no room in 38 digits, of which 38 stand behind the point, as another number here has them:"
        " round(x, digits) that one, or float(x) computes with fewer digits"
        f" (in {text}) (line 2 of orders.csv: price=5)"
    )


@pytest.mark.parametrize("at", [1, 2, 3, 777, 1_000])
def test_the_row_at_fault_is_named_as_it_is_found_at_its_source(
    at: int, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [i if i != at else None for i in range(1, 1_001)]
    divide = "100 / (0 if id is None else id)"
    kept = Kept()
    code, said = ran(
        Source(
            1, "Orders", lambda: Rows(ORDERS, [table(*rows[:600]), table(*rows[600:])]), feeds=[2]
        ),
        Filter(2, "Most", lambda batch: batch.where("id is None or id > 1"), feeds=[3]),
        Map(3, "Divide", lambda batch: batch.compute({"x": divide}), feeds=[4]),
        Output(4, "Out", lambda: kept),
    )
    failed = last(said, 3)
    assert code == 1
    assert failed.status is Status.FAILED
    assert f"(line {at + 1} of orders.csv: id=NULL, name='name None')" in failed.message
    assert "division by zero" in failed.message
    assert divide in failed.message
    assert failed.row is not None
    assert failed.row.number == at
    assert capfd.readouterr().err.startswith("Divide: ")
    assert kept.done[-1] == "undo"
    assert "commit" not in kept.done


def failing(expression: str, **columns: object) -> Progress:
    """The last word of a Map that gets one row, as text, and fails by the expression."""
    schema = Schema([Column(name, TEXT) for name in columns])
    rows = pa.table([[value] for value in columns.values()], schema=schema.arrow())
    code, said = ran(
        Source(1, "In", lambda: Rows(schema, [rows]), feeds=[2]),
        Map(2, "Map", lambda batch: batch.compute({"made": expression}), feeds=[3]),
        Output(3, "Out", Kept),
    )
    assert code == 1
    return last(said, 2)


def test_the_whole_row_at_fault_is_told_in_fields_and_what_the_failure_is_about() -> None:
    failed = failing("int(n)", id="7", city=None, a="1", b="2", n="x")
    assert failed.row is not None
    assert failed.row.place == "line 2 of orders.csv"
    assert failed.row.cells == [("id", "7"), ("city", None), ("a", "1"), ("b", "2"), ("n", "x")]
    assert failed.row.more == 0
    assert failed.fault == Fault(None, "int(n)", ["n"])


def test_a_wide_or_long_row_is_cut_but_for_what_the_failure_is_about() -> None:
    wide = {**{f"c{place}": "v" * 5_000 for place in range(500)}, "n": "x" * 5_000}
    failed = failing("int(n)", **wide)
    assert failed.row is not None
    cells = dict(failed.row.cells)
    assert list(cells)[-1] == "n", "the last one, and told all the same"
    assert len(cells) + failed.row.more == 501
    assert {len(value or "") for value in cells.values()} == {200}
    assert len(json.dumps(failed.row.cells)) < 8_000
    assert len(failed.to_json()) < MAX_KEPT, "the record of the node keeps it"


@pytest.mark.parametrize("sign", ["\U0001f600", "\0", "é"])
def test_a_row_of_signs_that_json_makes_long_is_bounded_too(sign: str) -> None:
    failed = failing("int(n)", **{f"c{at}": sign * 300 for at in range(60)}, n=sign)
    assert len(failed.to_json()) < MAX_KEPT


def test_what_looks_like_a_secret_is_not_told_unless_it_is_at_fault() -> None:
    failed = failing("int(n)", user_password="p", Api_Key="k", passengers="3", n="x")
    assert failed.row is not None
    assert dict(failed.row.cells) == {
        "user_password": "…",
        "Api_Key": "…",
        "passengers": "3",
        "n": "x",
    }
    assert "user_password=…" in failed.message
    about = failing("int(token)", token="x")
    assert about.row is not None
    assert about.row.cells == [("token", "x")]


def test_the_passwords_of_connections_are_in_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("program_lib.process.secrets.SECRETS", {"s3cret"})
    failed = failing("int(n)", n="x s3cret y")
    assert "s3cret" not in failed.to_json().decode()
    assert failed.row is not None
    assert failed.row.cells == [("n", "x … y")]


def reading_fails(make: Callable[[], Reader]) -> Progress:
    code, said = ran(Source(1, "In", make, feeds=[2]), Output(2, "Out", Kept))
    assert code == 1
    return last(said, 1)


@pytest.mark.parametrize("rows", [1, 60_000])
def test_of_a_row_that_a_file_cannot_give_all_is_told_as_it_is_written(
    tmp_path: Path, rows: int
) -> None:
    good = "".join(f'{n},"a, b",2\n' for n in range(rows))
    path = tmp_path / "in.csv"
    path.write_text(f"id,city,n\n{good}7,,x\n")
    failed = reading_fails(lambda: CsvReader(str(path), types={"n": INTEGER, "id": INTEGER}))
    assert failed.row is not None
    assert (failed.row.number, failed.row.place) == (rows + 1, f"line {rows + 2:,} of in.csv")
    assert failed.row.cells == [("id", "7"), ("city", None), ("n", "x")]
    assert failed.fault == Fault(None, None, ["n"])


def test_the_same_of_lines_of_json_and_of_one_of_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_ROOTS", str(tmp_path))
    (tmp_path / "a.ndjson").write_text('{"id": 1, "n": 2}\n')
    (tmp_path / "b.ndjson").write_text('{"id": 3, "n": 4}\n{"n": "x", "id": null}\n')

    def make(path: str) -> NdjsonReader:
        return NdjsonReader(path, types={"id": INTEGER, "n": INTEGER}, opener=open_file)

    one = reading_fails(lambda: make(str(tmp_path / "b.ndjson")))
    assert one.row is not None
    assert one.row.cells == [("id", None), ("n", "x")]
    many = reading_fails(lambda: ManyTexts(str(tmp_path / "*.ndjson"), lambda path, _: make(path)))
    assert many.row is not None
    assert many.row.cells == [("id", None), ("n", "x")]
    assert many.row.number == 3


def test_a_pipe_is_not_read_a_second_time(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("id,n\n1,x\n",))
    writer.start()
    failed = reading_fails(lambda: CsvReader(str(path), types={"n": INTEGER}))
    writer.join()
    assert failed.row is not None
    assert (failed.row.number, failed.row.cells) == (1, [])


def test_a_file_that_is_gone_since_has_its_row_told_as_far_as_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,n\n1,x\n")
    makes = 0

    def make() -> CsvReader:
        nonlocal makes
        makes += 1
        if makes == 2:
            path.unlink()
        return CsvReader(str(path), types={"n": INTEGER})

    failed = reading_fails(make)
    assert makes == 2
    assert failed.row is not None
    assert (failed.row.number, failed.row.cells) == (1, [])
    assert "'x' is not a whole number" in failed.message


def test_what_was_taken_back_counts_as_0_rows_written() -> None:
    kept = Kept(refuses=lambda value: value == 5)
    code, said = ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2, 3), table(4, 5, 6)]), feeds=[2]),
        Output(2, "Out", lambda: kept),
    )
    failed = last(said, 2)
    assert (code, failed.status, failed.row_count) == (1, Status.FAILED, 0)
    assert "5 is too large (line 6 of orders.csv: id=5, name='name 5')" in failed.message
    assert max(p.row_count for p in said if p.node_id == 2) == 3  # counted while it was written


def test_an_output_that_did_not_fail_itself_says_0_rows_too() -> None:
    good, bad = Kept(), Kept(refuses=lambda value: value == 2)
    code, said = ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(1), table(2)]), feeds=[2, 3]),
        Output(2, "Good", lambda: good),
        Output(3, "Bad", lambda: bad),
    )
    assert code == 1
    assert last(said, 2).row_count == 0
    assert last(said, 2).message == "0 rows written: 2 were taken back"


def test_inputs_of_different_widths_meet_in_a_type_that_holds_both() -> None:
    narrow = Schema([Column("id", INTEGER), Column("price", decimal(5, 2))])
    wide = Schema([Column("price", NUMERIC), Column("id", INTEGER)])
    kept = Kept()
    first = pa.table([[1], [pa.scalar("9.90").cast(pa.decimal128(5, 2))]], schema=narrow.arrow())
    second = pa.table([["10.505"], [2]], schema=wide.arrow())
    code, _ = ran(
        Source(1, "A", lambda: Rows(narrow, [first]), feeds=[3]),
        Source(2, "B", lambda: Rows(wide, [second]), feeds=[3]),
        Output(3, "Out", lambda: kept),
    )
    assert code == 0
    assert kept.rows == [{"id": 1, "price": "9.90"}, {"id": 2, "price": "10.505"}]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            Schema([Column("id", TEXT), Column("name", TEXT)]),
            "the column id is integer in one, text",
        ),
        (Schema([Column("id", INTEGER)]), "its inputs differ: one has id, name, another id"),
    ],
)
def test_inputs_that_do_not_go_together_fail_before_any_row(other: Schema, words: str) -> None:
    code, said = ran(
        Source(1, "A", lambda: Rows(ORDERS, [table(1)]), feeds=[3]),
        Source(2, "B", lambda: Rows(other, []), feeds=[3]),
        Output(3, "Out", Kept),
    )
    assert code == 1
    assert words in last(said, 3).message
    assert last(said, 1).row_count == 0


@pytest.mark.parametrize(("wanted", "given"), [(0, 0), (1, 1), (4, 4), (5, 5), (9, 6)])
def test_limit_hands_on_the_first_rows_over_all_batches(wanted: int, given: int) -> None:
    kept = Kept()
    code, said = ran(
        Source(1, "A", lambda: Rows(ORDERS, [table(1, 2), table(3, 4), table(5, 6)]), feeds=[2]),
        Filter(2, "First", lambda batch: batch.first(wanted), feeds=[3]),
        Output(3, "Out", lambda: kept),
    )
    assert code == 0
    assert [row["id"] for row in kept.rows] == list(range(1, given + 1))  # type: ignore[index]
    assert last(said, 2).message == f"{given} of 6 rows kept"


def test_databases_commit_before_files_and_a_late_failure_says_what_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    begun = tmp_path / "committing"
    monkeypatch.setenv("COMMITTING", str(begun))

    class Named(Kept):
        def commit(self) -> None:
            order.append("database" if self.turn[0] == 0 else "file")
            assert (
                begun.read_text() == "Table\nFile\n"[: (6, 11)[len(order) - 1]]
            )  # for who kills it
            if self.turn == (1, 0):
                raise OSError("the disk is gone")

    code, said = ran(
        Source(1, "A", lambda: Rows(ORDERS, [table(1)]), feeds=[2, 3]),
        Output(2, "File", lambda: Named(turn=(1, 0))),
        Output(3, "Table", lambda: Named(turn=(0, 0))),
    )
    assert code == STANDS
    assert order == ["database", "file"]
    assert last(said, 3).status is Status.COMPLETED
    assert last(said, 2).message == "the disk is gone; what Table wrote stands all the same"


def test_where_nobody_knows_how_a_transaction_ended_no_row_is_told_as_taken_back() -> None:
    class Cut(Kept):
        def commit(self) -> None:
            raise EndUnknown("the connection broke")

    code, said = ran(
        Source(1, "A", lambda: Rows(ORDERS, [table(1)]), feeds=[2, 3, 4]),
        Output(2, "Parents", Cut),
        Output(3, "Children", Cut),
        Output(4, "File", lambda: Kept(turn=(1, 0))),
    )
    assert code == STANDS
    assert last(said, 2).message.startswith("the connection broke; ")
    assert last(said, 3).message == "0 rows written: of 1 nobody knows"
    assert last(said, 4).message == "0 rows written: 1 were taken back"


def test_files_are_in_their_places_for_good_when_a_run_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a power cut: a COMMIT of a database is, and a move in a directory that is not synced was not."""
    path, sync, synced = tmp_path / "out.csv", os.fsync, list[tuple[str, bool]]()

    def noted(descriptor: int) -> None:
        synced.append((os.readlink(f"/proc/self/fd/{descriptor}"), path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    source = Source(1, "A", lambda: Rows(ORDERS, [table(1)]), feeds=[2])
    code, _ = ran(source, Output(2, "File", lambda: CsvWriter(path)))
    assert code == 0
    assert synced[-1] == (str(tmp_path), True)


def test_an_output_that_does_not_know_whether_its_rows_stand_says_so_by_the_exit_code() -> None:
    class Lost(Kept):
        def commit(self) -> None:
            raise EndUnknown("the server closed the connection")

    code, said = ran(
        Source(1, "A", lambda: Rows(ORDERS, [table(1)]), feeds=[2]), Output(2, "Table", Lost)
    )
    assert code == STANDS
    assert "it is not known whether these rows are written" in str(last(said, 2).message)


def test_readers_are_closed_however_it_ends() -> None:
    good, bad = Rows(ORDERS, [table(1)]), Rows(ORDERS, [table(0)])
    ran(
        Source(1, "A", lambda: good, feeds=[3]),
        Source(2, "B", lambda: bad, feeds=[3]),
        Map(3, "Fails", lambda batch: batch.compute({"x": "1 / id"}), feeds=[4]),
        Output(4, "Out", Kept),
    )
    assert good.is_closed
    assert bad.is_closed


def test_the_log_begins_with_the_reason() -> None:
    nodes = [
        Source(1, "A", lambda: Rows(ORDERS, [table(0)]), feeds=[2]),
        Map(2, "Divide", lambda batch: batch.compute({"x": "1 / id"}), feeds=[]),
    ]
    wire(nodes, lambda progress: None)
    with pytest.raises(NodeFailed) as failed, ExitStack() as undo:
        flow(nodes, undo)
    lines = told(failed.value).splitlines()
    assert lines[0].startswith("Divide: division by zero")
    assert lines[-1].startswith("program_lib.nodes.node.NodeFailed: ")


def test_a_condition_that_is_not_true_or_false_is_refused() -> None:
    batch = Batch.empty(ORDERS)
    with pytest.raises(Exception, match="a condition must be true or false"):
        batch.where("name")
