"""What generated programs import: rows in typed batches, sources and targets, and nodes that report their progress.

A program (jobs/program) is a script: one function a node, and `main`, which runs them. It imports

    program_lib.nodes       Source, Filter, Map, Step, Output: nodes at work, which count and report
    program_lib.gathering   Gather: a node that needs all rows; program_lib.reshape says what is made of them
    program_lib.program     run: wires the nodes, lets the rows flow, commits all or nothing
    program_lib.csv_files   read_csv, write_csv
    program_lib.databases   read_rows, write_rows

A function of a source gives a Reader, one of an output a Writer (program_lib.ports); one of a step gets a Batch
(program_lib.batch) and returns another. Expressions of a step are program_lib.expressions' language, which DuckDB
evaluates (program_lib.engine). docs/programs.md walks through a program, docs/types.md has the types.

Programs that people keep import the names above: these stay where they are. Nothing here imports jobs or realtime:
programs run in processes of their own. The web server imports what needs neither DuckDB nor Arrow, such as
program_lib.expressions, program_lib.types and program_lib.columns.picking.
"""
