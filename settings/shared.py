"""Words and bounds that settings share with the parts which use them."""

from dataclasses import dataclass

MAX_NODES = (
    200  # of a graph; a batch passes through the longest chain on Python's stack, one frame a node
)
MAX_EDGES = 1_000  # of a graph

TENANT = "{tenant}"  # in the name of a root: the run's tenant
TENANTS = "tenants"  # in DATA_DIR: the data of each tenant, where TENANT_ID is *

AUTO, REQUIRED, OFF = LANDLOCK_MODES = ("auto", "required", "off")  # PROGRAM_LANDLOCK

SCOPES = frozenset({"jobs:read", "jobs:write", "jobs:execute"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say beside its signature; where nothing is expected, anything will do."""

    audiences: frozenset[str] = frozenset()  # its aud names one of them
    issuer: str | None = None  # its iss is this
    default_scopes: frozenset[str] = SCOPES  # of a token that names none
