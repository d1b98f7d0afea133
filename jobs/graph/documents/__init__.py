"""Graphs as documents, which may have any error: parts of them, and what can be asked of them unchecked. Pure."""
