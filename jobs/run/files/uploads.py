"""One file on its way into a data root: written beside its place under a hidden name, and moved there when it is complete."""

import errno
import os
import secrets
import stat
import time
from contextlib import suppress

from jobs.graph.fields.paths import SQLITES_OWN
from jobs.run.files.listing import told
from jobs.run.files.places import Place, Refused, opened_directory, refusal
from jobs.work.file_questions import Document

PART_PREFIX, PART_SUFFIX = ".upload-", ".part"
# Seconds without a byte after which what is left of an upload is nobody's: its runner was killed
LEFT_OVER = 600.0
SQLITE = b"SQLite format 3\0"  # how such a database begins
ENDED = "this transfer has ended: it stood still for too long, or its runner stops"
KEPT_FREE = 256 << 20  # bytes of the disk that uploads leave to others
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Upload:
    """The file of one upload. One thread at a time uses it; `close` may be called again."""

    def __init__(self, place: Place, size: int, *, replace: bool) -> None:
        """Makes the hidden file. Raises Refused where it may not, or cannot, become the wanted one."""
        if not place.parts:
            raise Refused(409, "an upload needs a name for its file")
        self.place = place
        self.size = size  # bytes that were announced
        self._replace = replace
        self._written = 0
        self._part = f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
        self._directory: int | None = None
        self._file: int | None = None
        with opened_directory(place.directory) as directory:
            self.replaces = self._check_place(directory)
            _check_room(directory, size)
            _remove_left_over(directory)
            try:
                self._directory = os.dup(directory)
                self._file = os.open(self._part, _NEW, 0o666, dir_fd=directory)
                if self.replaces:
                    _keep_mode(self._file, place.name, directory)
            except OSError as error:
                self.close()
                raise refusal(error, place) from None

    def write(self, at: int, content: bytes) -> None:
        """Appends bytes that begin at byte `at` of the file. Raises Refused."""
        if self._file is None:
            raise Refused(410, ENDED)
        if at != self._written or at + len(content) > self.size:
            raise Refused(400, "the upload is not as long as was announced, or out of order")
        if at == 0 and content.startswith(SQLITE):
            raise Refused(
                403, "a SQLite database cannot be uploaded: nodes that read files read none"
            )
        left = memoryview(content)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Refused(507, "the disk is full") from None
            raise refusal(error, self.place) from None
        self._written += len(content)

    def finish(self) -> Document:
        """Moves the file to its place. Raises Refused, also where another one has taken the place meanwhile."""
        if self._file is None or self._directory is None:
            raise Refused(410, ENDED)
        if self._written != self.size:
            raise Refused(400, f"{self._written:,} bytes came of {self.size:,}")
        try:
            os.fsync(self._file)
            found = os.fstat(self._file)
            self._move(self._directory)
            os.fsync(self._directory)
        except OSError as error:
            raise refusal(error, self.place) from None
        self.close()
        return {**told(self.place, found), "replaced": self.replaces}

    def close(self) -> None:
        """Lets go of the file; what was not moved to its place is removed."""
        if self._directory is not None:
            with suppress(OSError):
                os.unlink(self._part, dir_fd=self._directory)
            os.close(self._directory)
            self._directory = None
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _move(self, directory: int) -> None:
        name = self.place.name
        if self._replace:
            self.replaces = self._check_place(directory)
            os.rename(self._part, name, src_dir_fd=directory, dst_dir_fd=directory)
            return
        try:
            os.link(self._part, name, src_dir_fd=directory, dst_dir_fd=directory)
        except FileExistsError:
            raise self._is_there() from None
        except OSError:  # a file system without hard links
            self._check_place(directory)
            os.rename(self._part, name, src_dir_fd=directory, dst_dir_fd=directory)

    def _check_place(self, directory: int) -> bool:
        """Whether a file is there that is to be replaced. Raises Refused where none may be written."""
        try:
            found = os.stat(self.place.name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(found.st_mode):
            raise Refused(409, f"{self.place.path:.200} is there, and is no file to be replaced")
        if not self._replace:
            raise self._is_there()
        if _is_database(directory, self.place.name):
            raise Refused(
                403, f"{self.place.path:.200} is a SQLite database, which no upload replaces"
            )
        return True

    def _is_there(self) -> Refused:
        return Refused(412, f"{self.place.path:.200} is there already; ?replace=1 replaces it")


def _is_database(directory: int, name: str) -> bool:
    """Whether it is a SQLite database, or one is at work under this name."""
    for end in SQLITES_OWN:
        with suppress(FileNotFoundError):
            os.stat(name + end, dir_fd=directory, follow_symlinks=False)
            return True
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        return os.read(descriptor, len(SQLITE)) == SQLITE
    finally:
        os.close(descriptor)


def _keep_mode(file: int, name: str, directory: int) -> None:
    """Lets those read and write the new file who may do so with the one of before, and nobody else."""
    with suppress(FileNotFoundError):  # it was just deleted
        wanted = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode & 0o777
        has = os.fstat(file).st_mode & 0o777
        if has != wanted:  # some file systems have one mode for all, and refuse others
            os.fchmod(file, wanted)


def _check_room(directory: int, size: int) -> None:
    found = os.fstatvfs(directory)
    if size + KEPT_FREE > found.f_bavail * found.f_frsize:
        raise Refused(507, f"the disk has no room for {size:,} bytes more")


def _remove_left_over(directory: int) -> None:
    """Removes what uploads to a runner that was killed have left in this directory."""
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(PART_PREFIX) and entry.name.endswith(PART_SUFFIX):
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_OVER:
                        os.unlink(entry.name, dir_fd=directory)
