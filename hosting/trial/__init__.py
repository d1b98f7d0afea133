"""The product started for tests, bench and soak: on free ports, in a directory of its own."""
