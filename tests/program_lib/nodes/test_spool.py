"""Rows that a node gathers: they come back as they were, within bounds, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from program_lib.expressions.quoting import quoted_name
from program_lib.gathering.spool import Spool
from program_lib.types import INTEGER, TEXT, TIMESTAMPTZ, Column, Schema
from tests.harness import eventually

TWO_SPELLINGS = Schema([Column("ID", INTEGER), Column("id", TEXT), Column("at", TIMESTAMPTZ)])
MORE_THAN_A_BATCH = 120_000


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def spool() -> Iterator[Spool]:
    spool = Spool("Sort")
    yield spool
    spool.close()


def rows(first: int, count: int) -> pa.Table:
    numbers = pa.arange(first, first + count)
    columns = [numbers, numbers.cast(pa.string()), numbers.cast(pa.timestamp("us", "UTC"))]
    return pa.table(columns, schema=TWO_SPELLINGS.arrow())


def columns_of(schema: Schema) -> str:
    return ", ".join(quoted_name(name) for name in schema.names)


def test_rows_come_back_in_batches_with_their_names_and_types(spool: Spool) -> None:
    spool.create("rows", TWO_SPELLINGS)
    for first in range(0, MORE_THAN_A_BATCH, 40_000):
        spool.append("rows", rows(first, 40_000))
    sql = f"SELECT {columns_of(TWO_SPELLINGS)} FROM rows ORDER BY n"
    batches = list(spool.select(sql, TWO_SPELLINGS))
    assert len(batches) > 1
    assert pa.concat_tables(batches).equals(rows(0, MORE_THAN_A_BATCH))


def test_two_spools_do_not_see_each_other_and_the_last_takes_the_directory_along(
    spool: Spool, directory: Path
) -> None:
    other = Spool("Other")
    for each in (spool, other):
        each.create("rows", TWO_SPELLINGS)
    spool.append("rows", rows(0, 3))
    assert (spool.value("SELECT count(*) FROM rows"), spool.rows("rows")) == (3, 3)
    assert other.value("SELECT count(*) FROM rows") == 0
    spool.close()
    spool.close()
    assert other.value("SELECT count(*) FROM rows") == 0
    other.close()
    assert list(directory.iterdir()) == []


def test_no_rows_are_no_batches(spool: Spool) -> None:
    spool.create("rows", TWO_SPELLINGS)
    assert list(spool.select(f"SELECT {columns_of(TWO_SPELLINGS)} FROM rows", TWO_SPELLINGS)) == []


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM read_csv('/etc/passwd')", "ATTACH '/tmp/x.db'", "SET memory_limit='9GB'"]
)
def test_a_spool_reaches_nothing_and_stays_as_it_is_set(spool: Spool, sql: str) -> None:
    with pytest.raises(Exception, match=r"(?i)disabled|locked|not allowed|permission"):
        spool.execute(sql)


# A program of its own, since limits hold for a process. It appends until it is ended
GATHERS = """
import resource, signal, sys
import pyarrow as pa
from program_lib.process.reasons import reason
from program_lib.program import handle_signals
from program_lib.gathering.spool import Spool
from program_lib.types import INTEGER, NUMERIC, Column, Schema

handle_signals()
memory, file = (int(text) << 20 for text in sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
resource.setrlimit(resource.RLIMIT_FSIZE, (file, file))
spool = Spool("Sort")
spool.create("rows", Schema([Column("a", INTEGER)]))
mixed = pa.array([(number * 2654435761) % 2**61 for number in range(200_000)])
print("gathers", flush=True)
try:
    while sys.argv[3] != "sum" or spool.rows("rows") < 2_000_000:
        spool.append("rows", pa.table([mixed], ["a"]))
    print("sums", flush=True)
    endless = "SELECT sum(a.c_a + b.c_a) AS c_a FROM rows AS a, rows AS b WHERE a.c_a > b.c_a"
    list(spool.select(endless, Schema([Column("a", NUMERIC)])))
except Exception as error:
    print(reason(error), flush=True)
finally:
    spool.close()
"""


def gathering(memory: int, file: int, then: str = "goes on") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", GATHERS, str(memory), str(file), then]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
    )


def test_the_bound_on_the_disk_is_one_clear_error(directory: Path) -> None:
    said, _ = gathering(memory=450, file=10).communicate(timeout=60)
    assert "need more than 10 MB on disk (PROGRAM_FILE_MB)" in said
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(("then", "at"), [("goes on", "gathers"), ("sum", "sums")])
def test_a_program_that_is_stopped_ends_and_leaves_no_rows(
    directory: Path, then: str, at: str
) -> None:
    """While it appends, and while DuckDB computes what would take hours."""
    program = gathering(memory=450, file=20_000, then=then)
    assert program.stdout is not None
    while program.stdout.readline() != f"{at}\n":
        assert program.poll() is None
    eventually(lambda: list(directory.iterdir()) or then == "sum")
    program.send_signal(signal.SIGTERM)
    assert program.wait(30) == 128 + signal.SIGTERM
    program.stdout.close()
    assert list(directory.iterdir()) == []
