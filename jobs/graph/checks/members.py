"""Members of a graph that are spelled as ours but for case, _ and -: of from_port an edge would take its default, silently. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.graph.fields.checks import shown

OF_GRAPH = ("nodes", "edges", "parameters", "retries", "runnerTag", "keepOutputs", "engine")
OF_NODE = ("id", "type", "name", "config", "position")
OF_EDGE = ("from", "to", "fromPort", "toPort")


def misspelt(entry: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each member that is one of `known` in another spelling, and the right one. Members of other names are left alone."""
    meant = {_plain(name): name for name in known}
    for name in entry:
        if name not in known and _plain(name) in meant:
            yield name, meant[_plain(name)]


def said(name: str, right: str) -> str:
    return f"there is no member {shown(name)}; it is written {right}"


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
