"""JSON Schema in few words, for the tables that describe documents and messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Schema = dict[str, Any]

SCHEMAS_AT = "#/components/schemas/"  # in OpenAPI and AsyncAPI alike

ANYTHING: Schema = {}
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "number", "description": "seconds since 1970"}


def ref(name: str) -> Schema:
    """The schema of that name among the document's components."""
    return {"$ref": SCHEMAS_AT + name}


def record(
    members: Mapping[str, Schema], says: str = "", *, optional: Iterable[str] = ()
) -> Schema:
    """An object. All members are always there but the `optional` ones; a later release may add others."""
    left_out = set(optional)
    assert left_out <= set(members), left_out
    return told(
        {
            "type": "object",
            "properties": dict(members),
            "required": [name for name in members if name not in left_out],
        },
        says,
    )


def listed(of: Schema, says: str = "", *, most: int | None = None) -> Schema:
    return told({"type": "array", "items": of, **({"maxItems": most} if most else {})}, says)


def by_name(of: Schema, says: str = "") -> Schema:
    """An object whose members have any name."""
    return told({"type": "object", "additionalProperties": of}, says)


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(texts: Iterable[str], says: str = "") -> Schema:
    return told({"type": "string", "enum": [str(text) for text in texts]}, says)


def any_of(*schemas: Schema, says: str = "") -> Schema:
    return told({"anyOf": list(schemas)}, says)


def just(value: str | bool) -> Schema:
    return {"const": value}


def told(schema: Schema, says: str) -> Schema:
    """The schema with a sentence for people."""
    return {**schema, "description": says} if says else schema


def refs_in(part: Any) -> set[str]:
    """Every `$ref` in a document or a part of one."""
    if isinstance(part, Mapping):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(refs_in, part.values()))
    return set().union(*map(refs_in, part)) if isinstance(part, list | tuple) else set()


def needed(part: Any, schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """Those of the schemas that a part of a document names, and that those name, in the order of `schemas`."""
    found: set[str] = set()
    fresh = _names_in(part)
    while fresh:
        found |= fresh
        fresh = set().union(*(_names_in(schemas[name]) for name in fresh)) - found
    return {name: schema for name, schema in schemas.items() if name in found}


def _names_in(part: Any) -> set[str]:
    found = (ref for ref in refs_in(part) if ref.startswith(SCHEMAS_AT))
    return {ref.removeprefix(SCHEMAS_AT) for ref in found}
