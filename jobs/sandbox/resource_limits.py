"""What a program may use of the machine: sets limits on its process, and recognises them in its end."""

import resource
import signal

from settings.defaults import ProgramLimits

MB = 1 << 20
NO_MEMORY = ("bad_alloc", "Out of memory")  # last words of libraries that abort for want of it
CPU_GRACE = 5  # seconds of CPU time to roll back, from SIGXCPU to SIGKILL


def impose(limits: ProgramLimits, pid: int) -> None:
    """Limits a process that has just been started. Raises OSError.

    The runner does it from outside, since a threaded process must run no Python between fork and exec.
    """
    _limit(pid, resource.RLIMIT_CORE, 0, 0)  # a core file would hold the connections' passwords
    # RLIMIT_DATA counts the heap and private memory, and no address space that is only reserved.
    _limit(pid, resource.RLIMIT_DATA, limits.memory_mb * MB)
    _limit(pid, resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + CPU_GRACE)
    _limit(pid, resource.RLIMIT_FSIZE, limits.file_mb * MB)
    _limit(pid, resource.RLIMIT_NOFILE, limits.open_files)


def met_limit(
    limits: ProgramLimits, exit_code: int, cpu_seconds: float, stderr_tail: str = ""
) -> str | None:
    """The limit in words that ended a program which could not say so itself, else None."""
    is_memory = exit_code == -signal.SIGABRT and any(sign in stderr_tail for sign in NO_MEMORY)
    if limits.memory_mb and is_memory:
        return f"ended by the limit of {limits.memory_mb:,} MB of memory (PROGRAM_MEMORY_MB)"
    if not limits.cpu_seconds:
        return None
    told = exit_code in (-signal.SIGXCPU, 128 + signal.SIGXCPU)
    if told or (exit_code == -signal.SIGKILL and cpu_seconds >= limits.cpu_seconds):
        return f"ended by the CPU limit of {limits.cpu_seconds} s (PROGRAM_CPU_SECONDS)"
    return None


def _limit(pid: int, kind: int, soft: int, hard: int = 0) -> None:
    """Sets one limit; 0 means none, but for core files. It never exceeds the runner's own limit."""
    if not soft and kind != resource.RLIMIT_CORE:
        return
    try:
        _, ours = resource.prlimit(pid, kind)
        most = max(soft, hard)
        most = most if ours == resource.RLIM_INFINITY else min(most, ours)
        resource.prlimit(pid, kind, (min(soft, most), most))
    except ProcessLookupError:
        pass  # it has ended already
