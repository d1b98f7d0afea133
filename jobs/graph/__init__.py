"""What a person draws: nodes, edges, expressions, names of connections and paths. Pure: no file, no clock, no thread.

parsing.py makes a Graph (graph.py) of a stored document, or refuses it with every error that it has (errors.py).

- fields/: what a node's fields may hold
- nodes/: a file for each type of nodes; node_type.py says what a type is, node_types.py has them all
- settings/: what a job's graph holds beside its nodes: parameters, retries, kept outputs, the tag of its runners
- documents/: graphs that may have any error, as a person who edits has them: parts of them, and what they would do
- rows/: what is known of rows before a run
- checks/: what is wrong with edges, with two outputs together, with the names of members
- filled.py: a graph with the values of one run
- notes.py: what a stored graph means otherwise than when it was saved
- gallery.py: jobs to start from
"""
