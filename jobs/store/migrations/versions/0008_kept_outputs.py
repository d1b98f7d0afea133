"""What was kept of a run's nodes, and the run and node that a run began from."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("runs", sa.Column("kept", sa.Text))
    op.add_column("runs", sa.Column("kept_bytes", sa.BigInteger))
    op.add_column("runs", sa.Column("from_run", sa.String(32)))
    op.add_column("runs", sa.Column("from_node", sa.BigInteger))
    op.add_column("runs", sa.Column("again", sa.Text))
    op.create_index("kept_of_tenant", "runs", ["tenant_id", "kept_bytes"])
