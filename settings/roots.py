"""The directories under which graphs read and write (data roots), and checks that keep tenants apart in them."""

import os
import re
from pathlib import Path

from progress_lib.subjects import EVERY_TENANT, ID
from settings.checks import check_place, of_a_shell
from settings.own_files import ROOT
from settings.reading import Reader, SettingsError
from settings.shared import TENANT, TENANTS

DATA_DIR = "var"  # the default


def data_dir(reader: Reader) -> Path:
    """DATA_DIR. Raises SettingsError when it, or the product itself, lies where it cannot work."""
    found = Path(reader.text("DATA_DIR", DATA_DIR)).absolute()
    check_place("DATA_DIR", found)
    check_place("the product's own directory", ROOT)
    return found


def own_roots(reader: Reader) -> tuple[str, ...]:
    """DATA_ROOTS. With TENANT_ID=*, tenants share only the directories in SHARED_DATA_ROOTS."""
    serves_many = reader.text("TENANT_ID") == EVERY_TENANT
    root = data_dir(reader)
    default = root / TENANTS / TENANT if serves_many else root
    own = reader.checked("DATA_ROOTS", roots) or (str(default),)
    if serves_many:
        _check_apart(own, reader.checked("SHARED_DATA_ROOTS", roots) or ())
    return own


def _check_apart(own: tuple[str, ...], shared: tuple[str, ...]) -> None:
    """Raises SettingsError when one tenant could reach another's files."""
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
    """Whether a tenant's directory under root `one` may be, contain or lie in another's under root `other`."""
    parts = (Path(os.path.realpath(root)).parts for root in (one, other))
    for mine, theirs in zip(*parts, strict=False):
        if mine == theirs and TENANT in mine:
            return False  # here, the names of two tenants differ
        if not (_may_be(mine, theirs) or _may_be(theirs, mine)):
            return False
    return True


def may_hold(root: str, file: Path) -> bool:
    """Whether a file lies in a root for some tenant. The root counts as written and with its links resolved."""
    for place in {root, os.path.realpath(root)}:
        parts = Path(place).parts
        if len(parts) < len(file.parts) and all(map(_may_be, parts, file.parts)):
            return True
    return False


def _may_be(part: str, other: str) -> bool:
    """Whether a part of a root equals the other part for some tenant. True when both hold {tenant}."""
    if TENANT in part and TENANT in other:
        return True
    return re.fullmatch(re.escape(part).replace(re.escape(TENANT), ID.pattern), other) is not None


def roots(found: str) -> tuple[str, ...]:
    """Directories, separated by a colon as in PATH. Raises ValueError where there is none, or one that only a shell would find."""
    named = [Path(part).absolute() for part in found.split(os.pathsep) if part.strip()]
    if not named:
        raise ValueError(f"{found!r:.80} names no directory; write some, separated by a colon")
    for path in named:
        if part := of_a_shell(path):
            raise ValueError(
                f"{str(path)!r:.200} holds {part}, which a shell replaces and nobody else: write the whole path"
            )
    return tuple(map(str, named))


def paths(found: str) -> tuple[Path, ...]:
    """Directories or files, separated by a colon as in PATH."""
    return tuple(map(Path, roots(found)))
