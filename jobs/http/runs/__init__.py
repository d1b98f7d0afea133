"""The routes of runs: executing, lists, following, logs and histories."""
