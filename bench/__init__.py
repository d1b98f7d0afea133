"""The parts of scripts/bench: a load generator to read, what it measures, and how that is shown."""
