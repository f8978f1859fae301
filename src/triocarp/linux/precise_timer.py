"""A timer that wakes a trio task to the tenth of a millisecond.

trio hands its deadlines to epoll in whole milliseconds, rounded up, which is 0.6 ms late in the median. A
timerfd is a file descriptor that becomes readable at the very instant, and costs nothing while it is waiting.
Python has `os.timerfd_create` from version 3.13 on only; calling the C library serves every version in one
way.
"""

import ctypes
import os
from types import TracebackType
from typing import Final, Self, final

import trio

from triocarp.core.timing import SECOND

# <time.h>, <sys/timerfd.h>
_CLOCK_BOOTTIME: Final = 7
_TFD_TIMER_ABSTIME: Final = 1
_TFD_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC

_EXPIRATIONS_LENGTH: Final = 8  # read(2) gives their number as a uint64_t


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


_libc: Final = ctypes.CDLL(None, use_errno=True)
_timerfd_create: Final = _libc.timerfd_create
_timerfd_create.argtypes = (ctypes.c_int, ctypes.c_int)
_timerfd_settime: Final = _libc.timerfd_settime
_timerfd_settime.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.POINTER(_Itimerspec), ctypes.c_void_p)


@final
class PreciseTimer:
    """One deadline on the clock of `triocarp.linux.clock.boottime`, and a task that waits for it.

    Raises:
        OSError: the system is out of file descriptors.
    """

    __slots__ = ("_deadline", "_descriptor", "_setting")

    def __init__(self) -> None:
        descriptor = _timerfd_create(_CLOCK_BOOTTIME, _TFD_FLAGS)
        if descriptor < 0:
            raise _last_error("timerfd_create")
        self._descriptor: int = descriptor
        self._deadline: int | None = None
        self._setting = _Itimerspec()

    def set(self, deadline: int | None) -> None:
        """Set the deadline, in the place of any earlier one. Setting it to what it is costs nothing.

        Args:
            deadline: nanoseconds of `boottime`; one in the past has come at once. None means never.
        """
        if deadline == self._deadline:
            return
        # A zero would disarm the timer.
        instant = 0 if deadline is None else max(deadline, 1)
        value = self._setting.it_value
        value.tv_sec, value.tv_nsec = divmod(instant, SECOND)
        if _timerfd_settime(self._descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(self._setting), None) < 0:
            raise _last_error("timerfd_settime")
        self._deadline = deadline

    async def wait(self) -> None:
        """Wait until the deadline has come; with no deadline, for ever, or until another task sets one.

        The deadline is used up: to wait again, set it again, even to the same instant.
        """
        while True:
            await trio.lowlevel.wait_readable(self._descriptor)
            try:
                os.read(self._descriptor, _EXPIRATIONS_LENGTH)
            except BlockingIOError:
                # Another task has set a later deadline between the wake-up and now.
                continue
            self._deadline = None
            return

    def close(self) -> None:
        """Give the file descriptor back, when no task waits any more. Closing twice is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _last_error(call: str) -> OSError:
    """Return the error that the C library left behind."""
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
