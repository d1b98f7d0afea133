"""Whether two nodes of a graph would write over each other, or one would read at the next run what another wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jobs.graph.errors import GraphError, error_of
from jobs.graph.fields.paths import plain_path, takes
from jobs.graph.graph import Node
from program_lib.notation.patterns import is_pattern


def conflict_errors(nodes: Mapping[int, Node | None]) -> Iterator[GraphError]:
    """An error for each output that would write over what another output of the same graph writes, or into what an input reads by a pattern.

    Names are compared as a database or a file system takes them: t and T, out.csv and ./out.csv are the same.
    """
    right = [node for node in nodes.values() if node]
    outputs = [node for node in right if not node.node_type.has_output]
    yield from _same_target(outputs)
    yield from _file_and_database(outputs, right)
    yield from _read_at_the_next_run(outputs, right)


def _same_target(outputs: list[Node]) -> Iterator[GraphError]:
    earlier: dict[tuple[str, str], Node] = {}
    for node in outputs:
        other = earlier.setdefault(_target(node), node)
        appends = node.config.get("mode") == other.config.get("mode") == "append"
        if other is not node and not appends:
            what = "file" if node.config.get("path") else "table"
            yield error_of(
                f"writes the same {what} as node {other.id}: let one of them take all the rows",
                node.id,
            )


def _file_and_database(outputs: list[Node], nodes: list[Node]) -> Iterator[GraphError]:
    """An error for each output that writes a file which another node opens as a database."""
    databases = {path: node for node in nodes if (path := _database_file(node)) is not None}
    for node in outputs:
        path = node.config.get("path")
        other = databases.get(plain_path(path)) if isinstance(path, str) else None
        if other is not None:
            yield error_of(
                f"writes a file that node {other.id} opens as a database: choose another name",
                node.id,
                "path",
            )


def _read_at_the_next_run(outputs: list[Node], nodes: list[Node]) -> Iterator[GraphError]:
    """An error for each file that an input's pattern would take at the next run, which then had the rows of this one twice."""
    patterns = [(node, path) for node in nodes if (path := _pattern(node))]
    for node in outputs:
        path = node.config.get("path")
        if not isinstance(path, str):
            continue
        one = path.replace("*", "1")  # of an output that makes several
        other = next(((n, pattern) for n, pattern in patterns if takes(pattern, one)), None)
        if other is not None:
            yield error_of(
                f"is one of the files that node {other[0].id} reads, {other[1]}: the next run would read it, too. "
                "Write it into another directory, or under a name that does not match",
                node.id,
                "path",
            )


def _pattern(node: Node) -> str | None:
    """Which files an input reads, where that is a pattern."""
    path = node.config.get("path")
    is_source = node.node_type.has_output and not node.node_type.has_input
    return path if is_source and isinstance(path, str) and is_pattern(path) else None


def _target(node: Node) -> tuple[str, str]:
    if path := node.config.get("path"):
        return "", plain_path(path)
    connection, table = node.config["connection"], node.config["table"]
    where = _database_file(node) or connection.upper()
    return where, table.lower().removeprefix("main.").removeprefix("public.")


def _database_file(node: Node) -> str | None:
    """The path of the SQLite file that a node opens; None where it opens another database, or none."""
    connection = node.config.get("connection")
    if not isinstance(connection, str) or not connection.startswith("sqlite"):
        return None
    path = connection.partition("://")[2].partition("?")[0].removeprefix("/")
    return plain_path(path) if path and path != ":memory:" else None
