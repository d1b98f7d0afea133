"""Map: computes columns from each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.checks import KEEP_ALL, KEEP_NONE
from jobs.graph.fields.field import Field
from jobs.graph.node_type import UNNAMED, NodeType, type_of
from jobs.graph.rows.known import Known, known_of
from program_lib.types import Column, Schema


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    columns = {name: known.column(name) for name in _kept(config["keep"], known)}
    for entry in config["columns"]:
        name = entry["column"]
        of = type_of(entry["expression"], known, "columns")
        columns[name] = None if of is None else Column(name, of)
    is_open = config["keep"] == KEEP_ALL and known.every is None
    typed = Schema(column for column in columns.values() if column)
    return known_of(None if is_open else columns, typed)


def _kept(keep: str | list[str], known: Known) -> Sequence[str]:
    if keep == KEEP_ALL:
        return known.some
    return () if keep == KEEP_NONE else keep


MAP = NodeType(
    name="map",
    label="Map",
    help="Computes columns from each row.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "columns",
            "Columns",
            "columns",
            default=[],
            help="What to compute from the row that comes in, for example total: quantity * price",
        ),
        Field(
            "keep",
            "Keep",
            "keep",
            default=KEEP_ALL,
            reads=UNNAMED,
            help="Which columns of the row to keep: all, none, or a list.",
        ),
    ),
    runs_as="Map",
    imports=(),
    template="""
{% if config.columns %}
    columns = {
{% for entry in config.columns %}
        {{ entry.column | literal }}: {{ entry.expression | literal(8) }},
{% endfor %}
    }
{% else %}
    columns = {}
{% endif %}
{% if config.keep is string %}
    return batch.compute(columns, keep={{ config.keep | literal }})
{% else %}
    keep = {{ config.keep | literal(4) }}
    return batch.compute(columns, keep)
{% endif %}
""",
    rejects=True,
    known_columns=_known_columns,
    example=Example(
        says="Compute a gross amount and tidy a code, and keep of the row its number alone.",
        config={
            "columns": [
                {"column": "country", "expression": "upper(strip(country))"},
                {"column": "gross", "expression": "round(net * 1.19, 2)"},
            ],
            "keep": ["id"],
        },
        takes={UNNAMED: rows("id,country,net", "1, de,10.00", "2,fr,", "3,NL,0.50")},
        gives={UNNAMED: rows("id,country,gross", "1,DE,11.9", "2,FR,", "3,NL,0.6")},
        types={"net": "numeric"},
    ),
)
