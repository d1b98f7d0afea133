"""What whoever edits a graph asks: is it right, which columns does it give, which rows, which tables are there."""
