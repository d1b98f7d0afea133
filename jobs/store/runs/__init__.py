"""Runs in the database: their states, their nodes' last states, which wait, who runs them, lists of them."""
