"""What is wrong with a graph: each error with its node and field where it belongs to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobs.graph.fields.checks import MAX_NAME

MOST_ERRORS = 100  # errors reported of one graph
MAX_TEXT = 300  # characters of what is at fault; of more, the page marks the whole field
MAX_MESSAGE = 400  # characters of an error; one that names a long cycle is cut


@dataclass(frozen=True, slots=True)
class GraphError:
    """An error in a graph, with its node and field where it belongs to one."""

    node_id: int | None
    field: str | None
    message: str
    # What of the field is at fault: an expression, or a name; None: too long
    text: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", self.field and shortened(self.field, MAX_NAME))
        object.__setattr__(self, "message", shortened(self.message))
        if self.text is not None and len(self.text) > MAX_TEXT:
            object.__setattr__(self, "text", None)

    def __str__(self) -> str:
        return self.message if self.node_id is None else f"node {self.node_id}: {self.message}"

    def document(self) -> dict[str, Any]:
        """This error as JSON."""
        about = {} if self.text is None else {"text": self.text}
        return {"nodeId": self.node_id, "field": self.field, "message": self.message, **about}


def shortened(text: str, most: int = MAX_MESSAGE) -> str:
    """The text, cut where it is longer than an error may be."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class GraphInvalid(ValueError):
    """A graph that cannot run; `errors` names what is wrong with it, at most MOST_ERRORS of `count`."""

    def __init__(self, errors: list[GraphError]) -> None:
        self.errors = errors[:MOST_ERRORS]
        self.count = len(errors)
        super().__init__("; ".join(str(error) for error in self.errors))


def error_of(message: str, node_id: int | None = None, field: str | None = None) -> GraphError:
    """An error of a field; without a node, of a member of the graph itself."""
    return GraphError(node_id, field, message)
