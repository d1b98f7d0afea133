"""For which engine a graph is written: what its expressions and fields mean."""

from __future__ import annotations

from typing import Any

from jobs.graph.fields.checks import shown

ENGINE = 2  # 1 computed row by row in Python, with Python's meanings


def check_engine(value: Any, errors: list[str]) -> None:
    """An error for a graph of a later release, as one that was exported there: here it could mean something else.

    One of an earlier engine, or that names none, is read with this one's meanings, and notes tell the difference.
    """
    if type(value) is int and value > ENGINE:
        errors.append(
            f"the graph is written for engine {shown(value)}, and this server has {ENGINE}: a later release made it, in which"
            " it may mean something else; upgrade this server"
        )
