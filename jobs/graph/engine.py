"""For which engine a graph is written: what its expressions and fields mean."""

from __future__ import annotations

from typing import Any

ENGINE = 2  # 1 computed row by row in Python, with Python's meanings
_MOST_SHOWN = 10**6  # a larger number is no engine's, and could fill the message


def check_engine(value: Any, errors: list[str]) -> None:
    """An error for a graph of a later release, as one that was exported there: here it could mean something else.

    One of an earlier engine, or that names none, is read with this one's meanings, and notes tell the difference.
    """
    if type(value) is int and value > ENGINE:
        theirs = f"engine {value}" if value < _MOST_SHOWN else "another engine"
        errors.append(
            f"the graph is written for {theirs}, and this server has {ENGINE}: a later release made it, in which"
            " it may mean something else; upgrade this server"
        )
