"""Join: puts the rows of two inputs beside each other where their keys are equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields import Field, keys
from jobs.graph.node_type import UNNAMED, NodeType, Port, WrongField, key_errors
from program_lib.errors import ProgramError
from program_lib.join_columns import (
    ANTI,
    ANY,
    EXPECTED,
    INNER,
    KINDS_OF_JOIN,
    SEMI,
    SUFFIX,
    Side,
    joined_columns,
)
from program_lib.types import Schema


def _known_by_port(config: Mapping[str, Any], known: Mapping[str, Schema]) -> Schema:
    how, left, right = config["how"], known["left"], known["right"]
    if how in (SEMI, ANTI) and config["expect"] != ANY:
        raise WrongField("expect", f"a {how} join gives a left row once, however many match")
    key_errors(config["on"], left, right)
    on = [pair for pair in _pairs(config) if left.column(pair[0]) and right.column(pair[1])]
    try:
        columns = joined_columns(left, right, how, on, config["suffix"])
    except ProgramError as error:
        raise WrongField("suffix", str(error)) from None
    merged = {one for one, other in _pairs(config) if one == other}
    return Schema(
        joined.column
        for joined in columns
        # a column of the right whose name the left may have, too, which nobody knows yet, may get the suffix
        if joined.side is not Side.RIGHT or joined.column.name != joined.source
        if joined.side is Side.BOTH or joined.source not in merged
    )


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
            "Columns of the left and the right that must be equal; NULL equals nothing. For example customer_id: id"
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
