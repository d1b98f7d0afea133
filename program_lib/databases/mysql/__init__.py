"""MariaDB and MySQL: rows come from a cursor that streams, and go by INSERT of many rows at once."""
