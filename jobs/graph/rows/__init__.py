"""What is known of the rows of a graph before it runs: their columns, and types of some. Pure."""
