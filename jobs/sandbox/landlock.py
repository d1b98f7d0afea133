"""Landlock: the Linux kernel restricts, for good, which files this process and those that it starts can reach.

It takes three system calls, made here through ctypes, and needs no root. See
https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import os
import stat
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1  # flag of _CREATE_RULESET: asks for the ABI
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_REG, _TRUNCATE = 1 << 5, 1 << 8, 1 << 14
_FS_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # since ABI
_BIND_TCP = 1 << 0  # since ABI 4
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1  # to processes outside; since ABI 6

READ = _READ_FILE | _READ_DIR
WRITE = READ | _WRITE_FILE | _REMOVE_FILE | _MAKE_REG | _TRUNCATE
_OF_A_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE  # a rule for a file takes no others


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The version of Landlock that the kernel offers; 0 for none."""
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    return int(max(version, 0))


def confine(*, write: Iterable[str], read: Iterable[str]) -> None:
    """From now on, this thread and what it starts can read under `read` and `write`, and write under `write`.

    They cannot execute or link files, nor make anything but files. Newer kernels also forbid them to listen
    on TCP ports and to signal processes outside. Paths that do not exist are left out. Call it in a process
    with one thread. Raises OSError when it cannot be done.
    """
    version = abi()
    handled = _FS_RIGHTS[max(known for known in _FS_RIGHTS if known <= version)] if version else 0
    ruleset = _new_ruleset(version, handled)
    try:
        for rights, paths in ((WRITE, write), (READ, read)):
            for path in paths:
                _allow(ruleset, path, rights & handled)
        _done(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _done(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _new_ruleset(version: int, handled: int) -> int:
    attributes = _Ruleset(handled, _BIND_TCP, _ABSTRACT_SOCKETS | _SIGNALS)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    return _done(_libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0))


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= _OF_A_FILE
        rule = _PathBeneath(rights, parent)
        _done(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(parent)


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
