"""From a graph to the Python program that runs it.

The program is made to be read and kept: one function a node, and `main`. How rows travel is program_lib's, which it
imports. Everything that a user wrote enters it through `literal` or `comment`; the template engine refuses to print
anything else.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2

from jobs.graph.documents.feeding import Last
from jobs.graph.filled import FILLS
from jobs.graph.graph import Edge, Graph, Node, output_names
from jobs.graph.literals import comment, literal, quoted
from jobs.graph.node_type import UNNAMED, NodeType, order_of
from jobs.graph.node_types import NODE_TYPES
from program_lib.parameters import Parameter, named_in
from program_lib.rejects import MOST_ROWS, REJECTED

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
WIDTH = 99  # characters of a line of the program, where we break lines
MARGIN = 12  # spaces before an argument that has a line of its own
# Follows "# " and a node's id in the line that begins its section, and in no other line
NODE_SIGN = " · "
PREVIEW_ID = 0  # the id of what collects rows in a preview; nodes of a graph have ids from 1 on
MAX_FUNCTION = 40  # characters of a function's name; a longer node's name is cut
GATHER = "program_lib.gathering.Gather"  # its function gets all rows
STEPS = {
    "Filter",
    "Map",
    "Expand",
    "Split",
}  # classes of program_lib.nodes whose function gets a batch


class Code(str):
    """Source text that may stand in a program as it is."""

    __slots__ = ()


class Filled(str):
    """A path or a table's name with parameters in it: the program puts their values there."""

    function: str

    def __new__(cls, template: str, function: str) -> Filled:
        made = super().__new__(cls, template)
        made.function = function
        return made


@dataclass(frozen=True, slots=True)
class Section:
    """What the template prints of a node."""

    id: int
    name: str
    label: str
    feeds: tuple[int, ...]
    argument: Code  # of its function: what it gets rows as
    function: Code
    body: Code
    wiring: Code


@dataclass(frozen=True, slots=True)
class Preview:
    """How a program that previews is told apart: the id of the node that collects, its bounds, who rejects rows."""

    id: int
    rows: int
    seconds: float
    rejecting: frozenset[int]
    start: (
        int | None
    )  # the first row shown; negative: the last rows; None: the first ones, not told as a page
    around: tuple[int, str] | None = None  # a row by number and place, with those beside it


def generate_program(graph: Graph, *, job_id: int | str, tenant_id: str, job_name: str) -> str:
    """The source of a program that runs the graph and reports its progress."""
    return _program(graph, job_id=job_id, tenant_id=tenant_id, job_name=job_name)


def generate_preview(
    graph: Graph,
    *,
    last: Collection[Last],
    rows: int,
    seconds: float,
    rejecting: Collection[int] = (),
    start: int | None = None,
    around: tuple[int, str] | None = None,
) -> str:
    """The source of a program that reads the first rows that the nodes `last` give, and writes nothing.

    It leaves them in preview.json of its working directory, for at most `seconds` of work. The graph holds no outputs.
    `rejecting`: nodes whose bad rows are left out, though nothing gets them here. `start`: not the first rows, but a
    page: from this one on (0 is the first), or the last -`start` ones.
    `around`: the row of this number and place, and `rows` before it and behind it.
    """
    to_preview = tuple(
        Edge(node_id, PREVIEW_ID, port)
        for node_id, named in last
        for port in _shown_ports(graph, node_id, named)
    )
    cut = Graph(graph.nodes, graph.edges + to_preview, graph.parameters)
    preview = Preview(PREVIEW_ID, rows, seconds, frozenset(rejecting), start, around)
    return _program(cut, job_id=0, tenant_id="", job_name="", preview=preview)


def _shown_ports(graph: Graph, node_id: int, named: str | None) -> list[str]:
    """The outputs of a node that a preview shows: the named one, or all of good rows; no name is the first."""
    node = graph.node(node_id)
    ports = output_names(node)
    if named is not None:
        return [named or ports[0]]
    is_rejecting = node.node_type.rejects_by_port(node.config)
    return [port for port in ports if not (is_rejecting and port == REJECTED)]


def generate_type_search(
    node: Node, *, seconds: float, parameters: Sequence[Parameter] = ()
) -> str:
    """The source of a program that tells what the columns of an input hold, in preview.json.

    It reads the whole file of a CSV Input, an NDJSON Input or an Excel Input, and the first page of an HTTP Input.
    """
    source: str = TEMPLATES.get_template("type_search.py.j2").render(
        id=node.id,
        name=node.name,
        label=node.node_type.label,
        config=_config(node, parameters),
        parameters=[_declaration(parameter) for parameter in parameters],
        imports=_imports(_about_parameters(node, parameters) if parameters else ()),
        type=node.type,
        seconds=seconds,
        node_sign=Code(NODE_SIGN),
    )
    return source


def generate_table_search(connection: str, *, seconds: float) -> str:
    """The source of a program that tells the tables of a connection with their columns, in preview.json."""
    source: str = TEMPLATES.get_template("table_search.py.j2").render(
        connection=connection, seconds=seconds
    )
    return source


def generate_kept(
    directory: str, number: int, output: str | None, *, rows: int, seconds: float
) -> str:
    """The source of a program that tells what is kept of a node of this number, in a directory, in preview.json."""
    source: str = TEMPLATES.get_template("kept.py.j2").render(
        directory=directory, number=number, output=output, rows=rows, seconds=seconds
    )
    return source


def node_lines(program: str) -> dict[int, int]:
    """Where the section of each node begins in a program made here: node id → number of the line, from 1 on."""
    found = ((number, _NODE_LINE.match(line)) for number, line in enumerate(program.split("\n"), 1))
    return {int(match[1]): number for number, match in found if match}


_NODE_LINE = re.compile(rf"# (\d+){NODE_SIGN}")


def node_function(node: Node) -> str:
    """The function that a program has for a node."""
    [name] = _function_names([node]).values()
    return f"def {name}({_argument(node.node_type)}):\n{_body(node, ())}"


def _program(
    graph: Graph,
    *,
    job_id: int | str,
    tenant_id: str,
    job_name: str,
    preview: Preview | None = None,
) -> str:
    nodes = graph.in_order()
    run = "program_lib.editor.preview.run_preview" if preview else "program_lib.program.run"
    functions = _function_names(nodes)
    rejecting = graph.rejecting() | (preview.rejecting if preview else frozenset())
    sections = [_section(node, graph, functions[node.id], rejecting) for node in nodes]
    bodies = "\n".join(section.body for section in sections)
    about_parameters = {
        path for node in nodes for path in _about_parameters(node, graph.parameters)
    }
    rejects = (
        {"program_lib.rejects.Rejects"} if any(_rejects(n, rejecting) for n in nodes) else set()
    )
    program: str = TEMPLATES.get_template("program.py.j2").render(
        job_id=str(job_id),
        tenant_id=tenant_id,
        job_name=job_name,
        nodes=sections,
        imports=_imports(
            _needed(nodes, bodies) | {run} | rejects | _collector(preview) | about_parameters
        ),
        parameters=[_declaration(parameter) for parameter in graph.parameters],
        options=Code(comment(" ".join(f"--{one.name} …" for one in graph.parameters))),
        run=Code(run.rpartition(".")[2]),
        outputs=sum(not node.node_type.has_output for node in nodes),
        preview=preview,
        node_sign=Code(NODE_SIGN),
    )
    return program


def _section(node: Node, graph: Graph, function: Code, rejecting: Collection[int]) -> Section:
    node_type, feeds = node.node_type, tuple(sorted(set(graph.targets(node.id))))
    return Section(
        id=node.id,
        name=node.name,
        label=node_type.label,
        feeds=feeds,
        argument=_argument(node_type),
        function=function,
        body=_body(node, graph.parameters),
        wiring=_wiring(node, function, _feeds(graph, node.id), _rejects(node, rejecting)),
    )


def _argument(node_type: NodeType) -> Code:
    """What its function gets; none where it gives a reader, a writer, or says how rows of several inputs are put together."""
    if node_type.runs_as == GATHER:
        return Code("rows")
    return Code("batch" if node_type.runs_as in STEPS else "")


def _body(node: Node, parameters: Sequence[Parameter]) -> Code:
    config = _config(node, parameters)
    return Code(_template(node.node_type.template).render(config=config).strip("\n"))


def _config(node: Node, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The node's configuration, in which texts that name parameters are Filled."""
    config = dict(node.config)
    for of in node.node_type.fields if parameters else ():
        text = config.get(of.name)
        if of.kind in FILLS and isinstance(text, str) and named_in(text):
            config[of.name] = Filled(text, FILLS[of.kind].__name__)
    return config


def _about_parameters(node: Node, parameters: Sequence[Parameter]) -> set[str]:
    """What a program with parameters imports for them."""
    if not parameters:
        return set()
    values = _config(node, parameters).values()
    used = {value.function for value in values if isinstance(value, Filled)}
    return {f"program_lib.parameters.{name}" for name in {"Parameter", "take_parameters", *used}}


def _declaration(parameter: Parameter) -> Code:
    """The call that makes this parameter."""
    arguments = [quoted(parameter.name), quoted(parameter.type)]
    if parameter.default is not None:
        arguments.append(f"default={quoted(parameter.default)}")
    if parameter.required:
        arguments.append("required=True")
    if parameter.choices:
        arguments.append(f"choices={literal(parameter.choices)}")
    if parameter.help:
        arguments.append(f"help={quoted(parameter.help)}")
    line = f"Parameter({', '.join(arguments)})"
    if len(line) <= WIDTH - 5:
        return Code(line)
    return Code("Parameter(\n" + "".join(f"        {one},\n" for one in arguments) + "    )")


@cache
def _template(source: str) -> jinja2.Template:
    """A node type's template, which takes a millisecond to compile."""
    return TEMPLATES.from_string(source)


def _feeds(graph: Graph, node_id: int) -> str:
    """The nodes that get a node's rows: [2, (3, "right")], or by its outputs {"large": [2], "else": [3]}."""
    edges = sorted(graph.edges_from(node_id), key=lambda edge: (edge.target, edge.to_port))
    inlets = {
        port: ", ".join(_inlet(edge) for edge in edges if edge.from_port == port)
        for port in output_names(graph.node(node_id))
    }
    if all(edge.from_port == UNNAMED for edge in edges):
        return f"[{inlets[UNNAMED]}]" if edges else ""
    return _by_port(f"{quoted(port)}: [{fed}]" for port, fed in inlets.items() if fed)


def _rejects(node: Node, rejecting: Collection[int]) -> str:
    """How many of a node's rows may be rejected; "" where none are."""
    if node.id not in rejecting or not node.node_type.rejects_by_port(node.config):
        return ""
    limit, share = node.config.get("reject_limit", MOST_ROWS), node.config.get("reject_share")
    return f"Rejects({literal(limit)}{'' if share is None else f', share={literal(share)}'})"


def _by_port(entries: Iterable[str]) -> str:
    lines = list(entries)
    line = f"{{{', '.join(lines)}}}" if lines else ""
    if len(line) <= WIDTH - MARGIN - len("feeds=,"):
        return line
    return (
        "{\n" + "".join(f"{' ' * (MARGIN + 4)}{entry},\n" for entry in lines) + f"{' ' * MARGIN}}}"
    )


def _inlet(edge: Edge) -> str:
    number = literal(edge.target)
    return number if edge.to_port == UNNAMED else f"({number}, {quoted(edge.to_port)})"


def _wiring(node: Node, function: Code, feeds: str, rejects: str) -> Code:
    """The call in `main` that makes this node: on one line, or on as many as it needs."""
    arguments = [literal(node.id), quoted(node.name), function]
    if feeds:
        arguments.append(f"feeds={feeds}")
    if rejects:
        arguments.append(f"rejects={rejects}")
    made = node.node_type.class_path.rpartition(".")[2]
    line = f"{made}({', '.join(arguments)})"
    if len(line) <= WIDTH - 8 and "\n" not in feeds:
        return Code(line)
    lines = "".join(f"{' ' * MARGIN}{argument},\n" for argument in arguments)
    return Code(f"{made}(\n{lines}        )")


# Names of functions


def _function_names(nodes: Iterable[Node]) -> dict[int, Code]:
    """A function is called as its node, where that makes a name; else, and where two would be the same, by its id, too."""
    wanted = {node.id: _identifier(node.name) for node in nodes}
    taken = [name for name in wanted.values() if name]
    return {
        node_id: Code(name if name and taken.count(name) == 1 else f"{name or 'node'}_{node_id}")
        for node_id, name in wanted.items()
    }


def _identifier(name: str) -> str:
    """The name as a plain Python name, or "" where it is none, or one that the program uses otherwise."""
    words = re.findall(r"[a-z0-9]+", name.lower()) if name.isascii() else []
    joined = "_".join(words)[:MAX_FUNCTION].strip("_")
    is_name = joined.isidentifier() and not keyword.iskeyword(joined)
    return joined if is_name and joined not in _TAKEN and not _NUMBERED.search(joined) else ""


_NUMBERED = re.compile(
    r"_\d+$"
)  # orders_2 is what we call the second of two that are called orders
_TAKEN = {*dir(builtins), *keyword.softkwlist}
_TAKEN |= {
    path.rsplit(".", 1)[1] for node_type in NODE_TYPES.values() for path in node_type.imports
}
# what templates call their variables, and what every program may import
_TAKEN |= {"main", "sys", "batch", "rows", "run", "run_preview", "columns", "keep", "query", "node"}
_TAKEN |= {"conditions", "on", "code", "take_parameters", "in_path", "in_table", "in_url"}


# Imports


def _needed(nodes: Iterable[Node], bodies: str) -> set[str]:
    """What the functions of these nodes use, and the classes that run them."""
    used = {node.node_type.class_path for node in nodes}
    offered = {path for node in nodes for path in node.node_type.imports}
    return used | {path for path in offered if f"{path.rpartition('.')[2]}(" in bodies}


def _collector(preview: Preview | None) -> set[str]:
    if preview is None:
        return set()
    name = "Preview" if preview.around is None else "Around"
    return {f"program_lib.editor.preview.{name}"}


def _imports(paths: Iterable[str]) -> list[Code]:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        module, _, name = path.rpartition(".")
        names[module].append(name)
    return [
        Code(f"from {module} import {', '.join(found)}") for module, found in sorted(names.items())
    ]


# The template engine


def _only_code(value: Any) -> Any:
    """What a template prints must be Code: the output of a filter below, or made of a node here."""
    if not isinstance(value, Code):
        raise TypeError(f"a template prints a {type(value).__name__} without a filter")
    return value


def _written(value: Any, indent: int = 0) -> Code:
    if isinstance(value, Filled):
        return Code(f"{value.function}({quoted(value)})")
    return Code(literal(value, indent))


def _numbers(values: Collection[int]) -> Code:
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
        literal=_written,
        comment=lambda value: Code(comment(value)),
        numbers=_numbers,
        order=lambda entry: Code(f"({', '.join(map(quoted, order_of(entry)))})"),
        delimiter=lambda name: Code(literal(DELIMITERS[name])),
    )
    return environment


TEMPLATES = _environment()
