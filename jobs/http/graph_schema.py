"""The JSON Schema of a graph that can run, made from the node types. What it cannot say, `POST /api/jobs/validate` says."""

from __future__ import annotations

from collections.abc import Callable

from described.schema import (
    ANYTHING,
    FLAG,
    NUMBER,
    TEXT,
    WHOLE,
    Schema,
    any_of,
    just,
    listed,
    nullable,
    one_of,
    record,
    ref,
    told,
)
from jobs.graph.fields.checks import KEEP_ALL, KEEP_NONE, MAX_COUNT
from jobs.graph.fields.field import Field, Member
from jobs.graph.node_type import NodeType
from jobs.graph.node_types import NODE_TYPES
from jobs.graph.parsing import MAX_NODE_ID
from jobs.graph.settings.parameters import MAX_PARAMETERS
from jobs.graph.settings.parameters import MEMBERS as OF_PARAMETER
from jobs.graph.settings.retries import BOUNDS
from program_lib.parameters import TYPES
from program_lib.types import COLUMN_TYPES
from settings.shared import MAX_EDGES, MAX_NODES
from settings.tags import TAG

COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_COUNT}
NAMES = listed(TEXT)


def _text(field: Field) -> Schema:
    return TEXT


def _pairs(name: str, schema: Schema) -> Schema:
    return listed(record({"column": TEXT, name: schema}))


OF_KIND: dict[str, Callable[[Field], Schema]] = {
    **dict.fromkeys(
        ("text", "sql", "python", "table", "path", "connection", "expression", "column", "name"),
        _text,
    ),
    **dict.fromkeys(("http_connection", "url", "json_path"), _text),
    **dict.fromkeys(("separator", "marker", "cell", "sheet"), _text),
    "choice": lambda field: one_of(field.choices),
    "columns": lambda field: _pairs("expression", TEXT),
    "names": lambda field: NAMES,
    "types": lambda field: _pairs("type", one_of(COLUMN_TYPES)),
    "entries": lambda field: listed(_entry(field), most=field.most),
    "count": lambda field: COUNT,
    "keep": lambda field: any_of(one_of([KEEP_ALL, KEEP_NONE]), NAMES),
}


def _entry(field: Field) -> Schema:
    members = {member.name: _member(member) for member in field.members}
    return record(members, optional=[m.name for m in field.members if not m.required])


def _member(member: Member) -> Schema:
    schema = {"count": COUNT, "choice": one_of(member.choices)}.get(member.kind, TEXT)
    return schema if member.required else any_of(schema, {"enum": ["", None]})


def _config(node_type: NodeType) -> Schema:
    members = {field.name: _field(field) for field in node_type.fields}
    optional = [f.name for f in node_type.fields if not f.required or f.default is not None]
    return {**record(members, optional=optional), "additionalProperties": False}


def _field(field: Field) -> Schema:
    is_needed = field.required and field.default is None
    schema = OF_KIND[field.kind](field)
    return told(schema if is_needed else nullable(schema), field.help)


def _node(node_type: NodeType) -> Schema:
    return record(
        {
            "id": {"type": "integer", "minimum": 1, "maximum": MAX_NODE_ID},
            "type": just(node_type.name),
            "name": nullable(TEXT),
            "config": _config(node_type),
            "position": nullable(record({"x": NUMBER, "y": NUMBER}, optional=("x", "y"))),
        },
        node_type.help,
        optional=("name", "position"),
    )


def _node_name(node_type: NodeType) -> str:
    """The name of the type's component: CsvInputNode."""
    return "".join(part.capitalize() for part in node_type.name.split("_")) + "Node"


EDGE = record(
    {"from": WHOLE, "to": WHOLE, "fromPort": nullable(TEXT), "toPort": nullable(TEXT)},
    optional=("fromPort", "toPort"),
)
PARAMETER = record(
    {
        **dict.fromkeys(OF_PARAMETER, ANYTHING),
        "name": TEXT,
        "type": one_of(TYPES),
        "required": nullable(FLAG),
    },
    "docs/parameters.md",
    optional=set(OF_PARAMETER) - {"name", "type"},
)
RETRIES = record(
    {
        name: {"type": "integer", "minimum": least, "maximum": most}
        for name, (least, most) in BOUNDS.items()
    },
    "docs/retries.md",
    optional=set(BOUNDS) - {"count"},
)
RUNNER_TAG = {"type": "string", "pattern": f"^{TAG}$", "description": "docs/tags.md"}
_NODES = {_node_name(node_type): _node(node_type) for node_type in NODE_TYPES.values()}
SCHEMAS: dict[str, Schema] = {
    **_NODES,
    "Graph": record(
        {
            "nodes": {
                "type": "array",
                "items": {"oneOf": [ref(name) for name in _NODES]},
                "minItems": 1,
                "maxItems": MAX_NODES,
            },
            "edges": listed(EDGE, most=MAX_EDGES),
            "parameters": nullable(listed(PARAMETER, most=MAX_PARAMETERS)),
            "retries": nullable(RETRIES),
            "runnerTag": nullable(RUNNER_TAG),
            "keepOutputs": told(nullable(FLAG), "docs/kept_outputs.md"),
            "engine": told(WHOLE, "the engine's number for which it was written"),
        },
        "a graph that can run",
        optional=("edges", "parameters", "retries", "runnerTag", "keepOutputs", "engine"),
    ),
    "StoredGraph": {
        "type": "object",
        "description": "a graph, stored as it is: one that is half made has errors, which validate and execute tell; Graph is one that can run",
    },
}
