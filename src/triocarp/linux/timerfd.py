"""The kernel's timers as file descriptors (timerfd_create(2)).

Python has `os.timerfd_create` from version 3.13 on only; calling the C library serves every version in one
way.
"""

import ctypes
import os
from types import TracebackType
from typing import Final, Self, final

from triocarp.core.timing import SECOND

# <time.h>, <sys/timerfd.h>
CLOCK_REALTIME: Final = 0
CLOCK_BOOTTIME: Final = 7
_TFD_TIMER_ABSTIME: Final = 1
_TFD_TIMER_CANCEL_ON_SET: Final = 2
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
class TimerDescriptor:
    """One instant of a clock, at which a file descriptor becomes readable. It costs nothing while it waits.

    Args:
        clock: ``CLOCK_...``.
        cancelled_when_set: become readable also when somebody sets the clock, which must be `CLOCK_REALTIME`.

    Raises:
        OSError: the system is out of file descriptors.
    """

    __slots__ = ("_descriptor", "_flags", "_setting")

    def __init__(self, clock: int, *, cancelled_when_set: bool = False) -> None:
        descriptor = _timerfd_create(clock, _TFD_FLAGS)
        if descriptor < 0:
            raise _last_error("timerfd_create")
        self._descriptor: int = descriptor
        self._flags = _TFD_TIMER_ABSTIME | (_TFD_TIMER_CANCEL_ON_SET if cancelled_when_set else 0)
        self._setting = _Itimerspec()

    def fileno(self) -> int:
        """Return the file descriptor, to wait for."""
        return self._descriptor

    def set(self, instant: int) -> None:
        """Set the instant, in the place of any earlier one.

        Args:
            instant: nanoseconds of the clock; one in the past has come at once. 0 means never.

        Raises:
            OSError: ECANCELED if the clock was set since the last call; the instant is set all the same.
        """
        value = self._setting.it_value
        value.tv_sec, value.tv_nsec = divmod(instant, SECOND)
        if _timerfd_settime(self._descriptor, self._flags, ctypes.byref(self._setting), None) < 0:
            raise _last_error("timerfd_settime")

    def read(self) -> None:
        """Use up what made the descriptor readable.

        Raises:
            BlockingIOError: nothing did.
            OSError: ECANCELED if it was that the clock was set.
        """
        os.read(self._descriptor, _EXPIRATIONS_LENGTH)

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
