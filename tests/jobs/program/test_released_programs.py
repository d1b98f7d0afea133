"""Programs that earlier releases made run on the program_lib of now: those of runs that were queued before an upgrade, and of their retries."""

import importlib
import inspect

import pytest

# What programs of the steps 0003, 0006 and 0008 of the database call: the module, the name, the positions, the keywords.
# Each type of nodes is there. Add those of a release that asks for something else; none is ever taken away.
CALLS = (
    "program_lib.common_types union 0 missing",
    "program_lib.csv_files read_csv 1 delimiter encoding null types",
    "program_lib.csv_files write_csv 1 delimiter encoding null",
    "program_lib.databases read_rows 1 table",
    "program_lib.databases read_rows 2",
    "program_lib.databases write_rows 2 key mode",
    "program_lib.excel_files read_excel 1 header sheet start types",
    "program_lib.excel_files write_excel 1 inexact overflow sheet",
    "program_lib.gathering Gather 3 feeds",
    "program_lib.http_service by_cursor 1 parameter",
    "program_lib.http_service read_http 1 connection more others paging rows total types",
    "program_lib.join Join 3 feeds",
    "program_lib.join join 0 expect how on suffix",
    "program_lib.lookup Lookup 3 feeds",
    "program_lib.lookup lookup 1 missing on",
    "program_lib.ndjson_files read_ndjson 1 others types",
    "program_lib.ndjson_files write_ndjson 1",
    "program_lib.nodes Expand 3 feeds",
    "program_lib.nodes Filter 3 feeds",
    "program_lib.nodes Map 3 feeds",
    "program_lib.nodes Output 3",
    "program_lib.nodes Source 3 feeds",
    "program_lib.nodes Split 3 feeds",
    "program_lib.nodes Union 3 feeds",
    "program_lib.parquet_files read_parquet 1 columns",
    "program_lib.parquet_files write_parquet 1 compression",
    "program_lib.python.node Python 3 feeds",
    "program_lib.python.node python 1 columns gets keep",
    "program_lib.sql.node Sql 3 feeds",
    "program_lib.sql.node sql 2",
    "program_lib.program run 24 job_id tenant_id",
)


@pytest.mark.parametrize("call", CALLS)
def test_what_programs_of_earlier_releases_call_is_still_there(call: str) -> None:
    module, name, positions, *keywords = call.split()
    called = getattr(importlib.import_module(module), name)
    inspect.signature(called).bind(*[None] * int(positions), **dict.fromkeys(keywords))
