"""Tells receivers of runs that ended: what the database has for them is signed and posted, again and again until they take it."""
