"""The key of the request that made a job, so that one whose answer was lost makes no second job when it is sent again."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("idempotency_key", sa.String(255)))
    op.add_column("jobs", sa.Column("request_hash", sa.String(64)))
    op.create_index("one_job_a_key", "jobs", ["tenant_id", "idempotency_key"], unique=True)
