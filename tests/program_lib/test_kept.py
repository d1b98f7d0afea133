"""What nodes give is kept as it is, once they are done, and read again; what goes wrong with that costs no run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from program_lib.common_types import union
from program_lib.gathering import Gather
from program_lib.kept.again import AGAIN, KEEP, begun_again
from program_lib.kept.source import kept_files
from program_lib.lookup import Lookup, lookup
from program_lib.nodes import Filter, Map, Output, Source, Split, Union
from program_lib.program import run_nodes
from program_lib.rejects import REJECTED, Rejects
from program_lib.types import INTEGER, Column, Kind, Schema, Type, decimal
from progress_lib import Progress, Status
from tests.program_lib.in_memory import Kept, Rows, last, ran
from tests.program_lib.nodes.test_nodes import ORDERS, table

MB = 1024 * 1024
EVERY_TYPE: list[tuple[Type, list[Any]]] = [
    (Type(Kind.BOOLEAN), [None, True, False]),
    (Type(Kind.INTEGER, bits=16), [None, -(2**63), 2**63 - 1]),
    (decimal(38, 18), [None, Decimal("-9.990000000000000001"), Decimal(0)]),
    (Type(Kind.DOUBLE, bits=32), [None, float("inf"), -0.0]),
    (Type(Kind.TEXT, length=7, is_padded=True), [None, "", "ä\0\n"]),
    (Type(Kind.BYTES), [None, b"", b"\0\xff"]),
    (Type(Kind.DATE), [None, date(1, 1, 1), date(9999, 12, 31)]),
    (Type(Kind.TIME), [None, time(23, 59, 59, 999999), time(0)]),
    (Type(Kind.TIMESTAMP), [None, datetime(1, 1, 1), datetime(2026, 3, 29, 2, 30)]),
    (
        Type(Kind.TIMESTAMPTZ),
        [None, datetime(1900, 1, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)],
    ),
    (Type(Kind.NUMERIC), [None, "1.50", "-1" + "0" * 60]),
    (Type(Kind.INTERVAL), [None, "1 month", "00:00:00"]),
    (Type(Kind.UUID), [None, "00000000-0000-0000-0000-000000000000", "a" * 8]),
    (Type(Kind.JSON), [None, '{"a": null}', "null"]),
    (Type(Kind.OTHER, native="postgresql:inet"), [None, "::1", "10.0.0.0/8"]),
]


@pytest.fixture
def keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Lets the next run keep outputs, within bounds in bytes; the directory."""

    def keep(name: str = "kept", node: int = 64 * MB, run: int = 64 * MB) -> Path:
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        told = {"directory": str(directory), "nodeBytes": node, "runBytes": run}
        monkeypatch.setenv(KEEP, json.dumps(told))
        return directory

    return keep


def about(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "about.json").read_text())
    return found


def ran_again(
    monkeypatch: pytest.MonkeyPatch,
    directory: Path,
    before: dict[int, tuple[int, bool]],
    *nodes: Any,
) -> tuple[int, list[Progress]]:
    """Runs the nodes, those `before` with their rows, and whether their rows are read from what was kept."""
    told = {
        str(number): {"rows": rows, "isRead": is_read} for number, (rows, is_read) in before.items()
    }
    plan = {"run": "a" * 32, "directory": str(directory), "nodes": told}
    monkeypatch.setenv(AGAIN, json.dumps(plan))
    said: list[Progress] = []
    return run_nodes(begun_again(nodes, said.append), said.append), said


@pytest.mark.parametrize(("of", "values"), EVERY_TYPE, ids=[str(of) for of, _ in EVERY_TYPE])
def test_a_kept_value_is_read_back_equal_with_its_type_and_null(
    of: Type, values: list[Any], keeps: Callable[..., Path]
) -> None:
    schema = Schema([Column("Some Name", of, is_nullable=False), Column("n", of)])
    rows = pa.table([pa.array(values, of.arrow())] * 2, schema=schema.arrow())
    directory = keeps()
    code, _ = ran(Source(1, "A", lambda: Rows(schema, [rows]), feeds=[2]), Output(2, "B", Kept))
    assert code == 0
    [file] = kept_files(directory, 1)
    assert file.schema == schema
    assert pa.concat_tables(file.tables()).equals(rows)


def test_nan_stays_nan(keeps: Callable[..., Path]) -> None:
    schema = Schema([Column("x", Type(Kind.DOUBLE))])
    rows = pa.table([pa.array([float("nan"), None])], schema=schema.arrow())
    directory = keeps()
    ran(Source(1, "A", lambda: Rows(schema, [rows]), feeds=[2]), Output(2, "B", Kept))
    [file] = kept_files(directory, 1)
    nan, null = pa.concat_tables(file.tables())["x"].to_pylist()
    assert nan != nan
    assert null is None


def test_nothing_is_kept_unless_the_environment_asks_for_it() -> None:
    source = Source(1, "A", lambda: Rows(ORDERS, [table(1)]), feeds=[2])
    code, _ = ran(source, Output(2, "B", Kept))
    assert code == 0
    assert (source.keeping, source.onward) == (None, None)


def test_when_a_node_fails_those_before_it_are_read_to_their_end_and_kept(
    keeps: Callable[..., Path],
) -> None:
    directory = keeps()
    other = Kept()
    code, said = ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2), table(3), table(4)]), feeds=[2, 5]),
        Filter(2, "Even", lambda batch: batch.where("id % 2 == 0"), feeds=[3]),
        Map(3, "Divide", lambda batch: batch.compute({"d": "1 // (id - 2)"}), feeds=[4]),
        Output(4, "Out", Kept),
        Output(5, "Other", lambda: other),
    )
    assert code == 1
    assert {n: last(said, n).status for n in (1, 2, 3)} == {
        1: Status.COMPLETED,
        2: Status.COMPLETED,
        3: Status.FAILED,
    }
    assert any("go on to their end" in p.message for p in said if p.node_id == 3)
    assert "id=2" in last(said, 3).message
    assert about(directory)["1"]["rows"] == 4
    assert about(directory)["2"]["rows"] == 2
    assert about(directory)["3"] == {"reason": "it was not done when the run ended"}
    assert sorted(path.name for path in directory.iterdir()) == [
        "1.0.parquet",
        "2.0.parquet",
        "about.json",
    ]
    assert "commit" not in other.done, "nothing is written of a run that fails"


def test_a_run_begins_again_with_what_was_kept_and_its_source_is_not_asked(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = keeps()
    ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2), table(3), table(4)]), feeds=[2]),
        Filter(2, "Even", lambda batch: batch.where("id % 2 == 0"), feeds=[3]),
        Map(3, "Divide", lambda batch: batch.compute({"d": "1 // (id - 2)"}), feeds=[4]),
        Output(4, "Out", Kept),
    )
    keeps("second")
    kept = Kept()

    def unasked() -> Rows:
        raise AssertionError("the source is asked again")

    code, said = ran_again(
        monkeypatch,
        directory,
        {1: (4, False), 2: (2, True)},
        Source(1, "Orders", unasked, feeds=[2]),
        Filter(2, "Even", lambda batch: batch.where("id % 2 == 0"), feeds=[3]),
        Map(3, "Mended", lambda batch: batch.compute({"d": "id * 10"}), feeds=[4]),
        Output(4, "Out", lambda: kept),
    )
    assert code == 0
    assert [row["d"] for row in kept.rows] == [20, 40]  # type: ignore[index]
    run = "a" * 32
    assert (last(said, 1).from_run, last(said, 1).row_count) == (run, 4)
    assert (last(said, 2).from_run, last(said, 2).message) == (run, f"2 rows kept from run {run}")
    assert last(said, 3).from_run is None
    assert about(directory.with_name("second"))["2"]["rows"] == 2, (
        "it can begin again from this one"
    )


def test_a_node_that_is_read_and_feeds_another_one_that_is_read_feeds_only_those_that_run(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where rows meet those that a filter kept of them: the run ended in a traceback."""

    def nodes(kept: Kept) -> list[Any]:
        return [
            Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2, 3)]), feeds=[2, 3]),
            Filter(2, "Even", lambda batch: batch.where("id % 2 == 0"), feeds=[3]),
            Union(3, "Both", union, feeds=[4]),
            Output(4, "Out", lambda: kept),
        ]

    directory = keeps()
    ran(*nodes(before := Kept()))
    kept = Kept()
    code, said = ran_again(monkeypatch, directory, {1: (3, True), 2: (1, True)}, *nodes(kept))
    assert code == 0
    assert [row["id"] for row in kept.rows] == [2, 1, 2, 3]  # type: ignore[index]
    assert kept.rows == before.rows
    assert last(said, 2).row_count == 1


def test_rows_of_several_kept_nodes_come_in_the_order_of_the_run_before(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of equal rows a Distinct hands on, or a Limit, was another one than in a run of all nodes."""

    def nodes(kept: Kept) -> list[Any]:
        """What is gathered comes after what is not, and both before the rows of the second source."""
        return [
            Source(1, "Old", lambda: Rows(ORDERS, [table(1, 2)]), feeds=[3, 4]),
            Source(2, "New", lambda: Rows(ORDERS, [table(7)]), feeds=[5]),
            Gather(3, "Sort", lambda rows: rows.sort(("id", "desc", "last")), feeds=[5]),
            Map(4, "Ten", lambda batch: batch.compute({"id": "id * 10"}), feeds=[5]),
            Union(5, "All", union, feeds=[6]),
            Output(6, "Out", lambda: kept),
        ]

    directory = keeps()
    ran(*nodes(before := Kept()))
    assert [row["id"] for row in before.rows] == [10, 20, 2, 1, 7]  # type: ignore[index]
    plan = {1: (2, False), 2: (1, True), 3: (2, True), 4: (2, True)}
    code, _ = ran_again(monkeypatch, directory, plan, *nodes(kept := Kept()))
    assert code == 0
    assert kept.rows == before.rows


def test_a_kept_lookup_comes_when_its_rows_came_and_not_its_table(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = Schema([Column("id", INTEGER)])

    def nodes(kept: Kept) -> list[Any]:
        return [
            Source(1, "Names", lambda: Rows(ORDERS, [table(1, 2)]), feeds=[(4, "table")]),
            Source(2, "Others", lambda: Rows(ORDERS, [table(7)]), feeds=[5]),
            Source(3, "Ids", lambda: Rows(ids, [pa.table({"id": [1, 2]})]), feeds=[(4, "rows")]),
            Lookup(4, "Named", lambda: lookup(["name"], on=[("id", "id")]), feeds=[5]),
            Union(5, "All", union, feeds=[6]),
            Output(6, "Out", lambda: kept),
        ]

    directory = keeps()
    ran(*nodes(before := Kept()))
    assert [row["id"] for row in before.rows] == [7, 1, 2]  # type: ignore[index]
    plan = {1: (2, False), 2: (1, True), 3: (2, False), 4: (2, True)}
    code, _ = ran_again(monkeypatch, directory, plan, *nodes(kept := Kept()))
    assert code == 0
    assert kept.rows == before.rows


def test_a_failure_behind_kept_rows_names_the_row_there(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = keeps()
    first = Source(1, "Orders", lambda: Rows(ORDERS, [table(7, 8)]), feeds=[2])
    ran(first, Output(2, "Out", Kept))
    code, said = ran_again(
        monkeypatch,
        directory,
        {1: (2, True)},
        Source(1, "Orders", lambda: Rows(ORDERS, []), feeds=[2]),
        Map(2, "Divide", lambda batch: batch.compute({"d": "1 // (id - 8)"})),
    )
    assert code == 1
    assert "row 2 of Orders" in last(said, 2).message


def test_each_output_of_a_node_is_kept_also_one_that_nobody_gets_and_rejected_rows(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = keeps()

    def nodes(small: Kept, bad: Kept) -> list[Any]:
        return [
            Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2, 3)]), feeds=[2]),
            Split(2, "Sizes", lambda b: b.split({"small": "id < 3"}), feeds={"small": [3]}),
            Map(
                3,
                "Divide",
                lambda b: b.compute({"d": "1 // (id - 2)"}),
                feeds={"": [4], REJECTED: [5]},
                rejects=Rejects(10),
            ),
            Output(4, "Good", lambda: small),
            Output(5, "Bad", lambda: bad),
        ]

    assert ran(*nodes(Kept(), Kept()))[0] == 0
    assert about(directory)["2"]["ports"] == {"small": 2, "else": 1}
    assert about(directory)["3"]["ports"] == {"": 1, REJECTED: 1}
    good, bad = Kept(), Kept()
    code, said = ran_again(
        monkeypatch,
        directory,
        {1: (3, False), 2: (3, False), 3: (1, True)},
        *nodes(good, bad),
    )
    assert code == 0
    assert [row["d"] for row in good.rows] == [-1]  # type: ignore[index]
    assert [row["id"] for row in bad.rows] == [2]  # type: ignore[index]
    assert (last(said, 3).row_count, last(said, 3).ports) == (1, {REJECTED: 1})


def test_who_gets_one_of_several_kept_outputs_knows_how_many_rows_it_has(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nodes() -> list[Any]:
        return [
            Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2, 3)]), feeds=[2]),
            Split(
                2,
                "Sizes",
                lambda b: b.split({"small": "id < 3"}),
                feeds={"small": [3], "else": [4]},
            ),
            Output(3, "Small", Kept),
            Output(4, "Large", Kept),
        ]

    directory = keeps()
    ran(*nodes())
    _, said = ran_again(monkeypatch, directory, {1: (3, False), 2: (3, True)}, *nodes())
    assert [last(said, number).row_total for number in (2, 3, 4)] == [3, 2, 1]


def test_a_node_without_rows_is_kept_with_its_columns(keeps: Callable[..., Path]) -> None:
    directory = keeps()
    ran(Source(1, "None", lambda: Rows(ORDERS, []), feeds=[2]), Output(2, "Out", Kept))
    [file] = kept_files(directory, 1)
    assert (len(file), file.schema) == (0, ORDERS)


def test_what_is_larger_than_its_bound_is_not_kept_and_the_run_goes_on(
    keeps: Callable[..., Path],
) -> None:
    directory = keeps(node=2_000)
    many = pa.table([range(60_000), [os.urandom(8).hex() for _ in range(60_000)]], ORDERS.arrow())
    kept = Kept()
    code, said = ran(
        Source(1, "Many", lambda: Rows(ORDERS, [many]), feeds=[2]),
        Filter(2, "Few", lambda batch: batch.where("id == 7"), feeds=[3]),
        Output(3, "Out", lambda: kept),
    )
    assert code == 0
    assert len(kept.rows) == 1
    assert about(directory)["1"] == {"reason": "it is larger than 2,000 bytes"}
    assert about(directory)["2"]["rows"] == 1
    assert last(said, 1).message == "60,000 rows read; not kept: it is larger than 2,000 bytes"
    assert sorted(path.name for path in directory.iterdir()) == ["2.0.parquet", "about.json"]


def test_all_nodes_together_have_a_bound(keeps: Callable[..., Path]) -> None:
    directory = keeps(run=3_000)
    code, _ = ran(
        Source(1, "A", lambda: Rows(ORDERS, [table(1)]), feeds=[2]),
        Filter(2, "B", lambda batch: batch, feeds=[3]),
        Filter(3, "C", lambda batch: batch, feeds=[4]),
        Output(4, "Out", Kept),
    )
    assert code == 0
    reasons = [entry.get("reason") for entry in about(directory).values()]
    assert "what is kept of this run would be larger than 3,000 bytes" in reasons
    kept = sum(entry.get("bytes", 0) for entry in about(directory).values())
    assert 0 < kept <= 3_000


def test_a_full_disk_costs_what_is_kept_and_not_the_run(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = keeps()
    kept, write = Kept(), os.write

    def full(descriptor: int, content: Any) -> int:
        if re.search(r"\.parquet\.[0-9a-f]+\.part$", os.readlink(f"/proc/self/fd/{descriptor}")):
            raise OSError(28, "No space left on device")
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", full)
    code, said = ran(
        Source(1, "A", lambda: Rows(ORDERS, [table(1)]), feeds=[2]), Output(2, "Out", lambda: kept)
    )
    assert code == 0
    assert len(kept.rows) == 1
    assert about(directory)["1"] == {"reason": "no space left on device"}
    assert "not kept" in last(said, 1).message


def test_what_was_kept_and_is_gone_fails_the_run_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = ran_again(
        monkeypatch,
        tmp_path / "gone",
        {1: (2, True)},
        Source(1, "Orders", lambda: Rows(ORDERS, []), feeds=[2]),
        Output(2, "Out", Kept),
    )
    assert code == 1
    assert last(said, 1).message == "what was kept of it is not there any more"


@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"PAR1" + b"\0" * 60 + content[64:],
    ],
    ids=["cut off", "overwritten"],
)
def test_what_was_kept_and_is_damaged_fails_the_run_with_what_to_do(
    keeps: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    damaged: Callable[[bytes], bytes],
) -> None:
    directory = keeps()
    ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2, 3)]), feeds=[2]),
        Output(2, "Out", Kept),
    )
    [path] = directory.glob("1.*.parquet")
    path.write_bytes(damaged(path.read_bytes()))
    code, said = ran_again(
        monkeypatch,
        directory,
        {1: (3, True)},
        Source(1, "Orders", lambda: Rows(ORDERS, []), feeds=[2]),
        Output(2, "Out", Kept),
    )
    assert code == 1
    damage = "what was kept of it is damaged, so the job must run as a whole: "
    assert last(said, 1).message.startswith(damage)


def test_what_was_kept_of_another_node_is_not_served(
    keeps: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the columns that are expected, and other rows: the run completed with them."""
    directory = keeps()
    ran(
        Source(1, "Orders", lambda: Rows(ORDERS, [table(1, 2, 3)]), feeds=[2]),
        Filter(2, "Even", lambda batch: batch.where("id % 2 == 0"), feeds=[3]),
        Output(3, "Out", Kept),
    )
    (directory / "2.0.parquet").replace(directory / "1.0.parquet")
    kept = Kept()
    code, said = ran_again(
        monkeypatch,
        directory,
        {1: (3, True)},
        Source(1, "Orders", lambda: Rows(ORDERS, []), feeds=[2]),
        Output(2, "Out", lambda: kept),
    )
    assert (code, kept.rows) == (1, [])
    reason = "1.0.parquet was kept of another node or run, so the job must run as a whole"
    assert last(said, 1).message == reason
