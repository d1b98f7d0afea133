"""SQLite, by Python's own sqlite3 module: rows come from a cursor, and go by INSERT in one transaction a file."""
