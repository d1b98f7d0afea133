"""What programs of a runner are given, and what they may use."""

from dataclasses import dataclass
from pathlib import Path

from progress_lib.subjects import EVERY_TENANT
from settings.groups import ProgramLimits, ProgramRules


class TenantNotServed(Exception):
    """A run of a tenant that this runner is not there for."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Of all programs alike; what one program gets of it depends on its graph and tenant."""

    rules: ProgramRules
    tenant_id: str | None = None  # whose programs may run; `*`: each by itself; None: anybody's
    not_data: tuple[Path, ...] = ()  # beside the server's own in DATA_DIR
    is_confined: bool = False  # by Landlock (jobs/sandbox/confinement.py)

    @property
    def limits(self) -> ProgramLimits:
        return self.rules.limits

    @property
    def has_many_tenants(self) -> bool:
        return self.tenant_id == EVERY_TENANT

    def check_tenant(self, tenant_id: str) -> None:
        """Raises TenantNotServed: what is one tenant's, as files are, is not given to another."""
        if not self.has_many_tenants and self.tenant_id not in (None, tenant_id):
            raise TenantNotServed(
                "the runner that took the run does not serve its tenant: "
                "give runners the TENANT_ID of the server"
            )
