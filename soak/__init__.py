"""The soak (scripts/soak): the product under faults, its jobs, the clients that watch, and the final checks."""
