"""A timer that wakes a trio task to the tenth of a millisecond.

trio hands its deadlines to epoll in whole milliseconds, rounded up, which is 0.6 ms late in the median. A
timerfd is a file descriptor that becomes readable at the very instant.
"""

from types import TracebackType
from typing import Self, final

import trio

from triocarp.linux.timerfd import CLOCK_BOOTTIME, TimerDescriptor


@final
class PreciseTimer:
    """One deadline on the clock of `triocarp.linux.clock.boottime`, and a task that waits for it.

    Raises:
        OSError: the system is out of file descriptors.
    """

    __slots__ = ("_deadline", "_timer")

    def __init__(self) -> None:
        self._timer = TimerDescriptor(CLOCK_BOOTTIME)
        self._deadline: int | None = None

    def set(self, deadline: int | None) -> None:
        """Set the deadline, in the place of any earlier one. Setting it to what it is costs nothing.

        Args:
            deadline: nanoseconds of `boottime`; one in the past has come at once. None means never.
        """
        if deadline == self._deadline:
            return
        # A zero would disarm the timer.
        self._timer.set(0 if deadline is None else max(deadline, 1))
        self._deadline = deadline

    async def wait(self) -> None:
        """Wait until the deadline has come; with no deadline, for ever, or until another task sets one.

        The deadline is used up: to wait again, set it again, even to the same instant.
        """
        while True:
            await trio.lowlevel.wait_readable(self._timer.fileno())
            try:
                self._timer.read()
            except BlockingIOError:
                # Another task has set a later deadline between the wake-up and now.
                continue
            self._deadline = None
            return

    def close(self) -> None:
        """Give the file descriptor back, when no task waits any more. Closing twice is fine."""
        self._timer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
