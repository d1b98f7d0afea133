"""A browser as the hub has it: what it may ask, how fast, and what waits to be sent to it."""
