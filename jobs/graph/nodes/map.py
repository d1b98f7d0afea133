"""Map: computes columns from each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields import KEEP_ALL, KEEP_NONE, Field
from jobs.graph.node_type import UNNAMED, NodeType, type_of
from program_lib.types import Column, Schema


def _known_columns(config: Mapping[str, Any], known: Schema) -> Schema:
    keep = config["keep"]
    columns = {
        column.name: column
        for column in known
        if keep == KEEP_ALL or (keep != KEEP_NONE and column.name in keep)
    }
    for entry in config["columns"]:
        name = entry["column"]
        columns.pop(name, None)
        if (of := type_of(entry["expression"], known, "columns")) is not None:
            columns[name] = Column(name, of)
    return Schema(columns.values())


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
