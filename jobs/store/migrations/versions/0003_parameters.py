"""What runs of jobs with parameters keep: the values that they were started with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("parameters", sa.Text))
