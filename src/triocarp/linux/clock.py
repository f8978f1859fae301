"""The host's clock."""

import time


def boottime() -> int:
    """Return nanoseconds since the machine booted.

    CLOCK_BOOTTIME never goes back and is not adjusted, and unlike CLOCK_MONOTONIC it counts the time that the
    machine was suspended: so a host that slept past its dead time notices.
    """
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
