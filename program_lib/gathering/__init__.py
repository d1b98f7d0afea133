"""Nodes that need all rows before they can hand on the first, and the spool that keeps the rows meanwhile."""

from program_lib.gathering.gather import Gather

__all__ = ["Gather"]
