"""Jobs: the graphs that people draw, the programs made of them, and their runs.

    graph    →  a document is checked and becomes a Graph                           graph/
    program  →  the Graph becomes the text of a Python program                      program/
    store    →  the run is recorded: the database holds the truth                   store/
    work     →  a message in the queue names the run; a runner takes it             work/
    run      →  the runner starts the program, watches it, writes its end           run/, runner.py
    sandbox  →  the program gets its environment and is kept within limits          sandbox/
    webhooks →  receivers are told of the end                                       webhooks/
    http     →  clients read all of this, and execute, cancel and preview           http/

Who may import whom (tests/test_law.py): graph knows nobody; program and store know graph; work knows graph,
program and store; webhooks knows store and work; sandbox knows graph, store and work; run knows all of these;
http knows graph, program, store, work and webhooks. So run and http do not know each other: a runner loads no Flask, and a web worker starts no program.
Nobody here knows realtime.
"""
