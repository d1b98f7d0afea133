"""What a runner looks for again and again in all runs: lost ones, those that wait in vain, and old ones."""
