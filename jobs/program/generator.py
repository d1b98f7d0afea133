"""Generates the Python program that runs a graph.

The program is made to be read: the user's nodes come first, the code that all programs share comes last. It depends
only on progress_lib, and on SQLAlchemy if a node uses a database. User text enters it only through `literal`,
`comment` or a checked expression: the template engine refuses to print anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import jinja2

from jobs.graph.checks import Edge, Graph, Node
from jobs.graph.expressions import Expression, check_expression
from jobs.graph.literals import comment, literal, quoted
from jobs.graph.node_types import KEEP_ALL, KEEP_NONE
from jobs.graph.passwords import SECRET_NAMES
from jobs.graph.paths import PART_NAME

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
WIDTH = 99  # characters of a line, where the generator breaks lines
RULE = "-" * 78
# The section of a node begins with "# ", its id and this sign, and no other line does
NODE_SIGN = " · "
PREVIEW_ID = 0  # id of the node that collects a preview's rows


class Code(str):
    """Source text that may stand in a program as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Call:
    """How `main` creates a node: its class, and the arguments."""

    runs_as: str
    options: dict[str, Any]


def generate_program(graph: Graph, *, job_id: int | str, tenant_id: str, job_name: str) -> str:
    """The source of a program that runs the graph and reports its progress."""
    return _program(graph, job_id=job_id, tenant_id=tenant_id, job_name=job_name)


def generate_preview(graph: Graph, *, last: Collection[int], rows: int, seconds: float) -> str:
    """The source of a program that reads the first rows of the nodes `last`, and writes no data.

    It puts them into preview.json in its working directory, after at most `seconds` of work. The graph must
    hold no outputs.
    """
    to_preview = tuple(Edge(node_id, PREVIEW_ID) for node_id in sorted(last))
    cut = Graph(graph.nodes, graph.edges + to_preview)
    preview = {"id": PREVIEW_ID, "rows": rows, "seconds": seconds}
    return _program(cut, job_id=0, tenant_id="", job_name="", preview=preview)


def node_lines(program: str) -> dict[int, int]:
    """Node id → the line in which its section begins in a generated program, counted from 1."""
    found = ((number, _NODE_LINE.match(line)) for number, line in enumerate(program.split("\n"), 1))
    return {int(match[1]): number for number, match in found if match}


_NODE_LINE = re.compile(rf"# (\d+){NODE_SIGN}")


def _program(
    graph: Graph,
    *,
    job_id: int | str,
    tenant_id: str,
    job_name: str,
    preview: dict[str, Any] | None = None,
) -> str:
    sections = [_section(node, graph) for node in graph.in_order()]
    helpers = sorted({helper for section in sections for helper in section["helpers"]})
    program: str = TEMPLATES.get_template("program.py.j2").render(
        job_id=str(job_id),
        tenant_id=tenant_id,
        job_name=job_name,
        nodes=sections,
        outputs=sum(not node.node_type.has_output for node in graph.nodes),
        preview=preview,
        rule=RULE,
        node_sign=Code(NODE_SIGN),
        secret_names=SECRET_NAMES,
        part_name=PART_NAME,
        helper_templates=[f"functions/{helper}.py.j2" for helper in helpers],
        uses=_uses({node.type for node in graph.nodes}, bool(helpers)),
    )
    return program


def _uses(types: set[str], helpers: bool) -> dict[str, bool]:
    """Name of a part → whether the program needs it, by the types of its nodes."""
    return {
        "db_input": "db_input" in types,
        "db_output": "db_output" in types,
        "db": bool(types & {"db_input", "db_output"}),
        "csv_input": "csv_input" in types,
        "csv_output": "csv_output" in types,
        "csv": bool(types & {"csv_input", "csv_output"}),
        "helpers": helpers,
    }


# The arguments of a node's template: the node, and what its type adds.


def _section(node: Node, graph: Graph) -> dict[str, Any]:
    added = SECTIONS[node.type](node)
    call: Call = added["call"]
    feeds = sorted(graph.targets(node.id))
    return {
        "id": node.id,
        "name": node.name,
        "label": node.node_type.label,
        "config": node.config,
        "feeds": feeds,
        "template": f"nodes/{node.type}.py.j2",
        "helpers": frozenset(),
        "wiring": _wiring(node, call, feeds),
        **added,
    }


def _wiring(node: Node, call: Call, feeds: list[int]) -> Code:
    """The call in `main` that makes this node: on one line, or on as many as it needs."""
    options = {**call.options, **({"feeds": feeds} if feeds else {})}
    arguments = [literal(node.id), quoted(node.name), f"node_{literal(node.id)}"]
    line = ", ".join([*arguments, *(f"{name}={literal(value)}" for name, value in options.items())])
    line = f"{call.runs_as}({line})"
    if len(line) <= WIDTH - 8:
        return Code(line)
    arguments += [_option(name, value) for name, value in options.items()]
    return Code(
        f"{call.runs_as}(\n"
        + "".join(f"            {argument},\n" for argument in arguments)
        + "        )"
    )


def _option(name: str, value: Any) -> str:
    line = f"{name}={literal(value)}"
    if len(line) <= WIDTH - 13 or not isinstance(value, list):
        return line
    items = "".join(f"\n                {literal(item)}," for item in value)
    return f"{name}=[{items}\n            ]"


def _db_input(node: Node) -> dict[str, Any]:
    return {"call": Call("Source", {})}


def _csv_input(node: Node) -> dict[str, Any]:
    encoding = node.config["encoding"]
    return {
        "call": Call("Source", {}),
        "delimiter": DELIMITERS[node.config["delimiter"]],
        "encoding": "utf-8-sig"
        if encoding == "utf-8"
        else encoding,  # utf-8-sig reads files with and without a BOM
    }


def _filter(node: Node) -> dict[str, Any]:
    condition = check_expression(node.config["condition"])
    return {
        "call": Call("Filter", {"needs": list(condition.columns)}),
        "condition": Code(condition.code),
        "helpers": condition.helpers,
    }


def _map(node: Node) -> dict[str, Any]:
    computed = {
        entry["column"]: check_expression(entry["expression"]) for entry in node.config["columns"]
    }
    keep = node.config["keep"]
    kept = (
        []
        if keep in (KEEP_ALL, KEEP_NONE)
        else [column for column in keep if column not in computed]
    )
    options = {
        "needs": _columns_read(computed, kept),
        "keeps_all": keep == KEEP_ALL,
        "gives": [*kept, *computed],
    }
    return {
        "call": Call("Map", options),
        "keeps_all": keep == KEEP_ALL,
        "kept": kept,
        "computed": [(column, Code(expression.code)) for column, expression in computed.items()],
        "helpers": frozenset().union(*(expression.helpers for expression in computed.values())),
    }


def _columns_read(computed: dict[str, Expression], kept: list[str]) -> list[str]:
    read = [column for expression in computed.values() for column in expression.columns]
    return list(dict.fromkeys([*kept, *read]))


def _db_output(node: Node) -> dict[str, Any]:
    return {"call": Call("Output", {})}


def _csv_output(node: Node) -> dict[str, Any]:
    return {
        "call": Call("Output", {}),
        "delimiter": DELIMITERS[node.config["delimiter"]],
        "encoding": node.config["encoding"],
    }


SECTIONS: dict[str, Callable[[Node], dict[str, Any]]] = {
    "db_input": _db_input,
    "csv_input": _csv_input,
    "filter": _filter,
    "map": _map,
    "db_output": _db_output,
    "csv_output": _csv_output,
}


# The template engine


def _only_code(value: Any) -> Any:
    """Refuses to print a value that is not Code. The filters below and checked expressions give Code."""
    if not isinstance(value, Code):
        raise TypeError(f"a template prints a {type(value).__name__} without a filter")
    return value


def _numbers(values: list[int]) -> Code:
    return Code(", ".join(literal(value) for value in values))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jobs.program"),
        undefined=jinja2.StrictUndefined,
        finalize=_only_code,
        autoescape=False,  # noqa: S701 (this is Python, not HTML; `finalize` is the guard)
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        literal=lambda value, indent=0: Code(literal(value, indent)),
        comment=lambda value: Code(comment(value)),
        numbers=_numbers,
    )
    return environment


TEMPLATES = _environment()
