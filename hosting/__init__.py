"""What starts the product and keeps it alive.

- start/: the command scripts/run; what is checked and made before the first worker; the sample
- embedded/: the nats-server and the runner that a gunicorn master keeps alive
- backup/: scripts/backup and scripts/restore
- trial/: the whole product on free ports, for tests, bench and soak
- beside them: what several of these use, such as signals, environments, and what SIGHUP reads again
"""
