"""Parameters in SQL that a user wrote: where :name stands, and what stands there when the database gets the text.

What is put there is made of the parameter's name alone. Its value goes to the database beside the SQL, so that
whatever a text holds, and wherever this finds a :name, no value becomes SQL. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from program_lib.errors import ProgramError
from program_lib.parameters.parameter import Value
from program_lib.types import listed

# A colon that ends a word or brackets is part of a range, as in a[1:n] of PostgreSQL, one that ends a text parts a member
# from its value, as in {'day':day} of DuckDB and json_object('day':day), and :: is a cast
_NAME = r"(?<![:\w\])'\"]):(?P<name>[A-Za-z_]\w*)"
_TEXT, _QUOTED, _LINE = r"'(?:[^']|'')*'", r'"(?:[^"]|"")*"', r"--[^\n]*"
_COMMENT = r"/\*.*?(?:\*/|\Z)"
_POSTGRESQL = (
    _LINE,
    r"[eE]'(?:[^'\\]|''|\\.)*'",
    _TEXT,
    _QUOTED,
    r"[A-Za-z_\u0080-\uffff][\w$]*",  # a $ in it begins no text
    r"\$(?P<tag>(?:[A-Za-z_\u0080-\uffff]\w*)?)\$.*?\$(?P=tag)\$",
    r"(?P<nested>/\*)",
)
_MYSQL = (
    r"--(?=\s|\Z)[^\n]*",
    r"\#[^\n]*",
    r"'(?:[^'\\]|''|\\.)*'",
    r'"(?:[^"\\]|""|\\.)*"',
    r"`(?:[^`]|``)*`",
    _COMMENT,
)
_SQLITE = (_LINE, _TEXT, _QUOTED, r"`(?:[^`]|``)*`", r"\[[^\]]*\]", _COMMENT)
_MARK = re.compile(r"/\*|\*/")


def _pattern(parts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join([*parts, _NAME, "."]), re.DOTALL)


POSTGRESQL, MYSQL, SQLITE = _pattern(_POSTGRESQL), _pattern(_MYSQL), _pattern(_SQLITE)
DIALECTS = (POSTGRESQL, MYSQL, SQLITE)


def placeholders(query: str, dialect: re.Pattern[str]) -> list[str]:
    """The names after a colon, outside of texts, quoted names and comments; each once, in their order."""
    return list(dict.fromkeys(name for _, name in pieces(query, dialect) if name))


def replaced(
    query: str,
    dialect: re.Pattern[str],
    values: Mapping[str, Value],
    put: Callable[[str, Value], str],
) -> str:
    """The query with what `put` gives for each :name. Raises ProgramError for a name that is no parameter.

    In a program without parameters the query stays as it is.
    """
    if not values:
        return query
    return "".join(
        text if name is None else put_for(name, values, put)
        for text, name in pieces(query, dialect)
    )


def put_for(name: str, values: Mapping[str, Value], put: Callable[[str, Value], str]) -> str:
    """What `put` gives for a parameter. Raises ProgramError for a name that is none."""
    return put(name, _known(name, values))


def _known(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise ProgramError(
            f"the SQL names :{name}, and there is no such parameter; there are {listed(values)}"
        )
    return values[name]


def pieces(query: str, dialect: re.Pattern[str]) -> Iterator[tuple[str, str | None]]:
    """The query in pieces, each with the name that it is, if it is one."""
    position = 0
    while position < len(query):
        found = dialect.match(query, position)
        assert found is not None, "the last branch takes any character"
        groups = found.groupdict()
        end = _end_of_comment(query, found.end()) if groups.get("nested") else found.end()
        yield query[position:end], groups["name"]
        position = end


def _end_of_comment(query: str, position: int) -> int:
    """Comments of PostgreSQL nest."""
    depth = 1
    while depth and (mark := _MARK.search(query, position)):
        depth += 1 if mark[0] == "/*" else -1
        position = mark.end()
    return len(query) if depth else position
