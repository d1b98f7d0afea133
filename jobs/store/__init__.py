"""The database: jobs, runs and the last state of each node. What it does not hold has not happened.

`records` are what it gives (frozen), `tables` what SQL sees, `run_states` the law of a run's states, `store` the only door.
"""
