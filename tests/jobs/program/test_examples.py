"""The example of each type of nodes gives what its page in docs/nodes says."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import fastexcel
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import xlsxwriter

from jobs.graph.node_type import UNNAMED, NodeType
from jobs.graph.node_types import NODE_TYPES
from jobs.program.node_pages import FOLDER, pages
from tests.harness import ROOT
from tests.programs import chain, graph, node, run
from tests.servers.http_service import Request, service

OWN = 1  # the id of the example's node
ARROW = {"integer": pa.int64(), "numeric": pa.decimal128(10, 2)}
SQLITE = {"integer": "INTEGER"}


@pytest.mark.parametrize("node_type", NODE_TYPES.values(), ids=NODE_TYPES)
def test_an_example_gives_what_its_page_says(node_type: NodeType, tmp_path: Path) -> None:
    example = node_type.example
    given = {port: tmp_path / _given(port) for port in example.gives}
    if "url" in example.config:
        _try_service(node_type, tmp_path)
        return
    outcome = run(example_graph(node_type, tmp_path), tmp_path)
    assert outcome.code == 0, outcome.stderr
    assert outcome.state(OWN) == ("completed", _counted(node_type))
    if node_type.has_output:
        assert {port: path.read_text() for port, path in given.items()} == example.gives
    else:
        assert {port: _written(node_type, port, tmp_path) for port in given} == example.gives


def example_graph(node_type: NodeType, directory: Path) -> dict[str, Any]:
    """The example's node between files, which are made in the directory, or over tables there."""
    example = node_type.example
    nodes = [node(OWN, node_type.name, **example.config)]
    edges: list[tuple[int | str, ...]] = []
    for port, text in example.takes.items():
        if not node_type.has_input or port == example.config.get("table"):
            _put(node_type, port, text, directory)
            continue
        nodes.append(_source(len(nodes) + 1, text, example.types, directory))
        inlet = port if node_type.inputs or node_type.inputs_in else UNNAMED
        edges.append((len(nodes), OWN, UNNAMED, inlet))
    if node_type.has_output:
        for port in example.gives:
            nodes.append(node(len(nodes) + 1, "csv_output", path=_given(port)))
            edges.append((OWN, len(nodes), port))
    return graph(nodes, edges)


def _given(port: str) -> str:
    return f"gives-{port}.csv"


def _try_service(node_type: NodeType, directory: Path) -> None:
    """The example with a service of ours in the place of api.example.com."""
    example = node_type.example

    def answer(request: Request) -> str:
        return example.takes[UNNAMED] if request.parameter("offset") == "0" else '{"data": []}'

    with service(answer) as api:
        url = example.config["url"].replace("https://api.example.com", api.url)
        source = node(OWN, node_type.name, **{**example.config, "url": url})
        document = chain(source, node(2, "csv_output", path="gives.csv"))
        outcome = run(document, directory, HTTP_INPUT_HOSTS=api.host)
    assert outcome.code == 0, outcome.stderr
    assert (directory / "gives.csv").read_text() == example.gives[UNNAMED]
    assert outcome.state(OWN) == ("completed", example.gives[UNNAMED].count("\n") - 1)


def test_the_pages_are_made_of_the_types() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / FOLDER).glob("*")}
    assert found == pages(), "python -m jobs.program.node_pages"


def _counted(node_type: NodeType) -> int:
    """How many rows the node tells: those that it gives, or those that came where it writes or splits them."""
    example = node_type.example
    counts_given = node_type.has_output and node_type.outputs_in is None
    text = example.gives[UNNAMED] if counts_given else example.takes[UNNAMED]
    return text.count("\n") - 1


def _source(number: int, text: str, types: Mapping[str, str], directory: Path) -> dict[str, Any]:
    """A node that reads these rows from a file."""
    (directory / f"takes-{number}.csv").write_text(text)
    columns = text.split("\n", 1)[0].split(",")
    declared = [{"column": c, "type": t} for c, t in types.items() if c in columns]
    return node(number, "csv_input", path=f"takes-{number}.csv", types=declared or None)


def _put(node_type: NodeType, port: str, text: str, directory: Path) -> None:
    """What is there before the run: a file, or a table called as the port."""
    example = node_type.example
    if "connection" in example.config:
        _make_table(directory / "shop.db", port, text, example.types)
    elif node_type.name == "parquet_input":
        types = {column: ARROW[name] for column, name in example.types.items()}
        options = pyarrow.csv.ConvertOptions(column_types=types)
        source = pa.BufferReader(text.encode())
        table = pyarrow.csv.read_csv(source, convert_options=options)
        pyarrow.parquet.write_table(table, directory / example.config["path"])
    elif node_type.name == "excel_input":
        _make_sheet(directory / example.config["path"], text)
    else:
        (directory / example.config["path"]).write_text(text)


def _make_sheet(path: Path, text: str) -> None:
    """Numbers are numbers there, and days are dates."""
    with xlsxwriter.Workbook(path) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "dd/mm/yyyy"})
        for row, line in enumerate(csv.reader(text.splitlines())):
            for column, cell in enumerate(line):
                if re.fullmatch(r"\d{4}-\d\d-\d\d", cell):
                    sheet.write_datetime(row, column, datetime.fromisoformat(cell), day)
                elif re.fullmatch(r"[\d.]+", cell):
                    sheet.write_number(row, column, float(cell))
                elif cell:
                    sheet.write_string(row, column, cell)


def _make_table(path: Path, name: str, text: str, types: Mapping[str, str]) -> None:
    header, *lines = csv.reader(text.splitlines())
    columns = ", ".join(
        f"{c} {SQLITE.get(types.get(c, ''), 'TEXT')}{' UNIQUE' * (not i)}"
        for i, c in enumerate(header)
    )
    marks = ", ".join("?" * len(header))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"CREATE TABLE {name} ({columns})")
        values = [[cell or None for cell in line] for line in lines]
        database.executemany(f"INSERT INTO {name} VALUES ({marks})", values)


def _written(node_type: NodeType, port: str, directory: Path) -> str:
    """What an output left: the text of a file, or its rows as the text of a CSV file."""
    config = node_type.example.config
    if "connection" in config:
        with closing(sqlite3.connect(directory / "shop.db")) as database:
            found = database.execute(f"SELECT * FROM {port} ORDER BY 1")
            return _text([column[0] for column in found.description], found.fetchall())
    if node_type.name == "parquet_output":
        table: pa.Table = pyarrow.parquet.read_table(directory / config["path"])
        return _text(table.column_names, [tuple(row.values()) for row in table.to_pylist()])
    if node_type.name == "excel_output":
        sheet = fastexcel.read_excel(directory / config["path"]).load_sheet(config["sheet"])
        found = sheet.to_arrow()
        return _text(found.column_names, [tuple(row.values()) for row in found.to_pylist()])
    return Path(directory, config["path"]).read_text()


def _shown(cell: Any) -> str:
    return str(cell.date() if isinstance(cell, datetime) else cell)


def _text(columns: list[str], found: list[tuple[Any, ...]]) -> str:
    lines = [columns, *(["" if cell is None else _shown(cell) for cell in row] for row in found)]
    return "".join(f"{','.join(line)}\n" for line in lines)
