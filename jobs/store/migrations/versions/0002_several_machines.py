"""What several machines need: the ends of logs, which every web server can show, and the mark of an installation.

Runs that ended long ago are found by an index, to be deleted; another one holds what a list of jobs tells of their last runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "run_logs",
        sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("tail", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("value", sa.String(80), nullable=False),
    )
    op.create_index(
        "last_run_of_job",
        "runs",
        ["tenant_id", "job_id", "created_at", "run_id", "status", "started_at", "ended_at"],
    )
    op.create_index("runs_by_end", "runs", ["ended_at"])
