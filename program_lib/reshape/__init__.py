"""What is made of all rows that come to a node: their order, groups, windows, a sample.

`Rows` says it, and gives an `Answer`: the columns that come out, and DuckDB's SQL over the table `rows` of a Spool.
None of this imports DuckDB or Arrow: the web server asks it for the columns, too.
"""

from program_lib.reshape.rows import Answer, Rows

__all__ = ["Answer", "Rows"]
