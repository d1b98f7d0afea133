"""Jobs: what a person draws, the program made of it, and what becomes of each run.

    graph    →  a document is checked and becomes a Graph                           graph/
    program  →  the Graph becomes the text of a Python program                      program/
    store    →  the run is recorded: the database holds the truth                   store/
    work     →  a message in the queue names the run; a runner takes it             work/
    run      →  the runner starts the program, watches it, writes its end           run/, runner.py
    sandbox  →  what that program is given, and what it is held to                  sandbox/
    http     →  whoever asks is told, and may execute, cancel, preview              http/

Who may import whom (tests/test_law.py): graph knows nobody; program knows graph; store knows nobody; work knows graph,
program and store; sandbox knows graph, store and work; run knows all of these; http knows graph, program,
store and work. So run and http do not know each other: a runner loads no Flask, and a web worker starts no program.
Nobody here knows realtime.
"""
