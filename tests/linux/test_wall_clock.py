"""The wall clock cannot be set in a test: the machine has only one. So the clocks and the timer are given."""

import ctypes
import errno
import os
import socket
import time
from collections import deque
from collections.abc import Iterator

import pytest
import trio

from triocarp.core.events import WallClockChanged
from triocarp.linux.clock import boottime
from triocarp.linux.timerfd import CLOCK_REALTIME, TimerDescriptor
from triocarp.linux.wall_clock import REPEATED_AFTER, WallClock, is_synchronised

SECOND = 1_000_000_000
NOON = 1_800_000_000 * SECOND
UPTIME = 5_000 * SECOND
PATIENCE_S = 10


class Timer:
    """A timer of the wall clock, as the kernel's behaves: readable when its instant has come or is cancelled."""

    def __init__(self) -> None:
        self.instants: list[int] = []
        self.refusals: deque[OSError] = deque()
        self.closed = False
        self._readings: deque[OSError | None] = deque()
        self._theirs, self._ours = socket.socketpair()

    def fire(self, outcome: OSError | None = None) -> None:
        """Become readable; reading succeeds, or fails."""
        self._readings.append(outcome)
        self._ours.send(b".")

    def fileno(self) -> int:
        """See `SettableTimer`."""
        return self._theirs.fileno()

    def set(self, instant: int) -> None:
        """See `SettableTimer`."""
        self.instants.append(instant)
        if self.refusals:
            raise self.refusals.popleft()

    def read(self) -> None:
        """See `SettableTimer`."""
        if not self._readings:
            raise BlockingIOError
        self._theirs.recv(1)
        outcome = self._readings.popleft()
        if outcome is not None:
            raise outcome

    def close(self) -> None:
        """See `SettableTimer`."""
        self.closed = True
        self._theirs.close()
        self._ours.close()


class Site:
    """A `WallClock` whose clocks stand where the test sets them."""

    def __init__(self) -> None:
        self.wall = NOON
        self.steady = UPTIME
        self.timer = Timer()
        self.clock = WallClock(wall=lambda: self.wall, steady=lambda: self.steady, timer=self.timer)


@pytest.fixture
def site() -> Iterator[Site]:
    """Give a `WallClock` that has not been read."""
    site = Site()
    with site.clock:
        yield site


def cancelled() -> OSError:
    """Return what the kernel says when the clock was set."""
    return OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))


def test_first_reading(site: Site) -> None:
    """The first reading gives the difference without waiting; the next one gives nothing."""
    assert site.clock.read() == (WallClockChanged(offset=NOON - UPTIME),)
    assert site.clock.read() == ()
    assert site.timer.instants == [NOON + REPEATED_AFTER]


async def test_clock_is_set(site: Site) -> None:
    """When the wall clock is set, the source wakes and gives the new difference, and waits for the next time."""
    site.clock.read()
    site.wall -= 3600 * SECOND
    site.timer.fire(cancelled())

    with trio.fail_after(PATIENCE_S):
        await site.clock.wait_readable()

    assert site.clock.read() == (WallClockChanged(offset=NOON - 3600 * SECOND - UPTIME),)
    assert site.timer.instants[-1] == site.wall + REPEATED_AFTER
    assert site.clock.read() == ()


async def test_time_passes(site: Site) -> None:
    """After a while the difference is given again, be it the same."""
    site.clock.read()
    site.wall += REPEATED_AFTER
    site.steady += REPEATED_AFTER - 7
    site.timer.fire()

    with trio.fail_after(PATIENCE_S):
        await site.clock.wait_readable()

    assert site.clock.read() == (WallClockChanged(offset=NOON - UPTIME + 7),)
    assert site.timer.instants[-1] == site.wall + REPEATED_AFTER


def test_set_before_the_first_reading(site: Site) -> None:
    """A clock that was set before anybody looked is told once."""
    site.timer.fire(cancelled())

    assert len(site.clock.read()) == 1
    assert site.clock.read() == ()


def test_set_while_the_timer_is(site: Site) -> None:
    """When the clock is set while its timer is, the timer is set again, and the difference is given."""
    site.timer.refusals.append(cancelled())

    assert len(site.clock.read()) == 1
    assert len(site.timer.instants) == 2


def test_set_all_the_time(site: Site) -> None:
    """A clock that is set all the time does not keep anybody from reading it."""
    site.timer.refusals.extend(cancelled() for _ in range(9))

    assert len(site.clock.read()) == 1


@pytest.mark.parametrize("call", ["read", "set"])
def test_other_trouble(site: Site, call: str) -> None:
    """What is not the clock's being set is no news but an error."""
    trouble = OSError(errno.EBADF, os.strerror(errno.EBADF))
    if call == "read":
        site.timer.fire(trouble)
    else:
        site.timer.refusals.append(trouble)

    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        site.clock.read()


def test_disturbed_reading() -> None:
    """Of several readings the one counts between whose two looks at the steady clock the least time passed."""
    steady = iter([0, 1000, 2000, 2010, 3000, 9000])
    wall = iter([NOON, NOON, NOON + 2005, NOON])
    with WallClock(wall=lambda: next(wall), steady=lambda: next(steady), timer=Timer()) as clock:
        assert clock.read() == (WallClockChanged(offset=NOON),)


def test_closed_twice(site: Site) -> None:
    """Closing gives the timer back, and closing twice is fine."""
    site.clock.close()
    site.clock.close()

    assert site.timer.closed


def test_real_clock() -> None:
    """With the kernel's clocks and timer the first reading is right to the millisecond, and the next is empty."""
    with WallClock() as clock:
        (change,) = clock.read()

        assert abs(time.time_ns() - boottime() - change.offset) < SECOND // 1000
        assert clock.read() == ()


async def test_real_timer() -> None:
    """The kernel accepts a timer that is cancelled when the clock is set, and it fires at its instant."""
    with TimerDescriptor(CLOCK_REALTIME, cancelled_when_set=True) as timer, trio.fail_after(PATIENCE_S):
        instant = time.time_ns() + SECOND // 500
        timer.set(instant)
        await trio.lowlevel.wait_readable(timer.fileno())
        timer.read()

        assert time.time_ns() >= instant
        with pytest.raises(BlockingIOError):
            timer.read()


def test_the_kernel_says_whether_the_clock_is_synchronised() -> None:
    """As it says to those who only ask for the time (ntp_gettime(3), whose state 5 is TIME_ERROR)."""
    state = ctypes.CDLL(None).ntp_gettimex(ctypes.create_string_buffer(256))
    assert is_synchronised() == (state != 5)
