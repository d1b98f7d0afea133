"""Which files a program may use: those under its tenant's roots, without the server's own."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from jobs.graph.fields.paths import SERVERS_OWN
from program_lib.files.part_files import PART_NAME
from program_lib.files.split_files.moves import take_back
from program_lib.files.split_files.names import PLACE
from settings.own_files import other_names, ways_to
from settings.shared import TENANT, TENANTS


def not_data(data_dir: Path, roots: list[Path], *others: Path | None) -> list[Path]:
    """What programs must not use: the server's own files, `others`, and DATA_DIR/tenants unless a root lies in it.

    Includes each symbolic and hard link to them. Raises OSError for a path that cannot be passed to programs.
    """
    own = [data_dir.resolve() / name for name in sorted(SERVERS_OWN)]
    own += sorted(data_dir.resolve().glob("nats.log.*"))
    own += [way for other in others if other is not None for way in ways_to(other)]
    own += list(other_names(iter(own), roots))
    tenants = data_dir.resolve() / TENANTS
    if not any(tenants in root.parents for root in roots):
        own.append(tenants)
    return list(dict.fromkeys(path for path in own if _can_be_told(path, roots)))


def _can_be_told(path: Path, roots: list[Path]) -> bool:
    """Whether the path can be passed to programs, which get paths separated by colons.

    Raises PermissionError for one that cannot be, but lies in a root.
    """
    if os.pathsep not in str(path):
        return True
    if any(root in path.parents for root in roots):
        raise PermissionError(
            f"{path} is the server's own and lies in a data root: a {os.pathsep} in its path "
            "cannot be told to programs; move or rename it"
        )
    return False


def roots_of(roots: tuple[str, ...], tenant_id: str) -> list[Path]:
    """The roots of a tenant. Makes those that are the tenant's alone when they are missing. Raises OSError."""
    found = []
    for root in roots:
        directory = Path(root.replace(TENANT, tenant_id)).resolve()
        if TENANT in root:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found.append(directory)
    return found


def remove_unfinished_files(paths: Iterable[str], roots: list[Path], run_id: str) -> None:
    """Removes what the killed program of a run was writing for these paths. Raises OSError.

    Of a split output it puts back the files of before, where the program was about to replace them.
    """
    for path in paths:
        place = Path(os.path.realpath(roots[0] / path))
        if not any(root in place.parents for root in roots):
            continue
        if PLACE in place.name:
            take_back(place, run_id)
        for file in unfinished(place, run_id):
            file.unlink(missing_ok=True)


def unfinished(place: Path, run_id: str) -> Iterator[Path]:
    """The unfinished files that the program of this run was writing for a place.

    Of a split output those of all its files, the other names that files of before have while they are replaced, and the note of that.
    """
    if PLACE not in place.name:
        yield place.with_name(PART_NAME.format(name=place.name, mark=run_id))
        return
    begin, _, end = (glob.escape(part) for part in place.name.partition(PLACE))
    for name in (f"{begin}*{end}", f"{begin}*{end}~"):
        yield from place.parent.glob(PART_NAME.format(name=name, mark=run_id))
