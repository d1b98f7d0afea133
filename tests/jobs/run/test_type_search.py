"""The types of a file's columns, found by the running product: what is found, what is refused, and that it is bounded."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from jobs.graph.documents.feeding import file_part
from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_type_search
from jobs.run.previews import _program
from jobs.work.preview_questions import Find, PreviewQuestion
from program_lib.editor.type_search import run_type_search
from program_lib.process import settings
from program_lib.process.exit_codes import FAILED
from program_lib.types import DATE, INTEGER, TEXT, Column
from tests.harness import Answer, Product, running_product
from tests.programs import chain, graph, node


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("types") / "data"
    with running_product(data_dir, shop_database) as product:
        (data_dir / "one.csv").write_text("n\n1\n", encoding="utf-8")
        one = chain(node(1, "csv_input", path="one.csv"))
        assert find(product, one).status == 200, "the runner is there"
        yield product


def find(product: Product, document: dict[str, Any], node_id: Any = 1, **options: Any) -> Answer:
    return product.ask_runner(
        "/api/jobs/find-types", {"graph": document, "nodeId": node_id}, **options
    )


def found(product: Product, text: str | bytes, **config: Any) -> list[tuple[str, str]]:
    path = product.data_dir / "in.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    answer = find(product, chain(node(1, "csv_input", **({"path": "in.csv"} | config))))
    assert answer.status == 200, answer
    return list(zip(answer.json()["columns"], answer.json()["types"], strict=True))


def refused(answer: Answer) -> tuple[int | None, str]:
    assert answer.status == 422, answer
    [error] = answer.json()["errors"]
    return error["nodeId"], error["message"]


# ---------------------------------------------------------------- what is found


def test_each_column_gets_the_narrowest_type_that_holds_all_its_values(product: Product) -> None:
    text = "i,n,d,t,b,z,e\n1,1,2026-01-01,2026-01-01 10:00:00,true,007,\n-2,2.5,2026-12-31,2026-01-02 00:00:00.25,false,12,\n"
    assert found(product, text) == [
        ("i", "integer"),
        ("n", "numeric"),
        ("d", "date"),
        ("t", "timestamp"),
        ("b", "boolean"),
        ("z", "text"),
        ("e", "text"),
    ]


def test_the_last_row_counts_as_much_as_the_first(product: Product) -> None:
    rows = "".join(f"{number}\n" for number in range(200_000))
    assert found(product, f"n\n{rows}") == [("n", "integer")]
    assert found(product, f"n\n{rows}x\n") == [("n", "text")]


def test_the_file_is_read_as_its_node_says(product: Product) -> None:
    settings = {"delimiter": "semicolon", "encoding": "utf-16", "null_marker": "-"}
    text = "größe;tag\n1;-\n-;2026-01-01\n".encode("utf-16")
    assert found(product, text, **settings) == [("größe", "integer"), ("tag", "date")]
    comma = {"delimiter": "semicolon", "decimal": "comma"}
    assert found(product, "n\n1,5\n", **comma) == [("n", "numeric")]
    assert found(product, 'n,m\n1,"\\""\n', escape="backslash") == [("n", "integer"), ("m", "text")]
    assert found(product, "Title\n1,x\n", skip=1, header="values") == [
        ("A", "integer"),
        ("B", "text"),
    ]


def test_what_the_node_says_of_its_columns_does_not_matter(product: Product) -> None:
    wrong = [{"column": "n", "type": "money"}, {"column": "gone", "type": "date"}, None]
    assert found(product, "n\n1\n", types=wrong, numbers=["n", "gone"]) == [("n", "integer")]


def test_what_is_wrong_elsewhere_in_the_graph_does_not_matter(product: Product) -> None:
    (product.data_dir / "in.csv").write_text("n\n1\n", encoding="utf-8")
    document = chain(
        node(1, "csv_input", path="in.csv"), node(2, "filter", condition="("), node(3, "ftp")
    )
    document["edges"].append({"from": 3, "to": 1})
    assert find(product, document).json() == {"columns": ["n"], "types": ["integer"]}


# ---------------------------------------------------------------- what is refused


def test_a_file_that_is_no_such_csv_says_where(product: Product) -> None:
    (product.data_dir / "in.csv").write_text("a,b\n1,2\n3\n", encoding="utf-8")
    document = chain(node(1, "csv_input", path="in.csv"))
    node_id, message = refused(find(product, document))
    assert node_id == 1
    assert "line 3" in message
    (product.data_dir / "in.csv").unlink()
    assert "in.csv" in refused(find(product, document))[1]


@pytest.mark.parametrize("path", ["../out.csv", "/etc/passwd", "app.db"])
def test_a_file_that_is_no_data_is_not_read(product: Product, path: str) -> None:
    _, message = refused(find(product, chain(node(1, "csv_input", path=path))))
    assert "root:" not in message


def test_a_link_out_of_the_data_is_not_followed(product: Product) -> None:
    link = product.data_dir / "link.csv"
    link.symlink_to("/etc/passwd")
    _, message = refused(find(product, chain(node(1, "csv_input", path="link.csv"))))
    assert "outside" in message
    link.unlink()


def test_the_types_of_an_ndjson_file_are_found(product: Product) -> None:
    lines = '{"n": 1, "at": "2026-01-01", "x": [1]}\n{"n": 1.50, "code": "007", "at": null}\n'
    (product.data_dir / "in.ndjson").write_text(lines)
    source = node(1, "ndjson_input", path="in.ndjson", types=[{"column": "n", "type": "integer"}])
    assert find(product, chain(source)).json() == {
        "columns": ["n", "at", "x", "code"],
        "types": ["numeric", "date", "text", "text"],
    }


def test_the_types_of_an_excel_file_are_found(product: Product) -> None:
    with xlsxwriter.Workbook(product.data_dir / "in.xlsx") as book:
        book.add_worksheet("Cover")
        sheet, day = book.add_worksheet("Data"), book.add_format({"num_format": "d/m/yy"})
        sheet.write_row(1, 1, ["n", "day", "code"])
        sheet.write_row(2, 1, [1.5, None, "007"])
        sheet.write_datetime(2, 2, datetime(2026, 7, 31), day)
    source = node(1, "excel_input", path="in.xlsx", sheet="Data", start="B2")
    assert find(product, chain(source)).json() == {
        "columns": ["n", "day", "code"],
        "types": ["numeric", "date", "text"],
    }


def test_types_are_found_over_all_files_that_match(product: Product) -> None:
    for name, value in (("1", "1"), ("2", "1.5")):
        (product.data_dir / f"part-{name}.csv").write_text(f"n\n{value}\n")
    source = node(1, "csv_input", path="part-*.csv", file_column="file")
    assert find(product, chain(source)).json() == {"columns": ["n"], "types": ["numeric"]}
    source = node(1, "csv_input", path="none-*.csv")
    assert refused(find(product, chain(source))) == (1, "no file matches none-*.csv")
    source = node(1, "csv_input", path="/etc/*.csv")
    assert "lies outside" in refused(find(product, chain(source)))[1]


@pytest.mark.parametrize(
    ("document", "node_id", "told"),
    [
        (chain(node(1, "db_input", connection="SHOP", table="t")), 1, "of a CSV Input"),
        (chain(node(1, "filter", condition="a > 1")), 1, "of a CSV Input"),
        ({"nodes": [{"id": 1, "type": ["csv_input"]}]}, 1, "of a CSV Input"),
        (chain(node(1, "csv_input", path="in.csv")), 2, "no node 2"),
        (chain(node(1, "csv_input")), 1, "Path is missing"),
        ({"nodes": [{"id": 1, "type": "csv_input", "config": 7}]}, 1, "config must be an object"),
    ],
)
def test_a_node_that_reads_no_file_has_no_types(
    product: Product, document: dict[str, Any], node_id: int, told: str
) -> None:
    assert told in refused(find(product, document, node_id))[1]


@pytest.mark.parametrize("node_id", [7, 0, -1, "1", None, True])
def test_a_node_that_is_not_there_is_told(product: Product, node_id: Any) -> None:
    assert find(product, chain(node(1, "csv_input", path="in.csv")), node_id).status == 422


def test_a_token_that_may_not_execute_finds_nothing(product: Product) -> None:
    token = product.token(scope="jobs:read jobs:write")
    assert find(product, chain(node(1, "csv_input", path="one.csv")), token=token).status == 403


def test_a_runner_believes_nothing_that_came_over_nats() -> None:
    """Whoever can publish there gets no program but of one file's types."""
    source, other = node(1, "csv_input", path="in.csv"), node(2, "csv_input", path="other.csv")
    table = node(1, "db_input", connection="SHOP", table="t")
    out = node(3, "csv_output", path="out.csv")
    for document in (graph([source, other], []), chain(source, out), chain(table)):
        with pytest.raises(GraphInvalid):
            _program(parse_graph(document), PreviewQuestion(document, find=Find.TYPES))
    program = _program(parse_graph(chain(source)), PreviewQuestion(chain(source), find=Find.TYPES))
    assert "find_types(" in program


# ---------------------------------------------------------------- the part that is sent, and its program


def test_only_the_file_s_own_settings_are_sent() -> None:
    source = node(
        1, "csv_input", path="in.csv", delimiter="tab", types=[{"column": 5}], numbers=["a"]
    )
    part = file_part(chain(source, node(2, "csv_output", path="out.csv")), 1)
    assert part == {"nodes": [node(1, "csv_input", path="in.csv", delimiter="tab")], "edges": []}
    assert "types" in source["config"]


@pytest.mark.parametrize("text", ["it's", '"""', "{{ x }}\n", "\\", "# a"])
def test_whatever_a_user_wrote_is_text_in_the_program(text: str) -> None:
    path = text.strip().replace("\\", "b")
    document = chain(node(1, "csv_input", text, path=path, null_marker=text.strip('"\n') or "x"))
    program = generate_type_search(parse_graph(document).node(1), seconds=3.0)
    compile(program, "program.py", "exec")
    assert f"{path!r}" in program or json.dumps(path) in program


# ---------------------------------------------------------------- how it ends


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "_is_preview", False)  # this process is one from then on
    return lambda: json.loads((tmp_path / "preview.json").read_text(encoding="utf-8"))


def test_what_was_found_is_left_for_the_runner(answer: Callable[[], dict[str, Any]]) -> None:
    columns = [Column("a", INTEGER), Column("b", DATE), Column("c", TEXT)]
    assert run_type_search(1, lambda: columns, seconds=5.0) == 0
    assert answer() == {"columns": ["a", "b", "c"], "types": ["integer", "date", "text"]}


def test_a_file_that_takes_too_long_gives_no_types_of_its_first_part(
    answer: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    """A pipe that nobody writes into, for one: to open it waits for ever."""
    os.mkfifo(tmp_path / "slow")

    def find_for_ever() -> list[Column]:
        with open(tmp_path / "slow", encoding="utf-8") as slow:
            slow.read()
        return [Column("a", INTEGER)]

    assert run_type_search(4, find_for_ever, seconds=0.1) == FAILED
    assert answer()["nodeId"] == 4
    assert "within 0.1 seconds" in answer()["message"]
