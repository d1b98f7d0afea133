"""The load: clients, publishers, and what counts the messages that come."""
