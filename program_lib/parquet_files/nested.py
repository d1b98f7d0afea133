"""Lists, structs and maps as JSON texts. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

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


def json_texts(values: pa.Array, of_others: Callable[[pa.Array], Texts]) -> Texts:
    """Each value as JSON without spaces; `of_others` gives those of values that are not nested.

    A struct is an object, and so is a map; the keys of a map that are no texts are written as such.
    """
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    of = values.type
    if not is_nested(of):
        return of_others(values)
    if pa.types.is_struct(of):
        return _objects(values, of_others)
    if pa.types.is_map(of):
        return _maps(values, of_others)
    return _between("[", json_texts(values.flatten(), of_others), "]", values)


def _objects(values: pa.StructArray, of_others: Callable[[pa.Array], Texts]) -> Texts:
    names = [_written(field.name) for field in values.type]
    columns = [json_texts(part, of_others) for part in values.flatten()]
    return [
        "{" + ",".join(f"{n}:{column[row]}" for n, column in zip(names, columns, strict=True)) + "}"
        if is_there
        else "null"
        for row, is_there in enumerate(values.is_valid().to_pylist())
    ]


def _maps(values: pa.MapArray, of_others: Callable[[pa.Array], Texts]) -> Texts:
    entry = pa.struct([("key", values.type.key_type), ("value", values.type.item_type)])
    as_lists = values.cast(pa.list_(entry))  # a part of a map's array gives all of its keys
    keys, items = (json_texts(part, of_others) for part in as_lists.flatten().flatten())
    names = (key if key.startswith('"') else _written(key) for key in keys)
    members = [f"{name}:{item}" for name, item in zip(names, items, strict=True)]
    return _between("{", members, "}", as_lists)


def _between(start: str, parts: Texts, end: str, lists: pa.Array) -> Texts:
    """The parts of each list, as many as it has."""
    made, at = list[str](), 0
    for count in pc.list_value_length(lists).to_pylist():
        if count is None:
            made.append("null")
            continue
        made.append(start + ",".join(parts[at : at + count]) + end)
        at += count
    return made


def _written(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
