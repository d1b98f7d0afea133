"""Nodes that reshape rows, as an attacker writes them: names of columns, values, separators. All of it stays text."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from jobs.store.process_identity import kill_marked
from jobs.work.run_files import run_mark
from tests.harness import StartProduct, eventually
from tests.programs import chain, graph, node, run

NAMES = [
    'a"; DROP TABLE rows; --',
    "x') FROM rows; --",
    "{{ 7 * 7 }}",
    "n",
    "N",
    "rows",
    '\'\\n"""',
]
MORE = ["__import__('os').system('touch owned')", "read_csv('/etc/passwd')", "' || (SELECT 1) || '"]
ROWS = [["1"] * len(NAMES), ["2", "1", "1", "1", "1", "1", MORE[2]]]


def test_names_values_and_separators_are_nothing_but_text(tmp_path: Path) -> None:
    with (tmp_path / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([NAMES, *ROWS])
    configs: dict[str, tuple[str, dict[str, Any]]] = {
        "select": ("select", {"columns": [{"column": name, "as": MORE[place % 3] + str(place)} for place, name in enumerate(NAMES)]}),
        "sort": ("sort", {"by": [{"column": name, "direction": "desc"} for name in NAMES]}),
        "distinct": ("distinct", {"by": NAMES}),
        "aggregate": ("aggregate", {"by": NAMES[1:3], "columns": [{"as": MORE[0], "function": "join", "column": NAMES[0]}, {"as": MORE[1], "function": "max", "column": NAMES[6]}], "separator": "', n) FROM rows"}),
        "window": ("window", {"columns": [{"as": name, "function": "lag", "column": NAMES[0]} for name in MORE], "by": NAMES[1:3]}),
        "pivot": ("pivot", {"names": NAMES[6], "values": [MORE[2], MORE[0]], "function": "count", "others": "ignore"}),
        "unpivot": ("unpivot", {"columns": NAMES[:2], "name_column": MORE[1], "value_column": MORE[2]}),
    }  # fmt: skip
    nodes, edges = [node(1, "csv_input", path="in.csv")], []
    for place, (name, (kind, config)) in enumerate(configs.items()):
        nodes += [node(10 + place, kind, name=f"'''{name}", **config)]
        nodes += [node(30 + place, "csv_output", path=f"{name}.csv")]
        edges += [(1, 10 + place), (10 + place, 30 + place)]
    done = run(graph(nodes, edges), tmp_path)
    assert done.code == 0, done.stderr
    made = {name: read(tmp_path / f"{name}.csv") for name in configs}
    assert made["select"] == [[MORE[n % 3] + str(n) for n in range(7)], *ROWS]
    assert made["sort"] == [NAMES, ROWS[1], ROWS[0]]
    assert made["distinct"] == [NAMES, *ROWS]
    assert made["aggregate"] == [[*NAMES[1:3], *MORE[:2]], ["1", "1", "1', n) FROM rows2", "1"]]
    assert made["window"] == [NAMES + MORE, [*ROWS[0], "", "", ""], [*ROWS[1], "1", "1", "1"]]
    assert made["pivot"] == [[MORE[2], MORE[0]], ["1", "0"]]
    assert made["unpivot"][0] == [*NAMES[2:], *MORE[1:]]
    assert [row[-2:] for row in made["unpivot"][1:3]] == [[NAMES[0], "1"], [NAMES[1], "1"]]
    assert not list(tmp_path.rglob("owned"))


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_confined_program_gathers_on_disk_and_leaves_nothing_when_killed(
    start_product: StartProduct,
) -> None:
    server = start_product(SAMPLE_ORDERS="0", PROGRAM_MEMORY_MB="400")
    counted = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"
    sql = f"{counted} SELECT CAST(hex(randomblob(500)) AS TEXT) AS t FROM c"
    document = chain(
        node(1, "db_input", connection="sqlite:///:memory:", sql=sql),
        node(2, "sort", by=[{"column": "t"}]),
        node(3, "csv_output", path="out.csv"),
    )
    run_id = server.execute(server.create_job({"name": "sorts", "graph": document}))

    def gathered() -> list[Path]:
        return list(server.data_dir.glob(f"runs/{run_id}/duckdb_temp_*"))

    eventually(gathered, what="rows lie on disk")
    kill_marked(run_mark(run_id))
    assert server.run_end(run_id)["status"] == "failed"
    eventually(lambda: gathered() == [], what="the runner removed them")
