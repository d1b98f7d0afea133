"""Webhooks and what was delivered to them, in the database."""
