"""Words and bounds that settings share with the parts which use them."""

MAX_NODES = (
    200  # of a graph; a batch passes through the longest chain on Python's stack, one frame a node
)
MAX_EDGES = 1_000  # of a graph

TENANT = "{tenant}"  # in the name of a root: the run's tenant
TENANTS = "tenants"  # in DATA_DIR: the data of each tenant, where TENANT_ID is *

AUTO, REQUIRED, OFF = LANDLOCK_MODES = ("auto", "required", "off")  # PROGRAM_LANDLOCK

SCOPES = frozenset({"jobs:read", "jobs:write", "jobs:execute"})
