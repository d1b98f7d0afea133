"""Jobs: graphs of nodes, the programs made from them, and their runs."""
