"""How what a program says leaves it: the reporter and what waits in it, and what the environment tells it."""
