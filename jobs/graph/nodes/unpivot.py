"""Unpivot: makes rows of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.node_type import UNNAMED, NodeType, told_beside
from jobs.graph.rows.known import Known, distinct_names, known_of, names_alone
from program_lib.columns.picking import unpivoted
from program_lib.types import TEXT, Column, Schema


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    columns, name, value = config["columns"], config["name_column"], config["value_column"]
    of = [column for column in columns if known.column(column)]
    with told_beside("columns"):
        names = _names(known, columns, name, value)
        if of:  # alone if the type of one is unknown, since it may be wider
            found = unpivoted(known, of, name, value)
            return known_of(names, found if len(of) == len(columns) else Schema(found[:-1]))
    stay = [column for column in known if column.name != name]
    return known_of(names, Schema([*stay, Column(name, TEXT, is_nullable=False)]))


def _names(known: Known, columns: Sequence[str], name: str, value: str) -> list[str] | None:
    if known.every is None:
        return None
    there = [column for column in columns if not known.lacks(column)]
    if not there:  # what is wrong is told beside the field
        return distinct_names(known.every, [name, value])
    return unpivoted(names_alone(known.every), there, name, value).names


UNPIVOT = NodeType(
    name="unpivot",
    label="Unpivot",
    help="Makes rows of columns: for each of them a row, with the column's name and what it holds. The other columns"
    " stand in each of these rows.",
    has_input=True,
    has_output=True,
    fields=(
        Field(
            "columns",
            "Columns",
            "names",
            reads=UNNAMED,
            help="For example jan, feb and mar. What they hold must be of one type, or numbers.",
        ),
        Field(
            "name_column",
            "Names in",
            "column",
            default="name",
            help="The new column with the columns' names.",
        ),
        Field(
            "value_column",
            "Values in",
            "column",
            default="value",
            help="The new column with what they hold.",
        ),
        Field(
            "nulls",
            "NULLs",
            "choice",
            default="keep",
            choices=("keep", "drop"),
            help="keep: a row also where a column holds NULL; drop: none.",
        ),
    ),
    runs_as="Expand",
    imports=(),
    template="""
    columns = {{ config.columns | literal(4) }}
    return batch.unpivot(
        columns,
        name={{ config.name_column | literal }},
        value={{ config.value_column | literal }},
        nulls={{ config.nulls | literal }},
    )
""",
    known_columns=_known_columns,
    example=Example(
        says="A sheet with a column for each month becomes rows that can be filtered and summed.",
        config={
            "columns": ["jan", "feb"],
            "name_column": "month",
            "value_column": "amount",
            "nulls": "drop",
        },
        takes={UNNAMED: rows("country,jan,feb", "DE,11,7", "FR,,5")},
        gives={UNNAMED: rows("country,month,amount", "DE,jan,11", "DE,feb,7", "FR,feb,5")},
        types={"jan": "integer", "feb": "integer"},
    ),
)
