"""What a program is given (environment, connections, data roots) and what confines it (limits, Landlock, process group)."""
