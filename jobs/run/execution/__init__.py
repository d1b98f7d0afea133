"""One run from its start to its end: what its program says, how it ends, and its spans."""
