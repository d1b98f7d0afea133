"""The modes of an output that finds rows of a table by a key, and those that may commit on the way. A module of its own: the web server names them, and loads no Arrow."""

UPSERT = "upsert"  # rows whose key is there are updated, the others are inserted
UPDATE = "update"  # rows whose key is there are updated, the others are counted
INSERT_OR_IGNORE = "insert_or_ignore"  # rows whose key is there are counted, the others inserted
KEYED = (UPSERT, UPDATE, INSERT_OR_IGNORE)

# Modes in which rows that are committed stand, whatever becomes of the later ones, and how many are committed at a time:
# each time makes a connection with all its settings, and asks anew what the table is, some dozen short statements
MODES_THAT_COMMIT = ("append", *KEYED)
LEAST_COMMITTED, MOST_COMMITTED = 1_000, 10_000_000
