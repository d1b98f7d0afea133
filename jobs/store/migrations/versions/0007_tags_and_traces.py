"""The tag of the runners that may take a run, which runners are there with which tags, and the trace that a run belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("runs", sa.Column("runner_tag", sa.String(32)))
    op.add_column("runs", sa.Column("traceparent", sa.String(55)))
    op.create_table(
        "runners",
        sa.Column("runner", sa.String(255), primary_key=True),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("takes_untagged", sa.Boolean, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
    columns = ["status", "runner_tag", "tenant_id", "created_at", "run_id", "due_at"]
    op.create_index("runs_by_status_and_tag", "runs", columns)
    op.drop_index("runs_by_status_of_tenants", "runs")  # the new one begins with the same column
