"""Databases that the operator adds a driver for: rows come and go by SQLAlchemy.

What its types do not tell exactly is refused. docs/databases.md says what differs from PostgreSQL and MariaDB.
"""
