"""Puts values of parameters into a path, a table's name or a URL, where they are a part of one name and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote

from program_lib.errors import ProgramError
from program_lib.network.urls import host_part
from program_lib.parameters.parameter import Value, shown
from program_lib.parameters.taken import taken
from program_lib.types import listed

NAMED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
# What a value may be made of. A list, so that no separator, quote or wildcard of any system is forgotten
PATH_PART = re.compile(r"[\w.\- ]+")
TABLE_PART = re.compile(r"[\w\-]+")
MAX_PART = 100  # characters; a name that is longer fits in few databases


def in_path(template: str, values: Mapping[str, Value] | None = None) -> str:
    """The path with each {name} replaced by the value of that parameter. Raises ProgramError.

    A value is a part of one name: letters, digits, _, -, a point or a space inside.
    """
    return _filled(template, values, _path_part)


def in_table(template: str, values: Mapping[str, Value] | None = None) -> str:
    """The table's name with each {name} replaced by the value of that parameter. Raises ProgramError.

    A value is letters, digits, _ and -: a point would part schema and table.
    """
    return _filled(template, values, _table_part)


def in_url(template: str, values: Mapping[str, Value] | None = None) -> str:
    """The URL with each {name} replaced by the value of that parameter, escaped as RFC 3986 says. Raises ProgramError.

    A value is a part of one step of the path, or of one value of the query, whatever it holds; none stands in the host.
    """
    known = taken() if values is None else values
    if known and (named := NAMED.search(host_part(template))):
        raise ProgramError(f"{named[0]} stands in the host of a URL: a parameter stands after it")
    filled = _filled(template, values, lambda name, text: quote(text, safe=""))
    if any(unquote(step) in (".", "..") for step in filled.partition("?")[0].split("/")):
        raise ProgramError("the path of a URL holds . or .., which would lead elsewhere")
    return filled


def named_in(template: str) -> list[str]:
    """The names that stand in braces in a path, a table's name or a URL, in their order."""
    return list(dict.fromkeys(NAMED.findall(template)))


def _filled(
    template: str, values: Mapping[str, Value] | None, part: Callable[[str, str], str]
) -> str:
    known = taken() if values is None else values
    if not known:  # in a program without parameters braces are characters as others
        return template
    return NAMED.sub(lambda found: part(found[1], _text(found[1], known)), template)


def _text(name: str, known: Mapping[str, Value]) -> str:
    if name not in known:
        raise ProgramError(f"there is no parameter {name}; there are {listed(known)}")
    text = known[name].text
    if not text:
        raise ProgramError(f"the parameter {name} has no value, and {{{name}}} needs one")
    if len(text) > MAX_PART:
        raise ProgramError(
            f"the parameter {name} has {len(text)} characters, at most {MAX_PART} go into a name"
        )
    return text


def _path_part(name: str, text: str) -> str:
    if not PATH_PART.fullmatch(text) or text.strip(" .") != text:
        raise ProgramError(
            f"the parameter {name} is {shown(text)}: in a path it may hold letters, digits, _ and -,"
            " and between them points and spaces"
        )
    return text


def _table_part(name: str, text: str) -> str:
    if not TABLE_PART.fullmatch(text):
        raise ProgramError(
            f"the parameter {name} is {shown(text)}: in a table's name it may hold letters, digits, _ and -"
        )
    return text
