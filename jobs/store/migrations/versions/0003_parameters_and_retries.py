"""What a run was started with, the values of its job's parameters; and which run a retry retries, and when it is due."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("parameters", sa.Text))
    op.add_column("runs", sa.Column("attempt", sa.Integer))
    op.add_column("runs", sa.Column("attempts", sa.Integer))
    op.add_column("runs", sa.Column("retry_of", sa.String(32)))
    op.add_column("runs", sa.Column("due_at", sa.Double))
