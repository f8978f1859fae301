import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from triocarp.linux.clock import boottime
from triocarp.linux.precise_timer import PreciseTimer

MILLISECOND = 1_000_000
PATIENCE_S = 10


async def test_waits_until_the_deadline() -> None:
    """The timer never fires early."""
    with PreciseTimer() as timer, trio.fail_after(PATIENCE_S):
        for _ in range(10):
            deadline = boottime() + 2 * MILLISECOND
            timer.set(deadline)
            await timer.wait()

            assert boottime() >= deadline


@pytest.mark.parametrize("deadline", [-1, 0, 1], ids=["before boot", "at boot", "long ago"])
async def test_deadline_in_the_past(deadline: int) -> None:
    """A deadline that is over fires at once, and again when it is set again."""
    with PreciseTimer() as timer, trio.fail_after(PATIENCE_S):
        for _ in range(3):
            timer.set(deadline)
            await timer.wait()


async def test_no_deadline() -> None:
    """Without a deadline the timer does not fire, also when the one that it had is over."""
    with PreciseTimer() as timer:
        timer.set(1)
        timer.set(None)

        with trio.move_on_after(0.01) as scope:
            await timer.wait()

    assert scope.cancelled_caught


async def test_used_up() -> None:
    """A deadline fires once."""
    with PreciseTimer() as timer:
        timer.set(1)
        await timer.wait()

        with trio.move_on_after(0.01) as scope:
            await timer.wait()

    assert scope.cancelled_caught


async def test_earlier_deadline_while_waiting() -> None:
    """A task that waits is woken by a deadline that another task sets."""
    with PreciseTimer() as timer, trio.fail_after(PATIENCE_S):
        timer.set(boottime() + 3600 * 1000 * MILLISECOND)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timer.wait)
            await wait_all_tasks_blocked()
            timer.set(boottime())


class PutOff(trio.abc.Instrument):
    """Sets a timer to an hour later once, when a task is about to run."""

    def __init__(self, timer: PreciseTimer) -> None:
        self._timer = timer
        self.done = False

    def after_io_wait(self, timeout: float) -> None:
        """See `trio.abc.Instrument`: the event loop has just learnt that the timer has fired."""
        del timeout
        self._timer.set(boottime() + 3600 * 1000 * MILLISECOND)
        self.done = True
        trio.lowlevel.remove_instrument(self)


async def test_later_deadline_at_the_last_moment() -> None:
    """A deadline that is put off between the wake-up and the task's turn does not fire."""
    with PreciseTimer() as timer:
        put_off = PutOff(timer)
        timer.set(boottime() + 5 * MILLISECOND)
        trio.lowlevel.add_instrument(put_off)

        with trio.move_on_after(0.02) as scope:
            await timer.wait()

    assert put_off.done
    assert scope.cancelled_caught


def test_closed_twice() -> None:
    """Closing twice is fine, and does not close somebody else's descriptor."""
    timer = PreciseTimer()
    timer.close()
    with PreciseTimer() as another:
        timer.close()

        another.set(1)


def test_closed_timer() -> None:
    """A timer that is closed says so."""
    timer = PreciseTimer()
    timer.close()

    with pytest.raises(OSError, match="timerfd_settime"):
        timer.set(1)
