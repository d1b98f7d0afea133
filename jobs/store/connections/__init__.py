"""Connections to SQLite and PostgreSQL, and the threads that wait for them under gevent."""
