"""The keys of the requests that made a webhook and its secret, so that one whose answer was lost does nothing when it is sent again.

And the index of runs by their states has when retries are due, so that a list of those that wait, in turn, is read from it alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("idempotency_key", sa.String(255)))
    op.add_column("webhooks", sa.Column("request_hash", sa.String(64)))
    op.add_column("webhooks", sa.Column("secret_key", sa.String(255)))
    keys = ["tenant_id", "idempotency_key"]
    op.create_index("one_webhook_a_key", "webhooks", keys, unique=True)
    op.drop_index("runs_of_status", "runs")
    columns = ["tenant_id", "status", "created_at", "run_id", "due_at"]
    op.create_index("runs_of_status", "runs", columns)
