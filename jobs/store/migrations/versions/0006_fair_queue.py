"""What a runner asks before each start: how many runs of each tenant wait, and how many are at work."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("runs_by_status_of_tenants", "runs", ["status", "tenant_id"])
    op.drop_index("runs_by_status", "runs")  # the new one begins with the same column
