"""Forks this process, so that the new one is a child of our parent, and not ours.

`os.fork` cannot do that. The system call is made here through ctypes, between what Python itself does before and after
a fork. The fork handlers of the C library do not run: they free locks that other threads may hold, so a process that
has other threads must not call this.
"""

import ctypes
import os
import platform
import signal
import sys
from ctypes import c_long, c_uint64

_CLONE = {"x86_64": 56, "aarch64": 220}  # numbers of the system call
_PARENT, _CHILD_CLEARTID, _CHILD_SETTID = 0x8000, 0x200000, 0x1000000  # its flags
_PR_GET_TID_ADDRESS = 40

# With PyDLL the thread keeps the interpreter's lock, which is in the state of a fork meanwhile
_libc = ctypes.PyDLL(None, use_errno=True)
_python = ctypes.pythonapi


def can_be_made() -> bool:
    """Whether this system is one on which it has been tried."""
    return sys.platform == "linux" and platform.machine() in _CLONE


def make_sibling() -> int:
    """0 in the new process; its process id in this one, which must have one thread. Raises OSError."""
    clone, thread_id = _number(), _place_of_thread_id()
    _python.PyOS_BeforeFork()
    made = _libc.syscall(*_arguments(clone, thread_id))
    number = ctypes.get_errno()
    if made == 0:
        _python.PyOS_AfterFork_Child()
        return 0
    _python.PyOS_AfterFork_Parent()
    if made < 0:
        raise OSError(number, f"clone: {os.strerror(number)}")
    return int(made)


def _number() -> int:
    machine = platform.machine()
    if machine not in _CLONE:
        raise OSError(f"no fork of a sibling is known for {machine}")
    return _CLONE[machine]


def _arguments(clone: int, thread_id: int) -> tuple[c_long, ...]:
    """The call's: its flags, no stack of its own, and where the C library keeps the id of the main thread."""
    flags = _PARENT | _CHILD_SETTID | _CHILD_CLEARTID | signal.SIGCHLD
    tls_and_id = (thread_id, 0) if clone == _CLONE["x86_64"] else (0, thread_id)
    return tuple(c_long(value) for value in (clone, flags, 0, 0, *tls_and_id))


def _place_of_thread_id() -> int:
    """The address at which the C library expects the id of this thread, which differs in the new process."""
    place = c_uint64()
    if _libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(place), 0, 0, 0) != 0 or not place.value:
        number = ctypes.get_errno()
        raise OSError(number, f"the place of the thread's id is unknown: {os.strerror(number)}")
    return place.value
