"""A transaction that is gone."""

from __future__ import annotations


class TransactionLost(OSError):
    """The database has ended the connection or the transaction: no row is at fault, and no other row may follow."""
