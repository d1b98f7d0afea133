"""The tables of releases until 0.1.0, which noted no version. A database that has none is taken for this one."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    raise NotImplementedError("a new database is made at once by jobs.store.migration")
