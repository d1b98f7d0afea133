"""What Alembic runs: the steps go through the connection, and the transaction, of jobs.store.migration."""

from alembic import context

from jobs.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
