"""A driver that is in time: events that were read late, and takeovers that were rehearsed."""

import trio

from carpsim import virtual_time
from carpsim.engine import Engine
from triocarp.core import StopRequested
from triocarp.core.timing import SECOND
from triocarp.daemon.driver import REHEARSAL_LEAD, Dated

from .journal import Journal, advertisement, config, host

MILLISECOND = 1_000_000


def test_an_advertisement_that_is_read_late_counts_from_its_arrival() -> None:
    """The dead time runs from the master's advertisement, not from our reading it 40 ms later."""
    journal = Journal()

    async def main() -> None:
        driven = host(config(), journal)
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            await trio.sleep(1)
            driven.packets.put(Dated(advertisement(), journal.engine.now - 40 * MILLISECOND))
            await trio.sleep(4)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    assert journal.when("MASTER") == [4 * SECOND - 40 * MILLISECOND]


def test_time_never_runs_backwards_for_the_node() -> None:
    """What arrived before the last event counts as simultaneous with it; what claims to come later, as now."""
    journal = Journal()

    async def main() -> None:
        driven = host(config(), journal)
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            await trio.sleep(1)
            driven.packets.put(advertisement())
            driven.packets.put(Dated(advertisement(), 0))
            driven.packets.put(Dated(advertisement(), 100 * SECOND))
            await trio.sleep(4)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    assert journal.when("MASTER") == [4 * SECOND]


class Ticking:
    """Virtual time that also passes while a program looks at it, as time does.

    Args:
        engine: of its world.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looks = 0

    def __call__(self) -> int:
        """Return nanoseconds."""
        self._looks += 1
        return self._engine.now + self._looks * 1000


def test_a_takeover_is_rehearsed_just_before_it_is_due_and_is_not_early() -> None:
    """The rehearsal comes within its lead before the dead time is over, and the takeover not before it is."""
    journal = Journal()
    clock = Ticking(journal.engine)
    rehearsed: list[int] = []

    async def main() -> None:
        driven = host(config(), journal, clock=clock, rehearse=lambda: rehearsed.append(clock()))
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            begun = clock()
            await trio.sleep(2.999)
            assert len(rehearsed) == 1
            assert 0 < 3 * SECOND + begun - rehearsed[0] <= REHEARSAL_LEAD + MILLISECOND
            await trio.sleep(10)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    assert len(journal.when("MASTER")) == 1
    assert len(rehearsed) == 1, "a master's advertisements are not rehearsed"


def test_a_backup_that_hears_its_master_rehearses_nothing() -> None:
    """Nothing wakes a healthy backup before its time."""
    journal = Journal()
    rehearsed: list[int] = []

    async def main() -> None:
        driven = host(config(), journal, clock=Ticking(journal.engine), rehearse=lambda: rehearsed.append(1))
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            for _ in range(20):
                await trio.sleep(1)
                driven.packets.put(advertisement())
            await trio.sleep(1)
            driven.driver.feed(StopRequested())

    virtual_time.run(journal.engine, main)
    assert rehearsed == []
