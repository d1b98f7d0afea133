"""Connections to hosts that a person names: their URLs, and which of them a program may reach."""
