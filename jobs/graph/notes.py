"""What a stored graph means otherwise than when it was saved: told when its job is opened, until it is saved again.

A graph says by its member `engine` for which engine's meanings it was written; a graph of before has no such member.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.graph.engine import ENGINE
from jobs.graph.errors import GraphInvalid, shortened
from jobs.graph.fields.field import Field
from jobs.graph.graph import Graph, Node
from jobs.graph.node_type import WrongField, declaring
from jobs.graph.node_types import NODE_TYPES
from jobs.graph.parsing import MAX_EXPRESSIONS, parse_graph
from jobs.graph.rows.known import Known
from jobs.graph.settings.parameters import without_values
from program_lib.expressions import ExpressionError, changed_meanings, parse
from program_lib.types import TEXT, Column, Schema, listed

MOST_NOTES = 100  # told of one graph
MOST_NAMES = 8  # columns that one note names

EMPTY_FIELDS = (
    "an empty field of the file is NULL now, where it was an empty text;"
    ' "" in the file is still an empty text'
)
UNTYPED = "until a type is named here, the file's columns hold text"


@dataclass(frozen=True, slots=True)
class Note:
    """A thing that a person should know of a node before it runs again."""

    node_id: int
    field: str
    message: str

    def document(self) -> dict[str, Any]:
        """This note as JSON."""
        return {"nodeId": self.node_id, "field": self.field, "message": shortened(self.message)}


def notes_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The notes of a graph document, which may have any error; none for a graph of this engine."""
    written_for = document.get("engine")
    if type(written_for) is int and written_for >= ENGINE:
        return []
    notes = [*_text_taken_for_something_else(document), *_changed_meanings(document)]
    return [note.document() for note in notes[:MOST_NOTES]]


# What an expression means, whatever it is computed from


def _changed_meanings(document: Mapping[str, Any]) -> Iterator[Note]:
    left = MAX_EXPRESSIONS  # characters; a graph with more does not run
    for node_id, type_name, config in _configurations(document):
        if type_name == "csv_input" and not config.get("null_marker"):
            yield Note(node_id, "null_marker", EMPTY_FIELDS)
        for of in NODE_TYPES[type_name].fields:
            expressions = list(_expressions(of, config))
            left -= sum(len(text) for _, text in expressions)
            if left < 0:
                return
            yield from (Note(node_id, of.name, told) for told in _changed(expressions))


def _configurations(document: Mapping[str, Any]) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    nodes = document.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        if not isinstance(node, dict) or type(node.get("id")) is not int:
            continue
        name, config = node.get("type"), node.get("config")
        if isinstance(name, str) and name in NODE_TYPES and isinstance(config, dict):
            yield node["id"], name, config


def _expressions(of: Field, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each expression of a field, after the column that it computes, if any."""
    value = config.get(of.name)
    if of.kind == "expression" and isinstance(value, str):
        yield "", value
    elif of.kind == "columns" and isinstance(value, list):
        for entry in value:
            column = entry.get("column") if isinstance(entry, dict) else None
            text = entry.get("expression") if isinstance(entry, dict) else None
            if isinstance(text, str):
                yield column if isinstance(column, str) else "", text
    elif of.kind == "entries" and isinstance(value, list):
        for member in of.members:
            for entry in value if member.kind == "expression" else ():
                text = entry.get(member.name) if isinstance(entry, dict) else None
                if isinstance(text, str):
                    yield "", text


def _changed(expressions: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A sentence for each meaning that changed, with the columns that it concerns."""
    concerned: dict[str, list[str]] = {}
    for column, text in expressions:
        for meaning in _meanings(text):
            concerned.setdefault(meaning, []).append(column)
    for meaning, columns in concerned.items():
        names = listed(filter(None, columns), MOST_NAMES) if any(columns) else ""
        yield f"{meaning} (in {names})" if names else meaning


def _meanings(text: str) -> list[str]:
    try:
        return changed_meanings(parse(text))
    except ExpressionError:
        return []  # the validator tells it


# Columns of CSV files that are taken for something else than text


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a node's rows before it runs."""

    schema: Schema = field(default_factory=Schema)
    files: frozenset[int] = frozenset()  # the CSV Inputs that they come from, and from nothing else
    has_more: bool = False  # columns beside those of `schema`, which are text


def _text_taken_for_something_else(document: Mapping[str, Any]) -> Iterator[Note]:
    if all(type_name != "csv_input" for _, type_name, _ in _configurations(document)):
        return
    try:
        graph = parse_graph(document)
    except GraphInvalid:
        return  # the validator has more to say
    known: dict[int, _Known] = {}
    for node in graph.in_order():
        try:
            with declaring(without_values(graph.parameters)):
                known[node.id] = _given(node, graph, known)
        except WrongField as error:
            came = _came(node, graph, known)
            known[node.id] = _Known()
            names = _untyped(node, came)
            untyped = f"{UNTYPED}: {listed(names, MOST_NAMES)}" if names else UNTYPED
            message = f"{error} (in {node.name}); {untyped}"
            yield from (Note(file, "types", message) for file in sorted(came.files))


def _given(node: Node, graph: Graph, known: Mapping[int, _Known]) -> _Known:
    """What a node gives. Raises WrongField where its expressions do not go together with texts."""
    if node.type == "csv_input":
        named = node.node_type.known_columns(node.config, Known())
        return _Known(named, frozenset({node.id}), has_more=True)
    if node.node_type.input_ports(node.config):
        return _Known()  # only types of this engine have several inputs
    came = _came(node, graph, known)
    texts = _untyped(node, came) if came.has_more else []
    given = Schema([*came.schema, *(Column(name, TEXT) for name in texts)])
    keeps_all = node.config.get("keep", "all") == "all"
    made = node.node_type.known_columns(node.config, Known(given))
    return _Known(made, came.files, came.has_more and keeps_all)


def _untyped(node: Node, came: _Known) -> list[str]:
    """The columns that the node's expressions read and of which no type is known."""
    texts = (text for of in node.node_type.fields for _, text in _expressions(of, node.config))
    read = dict.fromkeys(column for text in texts for column in parse(text).columns)
    return [name for name in read if came.schema.column(name) is None]


def _came(node: Node, graph: Graph, known: Mapping[int, _Known]) -> _Known:
    """What is known of the rows that a node gets from all its inputs: nothing, unless it is the same of all."""
    inputs = [known[source] for source in graph.sources(node.id)]
    if not inputs or any(other.schema != inputs[0].schema for other in inputs):
        return _Known()
    files = [known.files for known in inputs]
    origin = frozenset().union(*files) if all(files) else frozenset()
    return _Known(inputs[0].schema, origin, all(known.has_more for known in inputs))
