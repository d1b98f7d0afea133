"""What a program does for whoever edits a graph: first rows, tables of a connection, types of a file. It writes nothing but preview.json."""
