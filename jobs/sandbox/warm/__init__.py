"""The warm interpreter: one process that has imported what programs need, and forks for each."""
