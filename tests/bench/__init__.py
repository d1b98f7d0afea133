"""Tests of scripts/bench: what it counts is what was sent and read."""
