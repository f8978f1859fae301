"""CARP's arithmetic of time, in whole nanoseconds.

One unit of advskew is 1/256 s, which is exactly 3 906 250 ns: nothing here is ever rounded, except the
kernel lease, which the kernel counts in whole seconds.
"""

SECOND = 1_000_000_000
"""One second, in nanoseconds."""

ADVSKEW_UNIT = SECOND // 256
"""One unit of advskew, 1/256 s, in nanoseconds."""

MISSED_TOO = 2
"""From so many intervals of silence on, an advertisement must have been lost."""


def advertisement_interval(advbase_s: int, advskew: int) -> int:
    """Return the time from one advertisement to the next, in nanoseconds.

    Args:
        advbase_s: whole seconds, 0 to 255.
        advskew: 1/256 seconds, 0 to 255.
    """
    return advbase_s * SECOND + advskew * ADVSKEW_UNIT


def dead_time(advbase_s: int, advskew: int, dead_ratio: int, *, multiplies_advskew: bool) -> int:
    """Return how long a backup waits for a valid advertisement before it takes over, in nanoseconds.

    ``dead_ratio * advbase + advskew/256``, or ``dead_ratio * (advbase + advskew/256)`` where the dialect
    multiplies the skew as well (OpenBSD in 2025). With advbase 0 the skew is always multiplied, as OpenBSD
    does: the plain formula would make the dead time equal to the interval, and every second advertisement
    would come too late.

    Args:
        advbase_s: whole seconds, 0 to 255.
        advskew: 1/256 seconds, 0 to 255.
        dead_ratio: how many intervals may pass in silence, 1 or more.
        multiplies_advskew: whether the ratio covers the skew.
    """
    skew = advskew * ADVSKEW_UNIT
    if multiplies_advskew or advbase_s == 0:
        skew *= dead_ratio
    return dead_ratio * advbase_s * SECOND + skew


def overdue_interval(advbase_s: int, advskew: int, dead_ratio: int) -> int:
    """Return the interval beyond which a peer's next advertisement would come too late, in nanoseconds.

    ``dead_ratio * advbase + advskew/256`` in every implementation, whatever its dead time is. That rule is what
    makes a goodbye work: its 255.996 s are beyond. OpenBSD does without it when advbase is 0; we do not, since a
    goodbye would be lost on us then.

    Args:
        advbase_s: our own whole seconds.
        advskew: our own 1/256 seconds.
        dead_ratio: how many intervals may pass in silence.
    """
    return dead_time(advbase_s, advskew, dead_ratio, multiplies_advskew=False)


def lease_seconds(interval: int, dead: int) -> int:
    """Return the kernel lifetime of a held address, in whole seconds.

    The kernel withdraws the address of a dead daemon when this time has passed without a renewal. It is the
    dead time rounded up, because after that time another host holds the address. A dead ratio of 1 leaves
    no room for the renewal that each advertisement brings, so half a second beyond the interval is the least.

    Args:
        interval: from one advertisement to the next, in nanoseconds.
        dead: the dead time, in nanoseconds.
    """
    return max(-(-dead // SECOND), -(-(interval + SECOND // 2) // SECOND))
