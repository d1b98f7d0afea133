"""docs/nodes, a page for each type of nodes, made of its one file: python -m jobs.program.node_pages"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jobs.graph.fields.field import Field, Member
from jobs.graph.graph import Node
from jobs.graph.node_type import NodeType
from jobs.graph.node_types import NODE_TYPES
from jobs.program.generator import node_function
from program_lib.rejects import REJECTED

FOLDER = Path("docs/nodes")
MADE = "This page is made of `jobs/graph/nodes/{name}.py`: `python -m jobs.program.node_pages`."
# What a field of each kind holds, as JSON has it
KINDS = {
    "text": "a text",
    "sql": "SQL",
    "python": "Python that defines `transform`",
    "table": "a table, or schema.table",
    "path": "a path",
    "connection": "the name of a connection, or the URL of a SQLite file",
    "http_connection": "the name of a connection",
    "url": "a URL",
    "json_path": "a path in JSON",
    "expression": "an [expression](../expressions.md)",
    "columns": 'a list of `{"column": …, "expression": …}`; each an [expression](../expressions.md)',
    "names": "a list of columns",
    "types": 'a list of `{"column": …, "type": …}`, of the [types](../types.md)',
    "column": "a column",
    "separator": "a text",
    "name": "a name",
    "cell": "the name of a cell",
    "sheet": "the name of a sheet",
    "marker": "a text",
    "count": "a whole number",
    "keep": '`"all"`, `"none"`, or a list of columns',
}


def pages() -> dict[str, str]:
    """The text of each file of docs/nodes by its name."""
    made = {f"{node_type.name}.md": page(node_type) for node_type in NODE_TYPES.values()}
    return {"README.md": index(), **made}


def index() -> str:
    """The list of all types, in the order of the palette."""
    lines = [
        "# Types of nodes",
        "",
        "What a job is put together from, in the order of the editor's palette. Each page has the fields and an example that",
        "a test runs. To add a type: [Adding a node type](../adding_a_node_type.md).",
        "",
        "| type | | |",
        "|---|---|---|",
        *(
            f"| [{node_type.label}]({node_type.name}.md) | `{node_type.name}` | {_cell(node_type.help)} |"
            for node_type in NODE_TYPES.values()
        ),
    ]
    return _joined(lines)


def page(node_type: NodeType) -> str:
    """The page of one type."""
    return _joined(
        [
            f"# {node_type.label}",
            "",
            f"`{node_type.name}`: {node_type.help}",
            "",
            *_ports(node_type),
            *_fields(node_type),
            *_example(node_type),
            MADE.format(name=node_type.name),
        ]
    )


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _ports(node_type: NodeType) -> Iterator[str]:
    for word, ports in (("Inputs", node_type.inputs), ("Outputs", node_type.outputs)):
        names = [f"`{port.name}`" for port in ports]
        named_in = node_type.outputs_in if word == "Outputs" else node_type.inputs_in
        if named_in:
            names.insert(0, f"one for each entry of `{named_in}`")
        if names:
            yield from (f"{word}: {', '.join(names)}. Edges name them.", "")
    if node_type.rejects:
        yield f"Rows that fail leave by its output `{REJECTED}`, where an edge does: [bad rows](../bad_rows.md)."
        yield ""


def _fields(node_type: NodeType) -> Iterator[str]:
    yield from ("## Fields", "", "| field | in the form | holds | |", "|---|---|---|---|")
    for field in node_type.fields:
        if not field.former:
            yield f"| `{field.name}` | {field.label} | {_holds(field)}{_given(field, node_type)} | {_cell(field.help)} |"
    yield ""


def _holds(field: Field) -> str:
    if field.kind == "choice":
        return _choices(field.choices)
    if field.kind == "entries":
        members = "; ".join(_member(member) for member in field.members)
        return f"a list of objects with {members}"
    return KINDS[field.kind]


def _member(member: Member) -> str:
    holds = _choices(member.choices) if member.choices else KINDS[member.kind]
    return f"`{member.name}`: {holds}" + ("" if member.required else " (may be left out)")


def _choices(choices: Sequence[str]) -> str:
    *others, last = (f"`{choice}`" for choice in choices)
    return f"{', '.join(others)} or {last}" if others else last


def _given(field: Field, node_type: NodeType) -> str:
    """When the field has to be there."""
    if field.default not in (None, []):
        return f"; without it `{field.default}`"
    if field.name in node_type.one_of:
        others = [name for name in node_type.one_of if name != field.name]
        return f"; either this or `{others[0]}`"
    if field.needed_for is not None:
        return f"; needed where `{field.needed_for.field}` is {_choices(field.needed_for.values)}"
    return "" if field.required and field.default is None else "; may be left out"


def _example(node_type: NodeType) -> Iterator[str]:
    example = node_type.example
    yield from ("## Example", "", example.says, "", "```json")
    yield from (json.dumps(example.config, indent=2, ensure_ascii=False), "```", "")
    reads_text, writes_text = _is_text(node_type, "input"), _is_text(node_type, "output")
    for port, text in example.takes.items():
        before = not node_type.has_input or port == example.config.get("table")
        yield from _rows(_before(node_type, port) if before else _in(port), text, reads_text)
    for port, text in example.gives.items():
        title = _out(port) if node_type.has_output else _after(node_type, port)
        yield from _rows(title, text, writes_text)
    yield from ("Its lines in the program:", "", "```python", _lines(node_type), "```", "")


def _is_text(node_type: NodeType, side: str) -> bool:
    """Whether a file of it is shown as it is."""
    return node_type.name in (f"csv_{side}", f"ndjson_{side}", f"http_{side}")


def _in(port: str) -> str:
    return f"Rows that come in by `{port}`:" if port else "Rows that come in:"


def _out(port: str) -> str:
    return f"Rows that leave by `{port}`:" if port else "Rows that it gives:"


def _before(node_type: NodeType, port: str) -> str:
    if "url" in node_type.example.config:
        return "The first answer; the next one has no rows:"
    return f"The table `{port}`:" if port else f"`{node_type.example.config['path']}`:"


def _after(node_type: NodeType, port: str) -> str:
    return f"The table `{port}` after it:" if port else f"`{node_type.example.config['path']}`:"


def _rows(title: str, text: str, is_text: bool) -> Iterator[str]:
    yield from (title, "")
    if is_text:
        yield from ("```", text.rstrip("\n"), "```", "")
        return
    header, *lines = csv.reader(text.splitlines())
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for line in lines:
        yield f"| {' | '.join(_cell(cell) or 'NULL' for cell in line)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _lines(node_type: NodeType) -> str:
    config = node_type.with_defaults(node_type.example.config)
    return node_function(Node(1, node_type.name, node_type.label, config))


def main() -> None:
    """Writes the pages, and deletes those of types that went."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
