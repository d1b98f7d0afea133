"""What is asked of a graph document that may have any error: whether it holds secrets or runs code, and what it would write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.graph.errors import GraphError, error_of
from jobs.graph.fields.checks import NO_KEYS, NO_PASSWORDS, NO_SECRETS
from jobs.graph.fields.code import NOT_ALLOWED, is_code_allowed, nodes_with_code
from jobs.graph.fields.passwords import (
    connection_of,
    holds_password,
    holds_secret,
    store_of,
    url_of,
)
from jobs.graph.node_type import NodeType
from jobs.graph.node_types import NODE_TYPES


def objects(entries: Any) -> Iterator[dict[str, Any]]:
    """The objects in a list of a document, which may hold anything else, or be no list."""
    return (
        (entry for entry in entries if isinstance(entry, dict))
        if isinstance(entries, list)
        else iter(())
    )


def type_named(name: Any) -> NodeType | None:
    """The node type of this name; None where there is none."""
    return NODE_TYPES.get(name) if isinstance(name, str) else None


def name_of(node: Mapping[str, Any]) -> str:
    """What people call a node of a document: its name, else its type's label, as a run tells it."""
    node_type = type_named(node.get("type"))
    return node.get("name") or (node_type.label if node_type else f"node {node.get('id')}")


def password_errors(document: Mapping[str, Any]) -> Iterator[GraphError]:
    """An error for each connection and URL that holds a password. The graph may have any other error."""
    for node in objects(document.get("nodes")):
        node_id = node.get("id") if type(node.get("id")) is int else None
        connection, url, stored = connection_of(node), url_of(node), store_of(node)
        if connection is not None and holds_password(connection):
            yield error_of(NO_PASSWORDS, node_id, "connection")
        if url is not None and holds_secret(url):
            yield error_of(NO_SECRETS, node_id, "url")
        if stored is not None and holds_password(stored):
            yield error_of(NO_KEYS, node_id, "path")


def refused_code_errors(document: Mapping[str, Any]) -> Iterator[GraphError]:
    """An error for each node that runs code, where the operator does not allow it. The graph may have any other error."""
    if not is_code_allowed():
        yield from (error_of(NOT_ALLOWED, node_id, "type") for node_id in nodes_with_code(document))


def outputs_of(document: Mapping[str, Any]) -> Iterator[int]:
    """The ids of the nodes of a graph document that write rows somewhere. It may have any error."""
    for node in objects(document.get("nodes")):
        node_type = type_named(node.get("type"))
        if node_type is not None and not node_type.has_output and type(node.get("id")) is int:
            yield node["id"]


def files_written(document: Mapping[str, Any]) -> Iterator[str]:
    """The paths of the files that the nodes of a graph document write. The document may have any error."""
    for node in objects(document.get("nodes")):
        node_type, config = type_named(node.get("type")), node.get("config")
        if node_type is None or node_type.writes is None or not isinstance(config, dict):
            continue
        path = config.get(node_type.writes)
        if isinstance(path, str):
            yield path
