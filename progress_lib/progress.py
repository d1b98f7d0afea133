"""What a node of a job says about itself: the one definition of the progress message."""

import json
from collections.abc import Callable
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import msgspec

from progress_lib.ends import shown, text_of
from progress_lib.terminal import ESCAPE, as_shown


class Status(StrEnum):
    """What a node is doing. A terminal status is absorbing within a run."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        return self is not RUNNING


CLOSED_BY_RUNNER = "runner"  # the program had ended, and had not told the node's end itself
RUNNING = Status.RUNNING  # a member's name costs 0.1 µs each time it is looked up in Python 3.11
NODE_ENDS = frozenset(status for status in Status if status.is_terminal)


MAX_TEXT = 8_192  # characters of a message or a name; one progress stays far below NATS's limit
MAX_PORTS = 100  # outputs whose rows a message counts
MAX_PORT = 128  # characters of an output's name
MAX_CELLS = 100  # columns of a row at fault
MAX_WHOLE = 2**63  # of a count: what other languages and databases hold
# of a node: the largest whole number that JavaScript holds exactly; no page could show another one
MAX_NODE_ID = 2**53 - 1
# The year 10000, in seconds since 1970: what lies behind it is in other units
END_OF_TIME = 253_402_300_800


class MalformedProgress(ValueError):
    """What is no progress message, or cannot become one; the text says why."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """The row at which a node failed: its place among the rows that came in, from 1 on.

    `values` has what the node looked up in it, by column, as text. `cells` are all of the row, in the order of its columns: each
    one's name, and its value as text, cut where it is long; None: NULL. `more`: columns that `cells` has no room for.
    `place`: where its source has the row.
    """

    number: int
    values: dict[str, str] = {}
    place: str = ""
    cells: list[tuple[str, str | None]] = []
    more: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        told: dict[str, Any] = {"number": self.number, "values": self.values}
        if self.place:
            told["place"] = self.place
        if self.cells:
            told["cells"] = self.cells
        if self.more:
            told["more"] = self.more
        return told


class Fault(msgspec.Struct, frozen=True, gc=False):
    """What of a node's configuration a failure is about, as far as the node says.

    `field`: its name; `text`: the expression in it; `columns`: of the rows that came in, those that it looked up.
    """

    field: str | None = None
    text: str | None = None
    columns: list[str] = []

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        told = {"field": self.field, "text": self.text, "columns": self.columns}
        return {name: value for name, value in told.items() if value}


class Progress(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One progress message; `row_count` in rows, `ts` in seconds since 1970.

    The first five fields are the wire contract for any publisher; the others are optional.
    `ProgressReporter` fills in `run_id`, `seq` and `ts`.
    """

    node_id: Annotated[int, msgspec.Meta(ge=-MAX_NODE_ID, le=MAX_NODE_ID)]
    node_name: str
    status: Status
    row_count: Annotated[int, msgspec.Meta(ge=-MAX_WHOLE, le=MAX_WHOLE - 1)] = 0
    message: str = ""
    run_id: str | None = None
    seq: int | None = None
    ts: Annotated[float, msgspec.Meta(ge=0, lt=END_OF_TIME)] | None = None
    row: Row | None = None  # of a node that failed at a row
    closed_by: str | None = None  # who ended the node in its place: CLOSED_BY_RUNNER
    row_total: Annotated[int, msgspec.Meta(gt=0)] | None = None  # rows there will be, where known
    # which part of the work is done, where that is known and `row_total` is not: of a file's bytes, say
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    ports: dict[str, int] | None = None  # rows that left by each output, of a node with several
    from_run: str | None = None  # the run whose rows these are: the node did not run again
    fault: Fault | None = None  # of a node that failed

    def replace(self, **changes: Any) -> "Progress":
        """The same message with other values in the named fields."""
        return msgspec.structs.replace(self, **changes)

    def to_json(self) -> bytes:
        """The NATS payload: ASCII-only JSON, so that no text of a user can break an encoder."""
        fields: dict[str, Any] = {
            "nodeId": self.node_id,
            "nodeName": self.node_name,
            "status": str(self.status),
            "rowCount": self.row_count,
            "message": self.message,
        }
        if self.run_id is not None:
            fields["runId"] = self.run_id
        if self.seq is not None:
            fields["seq"] = self.seq
        if self.ts is not None:
            fields["ts"] = self.ts
        if self.row is not None:
            fields["row"] = self.row.document()
        if self.closed_by is not None:
            fields["closedBy"] = self.closed_by
        if self.row_total is not None:
            fields["rowTotal"] = self.row_total
        if self.share is not None:
            fields["share"] = self.share
        if self.ports is not None:
            fields["ports"] = self.ports
        if self.from_run is not None:
            fields["fromRun"] = self.from_run
        if self.fault is not None:
            fields["fault"] = self.fault.document()
        return json.dumps(fields, separators=(",", ":")).encode("ascii")

    @classmethod
    def parse(cls, payload: bytes) -> "Progress":
        """Reads a payload of any publisher, once, at the door. Raises MalformedProgress.

        What the quick reader refuses the careful one decides: it takes null for an optional field
        and a lone surrogate, as a browser does, and it says in our words what is wrong.
        """
        try:
            progress = _read_quickly(payload)
            if not payload.isascii():
                payload.decode("utf-8")  # the quick reader does not look into what it skips
            return progress
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return cls.from_fields(parse_object(payload))

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> "Progress":
        """The message of already decoded JSON `fields`; unknown ones are left alone."""
        return cls(
            _node_id("nodeId", fields.get("nodeId")),
            _optional(fields, "nodeName", str, ""),
            _status(fields.get("status")),
            _count(fields),
            _optional(fields, "message", str, ""),
            _optional(fields, "runId", str, None),
            _sequence(fields),
            _moment(fields),
            _row(fields.get("row")),
            _text(fields.get("closedBy")),
            _total(fields.get("rowTotal")),
            _share(fields.get("share")),
            _ports(fields.get("ports")),
            _text(fields.get("fromRun")),
            _fault(fields.get("fault")),
        )


def usable(progress: Progress) -> Progress:
    """The same, each field as a message holds it, whatever a program put there. Raises MalformedProgress.

    Whole numbers of other types (NumPy's, Decimal, 5.0) become int, a status its member, None an empty text,
    anything else its text; texts lose the colours of a terminal, and are cut to MAX_TEXT. A total that is no positive whole number is left out, and so is a share
    that is not from 0 to 1.
    """
    if (
        type(progress.node_id) is int
        and type(progress.row_count) is int
        and type(progress.status) is Status
        and type(progress.node_name) is str
        and type(progress.message) is str
        and -MAX_NODE_ID <= progress.node_id <= MAX_NODE_ID
        and -MAX_WHOLE <= progress.row_count < MAX_WHOLE
        and len(progress.node_name) <= MAX_TEXT
        and len(progress.message) <= MAX_TEXT
        and ESCAPE not in progress.node_name
        and ESCAPE not in progress.message
        and progress.row is None
        and progress.closed_by is None
        and (progress.row_total is None or _is_total(progress.row_total))
        and (progress.share is None or _is_share(progress.share))
        and progress.ports is None
        and progress.from_run is None
        and progress.fault is None
    ):
        return progress  # nearly always
    return progress.replace(
        node_id=_node_id("node_id", progress.node_id),
        node_name=_any_text(progress.node_name),
        status=_status(progress.status),
        row_count=_whole("row_count", progress.row_count),
        message=_any_text(progress.message),
        row=None if progress.row is None else _usable_row(progress.row),
        closed_by=None if progress.closed_by is None else _any_text(progress.closed_by),
        row_total=_total(progress.row_total),
        share=_share(progress.share),
        ports=None if progress.ports is None else _usable_ports(progress.ports),
        from_run=None if progress.from_run is None else _any_text(progress.from_run),
        fault=None if progress.fault is None else _usable_fault(progress.fault),
    )


def _whole(name: str, value: Any) -> int:
    """A whole number of any type of numbers; True is none, and neither is a text."""
    try:
        whole = value if type(value) is int else int(value)
        is_whole = not isinstance(value, bool | str | bytes) and whole == value
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        is_whole = False
    if not is_whole or not -MAX_WHOLE <= whole < MAX_WHOLE:
        raise MalformedProgress(f"{name} must be a whole number of 64 bits, found {shown(value)}")
    return whole


def _node_id(name: str, value: Any) -> int:
    node_id = _whole(name, value)
    if abs(node_id) > MAX_NODE_ID:
        raise MalformedProgress(
            f"{name} must be a whole number from -{MAX_NODE_ID} to {MAX_NODE_ID}, found {node_id}"
        )
    return node_id


def _is_total(value: Any) -> bool:
    return type(value) is int and 0 < value < MAX_WHOLE


def _total(value: Any) -> int | None:
    """None for what is no positive whole number: to know no total is no error."""
    try:
        total = _whole("rowTotal", value)
    except MalformedProgress:
        return None
    return total if _is_total(total) else None


def _share(value: Any) -> float | None:
    """None for what is no number from 0 to 1: to know no share is no error."""
    try:
        share = None if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return share if _is_share(share) else None


def _is_share(value: Any) -> bool:
    return type(value) is float and 0 <= value <= 1


def _any_text(value: Any) -> str:
    if isinstance(value, bytes):
        text = value[:MAX_TEXT].decode(errors="replace")
    else:
        text = "" if value is None else text_of(value)[:MAX_TEXT]
    return as_shown(text) if ESCAPE in text else text


def _status(value: Any) -> Status:
    try:
        return Status(value)
    except ValueError:
        raise MalformedProgress(
            f"status must be running, completed or failed, found {shown(value)}"
        ) from None


def _usable_row(row: Row) -> Row:
    values = {_any_text(name): _any_text(value) for name, value in row.values.items()}
    cells = [
        (_any_text(name), None if value is None else _any_text(value))
        for name, value in islice(row.cells, MAX_CELLS)
    ]
    more = max(0, _whole("row.more", row.more)) + max(0, len(row.cells) - MAX_CELLS)
    return Row(_whole("row.number", row.number), values, _any_text(row.place), cells, more)


def _usable_fault(fault: Fault) -> Fault:
    field, text = (None if one is None else _any_text(one) for one in (fault.field, fault.text))
    return Fault(field, text, [_any_text(name) for name in islice(fault.columns, MAX_CELLS)])


def _usable_ports(ports: dict[str, int]) -> dict[str, int]:
    """The counts of the first MAX_PORTS outputs."""
    first = islice(ports.items(), MAX_PORTS)
    return {_any_text(name)[:MAX_PORT]: _whole("ports", count) for name, count in first}


def follows(after: Progress, before: Progress) -> bool:
    """Whether `after` may replace `before` as what is true of a node.

    Within a run a terminal status is absorbing and a sequence number only grows, unless its publisher was started again and
    counts anew, which the time tells: what says otherwise came late or twice. Publishers that send neither are taken at their word.
    """
    if after.run_id is None or after.run_id != before.run_id:
        return True
    return follows_in_run(after, before)


def follows_in_run(after: Progress, before: Progress) -> bool:
    """The same for two messages that are known to be of one run, whether they say so or not."""
    if before.status is not RUNNING:
        return False
    if after.seq is None or before.seq is None or after.seq > before.seq:
        return True
    return after.ts is not None and before.ts is not None and after.ts > before.ts


ProgressFunc = Callable[[Progress], None]

_read_quickly = msgspec.json.Decoder(Progress).decode


def parse_object(payload: bytes) -> dict[str, Any]:
    """The JSON object in `payload`, as strictly as a browser reads it.

    Raises MalformedProgress: not UTF-8, not JSON, NaN or Infinity, nested too deep, no object.
    """
    try:
        fields = _strict(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MalformedProgress(f"not JSON: {error}: {payload[:80]!r}") from None
    if type(fields) is not dict:
        raise MalformedProgress(f"not a JSON object: {payload[:80]!r}")
    return fields


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_strict = json.JSONDecoder(parse_constant=_refuse_constant).decode


def _row(value: Any) -> Row | None:
    """None for another shape: a publisher may have had a field of this name before we did."""
    try:
        return msgspec.convert(value, Row | None)
    except msgspec.ValidationError:
        return None


def _fault(value: Any) -> Fault | None:
    """None for another shape, as of `row`."""
    try:
        return msgspec.convert(value, Fault | None)
    except msgspec.ValidationError:
        return None


def _ports(value: Any) -> dict[str, int] | None:
    """None for another shape, as of `row`."""
    try:
        return msgspec.convert(value, dict[str, int] | None)
    except msgspec.ValidationError:
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(fields: dict[str, Any]) -> int:
    """5.0 is 5, as browsers and JSON Schema have it: languages that know one kind of number write it so."""
    value = fields.get("rowCount")
    return 0 if value is None else _whole("rowCount", value)


def _sequence(fields: dict[str, Any]) -> int | None:
    """5.0 is 5, as of a count."""
    value = fields.get("seq")
    return None if value is None else _whole("seq", value)


def _moment(fields: dict[str, Any]) -> float | None:
    """None for what is no time in seconds, as one in milliseconds: to know no time is no error."""
    moment: float | None = _optional(fields, "ts", (int, float), None)
    return moment if moment is not None and 0 <= moment < END_OF_TIME else None


def _optional(fields: dict[str, Any], name: str, kind: Any, default: Any) -> Any:
    """A field that may be missing or null, but not of another type (a bool is not a number)."""
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, kind) and type(value) is not bool:
        return value
    raise MalformedProgress(f"{name} has the wrong type: {value!r:.60}")
