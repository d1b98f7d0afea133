"""What the nodes of a run gave, kept as Parquet: written beside the rows' way, read by a run that begins again from a node, looked at later."""
