"""When the kernel takes an address away whose lifetime is over: late, and how late depends on its ticks.

Linux looks for such addresses when a timer rings, and two habits make that late. It waits for the next whole
second of its ticks if that is less than a quarter of a second away. And its timers are the coarser, the longer
they run: with 250 ticks a second, as Debian has it, in steps of 32 ms below 2 s, of 256 ms below 16 s, and so on
by eightfolds. So an address with a lifetime of 3 s is gone after 3.0 to 3.5 s. Sixty addresses on a kernel whose
ticks were known went within 10 ms of what this says, most of them within 4 ms.
"""

from typing import Final, final

from carpsim.randomness import stream, uniform
from triocarp.core.timing import SECOND

_TICK: Final = SECOND // 250
_WAIT_FOR_SECOND: Final = SECOND // 4

# A level of the timer wheel has 64 slots, of which a timer uses 63; the next level's are eight times as long.
_FIRST_COARSE: Final = 63 * _TICK
_COARSER: Final = 8
_COARSEST: Final = 8 * 8**7 * _TICK


def longest_lateness(lease: int) -> int:
    """Return how late at most a lease ends.

    Args:
        lease: nanoseconds.
    """
    return _WAIT_FOR_SECOND + _step(lease + _WAIT_FOR_SECOND)


@final
class LeaseClock:
    """The ticks of one kernel.

    Args:
        seed: of the run.
        name: of the host.
    """

    __slots__ = ("_origin",)

    def __init__(self, seed: int, name: str) -> None:
        self._origin = uniform(stream(seed, "host", name, "ticks"), 0, _COARSEST)

    def end(self, now: int, lease: int) -> int:
        """Return the instant at which an address goes whose lease begins now.

        Args:
            now: nanoseconds.
            lease: nanoseconds.
        """
        due = self._origin + now + lease
        whole = -(-due // SECOND) * SECOND
        if whole - due < _WAIT_FOR_SECOND:
            due = whole
        step = _step(due - self._origin - now)
        return (due // step + 1) * step - self._origin


def _step(wait: int) -> int:
    """Return the step of the timer wheel for a timer that runs for so long."""
    step, coarse = _TICK, _FIRST_COARSE
    while wait >= coarse:
        step, coarse = step * _COARSER, coarse * _COARSER
    return step
