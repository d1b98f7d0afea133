"""Lists, structs and maps as JSON texts. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.texts import shown

Texts = Sequence[str]  # one a value; of NULL it is null


def is_nested(of: pa.DataType) -> bool:
    """Whether it is a list, a struct or a map, which has one place in JSON."""
    if pa.types.is_struct(of):
        names = [field.name for field in of]
        return len(set(names)) == len(names)
    return pa.types.is_nested(of) and not pa.types.is_union(of)


def parts_of(of: pa.DataType) -> list[pa.DataType]:
    """What a nested type is made of, one level down; of a map its key, too."""
    if pa.types.is_struct(of):
        return [field.type for field in of]
    return [of.key_type, of.item_type] if pa.types.is_map(of) else [of.value_type]


def leaves_of(of: pa.DataType) -> int:
    """How many columns of Parquet hold the values of a type."""
    if isinstance(of, pa.BaseExtensionType):
        of = of.storage_type
    return sum(map(leaves_of, parts_of(of))) if pa.types.is_nested(of) else 1


def parts_in(values: pa.Array) -> list[pa.Array]:
    """The values of what `parts_of` tells."""
    if pa.types.is_struct(values.type):
        return list(values.flatten())
    if pa.types.is_map(values.type):
        return list(_as_lists(values).flatten().flatten())
    return [values.flatten()]


def _as_lists(values: pa.MapArray) -> pa.Array:
    """Of a part of a map's array keys gives all of its keys; a list gives its own."""
    entry = pa.struct([("key", values.type.key_type), ("value", values.type.item_type)])
    return values.cast(pa.list_(entry))


def json_texts(values: pa.Array, of_others: Callable[[pa.Array], Texts]) -> Texts:
    """Each value as JSON without spaces; `of_others` gives those of values that are not nested.

    A struct is an object, and so is a map; the keys of a map that are no texts are written as such. Raises ValueError
    for a map that has a key twice.
    """
    of = values.type
    if not is_nested(of):
        return of_others(values)
    if pa.types.is_struct(of):
        return _objects(values, of_others)
    if pa.types.is_map(of):
        return _maps(values, of_others)
    [items] = parts_in(values)
    return _between("[", json_texts(items, of_others), "]", values)


def _objects(values: pa.StructArray, of_others: Callable[[pa.Array], Texts]) -> Texts:
    names = [_written(field.name) for field in values.type]
    columns = [json_texts(part, of_others) for part in parts_in(values)]
    return [
        "{" + ",".join(f"{n}:{column[row]}" for n, column in zip(names, columns, strict=True)) + "}"
        if is_there
        else "null"
        for row, is_there in enumerate(values.is_valid().to_pylist())
    ]


def _maps(values: pa.MapArray, of_others: Callable[[pa.Array], Texts]) -> Texts:
    keys, items = (json_texts(part, of_others) for part in parts_in(values))
    names = [key if key.startswith('"') else _written(key) for key in keys]
    for found in _by_list(names, values):
        _check_unlike(found or ())
    members = [f"{name}:{item}" for name, item in zip(names, items, strict=True)]
    return _between("{", members, "}", values)


def _check_unlike(names: Texts) -> None:
    """Most readers of JSON keep the last of two members of one name, without a word."""
    if len(set(names)) < len(names):
        [(name, _)] = Counter(names).most_common(1)
        raise ValueError(f"the map has the key {shown(json.loads(name))} twice")


def _between(start: str, parts: Texts, end: str, lists: pa.Array) -> Texts:
    return [
        "null" if found is None else start + ",".join(found) + end
        for found in _by_list(parts, lists)
    ]


def _by_list(parts: Texts, lists: pa.Array) -> Iterator[Texts | None]:
    """The parts of each list, as many as it has; None for NULL."""
    at = 0
    if pa.types.is_map(lists.type):
        lists = _as_lists(lists)
    for count in pc.list_value_length(lists).to_pylist():
        yield None if count is None else parts[at : at + count]
        at += count or 0


def _written(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
