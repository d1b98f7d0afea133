"""SQL that a user wrote, over the rows that come to one node: checked, described before the first row, run in the spool."""
