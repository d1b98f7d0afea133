"""Commands for people: shell scripts, and in Python what makes a token (mint) and a key for NATS (issuer)."""
