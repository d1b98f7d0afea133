"""docs/functions.md, made of the table: python -m program_lib.expressions.functions.page > docs/functions.md"""

from __future__ import annotations

from collections.abc import Iterator

from program_lib.expressions.functions import FUNCTIONS, GROUPS, Function

HEAD = f"""\
# Functions

The {len(FUNCTIONS)} functions that [expressions](expressions.md) may call. This page is made of the table in
`program_lib/expressions/functions`, as are the editor's completion, `GET /api/functions` and the tests, which compute each
example: `python -m program_lib.expressions.functions.page > docs/functions.md`.

What all of them have in common:

- NULL in any argument gives NULL, unless the line says otherwise.
- What has no value fails and names the row: a day that there is not, a text that is no number, too large a result. It is never
  replaced by another value. The `try_` functions give NULL instead.
- A name is a function only where brackets follow: a column may be called `year`.
- What is *written out* (a unit, a pattern, a format, a number of digits) is a literal, and is checked while the graph is edited.
- A text that a function makes longer has at most 10,000,000 characters; a larger one fails.
- Characters are code points, counted from 1 (`text[0]` alone counts from 0).
- An instant (timestamptz) is taken in UTC; `to_zone` gives what clocks show elsewhere. A literal text may stand for a date or time:
  `year('2026-01-31')`.
- Nothing depends on the clock or on chance, so that a run gives the same rows again: there is no `today()` and no `random()`. Take the
  day from a column, or write it as a literal.

Meanings are PostgreSQL's where it has the function. Where they differ:

| function | here | PostgreSQL |
|---|---|---|
| `matches`, `extract`, `replace_matches`, `count_matches` | RE2: never exponential; `.` is any character but a line break; no look-around, no `\\1` in a pattern | its own; `.` is a line break, too |
| `extract` of a group that takes no part | `''` | NULL |
| `strip_accents` | built in | the extension unaccent, which also knows ß and ø |
| `make_time(24, 0)`, 60 seconds | fail | midnight, the next minute |
| `decimal(x, …)` of a double | all digits that `str(x)` shows | 15 digits |
| `json_text` | the first of two members of one name; a number of up to 15 digits as a double has it: `1.50` is `1.5`, `1e2` is `100.0`; others, and those of `e-100` and less, as they are written | the last; as it is written |
"""


def page() -> str:
    parts = [HEAD]
    for name, group in GROUPS.items():
        parts += [f"## {name}", "\n".join(_table(group))]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _table(group: tuple[Function, ...]) -> Iterator[str]:
    yield "| function | takes | gives | |\n|---|---|---|---|"
    for function in group:
        yield f"| {_code(function.signature)} | {_takes(function)} | {function.returns} | {_said(function)} |"


def _takes(function: Function) -> str:
    takes = (f"{argument.name}: {_type(argument.called)}" for argument in function.arguments)
    return "; ".join(takes).replace("|", "\\|")


def _type(called: str) -> str:
    return called.replace("'", "`")


def _said(function: Function) -> str:
    nulls = f" NULL: {function.nulls}." if function.nulls else ""
    shown = f" {_code(function.example)} is {_code(function.gives)}."
    also = f" Elsewhere: {', '.join(function.also)}." if function.also else ""
    return (function.help.replace("|", "\\|") + nulls + shown + also).replace("\n", " ")


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


if __name__ == "__main__":
    print(page(), end="")
