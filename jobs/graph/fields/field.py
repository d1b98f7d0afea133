"""The fields of a node's configuration, as validation and the page's form see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobs.graph.fields.checks import CHECKS, MAX_COLUMN, MAX_COLUMNS, MAX_COUNT
from program_lib.types import COLUMN_TYPES

UNNAMED = ""  # how an edge names the input or output of a node that has no name


@dataclass(frozen=True, slots=True)
class Member:
    """What each entry of a field of the kind `entries` has: a name, one of `choices`, a count, or an expression."""

    name: str
    label: str
    kind: str = "text"  # or choice, count, expression
    choices: tuple[str, ...] = ()
    required: bool = True  # else it may be missing, or ""
    longest: int = MAX_COLUMN  # characters of a text
    has_lines: bool = True  # whether a text may have several, as names of columns do
    reads: str | None = None  # as Field.reads, of a text

    def document(self) -> dict[str, Any]:
        """This member as JSON, for the page's form."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind,
            "choices": list(self.choices),
            "required": self.required,
            "reads": self.reads,
        }


@dataclass(frozen=True, slots=True)
class Need:
    """When a field is given: where another field, a choice, has one of these values; else it must not be."""

    field: str
    values: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """This as JSON, for the page's form."""
        return {"field": self.field, "values": list(self.values)}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a node's configuration, as validation and the page's form see it."""

    name: str
    label: str
    kind: str
    required: bool = True
    default: Any = None
    help: str = ""
    choices: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()  # of the kind `entries`
    entry: str = "column"  # what people call one of the `entries`
    most: int = MAX_COLUMNS  # entries
    # The member that no two entries have alike; where an entry does not give it, `unique_or` stands for it.
    # Without it, no two entries are the same
    unique: str = ""
    unique_or: str = ""
    reserved: str = ""  # what that member must not be
    former: bool = False  # of graphs of before: a form shows it only where it is given
    needed_for: Need | None = None  # of a field that is not `required`; an empty list is not given
    for_rejects: bool = False  # a form shows it only where rejected rows lead somewhere
    largest: int = MAX_COUNT  # of the kind `count`
    reads: str | None = None  # the input whose columns its texts name; None: they name none
    in_any_case: bool = False  # of those names: whether a column may be spelt otherwise
    begins_as: Any = None  # what a form gives a new node instead of the default

    def columns_read(self, value: Any) -> Iterator[tuple[str, str]]:
        """The columns that a value without errors names, each with its input; not those in expressions."""
        if self.reads is not None and value is not None:
            is_one = self.kind == "column"
            names = [value] if is_one else value if isinstance(value, list) else []
            yield from ((name, self.reads) for name in names)
        for member in self.members:
            if member.reads is not None:
                given = (entry.get(member.name) for entry in value or ())
                yield from ((name, member.reads) for name in given if name)

    def errors(self, value: Any) -> Iterator[str]:
        """What is wrong with a value of this field, a sentence each."""
        yield from CHECKS[self.kind](value, self)

    def document(self) -> dict[str, Any]:
        """This field as JSON, for the page's form."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind,
            "required": self.required,
            "default": self.default,
            "help": self.help,
            "choices": list(COLUMN_TYPES if self.kind == "types" else self.choices),
            "members": [member.document() for member in self.members],
            "entry": self.entry,
            "former": self.former,
            "neededFor": None if self.needed_for is None else self.needed_for.document(),
            "forRejects": self.for_rejects,
            "reads": self.reads,
            "beginsAs": self.begins_as,
        }
