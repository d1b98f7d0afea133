"""The tables, in SQL that SQLite and PostgreSQL share. Each change of them is a step in migrations/versions, too."""

import sqlalchemy as sa

METADATA = sa.MetaData()

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("job_id", sa.Integer, primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("graph", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("idempotency_key", sa.String(255)),  # of the request that made it
    sa.Column("request_hash", sa.String(64)),
    # All that a search by name reads: without a look at rows, which hold graphs
    sa.Index("names_of_jobs", "tenant_id", "job_id", "name"),
    sa.Index("one_job_a_key", "tenant_id", "idempotency_key", unique=True),
    sqlite_autoincrement=True,  # the id of a deleted job is never used again
)

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.job_id"), nullable=False),
    sa.Column("job_name", sa.String(200), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("exit_code", sa.Integer),
    sa.Column("graph", sa.Text, nullable=False),
    sa.Column("program", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.String(255)),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column("queued_at", sa.Double, nullable=False),
    sa.Column("cancel_requested_at", sa.Double),
    sa.Column("runner", sa.String(255)),
    sa.Column("program_pid", sa.Integer),
    sa.Column("program_start", sa.BigInteger),
    sa.Column("beat", sa.Integer, nullable=False),
    sa.Column("parameters", sa.Text),  # {"name": text or null} as JSON; NULL: the job has none
    # NULL, here and below: a run of before, which is never retried
    sa.Column("attempt", sa.Integer),
    sa.Column("attempts", sa.Integer),  # in all
    sa.Column("retry_of", sa.String(32)),  # the run that failed, which may be deleted since
    sa.Column("due_at", sa.Double),  # of a retry: it is not queued before
    # rows that its graph has read, written and rejected; noted at its end, and not by releases before this column
    sa.Column("rows_in", sa.BigInteger),
    sa.Column("rows_out", sa.BigInteger),
    sa.Column("rows_rejected", sa.BigInteger),
    sa.Column("started_by", sa.String(200)),  # the subject of the token that executed it
    sa.Column(
        "runner_tag", sa.String(32)
    ),  # of the runners that may take it; NULL: it asks for none
    sa.Column("traceparent", sa.String(55)),  # what its spans are children of: docs/traces.md
    # what was kept of its nodes, as jobs/store/runs/kept.py has it in JSON, and the bytes of that
    sa.Column("kept", sa.Text),
    sa.Column("kept_bytes", sa.BigInteger),
    # of a run that began at a node of a run before, which may be deleted since
    sa.Column("from_run", sa.String(32)),
    sa.Column("from_node", sa.BigInteger),
    sa.Column("again", sa.Text),  # its jobs.graph.documents.again.Again as JSON
    # All that a list of jobs tells of the last run of each: without a look at rows, which hold graphs and programs
    sa.Index(
        "last_run_of_job",
        *("tenant_id", "job_id", "created_at"),
        *("run_id", "status", "started_at", "ended_at"),
    ),
    sa.Index("runs_of_tenant", "tenant_id", "created_at", "run_id"),
    sa.Index("runs_of_status", "tenant_id", "status", "created_at", "run_id", "due_at"),
    # All that a runner asks before each start
    sa.Index(
        "runs_by_status_and_tag",
        *("status", "runner_tag", "tenant_id", "created_at", "run_id", "due_at"),
    ),
    sa.Index("runs_by_end", "ended_at"),
    sa.Index("kept_of_tenant", "tenant_id", "kept_bytes"),
    sa.Index("one_run_a_key", "tenant_id", "idempotency_key", unique=True),
)

# The database itself ensures that a job has at most one active run: of two executes at the same
# time, only one can be recorded.
ONE_ACTIVE_RUN = sa.Index("one_active_run_a_job", RUNS.c.job_id, unique=True)


@sa.event.listens_for(RUNS, "before_create")
def _of_active_runs(_table: sa.Table, connection: sa.Connection, **_: object) -> None:
    """Only now: who names a dialect imports it, and the one of PostgreSQL takes 30 ms of each start."""
    active = RUNS.c.status.in_(["queued", "running"])
    ONE_ACTIVE_RUN.dialect_kwargs[f"{connection.dialect.name}_where"] = active


# What tells this database's installation from others (jobs/store/installation.py)
INSTALLATION = sa.Table(
    "installation",
    METADATA,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("value", sa.String(80), nullable=False),
)

# Runners that take runs, each shown by itself; jobs/store/runs/runners.py
RUNNERS = sa.Table(
    "runners",
    METADATA,
    sa.Column("runner", sa.String(255), primary_key=True),  # its ProcessIdentity, as text
    sa.Column("tags", sa.Text, nullable=False),  # with spaces between
    sa.Column("takes_untagged", sa.Boolean, nullable=False),
    sa.Column("seen_at", sa.Double, nullable=False),  # by the database's clock
)

NODE_STATES = sa.Table(
    "node_states",
    METADATA,
    sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("node_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("payload", sa.Text, nullable=False),  # the last progress message
)

RUN_LOGS = sa.Table(
    "run_logs",
    METADATA,
    sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes of the whole log
    sa.Column("tail", sa.LargeBinary, nullable=False),  # its last bytes
)

# Who is told of runs that ended; jobs/store/webhooks
WEBHOOKS = sa.Table(
    "webhooks",
    METADATA,
    sa.Column("webhook_id", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.job_id")),  # NULL: all of the tenant
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("form", sa.String(16), nullable=False),
    sa.Column("ends", sa.String(200), nullable=False),  # words, with spaces between
    sa.Column("secret", sa.String(80), nullable=False),
    sa.Column("old_secret", sa.String(80)),  # signs, too, until …
    sa.Column("old_secret_until", sa.Double),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("disabled_at", sa.Double),
    sa.Column("disabled_reason", sa.Text),
    sa.Column("failing_since", sa.Double),  # the first failed attempt after the last delivery
    sa.Column("idempotency_key", sa.String(255)),  # of the request that made it
    sa.Column("request_hash", sa.String(64)),
    sa.Column("secret_key", sa.String(255)),  # of the request that changed its secret last
    sa.Index("webhooks_of_tenant", "tenant_id", "created_at", "webhook_id"),
    sa.Index("webhooks_of_job", "job_id"),
    sa.Index("one_webhook_a_key", "tenant_id", "idempotency_key", unique=True),
)

WEBHOOK_DELIVERIES = sa.Table(
    "webhook_deliveries",
    METADATA,
    sa.Column("delivery_id", sa.String(32), primary_key=True),
    sa.Column("webhook_id", sa.String(32), sa.ForeignKey("webhooks.webhook_id"), nullable=False),
    sa.Column("event", sa.String(32), nullable=False),
    sa.Column("job_id", sa.Integer),  # and the run: either may be deleted since
    sa.Column("run_id", sa.String(32)),
    sa.Column("document", sa.Text, nullable=False),  # JSON
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    # when it is sent, or sent again if its sender did not say how that went; NULL: not any more
    sa.Column("due_at", sa.Double),
    sa.Column("tried_at", sa.Double),
    sa.Column("answer", sa.Integer),  # the HTTP status of the last attempt
    sa.Column("error", sa.Text),  # what was wrong with it
    sa.Index("deliveries_due", "due_at"),
    sa.Index("deliveries_of_webhook", "webhook_id", "created_at", "delivery_id"),
    sa.Index("deliveries_due_of_webhook", "webhook_id", "due_at"),
    sa.Index("deliveries_by_age", "created_at"),
)
