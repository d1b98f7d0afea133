"""What an archive calls its database, which stands in it beside `data/`, the files of DATA_DIR."""

DATABASE = "progress.db"  # an SQLite database …
DUMP = "progress.dump"  # … or what pg_dump made of one on PostgreSQL
