"""What lists of runs and jobs are read from: an index for each order and filter, a run's rows, and who started it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("runs", sa.Column("started_by", sa.String(200)))
    op.add_column("runs", sa.Column("rows_in", sa.BigInteger))
    op.add_column("runs", sa.Column("rows_out", sa.BigInteger))
    op.add_column("runs", sa.Column("rows_rejected", sa.BigInteger))
    op.create_index("runs_of_tenant", "runs", ["tenant_id", "created_at", "run_id"])
    op.create_index("runs_of_status", "runs", ["tenant_id", "status", "created_at", "run_id"])
    op.drop_index("runs_of_job", "runs")  # last_run_of_job begins with the same columns
    op.create_index("names_of_jobs", "jobs", ["tenant_id", "job_id", "name"])
    op.drop_index("jobs_of_tenant", "jobs")
