"""NATS over pynats2: a link that heals itself, JetStream, and streams on a NATS that other people run."""
