"""HTTP Input: reads the rows of an HTTP service that answers with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.graph.example import Example, rows
from jobs.graph.fields.field import Field, Need
from jobs.graph.fields.file_columns import TYPES_LINES, declared, types_field
from jobs.graph.node_type import UNNAMED, NodeType, WrongField
from jobs.graph.rows.known import Known
from program_lib.network.urls import is_whole

PAGING = ("none", "link_header", "link", "cursor", "page", "offset")


def _known_columns(config: Mapping[str, Any], known: Known) -> Known:
    if not is_whole(config["url"]) and config.get("connection") is None:
        raise WrongField("url", "it must begin with https:// unless Connection names a service")
    return declared(config.get("types", []))


HTTP_INPUT = NodeType(
    name="http_input",
    label="HTTP Input",
    help="Reads the rows of an HTTP service that answers with JSON, page after page; a member that is missing is NULL. Off"
    " until the operator names hosts that may be asked.",
    has_input=False,
    has_output=True,
    fields=(
        Field(
            "connection",
            "Connection",
            "http_connection",
            required=False,
            help="The NAME of a connection of the server that holds the service's URL, headers and secrets.",
        ),
        Field(
            "url",
            "URL",
            "url",
            help="Of a host that the operator allows; with a Connection what follows its URL, for example /orders?limit=100.",
        ),
        Field(
            "rows",
            "Rows",
            "json_path",
            required=False,
            help="Where an answer has the list of rows, for example data.items; without it the answer is the list.",
        ),
        Field(
            "paging",
            "Pages",
            "choice",
            default="none",
            choices=PAGING,
            help="How pages follow one another: by the header Link, a link or a cursor in the answer, or the number of a"
            " page or of the rows before it.",
        ),
        Field(
            "next",
            "Next",
            "json_path",
            required=False,
            needed_for=Need("paging", ("link", "cursor")),
            help="Where an answer has the link or the cursor, for example meta.next; the last page has none, null or an"
            " empty text.",
        ),
        Field(
            "parameter",
            "Parameter",
            "name",
            required=False,
            needed_for=Need("paging", ("cursor", "page", "offset")),
            help="What the query of a request calls the cursor or the number, for example page.",
        ),
        Field(
            "first_page",
            "First page",
            "count",
            required=False,
            needed_for=Need("paging", ("page",)),
            help="The number of the first page: 1 or 0 as a rule.",
        ),
        Field(
            "more",
            "More",
            "json_path",
            required=False,
            help="Where an answer says by true or false whether there is another page, for example meta.has_more; a run fails"
            " where it is true and nothing says which page that is.",
        ),
        Field(
            "total",
            "Total",
            "json_path",
            required=False,
            help="Where an answer says how many rows there are, for example meta.total; a run that got another number fails.",
        ),
        types_field(
            "What the columns hold; a member that is not named here is text, and a nested one its JSON."
        ),
        Field(
            "others",
            "Other members",
            "choice",
            default="refuse",
            choices=("refuse", "ignore"),
            help="What becomes of a member that neither the first page with rows nor Types have.",
        ),
    ),
    runs_as="Source",
    imports=(
        "program_lib.http_service.read_http",
        "program_lib.http_service.by_link",
        "program_lib.http_service.by_cursor",
        "program_lib.http_service.by_page",
        "program_lib.http_service.by_offset",
    ),
    template="""
    return read_http(
        {{ config.url | literal }},
{% if config.get('connection') %}
        connection={{ config.connection | literal }},
{% endif %}
{% if config.get('rows') %}
        rows={{ config.rows | literal }},
{% endif %}
{% if config.paging == 'link_header' %}
        paging=by_link(),
{% elif config.paging == 'link' %}
        paging=by_link({{ config.next | literal }}),
{% elif config.paging == 'cursor' %}
        paging=by_cursor({{ config.next | literal }}, parameter={{ config.parameter | literal }}),
{% elif config.paging == 'page' %}
        paging=by_page({{ config.parameter | literal }}, first={{ config.first_page | literal }}),
{% elif config.paging == 'offset' %}
        paging=by_offset({{ config.parameter | literal }}),
{% endif %}
{% if config.get('more') %}
        more={{ config.more | literal }},
{% endif %}
{% if config.get('total') %}
        total={{ config.total | literal }},
{% endif %}
"""
    + TYPES_LINES
    + """\
        others={{ config.others | literal }},
    )
""",
    rejects=True,
    asked_by_hand=True,
    known_columns=_known_columns,
    example=Example(
        says="Read the orders of a shop from its service, a page of 100 after the other; what the second order lacks is NULL.",
        config={
            "url": "https://api.example.com/orders?limit=100",
            "rows": "data",
            "paging": "offset",
            "parameter": "offset",
            "types": [{"column": "id", "type": "integer"}, {"column": "total", "type": "numeric"}],
        },
        takes={UNNAMED: '{"data": [{"id": 7, "total": 19.90}, {"id": 8}]}\n'},
        gives={UNNAMED: rows("id,total", "7,19.90", "8,")},
    ),
)
