"""The tests, a folder a package; harness.py starts what they need, turns.py says which may run at a time."""
