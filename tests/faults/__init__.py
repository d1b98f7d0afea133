"""Real faults on real processes: what is killed, cut off, filled up or stopped, and what must hold."""
