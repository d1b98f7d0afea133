"""Who is told of runs that ended, and what was delivered to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(32), primary_key=True),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.job_id")),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("ends", sa.String(200), nullable=False),
        sa.Column("secret", sa.String(80), nullable=False),
        sa.Column("old_secret", sa.String(80)),
        sa.Column("old_secret_until", sa.Double),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("disabled_at", sa.Double),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("failing_since", sa.Double),
    )
    op.create_index("webhooks_of_tenant", "webhooks", ["tenant_id", "created_at", "webhook_id"])
    op.create_index("webhooks_of_job", "webhooks", ["job_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("delivery_id", sa.String(32), primary_key=True),
        sa.Column(
            "webhook_id", sa.String(32), sa.ForeignKey("webhooks.webhook_id"), nullable=False
        ),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("job_id", sa.Integer),
        sa.Column("run_id", sa.String(32)),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("tried_at", sa.Double),
        sa.Column("answer", sa.Integer),
        sa.Column("error", sa.Text),
    )
    for name, *columns in (
        ("deliveries_due", "due_at"),
        ("deliveries_of_webhook", "webhook_id", "created_at", "delivery_id"),
        ("deliveries_due_of_webhook", "webhook_id", "due_at"),
        ("deliveries_by_age", "created_at"),
    ):
        op.create_index(name, "webhook_deliveries", columns)
