"""Time in the driver: deadlines, early and late timers, and a machine that was frozen."""

import trio
import trio.testing

from carpsim import virtual_time
from carpsim.engine import Engine
from carpsim.virtual_time import Inbox, VirtualTimer
from triocarp.core import Event, State
from triocarp.core.timing import ADVSKEW_UNIT, SECOND
from triocarp.daemon.driver import Dated

from .journal import Journal, advertisement, config, host, state


async def freeze(engine: Engine, seconds: int) -> None:
    """Let time pass while nobody runs, and then let everybody do what is overdue."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    clock.jump(seconds)
    engine.run_until(engine.now + seconds * SECOND)
    await trio.sleep(1 / SECOND)


class DeafInbox:
    """A source that never says that it can be read: what is in it was queued while the task could not run."""

    def __init__(self) -> None:
        self.inbox = Inbox()

    async def wait_readable(self) -> None:
        """Wait for ever."""
        await trio.sleep_forever()

    def read(self) -> list[Event | Dated]:
        """Return what is queued."""
        return self.inbox.read()


class RestlessTimer:
    """A timer that wakes its task as often as it likes, and long before the deadline.

    Args:
        every_s: how often.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s

    def set(self, deadline: int | None) -> None:
        """Take no note of the deadline."""

    async def wait(self) -> None:
        """Wait a little."""
        await trio.sleep(self._every_s)


class LateTimer:
    """A timer that wakes its task too late.

    Args:
        engine: of its world.
        late_s: how much.
    """

    def __init__(self, engine: Engine, late_s: float) -> None:
        self._late_s = late_s
        self._timer = VirtualTimer(engine)

    def set(self, deadline: int | None) -> None:
        """Set the deadline."""
        self._timer.set(None if deadline is None else deadline + round(self._late_s * SECOND))

    async def wait(self) -> None:
        """Wait until the deadline has passed by."""
        await self._timer.wait()


def test_a_lone_host_takes_over_after_the_dead_time_and_advertises_at_exact_intervals() -> None:
    """The dead time is 3 * advbase + advskew/256, the interval advbase + advskew/256; nothing is rounded."""
    journal = Journal()

    async def main() -> None:
        with trio.move_on_after(60):
            await host(config(advskew=100), journal).run()

    virtual_time.run(journal.engine, main)
    first, interval = 3 * SECOND + 100 * ADVSKEW_UNIT, SECOND + 100 * ADVSKEW_UNIT
    expected = [first + number * interval for number in range((60 * SECOND - first) // interval + 1)]
    assert expected == journal.when("advertise")


def test_each_event_sets_the_deadline_anew() -> None:
    """A backup counts its dead time from the last advertisement that it heard, not from the first."""
    journal = Journal()

    async def main() -> None:
        driven = host(config(), journal)
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            for _ in range(5):
                await trio.sleep(2.5)
                driven.packets.put(advertisement())
            await trio.sleep(3.5)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    assert [round(15.5 * SECOND)] == journal.when("MASTER")


def test_after_a_freeze_what_waits_is_read_before_the_overdue_timer_is_served() -> None:
    """The clock jumps past the dead time, the master's advertisement is queued: no takeover."""
    journal = Journal()
    queue = DeafInbox()

    async def main() -> None:
        driven = host(config(), journal, further_sources=(queue,))
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            await trio.sleep(1)
            queue.inbox.put(advertisement())
            await freeze(journal.engine, 4)
            assert state(driven) is State.BACKUP
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    assert journal.when("MASTER") == []


def test_after_a_freeze_all_that_waits_is_read_however_much_stands_before_it() -> None:
    """A thousand advertisements of other groups do not hide the master's from a backup that was frozen."""
    journal = Journal()
    queue = DeafInbox()

    async def main() -> None:
        driven = host(config(), journal, further_sources=(queue,))
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            await trio.sleep(1)
            for _ in range(1000):
                queue.inbox.put(advertisement(vhid=8))
            queue.inbox.put(advertisement())
            await trio.sleep(3)
            assert state(driven) is State.BACKUP
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    assert journal.when("MASTER") == []


def test_a_source_that_never_runs_dry_does_not_keep_the_timer_from_being_served() -> None:
    """Reading before a timer is bounded: an endless flood of forged packets stops no advertisement."""
    journal = Journal()

    class Flood(DeafInbox):
        def read(self) -> list[Event | Dated]:
            return [advertisement(vhid=8)]

    async def main() -> None:
        with trio.move_on_after(10.5):
            await host(config(), journal, further_sources=(Flood(),)).run()

    virtual_time.run(journal.engine, main)
    assert [number * SECOND for number in range(3, 11)] == journal.when("advertise")


def test_a_master_that_was_frozen_past_its_dead_time_steps_down_and_listens() -> None:
    """It neither reasserts itself nor says goodbye: somebody else may be master by now."""
    journal = Journal()

    async def main() -> None:
        driven = host(config(), journal)
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            await trio.sleep(5.5)
            assert state(driven) is State.MASTER
            await freeze(journal.engine, 20)
            assert state(driven) is State.BACKUP
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    frozen_until = round(25.5 * SECOND)
    assert journal.deeds(frozen_until)[:2] == ["BACKUP", "release"]
    assert journal.when("goodbye") == []


def test_timers_that_come_early_change_nothing() -> None:
    """A timer that fires every 10 ms, whatever it was set to, is as good as an exact one."""
    journal = Journal()

    async def main() -> None:
        with trio.move_on_after(6.5):
            await host(config(), journal, timer=RestlessTimer(0.01)).run()

    virtual_time.run(journal.engine, main)
    assert [round(instant / SECOND, 1) for instant in journal.when("advertise")] == [3.0, 4.0, 5.0, 6.0]


def test_timers_that_come_late_are_not_made_up_for() -> None:
    """Each interval is counted from the advertisement as it was sent; missed ones are not sent in a burst."""
    journal = Journal()

    async def main() -> None:
        with trio.move_on_after(10):
            await host(config(), journal, timer=LateTimer(journal.engine, 0.25)).run()

    virtual_time.run(journal.engine, main)
    expected = [round((3.25 + 1.25 * number) * SECOND) for number in range(6)]
    assert expected == journal.when("advertise")
