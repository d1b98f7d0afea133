"""What a program may use of the machine: set on its process by its runner, and recognised in its end."""

import resource
import signal

from settings.groups import ProgramLimits

MB = 1 << 20
CPU_GRACE = 5  # seconds of CPU time from SIGXCPU, which rolls back, to SIGKILL


def impose(limits: ProgramLimits, pid: int) -> None:
    """Limits a process that has just been started. Raises OSError.

    From outside: between fork and exec of a threaded runner no Python may run. What the
    interpreter does in the first milliseconds counts, too.
    """
    _limit(pid, resource.RLIMIT_CORE, 0, 0)  # a core file would hold the connections' passwords
    # the heap and private memory: address space that is only reserved costs nothing
    _limit(pid, resource.RLIMIT_DATA, limits.memory_mb * MB)
    _limit(pid, resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + CPU_GRACE)
    _limit(pid, resource.RLIMIT_FSIZE, limits.file_mb * MB)
    _limit(pid, resource.RLIMIT_NOFILE, limits.open_files)


def met_limit(limits: ProgramLimits, exit_code: int, cpu_seconds: float) -> str | None:
    """The limit that ended a program which could not say so itself."""
    if not limits.cpu_seconds:
        return None
    told = exit_code in (-signal.SIGXCPU, 128 + signal.SIGXCPU)
    if told or (exit_code == -signal.SIGKILL and cpu_seconds >= limits.cpu_seconds):
        return f"ended by the CPU limit of {limits.cpu_seconds} s (PROGRAM_CPU_SECONDS)"
    return None


def _limit(pid: int, kind: int, soft: int, hard: int = 0) -> None:
    """0 is no limit, but for core files; a limit that we have ourselves is never raised."""
    if not soft and kind != resource.RLIMIT_CORE:
        return
    try:
        _, ours = resource.prlimit(pid, kind)
        most = max(soft, hard)
        most = most if ours == resource.RLIM_INFINITY else min(most, ours)
        resource.prlimit(pid, kind, (min(soft, most), most))
    except ProcessLookupError:
        pass  # it has ended already
