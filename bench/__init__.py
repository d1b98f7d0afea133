"""The bench (scripts/bench): a load generator, what it measures, and how the figures are shown."""
