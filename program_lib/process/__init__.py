"""A program's process: its environment, secrets, limits, signals and exit codes."""
