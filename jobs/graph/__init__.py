"""What a person draws: nodes, edges, expressions, names of connections and paths. Pure: no file, no clock, no thread."""
