"""The lab's one clock: `CLOCK_BOOTTIME` in integer nanoseconds, as every record of the lab is stamped.

It is the clock that carpd runs by, it is the same in all namespaces and processes, and nobody sets it. The
kernel stamps packets with `CLOCK_REALTIME`; `realtime_offset` gives what turns such a stamp into an instant
of the lab's clock.
"""

from __future__ import annotations

import time
from typing import Final

MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000

_READINGS: Final = 25


def now() -> int:
    """Return the present instant in nanoseconds of `CLOCK_BOOTTIME`."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def realtime_offset() -> tuple[int, int]:
    """Measure how far the lab's clock is from the wall clock.

    Each reading of the wall clock stands between two of the lab's clock; the tightest of several counts.

    Returns:
        What to add to a `CLOCK_REALTIME` stamp to get an instant of the lab's clock, and by how much at most
        that is wrong, both in nanoseconds. The error is typically under 200 ns; it grows by any later step of
        the wall clock.
    """
    best_error, best_offset = SECOND, 0
    for _ in range(_READINGS):
        before = now()
        wall = time.clock_gettime_ns(time.CLOCK_REALTIME)
        after = now()
        error = (after - before + 1) // 2
        if error < best_error:
            best_error, best_offset = error, before + error - wall
    return best_offset, best_error
