"""All types of nodes, in the order of the editor's palette."""

from __future__ import annotations

from typing import Any

from jobs.graph.fields.code import is_code_allowed
from jobs.graph.node_type import NodeType
from jobs.graph.nodes.aggregate import AGGREGATE
from jobs.graph.nodes.csv_input import CSV_INPUT
from jobs.graph.nodes.csv_output import CSV_OUTPUT
from jobs.graph.nodes.db_input import DB_INPUT
from jobs.graph.nodes.db_output import DB_OUTPUT
from jobs.graph.nodes.distinct import DISTINCT
from jobs.graph.nodes.excel_input import EXCEL_INPUT
from jobs.graph.nodes.excel_output import EXCEL_OUTPUT
from jobs.graph.nodes.filter import FILTER
from jobs.graph.nodes.http_input import HTTP_INPUT
from jobs.graph.nodes.join import JOIN
from jobs.graph.nodes.limit import LIMIT
from jobs.graph.nodes.lookup import LOOKUP
from jobs.graph.nodes.map import MAP
from jobs.graph.nodes.ndjson_input import NDJSON_INPUT
from jobs.graph.nodes.ndjson_output import NDJSON_OUTPUT
from jobs.graph.nodes.parquet_input import PARQUET_INPUT
from jobs.graph.nodes.parquet_output import PARQUET_OUTPUT
from jobs.graph.nodes.pivot import PIVOT
from jobs.graph.nodes.python import PYTHON
from jobs.graph.nodes.sample import SAMPLE
from jobs.graph.nodes.select import SELECT
from jobs.graph.nodes.sort import SORT
from jobs.graph.nodes.split import SPLIT
from jobs.graph.nodes.sql import SQL
from jobs.graph.nodes.union import UNION
from jobs.graph.nodes.unpivot import UNPIVOT
from jobs.graph.nodes.window import WINDOW

_IN_ORDER = (
    DB_INPUT,
    CSV_INPUT,
    NDJSON_INPUT,
    PARQUET_INPUT,
    EXCEL_INPUT,
    HTTP_INPUT,
    FILTER,
    MAP,
    SELECT,
    SORT,
    AGGREGATE,
    DISTINCT,
    WINDOW,
    PIVOT,
    UNPIVOT,
    LIMIT,
    SAMPLE,
    SPLIT,
    UNION,
    JOIN,
    LOOKUP,
    SQL,
    PYTHON,
    DB_OUTPUT,
    CSV_OUTPUT,
    NDJSON_OUTPUT,
    PARQUET_OUTPUT,
    EXCEL_OUTPUT,
)
NODE_TYPES: dict[str, NodeType] = {node_type.name: node_type for node_type in _IN_ORDER}


def node_types_document() -> list[dict[str, Any]]:
    """The node types that a graph may have here, as JSON."""
    offered = (one for one in NODE_TYPES.values() if is_code_allowed() or not one.runs_code)
    return [node_type.document() for node_type in offered]
