"""How a web worker asks for a preview over NATS, and how long each side waits.

A `PreviewQuestion` goes to `tenant.<T>.preview`, or `tenant.<T>.preview.<tag>` for runners with a tag. A runner answers {"taken": true}
at once, then what was asked for: {"columns", "types", "rows", "truncated", "timedOut"}, of a page "from" and "count", too, around a row "at", and with
kept rows "fromRun" and "fromNodes"; {"columns", "types"} of a file's types; {"tables", "truncated"}; or why not: {"nodeId", "field", "message"},
{"busy": true}, {"timeout": true}. A graph travels, never a program: what is run comes out of the runner's own generator.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from jobs.graph.documents.again import Again
from jobs.graph.documents.feeding import Document, Last
from progress_lib.nats.link import Message
from progress_lib.subjects import EVERY_TENANT, check_id

KEPT = "kept"  # the third part of a subject of kept outputs
KILL_AFTER = 10.0  # seconds until SIGKILL; a query may keep Python from ending
TAKEN_WAIT = 2.0  # seconds within which a runner says that it took the question
BUSY_WAIT = 6.0  # and as many more where one is there: a busy machine may keep it from that
LOOK_WAIT = (
    5.0  # seconds for the same where a run is to begin with what was kept: it is refused after that
)
ANSWER_WAIT = KILL_AFTER + 8.0  # seconds for this preview, and most of one before it


class Find(StrEnum):
    """What is asked for in place of rows."""

    TYPES = "types"  # of the columns of a file; the graph is its input alone
    COLUMNS = "columns"  # of the nodes `last`
    TABLES = "tables"  # of a connection; the graph is a DB Input alone


class Page(NamedTuple):
    """Rows from `start` on, from 0, or the last -`start`; `rows` of them at most."""

    start: int
    rows: int


class AroundRow(NamedTuple):
    """The rows before and behind one: the `number`-th that comes to the nodes, from 1 on, which came from `place`."""

    number: int
    place: str = ""


@dataclass(frozen=True)
class PreviewQuestion:
    """What is asked of a graph, the part that feeds the nodes `last`.

    `last`: the nodes whose rows are shown, each with the output that they leave by, None: all. `rejecting`: nodes whose
    rejected rows go somewhere. At most one of `page`, `around` and `again`, the kept rows that it begins with; without, the first rows are asked for.
    """

    graph: Document
    last: Sequence[Last] = ()
    find: Find | None = None
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    rejecting: Sequence[int] = ()
    page: Page | None = None
    around: AroundRow | None = None
    again: Again | None = None

    def to_json(self) -> bytes:
        told: dict[str, Any] = {"graph": self.graph, "last": [list(each) for each in self.last]}
        told |= {"parameters": dict(self.parameters), "rejecting": list(self.rejecting)}
        if self.find is not None:
            told["find"] = self.find
        if self.page is not None:
            told |= {"from": self.page.start, "rows": self.page.rows}
        if self.around is not None:
            told["around"] = self.around._asdict()
        if self.again is not None:
            told["again"] = self.again.to_json()
        return json.dumps(told).encode()

    @classmethod
    def parse(cls, payload: bytes) -> "PreviewQuestion":
        """What `to_json` made this of. Anything else: ValueError, KeyError, TypeError or AttributeError."""
        told = json.loads(payload)
        start, around, again = told.get("from"), told.get("around"), told.get("again")
        return cls(
            told["graph"],
            last=tuple((int(node_id), port) for node_id, port in told.get("last", ())),
            find=Find(told["find"]) if told.get("find") else None,
            parameters=told.get("parameters") or {},
            rejecting=tuple(int(node_id) for node_id in told.get("rejecting", ())),
            page=None if start is None else Page(int(start), int(told["rows"])),
            around=around and AroundRow(int(around["number"]), str(around.get("place", ""))),
            again=again and Again.parse(again),
        )


def preview_subject(tenant_id: str, tag: str | None = None) -> str:
    """`tenant_id` may be the wildcard of all tenants."""
    tenant = tenant_id if tenant_id == EVERY_TENANT else check_id(tenant_id)
    return f"tenant.{tenant}.preview" + ("" if tag is None else f".{check_id(tag)}")


def kept_subject(tenant_id: str, place: str) -> str:
    """Where runners are asked for kept outputs, those alone that have the runs' directory of this name."""
    tenant = tenant_id if tenant_id == EVERY_TENANT else check_id(tenant_id)
    return f"tenant.{tenant}.{KEPT}.{check_id(place)}"


def is_about_kept(message: Message) -> bool:
    return message.subject.split(".")[2] == KEPT


def is_look(message: Message) -> bool:
    """Whether it asks only what of a run's kept outputs is there, which a runner tells at once."""
    return is_about_kept(message) and b'"look"' in message.payload


def tenant_of(subject: str) -> str:
    return check_id(subject.split(".")[1])
