"""What each route of editing takes and answers, by the name of its handler."""

from __future__ import annotations

from described.operation import Body, Operation, answers
from described.schema import TEXT, WHOLE, Schema, nullable, record, ref, told
from jobs.http.operation_parts import GIVEN

_READ, _EXECUTE = "jobs:read", "jobs:execute"
_JOBS = "jobs"


def _of_a_graph(*others: tuple[str, Schema], optional: tuple[str, ...] = ()) -> Body:
    return Body(record({"graph": ref("StoredGraph"), **dict(others)}, optional=optional))


_OF_A_NODE = _of_a_graph(("nodeId", WHOLE), ("parameters", GIVEN), optional=("parameters",))
_AROUND = record(
    {"number": WHOLE, "place": TEXT}, "a row at fault, as progress tells it", optional=("place",)
)
_TO_PREVIEW = _of_a_graph(
    ("nodeId", WHOLE),
    ("parameters", GIVEN),
    ("around", _AROUND),
    (
        "fromRun",
        told(TEXT, "a run of the tenant, whose kept rows are shown where the graph is as it was"),
    ),
    optional=("parameters", "around", "fromRun"),
)
_ASKS_A_RUNNER = (422, 503, 504)

OPERATIONS: dict[str, Operation] = {
    "node_types": Operation(
        "What a graph can be made of", answers(ref("NodeTypes")), _READ, tag=_JOBS
    ),
    "functions": Operation(
        "What expressions may call", answers(ref("Functions")), _READ, tag=_JOBS
    ),
    "gallery": Operation(
        "Jobs over the sample shop, to start from", answers(ref("Gallery")), _READ, tag=_JOBS
    ),
    "validate": Operation(
        "Whether a graph can run, and what is wrong with it",
        answers(ref("Validation")),
        _READ,
        body=_of_a_graph(),
        tag=_JOBS,
    ),
    "preview": Operation(
        "The first rows that a node gives, or those that come to it around one of them; nothing is written",
        answers(ref("Preview")),
        _EXECUTE,
        body=_TO_PREVIEW,
        problems=_ASKS_A_RUNNER,
        tag=_JOBS,
    ),
    "find_types": Operation(
        "What the columns of a file hold that a node reads",
        answers(ref("FoundTypes")),
        _EXECUTE,
        body=_OF_A_NODE,
        problems=_ASKS_A_RUNNER,
        tag=_JOBS,
    ),
    "columns": Operation(
        "The columns that each node gives, as far as they are known without a run; the graph may have errors",
        answers(ref("Columns")),
        _EXECUTE,
        body=_of_a_graph(("parameters", GIVEN), optional=("parameters",)),
        problems=(422,),
        tag=_JOBS,
    ),
    "tables": Operation(
        "The tables of a connection with their columns",
        answers(ref("Tables")),
        _EXECUTE,
        body=Body(
            record(
                {
                    "connection": told(TEXT, "as a DB Input has it"),
                    "runnerTag": told(nullable(TEXT), "of the runners that are asked"),
                },
                optional=("runnerTag",),
            )
        ),
        problems=_ASKS_A_RUNNER,
        tag=_JOBS,
    ),
}
