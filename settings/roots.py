"""The directories under which graphs read and write: which there are, and that no tenant's leads into another's."""

import os
import re
from pathlib import Path

from progress_lib.subjects import EVERY_TENANT, ID
from settings.checks import check_place
from settings.own_files import ROOT
from settings.reading import Reader, SettingsError
from settings.shared import TENANT, TENANTS

DATA_DIR = "var"  # unless set


def data_dir(reader: Reader) -> Path:
    """DATA_DIR. Raises SettingsError where it, or the product itself, lies where neither can work."""
    found = Path(reader.text("DATA_DIR", DATA_DIR)).absolute()
    check_place("DATA_DIR", found)
    check_place("the product's own directory", ROOT)
    return found


def own_roots(reader: Reader) -> tuple[str, ...]:
    """DATA_ROOTS. Tenants of `*` share what SHARED_DATA_ROOTS names, and nothing else."""
    serves_many = reader.text("TENANT_ID") == EVERY_TENANT
    root = data_dir(reader)
    default = root / TENANTS / TENANT if serves_many else root
    own = roots(reader.text("DATA_ROOTS", str(default)))
    if not own:
        raise SettingsError("DATA_ROOTS names no directory; write some, separated by a colon")
    if serves_many:
        _check_apart(own, roots(reader.text("SHARED_DATA_ROOTS")))
    return own


def _check_apart(own: tuple[str, ...], shared: tuple[str, ...]) -> None:
    """Raises SettingsError when tenants would reach each other's files unasked."""
    for root in own:
        if TENANT not in root:
            raise SettingsError(
                f"DATA_ROOTS holds {root!r:.200}, which all tenants of TENANT_ID=* would share; "
                f"write {TENANT} in it, as in {root:.200}/{TENANT}, or name it in SHARED_DATA_ROOTS"
            )
    for root in own:
        for other in (*own, *shared):
            if may_meet(root, other):
                raise SettingsError(
                    f"{'DATA_ROOTS' if other in own else 'SHARED_DATA_ROOTS'} holds {other!r:.200}, "
                    f"and so, for some name of a tenant, that tenant's own files in {root!r:.200}, "
                    "or the other way round; name a directory beside them"
                )


def may_meet(one: str, other: str) -> bool:
    """Whether, of two tenants, the one's directory may be or hold the other's by the other root."""
    parts = (Path(os.path.realpath(root)).parts for root in (one, other))
    for mine, theirs in zip(*parts, strict=False):
        if mine == theirs and TENANT in mine:
            return False  # it is the same tenant's
        if not (_may_be(mine, theirs) or _may_be(theirs, mine)):
            return False
    return True


def may_hold(root: str, file: Path) -> bool:
    """Whether a file lies in a root, for some tenant; both as they are written and where they really are."""
    for place in {root, os.path.realpath(root)}:
        parts = Path(place).parts
        if len(parts) < len(file.parts) and all(map(_may_be, parts, file.parts)):
            return True
    return False


def _may_be(part: str, other: str) -> bool:
    """Whether a part of a root is the other for some tenant; of two with tenants that is not ruled out."""
    if TENANT in part and TENANT in other:
        return True
    return re.fullmatch(re.escape(part).replace(re.escape(TENANT), ID.pattern), other) is not None


def roots(found: str) -> tuple[str, ...]:
    """Directories, separated by a colon as in PATH."""
    return tuple(str(Path(part).absolute()) for part in found.split(os.pathsep) if part.strip())


def paths(found: str) -> tuple[Path, ...]:
    """The same, for files too."""
    return tuple(map(Path, roots(found)))
