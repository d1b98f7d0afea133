"""How a program says to its runner that it failed."""

FAILED = 1  # a node failed, and nothing is written
STANDS = 3  # a node failed, and what others wrote stands, or may stand: to run it again could write rows twice
