"""Being served first: real-time scheduling for a process that does little, but must do it in time.

Ordinary processes share a busy machine fairly, so an advertisement waits for other programs' time slices. A
process in the real-time class runs at once. That is a privilege (CAP_SYS_NICE), and a danger, should the process
ever run without a pause: then it is given back.
"""

import os
import resource
import signal
from typing import Final

_PRIORITY: Final = 1
"""The lowest of the real-time priorities: above every ordinary process, below the kernel's own threads."""

_WITHOUT_PAUSE_US: Final = 500_000
"""Microseconds of processor time without once waiting for something, after which the class is given back."""


def become_real_time(*threads: int) -> bool:
    """Put the calling thread and others into the real-time class, and return whether the system permits it.

    The others are those for which this one waits now and then. Programs that it starts are ordinary ones again. If
    the process runs for half a second without a pause, because of a bug or of more packets than it can read, it
    becomes an ordinary one, and stays one.

    Args:
        threads: their numbers in the kernel.
    """

    def become_ordinary(_number: int, _frame: object) -> None:
        for thread in served_first:
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))

    served_first = (0, *threads)
    try:
        # First the guard: it does nothing to an ordinary process.
        signal.signal(signal.SIGXCPU, become_ordinary)
        _, most = resource.getrlimit(resource.RLIMIT_RTTIME)
        resource.setrlimit(resource.RLIMIT_RTTIME, (_WITHOUT_PAUSE_US, most))
        for thread in served_first:
            os.sched_setscheduler(thread, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))
    except (OSError, ValueError):
        return False
    return True
