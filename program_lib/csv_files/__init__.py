"""CSV files as sources and targets of rows."""
