"""What the route of kept outputs takes and answers."""

from __future__ import annotations

from described.operation import Operation, Parameter, answers
from described.schema import FLAG, TEXT, WHOLE, Schema, listed, nullable, record, ref, told

SCHEMAS: dict[str, Schema] = {
    "KeptColumn": record(
        {
            "nulls": told(WHOLE, "rows in which it is NULL"),
            "min": told({}, "the least value; null where there is none, or its type has no order"),
            "max": told({}, "the greatest value, as `min`"),
        }
    ),
    "KeptPage": record(
        {
            "columns": listed(TEXT),
            "types": listed(TEXT, "docs/types.md"),
            "rows": listed(listed({}), "the first ones"),
            "truncated": FLAG,
            "timedOut": told(FLAG, "whether `figures` are of the first rows alone"),
            "count": told(WHOLE, "rows in all"),
            "seen": told(WHOLE, "rows that `figures` are of"),
            "figures": listed(ref("KeptColumn"), "of each column"),
            "output": told(TEXT, "whose rows these are; empty where the node has one alone"),
            "outputs": listed(record({"name": TEXT, "rows": WHOLE})),
        },
        "what a node of a run gave, as it was kept",
    ),
    "KeptNode": record(
        {
            "nodeId": WHOLE,
            "rows": WHOLE,
            "bytes": WHOLE,
            "reason": told(nullable(TEXT), "why it was not kept; null: it was"),
        }
    ),
    "KeptOutputs": record(
        {
            "deleted": told(FLAG, "whether it was kept, and its days are over"),
            "nodes": listed(ref("KeptNode")),
        }
    ),
}

OPERATIONS: dict[str, Operation] = {
    "read_kept": Operation(
        "The first rows that a node of a run gave, and NULLs, least and greatest values of each column",
        answers(ref("KeptPage")),
        "jobs:execute",
        (Parameter("output", "of a node with several; the first where it is not given"),),
        problems=(404, 409, 410, 422, 504),
        tag="runs",
    ),
}
