"""Commands for people: run, test, bench, soak, execute.sh and lock; making a token (mint) and a key for NATS (issuer)."""
