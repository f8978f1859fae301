"""How far the wall clock is from the clock of the instants, as the core's events.

A sealed counter carries the time of day, and the core knows instants only. Linux speeds both clocks up and slows
both down alike, so the difference changes in steps only: when somebody sets the wall clock, at a leap second,
after a suspension. Timers that wish for it are cancelled then (``TFD_TIMER_CANCEL_ON_SET``). Not every system
that passes for Linux does so; therefore the difference is told again now and then, as well.
"""

import ctypes
import errno
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self, final

import trio

from triocarp.core.events import WallClockChanged
from triocarp.core.timing import SECOND
from triocarp.linux.clock import boottime
from triocarp.linux.timerfd import CLOCK_REALTIME, TimerDescriptor

REPEATED_AFTER: Final = 64 * SECOND
"""Nanoseconds after which the difference is told again."""

_TIMEX_SIZE: Final = 208
_TIME_ERROR: Final = 5

_READINGS: Final = 3
_ATTEMPTS: Final = 2


def is_synchronised() -> bool:
    """Return whether the kernel vouches for the wall clock (adjtimex(2)); also where it does not say."""
    # Zeros ask for nothing to be changed. There is room for what later kernels may append.
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(2 * _TIMEX_SIZE))
    return state != _TIME_ERROR


class SettableTimer(Protocol):
    """What `WallClock` needs of a `TimerDescriptor` of the wall clock that is cancelled when it is set."""

    def fileno(self) -> int:
        """Return what trio waits for."""
        ...

    def set(self, instant: int) -> None:
        """Set the instant, in nanoseconds since the epoch; ECANCELED if the clock was set since the last call."""
        ...

    def read(self) -> None:
        """Use up that the instant has come; BlockingIOError if it has not, ECANCELED if the clock was set."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


@final
class WallClock:
    """A source of `WallClockChanged`: one at the first reading, and whenever the clock was set or time has passed.

    Args:
        wall: nanoseconds since the Unix epoch.
        steady: nanoseconds of the clock of the instants.
        timer: on the wall clock; made here where it is left out.

    Raises:
        OSError: the system is out of file descriptors.
    """

    __slots__ = ("_steady", "_timer", "_told", "_wall")

    def __init__(
        self,
        *,
        wall: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = boottime,
        timer: SettableTimer | None = None,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._timer = timer or TimerDescriptor(CLOCK_REALTIME, cancelled_when_set=True)
        self._told = False

    async def wait_readable(self) -> None:
        """Wait until `read` may have something to give."""
        await trio.lowlevel.wait_readable(self._timer.fileno())

    def read(self) -> tuple[WallClockChanged, ...]:
        """Return the difference if it is to be told, without waiting.

        Raises:
            OSError: the timer fails.
        """
        if not self._due():
            return ()
        # First the timer, then the clocks: when somebody sets the wall clock in between, the timer tells.
        self._set_timer()
        self._told = True
        return (WallClockChanged(offset=self._offset()),)

    def close(self) -> None:
        """Give the timer back, when no task waits any more. Closing twice is fine."""
        self._timer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _due(self) -> bool:
        """Return whether it is the first time, the timer's instant has come, or the clock was set."""
        try:
            self._timer.read()
        except BlockingIOError:
            return not self._told
        except OSError as error:
            if error.errno != errno.ECANCELED:
                raise
        return True

    def _set_timer(self) -> None:
        # ECANCELED is old news here, of a clock that was set since the timer was; the timer is set all the same,
        # but by a time of day that may be over. The second time it is the right one.
        for _ in range(_ATTEMPTS):
            try:
                self._timer.set(self._wall() + REPEATED_AFTER)
            except OSError as error:
                if error.errno != errno.ECANCELED:
                    raise
            else:
                return

    def _offset(self) -> int:
        """Return wall clock minus steady clock, from the reading of both that was disturbed the least."""
        readings: list[tuple[int, int]] = []
        for _ in range(_READINGS):
            before = self._steady()
            wall = self._wall()
            after = self._steady()
            readings.append((after - before, wall - (before + after) // 2))
        _, offset = min(readings)
        return offset
