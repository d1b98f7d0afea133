"""What a program is given (environment, connections, data roots) and what holds it (limits, Landlock, a process group)."""
