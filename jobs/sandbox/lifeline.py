"""What kills a program, and the processes that it started, when its runner has died.

The runner holds one end of a pipe, and nobody else does. A program has the kernel watch the other end: when the
runner's end closes, SIGKILL goes to the program's process group, whatever the program is doing. A parent-death signal
(PR_SET_PDEATHSIG) would come when the thread ends that started the program, and would spare its children.
"""

import fcntl
import os
import select
import signal

VARIABLE = "RUNNER_FD"  # the number of the pipe's end, in a program's environment


def watch(descriptor: int) -> None:
    """From now on, this process group dies with the runner that holds the other end; at once if it is gone.

    The process must lead its group. Raises OSError. Only Linux has such a watch.
    """
    if not hasattr(fcntl, "F_SETSIG"):
        return
    # Programs share what they inherited, and the kernel notes one group in it: each opens its own.
    own = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_NONBLOCK)
    os.close(descriptor)
    fcntl.fcntl(own, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
    hung_up = select.poll()
    hung_up.register(own, 0)
    if hung_up.poll(0):  # before we watched
        os.killpg(os.getpgrp(), signal.SIGKILL)


def watch_environment() -> None:
    """`watch` as VARIABLE says, which is taken away. Without it, nothing: somebody started the program by hand."""
    descriptor = os.environ.pop(VARIABLE, "")
    if descriptor.isdigit():
        watch(int(descriptor))
