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


def become_real_time() -> bool:
    """Put this process into the real-time class, and return whether the system permits it.

    Programs that it starts are ordinary ones again. If the process runs for half a second without a pause,
    because of a bug or of more packets than it can read, it becomes an ordinary one, and stays one.
    """
    try:
        # First the guard: it does nothing to an ordinary process.
        signal.signal(signal.SIGXCPU, _become_ordinary)
        _, most = resource.getrlimit(resource.RLIMIT_RTTIME)
        resource.setrlimit(resource.RLIMIT_RTTIME, (_WITHOUT_PAUSE_US, most))
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))
    except (OSError, ValueError):
        return False
    return True


def _become_ordinary(_number: int, _frame: object) -> None:
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
