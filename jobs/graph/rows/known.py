"""What is known of a node's rows before a job runs: the names of their columns, and the types of some or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches

from program_lib.common_types import common_type
from program_lib.errors import ProgramError
from program_lib.rejects import as_texts, rejected_schema
from program_lib.types import TEXT, Column, Schema, are_alike, listed

MOST_COLUMNS = 1_600  # of a node, as PostgreSQL's tables have; joins of joins double them. Of more nothing is known
_COMPARED = 100  # names that are looked at for one that is meant
_LONGEST = 40  # characters of one for which it is looked; each comparison takes 10 µs
_APART = 2  # characters by which a name that is meant may be longer or shorter


class Known(Schema):
    """The columns whose types are known. `every` names all columns in their order; None: there may be others.

    A column of `every` that is none of ours has a type that only a run tells.
    """

    every: tuple[str, ...] | None
    _names: frozenset[str]

    def __new__(cls, columns: Iterable[Column] = (), every: Iterable[str] | None = None) -> Known:
        """Raises ValueError when two columns have the same name."""
        known = super().__new__(cls, columns)
        assert isinstance(known, Known)
        known.every = None if every is None else tuple(every)
        known._names = frozenset(known.every or ())
        return known

    @classmethod
    def whole(cls, schema: Schema) -> Known:
        """All columns are these."""
        return cls(schema, schema.names)

    @property
    def is_whole(self) -> bool:
        """Whether there are no columns but ours, whose types are known."""
        return self.every is not None and len(self.every) == len(self)

    @property
    def some(self) -> tuple[str, ...]:
        """The names of the columns that are known to be there."""
        return tuple(self.names) if self.every is None else self.every

    def lacks(self, name: str) -> bool:
        """Whether there is certainly no column of this name."""
        return self.every is not None and name not in self._names

    def has_in_any_case(self, name: str) -> bool:
        return any(are_alike(one, name) for one in self.some)


def known_of(names: Iterable[str] | None, typed: Schema) -> Known:
    """Columns by their names, with the types of those that `typed` has; None: names are not known."""
    if names is None:
        return Known(typed)
    every = tuple(names)
    columns = (typed.column(name) for name in every)
    return Known((column for column in columns if column is not None), every)


def names_alone(names: Iterable[str]) -> Schema:
    """Columns of these names, for rules that look at nothing else. Raises ProgramError where one is there twice."""
    try:
        return Schema(Column(name, TEXT) for name in names)
    except ValueError as error:
        raise ProgramError(str(error)) from None


def distinct_names(*parts: Iterable[str]) -> list[str]:
    """All names one after another. Raises ProgramError where one is there twice."""
    return names_alone(name for part in parts for name in part).names


def texts(known: Known) -> Known:
    """The same columns before they have types."""
    if known.every is None:
        return Known(as_texts(known))
    return Known.whole(names_alone(known.every))


def rejected(known: Known) -> Known:
    """The columns of rows that a node rejects, of those that come.

    Whether ours behind them get numbers is not known before all names are.
    """
    if known.every is None:
        return Known(known)
    made = rejected_schema(names_alone(known.every))
    return known_of(made.names, Schema([*known, *made[len(known.every) :]]))


def in_one(inputs: list[Known], together: Callable[[list[Schema]], Schema]) -> Known:
    """The columns of rows of several nodes at one input. Raises ProgramError where they do not go together."""
    if len(inputs) == 1:  # nearly always, and then it costs nothing
        return inputs[0]
    if all(known.is_whole for known in inputs):
        return Known.whole(together([Schema(known) for known in inputs]))
    typed = _typed_in_all(inputs)
    if any(known.every is None for known in inputs):
        return Known(typed)
    return known_of(together([names_alone(known.some) for known in inputs]).names, typed)


def _typed_in_all(inputs: list[Known]) -> Schema:
    """The columns whose types are known of all inputs, where one type holds the values of all."""
    types = {column.name: column.type for column in inputs[0]}
    for known in inputs[1:]:
        others = {column.name: column.type for column in known}
        both = ((name, common_type(types[name], others[name])) for name in types.keys() & others)
        types = {name: of for name, of in both if of is not None}
    return Schema(Column(name, of) for name, of in types.items())


def there_is_no(name: str, known: Known, of: str = "") -> str:
    """A sentence about a column that is not there, with the one that is probably meant. `of`: the input's name."""
    where = f"the input {of!r} has" if of else "there is"
    meant = _meant(name, known.some)
    hint = f"; is {meant!r} meant?" if meant else ""
    return f"{where} no column {name[:60]!r}{hint}; there are {listed(known.some)}"


def _meant(name: str, there: tuple[str, ...]) -> str | None:
    by_case = {one.casefold(): one for one in there[:_COMPARED]}
    if same := by_case.get(name.casefold()):
        return same
    if len(name) > _LONGEST:
        return None
    near = [one for one in by_case if abs(len(one) - len(name)) <= _APART]
    found = get_close_matches(name.casefold(), near, n=1, cutoff=0.6)
    return by_case[found[0]] if found else None
