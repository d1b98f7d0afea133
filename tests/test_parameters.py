"""Parameters on the real thing: declared in a graph, given to execute, kept by the run, used by its program."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ROOT, Product, running_product
from tests.programs import chain, node

DECLARED = [
    {"name": "day", "type": "date", "default": "2026-11-27", "help": "The day of the orders"},
    {"name": "least", "type": "number", "required": True},
    {"name": "country", "type": "choice", "choices": ["DE", "FR"], "default": "DE"},
    {"name": "note", "type": "text"},
]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("parameters") / "data", shop_database) as product:
        with sqlite3.connect(product.data_dir / "days.db") as database:
            database.execute("CREATE TABLE orders (id INTEGER, day DATE, amount INTEGER)")
            rows = [(1, "2026-11-27", 5), (2, "2026-11-27", 50), (3, "2026-11-28", 500)]
            database.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        yield product


def reporting(to: str = "out-{country}-{day}.csv") -> dict[str, Any]:
    """Reads a day's orders, keeps the large ones, writes them to a file with the day in its name."""
    made = chain(
        node(
            1,
            "db_input",
            connection="sqlite:///days.db",
            sql="SELECT id, amount FROM orders WHERE day = :day",
        ),
        node(2, "filter", condition='amount >= param("least")'),
        node(
            3, "map", columns=[{"column": "note", "expression": 'coalesce(param("note"), "none")'}]
        ),
        node(4, "csv_output", path=to),
    )
    return {**made, "parameters": DECLARED}


def job(product: Product, graph: dict[str, Any], name: str = "Report") -> int:
    return product.create_job({"name": name, "graph": graph})


def output(product: Product, name: str) -> str:
    return (product.data_dir / name).read_text(encoding="utf-8")


def test_a_run_uses_its_values_in_sql_expressions_and_paths_and_keeps_them(
    product: Product,
) -> None:
    job_id = job(product, reporting())
    given = {"least": 10, "note": "Zoë's; DROP TABLE"}
    run = product.run_end(product.execute(job_id, **given))
    assert (run["status"], run["reason"]) == ("completed", None)
    kept = {"day": "2026-11-27", "least": "10", "country": "DE", "note": "Zoë's; DROP TABLE"}
    assert run["parameters"] == kept
    written = "id,amount,note\n2,50,Zoë's; DROP TABLE\n"
    assert output(product, "out-DE-2026-11-27.csv") == written
    [listed] = product.get(f"/api/jobs/{job_id}/runs").json()["runs"]
    assert listed["parameters"] == kept


def test_two_runs_side_by_side_have_their_own_values(product: Product) -> None:
    ids = [job(product, reporting("side-{note}.csv"), f"Side {n}") for n in (1, 2)]
    days = ("2026-11-27", "2026-11-28")
    runs = [
        product.execute(job_id, day=day, least="1", note=f"n{job_id}")
        for job_id, day in zip(ids, days, strict=True)
    ]
    ends = [product.run_end(run) for run in runs]
    assert [end["status"] for end in ends] == ["completed", "completed"]
    assert [end["parameters"]["day"] for end in ends] == list(days)
    rows = [output(product, f"side-n{job_id}.csv").split()[1:] for job_id in ids]
    assert rows == [[f"1,5,n{ids[0]}", f"2,50,n{ids[0]}"], [f"3,500,n{ids[1]}"]]


def test_values_that_a_job_does_not_take_are_told_by_name(product: Product) -> None:
    job_id = job(product, reporting())
    given = {"day": "2026-02-30", "country": "IT", "colour": "red", "note": 5}
    answer = product.post(f"/api/jobs/{job_id}/execute", {"parameters": given})
    assert answer.status == 422
    told = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert told == {
        "parameters.colour": "there is no parameter 'colour'; there are day, least, country, note",
        "parameters.day": "the parameter day is '2026-02-30', which is no date: write it as 2026-01-31",
        "parameters.least": "the parameter least is missing: it has no default, so that a value must be given",
        "parameters.country": "the parameter country is 'IT', it must be one of DE, FR",
        "parameters.note": "the parameter note must be text, not a number",
    }
    assert answer.json()["errorCount"] == 5
    wrong: Any
    for wrong in ([], "x", 5):
        answer = product.post(f"/api/jobs/{job_id}/execute", {"parameters": wrong})
        assert (answer.status, answer.json()["errors"][0]["field"]) == (422, "parameters")
    assert product.get(f"/api/jobs/{job_id}/runs").json()["runs"] == []


def test_a_repeated_request_gets_its_run_and_one_with_other_values_a_problem(
    product: Product,
) -> None:
    job_id = job(product, reporting("again.csv"))

    def execute(least: str) -> Any:
        body, headers = {"parameters": {"least": least}}, {"Idempotency-Key": f"again-{job_id}"}
        return product.post(f"/api/jobs/{job_id}/execute", body, headers=headers)

    first = execute("1")
    product.run_end(first.json()["runId"])
    assert execute("1").json() == first.json()
    assert execute("2").status == 422


def test_a_graph_of_before_runs_as_ever_and_its_braces_and_colons_are_characters(
    product: Product,
) -> None:
    graph = chain(
        node(1, "db_input", connection="sqlite:///days.db", sql="SELECT ':day' AS said, 1 AS n"),
        node(2, "csv_output", path="old-{day}.csv"),
    )
    job_id = job(product, graph)
    run = product.run_end(product.execute(job_id))
    assert (run["status"], run["parameters"]) == ("completed", {})
    assert ":day,1" in output(product, "old-{day}.csv")
    answer = product.post(f"/api/jobs/{job_id}/execute", {"parameters": {"day": "2026-11-27"}})
    message = "there is no parameter 'day'; the job declares none"
    assert (answer.status, answer.json()["errors"][0]["message"]) == (422, message)


def test_a_preview_has_the_defaults_or_what_is_given_or_says_what_is_missing(
    product: Product,
) -> None:
    def preview(**given: Any) -> Any:
        asked = {"graph": reporting(), "nodeId": 2, "parameters": given}
        return product.ask_runner("/api/jobs/preview", asked).json()

    assert preview(least="1")["rows"] == [[1, 5], [2, 50]]
    assert preview(least="1", day="2026-11-28")["rows"] == [[3, 500]]
    assert preview()["errors"][0]["field"] == "parameters.least"


def test_the_types_of_a_file_are_found_where_its_path_has_a_parameter(product: Product) -> None:
    (product.data_dir / "in-DE.csv").write_text("a,b\n1,x\n")
    graph = {
        **chain(node(1, "csv_input", path="in-{country}.csv"), node(2, "csv_output", path="o.csv")),
        "parameters": DECLARED[2:],
    }
    found = product.ask_runner("/api/jobs/find-types", {"graph": graph, "nodeId": 1}).json()
    assert found == {"columns": ["a", "b"], "types": ["integer", "text"]}


def test_the_table_that_a_value_names_is_read_and_written(product: Product) -> None:
    graph = {
        **chain(
            node(1, "db_input", connection="sqlite:///days.db", table="{note}"),
            node(
                2,
                "db_output",
                connection="sqlite:///days.db",
                table="copy_{note}_{day}",
                mode="replace",
            ),
        ),
        "parameters": DECLARED,
    }
    job_id = job(product, graph)
    run = product.run_end(product.execute(job_id, least=1, note="orders"))
    assert run["status"] == "completed", run["reason"]
    with sqlite3.connect(product.data_dir / "days.db") as database:
        assert database.execute('SELECT count(*) FROM "copy_orders_2026-11-27"').fetchone() == (3,)


def test_the_script_gives_values(product: Product) -> None:
    job_id = job(product, reporting("script-{note}.csv"))
    done = subprocess.run(
        [
            ROOT / "scripts/execute.sh",
            str(job_id),
            "--param",
            "least=6",
            "--param",
            "note=a b",
            "--watch",
        ],
        env={"PATH": os.environ["PATH"], "URL": product.url, "TOKEN": product.token()},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert output(product, "script-a b.csv").split("\n")[1] == "2,50,a b"
    refused = subprocess.run(
        [ROOT / "scripts/execute.sh", str(job_id), "--param", "least=many"],
        env={"PATH": os.environ["PATH"], "URL": product.url, "TOKEN": product.token()},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert refused.returncode == 2
    assert "least is 'many', which is no number" in refused.stderr


def test_the_program_of_a_run_takes_them_by_hand(product: Product, tmp_path: Path) -> None:
    job_id = job(product, reporting("hand.csv"))
    run_id = product.run_end(product.execute(job_id, least=1))["runId"]
    program = tmp_path / "program.py"
    program.write_bytes(product.get(f"/api/runs/{run_id}/program").body)

    def by_hand(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(program), *arguments],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "DATA_DIR": str(product.data_dir),
                "NATS_URL": "nats://127.0.0.1:9",
                **environment,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
        )

    done = by_hand("--day", "2026-11-28", "--least", "500", "--note=-x 100%")
    assert done.returncode == 0, done.stderr
    assert output(product, "hand.csv").split("\n")[1] == "3,500,-x 100%"
    told = by_hand("--help")
    assert told.returncode == 0
    assert "--day date" in told.stdout
    assert "The day of the orders; by default 2026-11-27" in told.stdout
    wrong = by_hand("--day", "2026-02-30")
    assert wrong.returncode == 2
    assert "the parameter day is '2026-02-30', which is no date" in wrong.stderr
    assert "least is missing" in wrong.stderr
    kept = by_hand(RUN_PARAMETERS=json.dumps({"least": "50", "day": "2026-11-28"}))
    assert (kept.returncode, output(product, "hand.csv").split("\n")[1]) == (0, "3,500,none")
