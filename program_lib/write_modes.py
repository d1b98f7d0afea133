"""The modes of an output that finds rows of a table by a key. A module of its own: the web server names them, and loads no Arrow."""

UPSERT = "upsert"  # rows whose key is there are updated, the others are inserted
UPDATE = "update"  # rows whose key is there are updated, the others are counted
INSERT_OR_IGNORE = "insert_or_ignore"  # rows whose key is there are counted, the others inserted
KEYED = (UPSERT, UPDATE, INSERT_OR_IGNORE)
