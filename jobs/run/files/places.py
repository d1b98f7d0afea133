"""Where a path of a tenant leads: into its data roots, and to nothing of the server's own.

The rules are those of programs (program_lib/files/data_files.py). Directories are opened one below the other without following
links, so that a link that takes the place of a directory meanwhile leads nowhere.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.graph.fields.paths import SQLITES_OWN, path_errors
from jobs.sandbox.allowance import Allowance
from jobs.sandbox.data_roots import not_data, roots_of

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: a named pipe would wait for its other end
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Refused(Exception):
    """What is not done with a file: the status of the answer, and a sentence that its tenant may read."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Place:
    """A path below a root of the tenant, free of links when it was looked at."""

    root: Path
    parts: tuple[str, ...]  # none: the root itself
    is_first: bool  # whether the root is the one in which relative paths lie

    @property
    def name(self) -> str:
        return self.parts[-1] if self.parts else ""

    @property
    def path(self) -> str:
        """The path as a graph writes it; "" for the first root."""
        if self.is_first:
            return "/".join(self.parts)
        return str(self.root.joinpath(*self.parts))

    @property
    def directory(self) -> "Place":
        return Place(self.root, self.parts[:-1], self.is_first)

    def below(self, name: str) -> "Place":
        return Place(self.root, (*self.parts, name), self.is_first)


@dataclass(frozen=True, slots=True)
class Reach:
    """The data roots of one tenant, and what in them is not its."""

    roots: tuple[Path, ...]
    forbidden: frozenset[str]

    @classmethod
    def of(cls, tenant_id: str, data_dir: Path, allowance: Allowance) -> "Reach":
        """Raises NotAllowed for a tenant that this runner does not serve, and OSError."""
        allowance.check_tenant(tenant_id)
        roots = roots_of(allowance.rules.data_roots, tenant_id)
        own = not_data(data_dir, roots, allowance.rules.connections_file, *allowance.not_data)
        return cls(tuple(roots), frozenset(map(str, own)))

    def place(self, path: str) -> Place:
        """Where a path leads, links followed; whether something is there does not matter. Raises Refused."""
        if "\0" in path or not _is_text(path):
            raise Refused(400, "a path is text without NUL")
        if error := next(path_errors(path), None):
            raise Refused(403, f"{path:.200} {error}")
        real = Path(os.path.realpath(self.roots[0] / path))
        root = next((one for one in self.roots if one == real or one in real.parents), None)
        if root is None:
            raise Refused(403, f"{path:.200} lies outside of the directories for data (DATA_ROOTS)")
        found = Place(root, real.relative_to(root).parts, root == self.roots[0])
        if not self.is_data(found):
            raise Refused(403, f"{path:.200} is no data: it is hidden, or the server's own")
        return found

    def is_data(self, place: Place) -> bool:
        """Whether a graph could name what lies there."""
        if place.name.endswith(SQLITES_OWN) or next(path_errors(place.path), None):
            return False
        if any(part.startswith(".") for part in place.parts):
            return False
        real = place.root.joinpath(*place.parts)
        return not any(str(one) in self.forbidden for one in (real, *real.parents))

    def is_data_below(self, directory: Place, name: str) -> bool:
        """Whether a graph could name this entry of a directory of data; links are not looked at."""
        is_top = directory.is_first and not directory.parts
        if next(path_errors(name if is_top else f"directory/{name}"), None):
            return False
        return os.path.join(directory.root, *directory.parts, name) not in self.forbidden


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def opened_directory(place: Place) -> Iterator[int]:
    """The descriptor of a directory. Raises Refused where there is none."""
    descriptor = os.open(place.root, _DIRECTORY)
    try:
        for part in place.parts:
            below = _below(descriptor, part, place)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _below(directory: int, part: str, place: Place) -> int:
    try:
        return os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
    except OSError as error:
        raise refusal(error, place) from None


def opened_file(place: Place) -> int:
    """The descriptor of a regular file, to be read. Raises Refused."""
    if not place.parts:
        raise Refused(409, "this is a directory")
    with opened_directory(place.directory) as directory:
        try:
            descriptor = os.open(place.name, _READ, dir_fd=directory)
        except OSError as error:
            raise refusal(error, place) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a directory" if stat.S_ISDIR(mode) else "no file that holds data"
        raise Refused(409, f"{place.path:.200} is {what}")
    return descriptor


def refusal(error: OSError, place: Place) -> Refused:
    """Why the system did not do it, as an answer."""
    what = place.path or "the directory for data"
    if isinstance(error, FileNotFoundError):
        return Refused(404, f"there is no {what:.200}")
    if isinstance(error, NotADirectoryError):
        return Refused(409, f"{what:.200} is no directory")
    status = 403 if isinstance(error, PermissionError) else 409
    return Refused(status, f"{what:.200}: {error.strerror}")
