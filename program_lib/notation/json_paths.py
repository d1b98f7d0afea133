"""Where something is in an answer of JSON: data.items, items[0].id, $["odd name"]. Pure."""

from __future__ import annotations

import re

MAX_STEPS = 20  # names and places of one path
Step = str | int  # a member's name, or a place in a list, from the end where it is negative

_STEP = re.compile(
    r"""\.?(?P<name>[^\s.\[\]'"$](?:[^.\[\]'"]*[^\s.\[\]'"])?)   # a member; nobody sees a space at its end
      | \[(?P<place>-?[0-9]{1,9})\]                  # an element
      | \.?\[(?:"(?P<quoted>[^"]*)"|'(?P<single>[^']*)')\]   # a member whose name holds points, brackets or quotes
    """,
    re.VERBOSE,
)


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path; none for "" and "$", which are the whole answer. Raises ValueError."""
    position = 1 if text.startswith("$") else 0
    steps: list[Step] = []
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None or (found[0].startswith(".") and position == 0):
            raise ValueError(
                f"is no path at {text[position:][:20]!r}: write names with points between them,"
                ' as in data.items, items[0].id or $["odd name"]'
            )
        steps.append(_step(found))
        position = found.end()
    if len(steps) > MAX_STEPS:
        raise ValueError(f"has {len(steps)} steps, at most {MAX_STEPS} are allowed")
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    if found["place"] is not None:
        return int(found["place"])
    return next(name for name in found.group("name", "quoted", "single") if name is not None)


def path_text(steps: tuple[Step, ...]) -> str:
    """The path as people read it."""
    return "".join(_shown(step) for step in steps).removeprefix(".") or "$"


def _shown(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if re.fullmatch(r"[\w-]+", step):
        return f".{step}"
    return f"['{step}']" if '"' in step else f'["{step}"]'
