"""What the programs of a runner are given, and what they may use."""

from dataclasses import dataclass
from pathlib import Path

from progress_lib.subjects import EVERY_TENANT
from settings.groups import ProgramLimits, ProgramRules


class TenantNotServed(Exception):
    """The run's tenant is not served by this runner."""


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

    def check_tenant(self, tenant_id: str) -> None:
        """Raises TenantNotServed for another tenant, who must not get this tenant's files and connections."""
        if not self.has_many_tenants and self.tenant_id not in (None, tenant_id):
            raise TenantNotServed(
                "the runner that took the run does not serve its tenant: "
                "give runners the TENANT_ID of the server"
            )
