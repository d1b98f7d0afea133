"""What PostgreSQL's catalog says of tables and columns; to ask takes no lock on them."""

from __future__ import annotations

from dataclasses import dataclass

from program_lib.databases.names import Table, find_table, no_table
from program_lib.databases.postgresql.session import Session, quoted, quoted_table
from program_lib.errors import ProgramError

MAX_NAME = 63  # bytes; PostgreSQL cuts longer names without an error

# of ordinary and partitioned tables, views, materialized views and foreign tables
_TABLES = """
    SELECT n.nspname, c.relname, pg_table_is_visible(c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
# names are of the collation "C", in which Ä has no other case
_ALIKE = (
    ' AND lower(%s) IN (lower(c.relname COLLATE "default"),'
    " lower((n.nspname || '.' || c.relname) COLLATE \"default\"))"
)
_OF_PEOPLE = " AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'"


def find(session: Session, written: str) -> Table | None:
    return find_table(written, [Table(*row) for row in session.rows(_TABLES + _ALIKE, [written])])


def shown_columns(
    session: Session, tables: int, columns: int
) -> list[tuple[str, str, bool, str, int, int]]:
    """(schema, table, whether its name alone finds it, column, oid, typmod) of the tables that people look for.

    At most so many `tables`, those found by their names alone first, and of each its first `columns`.
    """
    shown = f"{_TABLES}{_OF_PEOPLE} ORDER BY 3 DESC, 1, 2 LIMIT %s"
    return session.rows(
        "SELECT t.schema, t.name, t.is_near, a.attname, a.atttypid, a.atttypmod"
        f" FROM ({shown}) AS t(schema, name, is_near)"
        " JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema"
        " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name"
        " CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum LIMIT %s) a"
        " ORDER BY t.is_near DESC, t.schema, t.name, a.attnum",
        [tables, columns],
    )


def existing(session: Session, written: str) -> Table:
    """The table of that name. Raises ProgramError where there is none."""
    table = find(session, written)
    if table is None:
        raise ProgramError(
            no_table(written, [Table(*row) for row in session.rows(_TABLES + _OF_PEOPLE)])
        )
    return table


def place_of_new(session: Session, written: str) -> Table:
    """Where a table that is not there is to be made. Raises ProgramError where it cannot be."""
    schema, dot, name = written.partition(".")
    if not dot:
        schema, name = session.value("SELECT current_schema()") or "", written
        if not schema:
            raise ProgramError("no schema of the search_path is there to make a table in")
    elif not session.value(
        "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = %s", [schema]
    ):
        raise ProgramError(f"there is no schema {schema}: a dot parts schema and table")
    check_name(name, "table")
    return Table(schema, name, is_near=not dot)


def check_name(name: str, what: str) -> None:
    """Raises ProgramError for a name that PostgreSQL would cut."""
    length = len(name.encode())
    if not 1 <= length <= MAX_NAME:
        raise ProgramError(
            f"a {what} may have a name of {MAX_NAME} bytes in PostgreSQL; {name!r} has {length}"
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What a table says of a column beside its type."""

    name: str
    is_not_null: bool
    has_default: bool  # or counts by itself
    always: str  # why no value may be given; "" where one may


def columns(session: Session, table: Table) -> dict[int, Facts]:
    """The columns of a table by their numbers."""
    rows = session.rows(
        "SELECT attnum, attname, attnotnull, atthasdef OR attidentity <> '', attidentity, attgenerated"
        " FROM pg_catalog.pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        [quoted_table(table)],
    )
    return {
        number: Facts(name, not_null, default, _always(identity, generated))
        for number, name, not_null, default, identity, generated in rows
    }


def made_of(session: Session, table: Table) -> dict[str, list[str]]:
    """For each column of arrays, of rows or of ranges, the types that stand within: of its elements, members, bounds."""
    rows = session.rows(
        "WITH RECURSIVE part (name, oid, mod, is_whole) AS (SELECT attname, atttypid, atttypmod, true"
        " FROM pg_catalog.pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " UNION SELECT p.name, within.* FROM part p"
        " JOIN pg_catalog.pg_type t ON t.oid = p.oid CROSS JOIN LATERAL ("
        "SELECT t.typelem, p.mod, false WHERE t.typelem <> 0 AND t.typlen = -1"
        " UNION ALL SELECT t.typbasetype, t.typtypmod, p.is_whole WHERE t.typtype = 'd'"
        " UNION ALL SELECT atttypid, atttypmod, false FROM pg_catalog.pg_attribute"
        " WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped"
        # multiranges are there from PostgreSQL 14 on
        " UNION ALL SELECT r.rngsubtype, -1, false FROM pg_catalog.pg_range r"
        " WHERE t.oid IN (r.rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid)) AS within)"
        " SELECT name, array_agg(format_type(oid, mod)) FROM part WHERE NOT is_whole GROUP BY name",
        [quoted_table(table)],
    )
    return dict(rows)


def _always(identity: str, generated: str) -> str:
    if identity == "a":
        return "GENERATED ALWAYS AS IDENTITY"
    return "GENERATED ALWAYS from other columns" if generated else ""


def losing_tables(session: Session, table: Table) -> list[str]:
    """Other tables that would lose rows or values with a row of this one, by ON DELETE."""
    rows = session.rows(
        "SELECT DISTINCT conrelid::regclass::text FROM pg_catalog.pg_constraint"
        " WHERE contype = 'f' AND confrelid = %s::regclass AND conrelid <> confrelid"
        " AND confdeltype IN ('c', 'n', 'd') ORDER BY 1",
        [quoted_table(table)],
    )
    return [name for (name,) in rows]


def has_heirs(session: Session, table: Table) -> bool:
    """Whether rows of other tables show in this one by INHERITS; partitions are no others."""
    return bool(
        session.value(
            "SELECT count(*) FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent"
            " WHERE c.oid = %s::regclass AND c.relkind = 'r'",
            [quoted_table(table)],
        )
    )


def sharing_rows(session: Session, table: Table) -> list[tuple[str, str]]:
    """The schema and the name of each table that this one is a partition of, and of each that is a partition of it.

    pg_partition_tree() would lock each of them until the transaction's end.
    """
    name = quoted_table(table)
    return session.rows(
        "WITH RECURSIVE part (above, below) AS (SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i"
        " JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relispartition),"
        " up (oid) AS (SELECT %s::regclass::oid UNION SELECT part.above FROM up JOIN part ON part.below = up.oid),"
        " down (oid) AS (SELECT %s::regclass::oid UNION SELECT part.below FROM down JOIN part ON part.above = down.oid)"
        " SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid IN (SELECT oid FROM up UNION SELECT oid FROM down) AND c.oid <> %s::regclass",
        [name, name, name],
    )


def may_keep_rows(session: Session, table: Table) -> bool:
    """Whether a trigger, a rule or a policy of somebody has a say in a DELETE, of the table or of a partition.

    What stands behind a view, or a foreign table, is not looked at: it may.
    """
    deletes, before, instead = 8, 2, 64  # bits of tgtype
    return bool(
        session.value(
            "WITH RECURSIVE part (oid) AS (SELECT %s::regclass::oid"
            " UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN part ON part.oid = i.inhparent)"
            " SELECT bool_or(c.relkind IN ('v', 'f') OR c.relrowsecurity"
            " OR EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal"
            f" AND tgtype & {deletes} <> 0 AND tgtype & {before | instead} <> 0)"
            " OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = c.oid AND ev_type = '4'))"
            " FROM pg_catalog.pg_class c JOIN part ON part.oid = c.oid",
            [quoted_table(table)],
        )
    )


def has_policies(session: Session, table: Table) -> bool:
    """Whether row level security decides which rows this user may read and write."""
    return bool(session.value("SELECT row_security_active(%s)", [quoted_table(table)]))


def who_heeds_no_policies(session: Session, table: Table) -> str:
    """Of a table with row level security: as whom one reads and writes all its rows."""
    is_owner_bound = session.value(
        "SELECT relforcerowsecurity FROM pg_catalog.pg_class WHERE oid = %s::regclass",
        [quoted_table(table)],
    )
    return "a user who has BYPASSRLS" if is_owner_bound else "a user who owns it or has BYPASSRLS"


# Of a row i of pg_index: whether it is a key that ON CONFLICT may name. That of WITHOUT OVERLAPS, of PostgreSQL 18, is
# unique, too, but a GiST index, which knows what overlaps. A B-tree has other names in other systems: lsm in YugabyteDB
_IS_KEY = (
    "i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL"
    " AND (SELECT am.amname <> 'gist' FROM pg_catalog.pg_class x JOIN pg_catalog.pg_am am ON am.oid = x.relam"
    " WHERE x.oid = i.indexrelid)"
)


def unique_keys(session: Session, table: Table) -> list[tuple[str, ...]]:
    """The columns of each key that ON CONFLICT may name: whole columns, no condition, not deferrable."""
    rows = session.rows(
        "SELECT array_agg(a.attname::text ORDER BY k.place) FROM pg_catalog.pg_index i"
        " CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)"
        " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        f" WHERE i.indrelid = %s::regclass AND {_IS_KEY} AND k.place <= i.indnkeyatts"
        " GROUP BY i.indexrelid",
        [quoted_table(table)],
    )
    return sorted({tuple(names) for (names,) in rows})


def equalities(session: Session, table: Table) -> dict[str, str]:
    """The operator by which unique keys of the table compare each of their columns, as SQL has it.

    Where the search_path lacks its schema, as that of citext, = is another one: that of text.
    """
    equal = 3  # the strategy of a B-tree
    rows = session.rows(
        "SELECT a.attname, n.nspname, o.oprname FROM pg_catalog.pg_index i"
        " CROSS JOIN unnest(i.indkey::int2[], i.indclass::oid[]) AS k(attnum, class)"
        " JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " JOIN pg_catalog.pg_opclass c ON c.oid = k.class"
        " JOIN pg_catalog.pg_amop p ON p.amopfamily = c.opcfamily AND p.amoplefttype = c.opcintype"
        f" AND p.amoprighttype = c.opcintype AND p.amopstrategy = {equal}"
        " JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr"
        " JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
        f" WHERE i.indrelid = %s::regclass AND {_IS_KEY}",
        [quoted_table(table)],
    )
    return {name: f"OPERATOR({quoted(schema)}.{symbol})" for name, schema, symbol in rows}


def is_partitioned(session: Session, table: Table) -> bool:
    return bool(
        session.value(
            "SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = %s::regclass",
            [quoted_table(table)],
        )
    )


def sequence_of(session: Session, table: Table, column: str) -> tuple[str, bool] | None:
    """The sequence that gives a column its next value, where the column owns one, and whether it counts down."""
    found: list[tuple[str, bool]] = session.rows(
        "SELECT s.name, q.seqincrement < 0 FROM (SELECT pg_get_serial_sequence(%s, %s)) AS s(name)"
        " JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.name::regclass",
        [quoted_table(table), column],
    )
    return found[0] if found else None
