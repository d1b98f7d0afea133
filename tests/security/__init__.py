"""Attacks: what clients, publishers, graphs and programs may try, and what they get."""
