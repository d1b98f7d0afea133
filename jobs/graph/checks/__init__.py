"""Checks of a graph as a whole: its members, its edges, and nodes that would write over each other. Pure."""
