"""When a host that keeps losing its mastership stops asking for it."""

from collections import deque
from dataclasses import dataclass
from typing import final

from triocarp.core.timing import SECOND


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FlapDamping:
    """When a host shall stop preempting. It still takes over from silence: damping never leaves an address alone.

    Attributes:
        losses: how often it may lose mastership to another host.
        within: nanoseconds over which that is counted.
        hold_down: nanoseconds without preempting after one loss more.
    """

    losses: int = 3
    within: int = 60 * SECOND
    hold_down: int = 300 * SECOND


@final
class FlapDamper:
    """Counts the losses of one virtual host.

    Args:
        damping: the limits; None never damps.
    """

    __slots__ = ("_damping", "_losses", "_until")

    def __init__(self, damping: FlapDamping | None) -> None:
        self._damping = damping
        self._losses: deque[int] = deque(maxlen=damping.losses + 1 if damping else 0)
        self._until: int | None = None

    def lose(self, now: int) -> int | None:
        """Take note of a loss, and return how long the host shall not preempt from now on, if that begins now.

        Args:
            now: nanoseconds.
        """
        damping = self._damping
        if damping is None:
            return None
        self._losses.append(now)
        if len(self._losses) <= damping.losses or now - self._losses[0] > damping.within:
            return None
        self._losses.clear()
        self._until = now + damping.hold_down
        return damping.hold_down

    def damps(self, now: int) -> bool:
        """Return whether the host may not preempt.

        Args:
            now: nanoseconds.
        """
        return self._until is not None and now < self._until
