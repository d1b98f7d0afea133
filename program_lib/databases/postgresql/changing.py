"""What PostgreSQL would store as another value than its text says, without an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.databases.fitting import is_changed_by_32_bits

# Columns of these types take their own values alone.
_ONLY_ITS_OWN = re.compile(
    r"""^(?: (?:money|"char") | interval.+ | numeric\(\d+,-\d+\) | time\(\d\)\ with\ .* )$""",
    re.VERBOSE,
)
# What stands within a row or an array is rounded, cut or computed, where as a column of its own it is refused.
_CHANGED_WITHIN = re.compile(
    r"""^(?: money | "char" | name | real | date | jsonb | bpchar | (?:interval|time).*
        | (?:numeric|character.*)\(.* )$""",
    re.VERBOSE,
)

# The texts that mean one value of these types, whatever the session: others are taken for the time of its zone, or lose
# their zone, their digits or the time of a day.
_DAY = "[0-9]{4,}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*)?)?"
_ZONE = " ?(?:Z|[-+][0-9]{2}(?::?[0-9]{2}){0,2})"


def _ranges_of(moment: str) -> dict[str, str]:
    """The forms of a range, and of a multirange, whose bounds have this form."""
    bound = f'(?:"?(?:{moment}(?: BC)?|-?infinity)"?)?'
    one = rf"(?:empty|[\[(]{bound},{bound}[\])])"
    return {"range": one, "multirange": rf"\{{(?:{one}(?:,{one})*)?\}}"}


_RANGES = {
    name + kind: form
    for name, moment in {
        "date": _DAY,
        "ts": f"{_DAY}(?:[ T]{_CLOCK})?",
        "tstz": f"{_DAY}[ T]{_CLOCK}{_ZONE}",
    }.items()
    for kind, form in _ranges_of(moment).items()
}
_OF_ELEMENTS = {"date": f"(?:{_DAY}(?: BC)?|-?infinity)", **_RANGES}


def _is_not_plain(form: str, texts: pa.Array) -> pa.Array:
    return pc.invert(pc.match_substring_regex(texts, f"^ *(?:{form}) *$"))


def _has_others(form: str, arrays: pa.Array) -> pa.Array:
    """Which texts of arrays have an element that is neither of this form nor NULL."""
    plain = pc.replace_substring(arrays, '\\"', '"')  # as a range in quotes has its own
    rest = pc.replace_substring_regex(plain, f'"?(?:{form})"?|(?i:null)', "")
    return pc.invert(pc.match_substring_regex(rest, r"^(?:\[[-0-9:\[\]]+\] *=)?[{},\s]*$"))


def _has_longer_reals(arrays: pa.Array) -> pa.Array:
    """Which texts of arrays have a number of more digits than 32 bits hold. What is no number the database refuses."""
    elements = pc.split_pattern_regex(arrays, r'[{},"\s]+')
    flat = pc.list_flatten(elements)
    is_number = pc.match_substring_regex(
        flat,
        r"^(?i:[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?|infinity)|nan)$",
    )
    unsigned = pc.replace_substring_regex(flat, r"^\+", "")  # Arrow knows no plus
    numbers = pc.cast(pc.if_else(is_number, unsigned, None), pa.float64())
    is_longer = pc.fill_null(is_changed_by_32_bits(numbers), False)
    found = pc.list_parent_indices(elements).filter(is_longer)
    return pc.is_in(pa.arange(0, len(arrays)), value_set=found.cast(pa.int64()))


def _has_finer_seconds(texts: pa.Array) -> pa.Array:
    """Which intervals have more than six digits after a point."""
    return pc.match_substring_regex(texts, r"\.[0-9]{6}[0-9]*[1-9]")


def _has_twins(texts: pa.Array) -> pa.Array:
    """Which texts of JSON have an object with two members of one name, of which jsonb keeps the last."""
    may_have = pc.fill_null(pc.match_substring_regex(texts, r'(?s)"\s*:.*"\s*:'), False)
    found = iter([_is_with_twins(text) for text in texts.filter(may_have).to_pylist()])
    return pa.array([may and next(found) for may in may_have.to_pylist()], pa.bool_())


class _Twins(Exception):
    """Two members of an object have one name."""


def _is_with_twins(text: str) -> bool:
    try:
        json.loads(text, object_pairs_hook=_without_twins, parse_int=str, parse_float=str)
    except _Twins:
        return True
    except RecursionError:  # it is nested too deeply to be looked into
        return True
    except ValueError:  # what is no JSON the database refuses
        return False
    return False


def _without_twins(members: list[tuple[str, object]]) -> None:
    if len({name for name, _ in members}) < len(members):
        raise _Twins


_CHANGES: dict[str, Callable[[pa.Array], pa.Array]] = {
    "time with time zone": partial(_is_not_plain, _CLOCK + _ZONE),
    "interval": _has_finer_seconds,
    "jsonb": _has_twins,
    "real[]": _has_longer_reals,
    **{name: partial(_is_not_plain, form) for name, form in _RANGES.items()},
    **{f"{name}[]": partial(_has_others, form) for name, form in _OF_ELEMENTS.items()},
}


def changes(spelt: str) -> Callable[[pa.Array], pa.Array] | None:
    """Which texts a column of this type would take as other values; None where there are none."""
    return _CHANGES.get(spelt)


def takes_only_its_own(spelt: str, within: list[str]) -> bool:
    """Whether what a column makes of another type's texts cannot be told from them; `within`: the types that it is made of."""
    if spelt in _CHANGES:
        return False
    return any(map(_CHANGED_WITHIN.match, within)) or bool(_ONLY_ITS_OWN.match(spelt))
