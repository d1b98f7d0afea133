"""Names and bounds that settings share with other parts."""

# Nodes of a graph. A batch passes through a chain of nodes on Python's stack, one frame a node.
MAX_NODES = 200
MAX_EDGES = 1_000  # of a graph

TENANT = "{tenant}"  # stands for the run's tenant in the path of a root
TENANTS = "tenants"  # in DATA_DIR: the tenants' data, if TENANT_ID is *

AUTO, REQUIRED, OFF = LANDLOCK_MODES = ("auto", "required", "off")  # PROGRAM_LANDLOCK

SCOPES = frozenset({"jobs:read", "jobs:write", "jobs:execute"})

# Characters; Entra ID's and Keycloak's have 2,000 to 5,000, more where they list groups
MAX_TOKEN = 16_384
