"""Join: puts the rows of two inputs beside each other where their keys are equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field
from jobs.graph.fields.shared import keys
from jobs.graph.node_type import UNNAMED, NodeType, Port, WrongField, key_errors, told_beside
from jobs.graph.rows.known import Known, known_of, names_alone
from program_lib.columns.join_columns import (
    ANTI,
    ANY,
    EXPECTED,
    INNER,
    KINDS_OF_JOIN,
    SEMI,
    SUFFIX,
    Joined,
    Side,
    joined_columns,
)
from program_lib.errors import ProgramError
from program_lib.types import Schema


def _known_by_port(config: Mapping[str, Any], known: Mapping[str, Known]) -> Known:
    how, left, right = config["how"], known["left"], known["right"]
    if how in (SEMI, ANTI) and config["expect"] != ANY:
        raise WrongField("expect", f"a {how} join gives a left row once, however many match")
    key_errors(config["on"], left, right)
    on = [pair for pair in _pairs(config) if left.column(pair[0]) and right.column(pair[1])]
    try:
        columns = joined_columns(left, right, how, on, config["suffix"])
    except ProgramError as error:
        raise WrongField("suffix", str(error)) from None
    if left.every is not None and right.every is not None:
        return _all_columns(config, left, right, columns)
    merged = {one for one, other in _pairs(config) if one == other}
    return Known(
        joined.column
        for joined in columns
        # a column of the right whose name the left may have, too, which nobody knows yet, may get the suffix
        if joined.side is not Side.RIGHT or joined.column.name != joined.source
        if joined.side is Side.BOTH or joined.source not in merged
    )


def _all_columns(
    config: Mapping[str, Any], left: Known, right: Known, typed: list[Joined]
) -> Known:
    """The columns of a join of inputs of which all names are known, with the types of those that are `typed`."""
    both = names_alone(left.some), names_alone(right.some)
    on = [pair for pair in _pairs(config) if not left.lacks(pair[0]) and not right.lacks(pair[1])]
    with told_beside("suffix"):
        made = joined_columns(*both, config["how"], on, config["suffix"])
    types = {(one.side, one.source): one.column for one in typed}
    columns = {one.column.name: types.get((one.side, one.source)) for one in made}
    found = (replace(of, name=name) for name, of in columns.items() if of is not None)
    return known_of(columns, Schema(found))


def _pairs(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(pair["left"], pair["right"]) for pair in config["on"]]


JOIN = NodeType(
    name="join",
    label="Join",
    help="Puts the rows of two inputs beside each other where their keys are equal, in the order of the left.",
    has_input=True,
    has_output=True,
    inputs=(Port("left", "left"), Port("right", "right")),
    fields=(
        Field(
            "how",
            "Rows to give",
            "choice",
            default=INNER,
            help="Those with a match; all of the left, the right, or both, with NULL where there is no match; or, of the"
            " left alone, those with a match (semi) or without (anti).",
            choices=KINDS_OF_JOIN,
        ),
        keys(
            "Columns of the left and the right that must be equal; NULL equals nothing. For example customer_id: id",
            left="left",
            right="right",
        ),
        Field(
            "suffix",
            "Suffix",
            "name",
            default=SUFFIX,
            help="What a column of the right gets at its end where the left has one of its name. Keys of one name are there once.",
        ),
        Field(
            "expect",
            "Matches expected",
            "choice",
            default=ANY,
            help="How many rows of the right each row of the left must have; the run fails at the first that has others.",
            choices=EXPECTED,
        ),
    ),
    runs_as="program_lib.join.Join",
    imports=("program_lib.join.join",),
    template="""
    on = [
{% for pair in config.on %}
        ({{ pair.left | literal }}, {{ pair.right | literal }}),
{% endfor %}
    ]
{% if config.how in ("semi", "anti") %}
    return join(how={{ config.how | literal }}, on=on)
{% else %}
    return join(how={{ config.how | literal }}, on=on, suffix={{ config.suffix | literal }}, expect={{ config.expect | literal }})
{% endif %}
""",
    known_by_port=_known_by_port,
    example=Example(
        says="Orders beside their customers, also those whose customer is not known (any more). NULL equals nothing.",
        config={"how": "left", "on": [{"left": "customer_id", "right": "id"}]},
        takes={
            "left": rows("id,customer_id", "1,7", "2,9", "3,"),
            "right": rows("id,name", "7,Ann", "8,Bo"),
        },
        gives={UNNAMED: rows("id,customer_id,id_right,name", "1,7,7,Ann", "2,9,,", "3,,,")},
    ),
)
