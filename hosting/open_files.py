"""How many files a web worker may have open: one for each client, and its own."""

from __future__ import annotations

import resource

# Files of a worker beside its clients: its connections to NATS and a database, pipes, logs
OWN = 256


def allow(clients: int) -> str:
    """Raises the soft limit of this process, and of those that it starts, to what so many clients need. Many a shell has 1,024.

    Returns what to tell an operator where the hard limit is too low, else "".
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = clients + OWN
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit >= wanted:
        return ""
    return (
        f"a worker may open {limit} files only (ulimit -n), and needs {wanted} for MAX_CLIENTS: clients beyond wait "
        "and get no answer; raise that limit, or lower MAX_CLIENTS"
    )
