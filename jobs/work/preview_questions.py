"""How a web worker asks for a preview over NATS, and how long each side waits.

The question goes to `tenant.<T>.preview`, or `tenant.<T>.preview.<tag>` for runners with a tag: {"graph": the part that feeds the node, "last": [[id, output], …], the nodes whose
rows are shown, each with the output that they leave by, or null for all}, or {"graph": an input of a file alone, "find": "types"}.
With "last" and "find": "columns" the columns of those nodes are asked for, and no row; {"graph": a DB Input alone, "find":
"tables"} asks for the tables of its connection. With {"from", "rows"} it is asked for a page, of which the answer says "from" and "count", too. A runner answers {"taken": true} at once, then {"columns", "types", "rows",
"truncated", "timedOut"}, of a file's types {"columns", "types"}, of tables {"tables", "truncated"}, or why not: {"nodeId", "field", "message"}, {"busy": true}, {"timeout": true}. A graph travels, never a
program: what is run comes out of the runner's own generator.
"""

from progress_lib.subjects import EVERY_TENANT, check_id

KILL_AFTER = 10.0  # seconds until SIGKILL; a query may keep Python from ending
TAKEN_WAIT = 2.0  # seconds within which a runner says that it took the question
ANSWER_WAIT = KILL_AFTER + 8.0  # seconds for this preview, and most of one before it


def preview_subject(tenant_id: str, tag: str | None = None) -> str:
    """`tenant_id` may be the wildcard of all tenants."""
    tenant = tenant_id if tenant_id == EVERY_TENANT else check_id(tenant_id)
    return f"tenant.{tenant}.preview" + ("" if tag is None else f".{check_id(tag)}")


def kept_subject(tenant_id: str, place: str) -> str:
    """Where runners are asked for kept outputs, those alone that have the runs' directory of this name."""
    tenant = tenant_id if tenant_id == EVERY_TENANT else check_id(tenant_id)
    return f"tenant.{tenant}.kept.{check_id(place)}"


def tenant_of(subject: str) -> str:
    return check_id(subject.split(".")[1])
