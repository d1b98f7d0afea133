"""Rows that fail: which they are, what is told of them, and where they go."""
