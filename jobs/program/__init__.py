"""A graph as the text of a Python program. Pure."""
