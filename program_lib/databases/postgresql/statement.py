"""A user's query as COPY wants it: one statement, without the semicolon at its end."""

from __future__ import annotations

import re

_PARTS = re.compile(
    r"""
      --[^\n]*
    | '(?:[^']|'')*'
    | [eE]'(?:[^'\\]|''|\\.)*'
    | "(?:[^"]|"")*"
    | [A-Za-z_\u0080-\uffff][\w$]*
    | \$(?P<tag>(?:[A-Za-z_\u0080-\uffff]\w*)?)\$ .*? \$(?P=tag)\$
    | (?P<comment>/\*)
    | (?P<end>;)
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


def without_end(query: str) -> str:
    """The query up to its semicolon, if it has one. PostgreSQL has said before that it is one statement."""
    position = 0
    while position < len(query):
        part = _PARTS.match(query, position)
        assert part is not None, "the last branch takes any character"
        if part["end"]:
            return query[:position]
        position = _end_of_comment(query, part.end()) if part["comment"] else part.end()
    return query


def _end_of_comment(query: str, position: int) -> int:
    """Comments nest."""
    depth = 1
    while depth and (mark := _COMMENT_MARK.search(query, position)):
        depth += 1 if mark[0] == "/*" else -1
        position = mark.end()
    return len(query) if depth else position
