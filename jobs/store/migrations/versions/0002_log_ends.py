"""The end of each run's log is kept beside the run, so that every web server can show it; old runs can be found to be pruned."""

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
    op.create_index("runs_by_end", "runs", ["ended_at"])
