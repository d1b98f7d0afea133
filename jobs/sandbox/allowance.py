"""What the programs of a runner are given, and what they may use."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.graph.fields.code import NOT_ALLOWED, nodes_with_code
from progress_lib.subjects import EVERY_TENANT
from settings.defaults import ProgramLimits, ProgramRules


class NotAllowed(Exception):
    """A program that this runner does not start; the text may be read by its tenant."""


class TenantNotServed(NotAllowed):
    """The run's tenant is not served by this runner."""


class CodeNotAllowed(NotAllowed):
    """The graph runs code of its author, which this runner does not."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What all programs of a runner may have. The graph and tenant decide what one program gets of it."""

    rules: ProgramRules
    tenant_id: str | None = None  # the tenant served; `*`: all, kept apart; None: any
    not_data: tuple[Path, ...] = ()  # the server's files that are not in DATA_DIR
    is_confined: bool = False  # by Landlock (jobs/sandbox/confinement.py)

    @property
    def limits(self) -> ProgramLimits:
        return self.rules.limits

    @property
    def has_many_tenants(self) -> bool:
        return self.tenant_id == EVERY_TENANT

    def check_code(self, graph: Mapping[str, Any]) -> None:
        """Raises CodeNotAllowed for a graph with nodes that run code, where PYTHON_NODES is off: it may be stored from before."""
        if not self.rules.python_nodes and (nodes := list(nodes_with_code(graph))):
            raise CodeNotAllowed(f"node {nodes[0]} {NOT_ALLOWED}")

    def check_tenant(self, tenant_id: str) -> None:
        """Raises TenantNotServed for another tenant, who must not get this tenant's files and connections."""
        if not self.has_many_tenants and self.tenant_id not in (None, tenant_id):
            raise TenantNotServed(
                "the runner that took the run does not serve its tenant: "
                "give runners the TENANT_ID of the server"
            )
