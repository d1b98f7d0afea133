"""The fields of a node: their kinds, and what is wrong with a value, a path, a password, code. Pure."""
