"""What a virtual host waits for."""

import enum
from typing import final

from triocarp.core.family import Family


@enum.unique
class Timer(enum.IntEnum):
    """The timers of a virtual host. Simultaneous ones are served in this order.

    They are numbers because every packet looks some of them up, and numbers are hashed at once.
    """

    BACK_OFF = enum.auto()
    MASTER_DOWN_IPV4 = enum.auto()
    MASTER_DOWN_IPV6 = enum.auto()
    MASTER_LEAVING = enum.auto()
    ADVERTISEMENT = enum.auto()
    RELEASE = enum.auto()
    OTHER_MASTER = enum.auto()
    DEFENCE = enum.auto()


MASTER_DOWN = {Family.IPV4: Timer.MASTER_DOWN_IPV4, Family.IPV6: Timer.MASTER_DOWN_IPV6}
"""The dead timer of each address family."""


@final
class TimerTable:
    """The instants at which timers are due, in nanoseconds."""

    __slots__ = ("_due", "_earliest", "_known")

    def __init__(self) -> None:
        self._due: dict[Timer, int] = {}
        self._earliest: int | None = None
        self._known = True

    @property
    def earliest(self) -> int | None:
        """The instant at which the next timer is due; None if nothing is waited for.

        It is asked for far more often than timers change: by every packet that is dropped.
        """
        if not self._known:
            self._earliest = min(self._due.values(), default=None)
            self._known = True
        return self._earliest

    def due(self, timer: Timer) -> int | None:
        """Return the instant at which a timer is due; None if it is not set.

        Args:
            timer: which.
        """
        return self._due.get(timer)

    def set(self, timer: Timer, instant: int) -> None:
        """Set a timer, in the place of what it was set to.

        Args:
            timer: which.
            instant: nanoseconds.
        """
        self._due[timer] = instant
        self._known = False

    def cancel(self, *timers: Timer) -> None:
        """Cancel timers; those that are not set stay so.

        Args:
            timers: which.
        """
        for timer in timers:
            self._due.pop(timer, None)
        self._known = False

    def take(self, timer: Timer, now: int) -> int | None:
        """Use up a timer that is due, and return since when it is; None if it is not due.

        Args:
            timer: which.
            now: nanoseconds.
        """
        due = self._due.get(timer)
        if due is None or now < due:
            return None
        del self._due[timer]
        self._known = False
        return due
