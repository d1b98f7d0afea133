"""Columns that a node makes of others, and their types."""
