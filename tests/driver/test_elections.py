"""Several drivers on one segment: election, failover, goodbye, preemption, all in virtual time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from carpsim import virtual_time
from carpsim.engine import Engine
from carpsim.segment import Segment
from carpsim.virtual_time import DrivenHost
from triocarp.core import Link, State, StopRequested, VirtualHostConfig
from triocarp.core.hearing import STAGGER
from triocarp.core.timing import ADVSKEW_UNIT, SECOND

from .journal import Journal, config, has_address, host, state


@dataclass
class Network:
    """Hosts on one segment.

    Attributes:
        engine: of their world.
        segment: theirs.
        hosts: they.
        journals: theirs.
    """

    engine: Engine = field(default_factory=Engine)
    segment: Segment = field(init=False)
    hosts: list[DrivenHost] = field(default_factory=list[DrivenHost])
    journals: list[Journal] = field(default_factory=list[Journal])

    def __post_init__(self) -> None:
        """Make the segment."""
        self.segment = Segment(self.engine)

    def add(self, virtual_host: VirtualHostConfig) -> DrivenHost:
        """Add a host, and return it."""
        journal = Journal(engine=self.engine)
        driven = host(virtual_host, journal, self.segment)
        self.hosts.append(driven)
        self.journals.append(journal)
        return driven

    def states(self) -> list[State]:
        """Return the state of each host."""
        return [state(driven) for driven in self.hosts]

    def holders(self) -> list[int]:
        """Return the numbers of the hosts that have the virtual address."""
        return [number for number, driven in enumerate(self.hosts) if has_address(driven)]

    def crash(self, number: int) -> None:
        """Cut a host off in the middle of its work: nobody hears it, it hears nobody, and nobody is told."""
        interface = self.hosts[number].network.interface("eth0")
        assert interface is not None
        interface.link = Link.NO_CARRIER

    def trace(self) -> list[list[tuple[int, str]]]:
        """Return what each host did, and when."""
        return [journal.entries for journal in self.journals]


def play(network: Network, story: Callable[[], Awaitable[None]]) -> None:
    """Run all hosts of a network while a story is told, and then cancel them."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for driven in network.hosts:
                await nursery.start(driven.run)
            await story()
            nursery.cancel_scope.cancel()

    virtual_time.run(network.engine, main)


def three_hosts() -> Network:
    """Return hosts that are preferred in their order."""
    network = Network()
    for octet, advskew in ((5, 0), (6, 50), (7, 100)):
        network.add(config(octet, advskew=advskew))
    return network


def test_the_preferred_host_is_elected() -> None:
    """Its dead time is the shortest; the others hear it and stay backups."""
    network = three_hosts()

    async def story() -> None:
        await trio.sleep(10.5)
        assert network.states() == [State.MASTER, State.BACKUP, State.BACKUP]
        assert network.holders() == [0]

    play(network, story)
    assert [journal.when("MASTER") for journal in network.journals[:1]] == [[3 * SECOND]]


def test_a_crash_is_noticed_after_the_dead_time() -> None:
    """The next best takes over 3 s + 50/256 s after the last advertisement, to the nanosecond; the third stays."""
    network = three_hosts()

    async def story() -> None:
        await trio.sleep(5.5)
        network.crash(0)
        await trio.sleep(4)
        assert network.states() == [State.MASTER, State.MASTER, State.BACKUP]

    play(network, story)
    assert network.journals[1].when("MASTER") == [5 * SECOND + 3 * SECOND + 50 * ADVSKEW_UNIT]


def test_a_goodbye_hands_over_without_a_moment_with_two_holders() -> None:
    """The master releases, then says goodbye; the next best is master 50 staggers later, and it alone."""
    network = three_hosts()

    async def story() -> None:
        await trio.sleep(5.5)
        network.hosts[0].driver.feed(StopRequested())
        assert network.holders() == []
        await trio.sleep(0.1)
        assert network.states() == [State.INIT, State.MASTER, State.BACKUP]
        assert network.holders() == [1]

    play(network, story)
    assert network.journals[1].when("MASTER")[0] == round(5.5 * SECOND) + 50 * STAGGER


def test_a_cancelled_master_hands_over_as_well() -> None:
    """Who is cancelled from outside leaves in order too: the others need not wait for the dead time."""
    network = three_hosts()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for driven in network.hosts[1:]:
                await nursery.start(driven.run)
            with trio.move_on_after(5.5):
                await network.hosts[0].run()
            await trio.sleep(0.1)
            assert network.states() == [State.INIT, State.MASTER, State.BACKUP]
            nursery.cancel_scope.cancel()

    virtual_time.run(network.engine, main)


def test_a_preferred_host_that_preempts_takes_over_and_the_worse_one_yields() -> None:
    """It comes later, hears a worse master, and is master at once; afterwards exactly one host has the address."""
    network = Network()
    network.add(config(6, advskew=100))
    preferred = config(5, preempt=True)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(network.hosts[0].run)
            await trio.sleep(5)
            assert network.states() == [State.MASTER]
            await nursery.start(network.add(preferred).run)
            await trio.sleep(2)
            assert network.states() == [State.BACKUP, State.MASTER]
            assert network.holders() == [1]
            nursery.cancel_scope.cancel()

    virtual_time.run(network.engine, main)
    # The first advertisement that the preferred host hears.
    heard = 3 * SECOND + 100 * ADVSKEW_UNIT + 2 * (SECOND + 100 * ADVSKEW_UNIT)
    assert network.journals[1].when("MASTER") == [heard]


def test_a_preferred_host_that_does_not_preempt_stays_backup() -> None:
    """Without -P a healthy master is left alone, however bad it is."""
    network = Network()
    network.add(config(6, advskew=100))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(network.hosts[0].run)
            await trio.sleep(5)
            await nursery.start(network.add(config(5)).run)
            await trio.sleep(10)
            assert network.states() == [State.MASTER, State.BACKUP]
            nursery.cancel_scope.cancel()

    virtual_time.run(network.engine, main)


def test_a_healed_partition_leaves_one_master_within_an_interval() -> None:
    """Both were master; the worse one hears the better one's next advertisement and yields."""
    network = three_hosts()

    async def story() -> None:
        await trio.sleep(5.5)
        network.crash(0)
        await trio.sleep(4)
        assert network.holders() == [0, 1]
        interface = network.hosts[0].network.interface("eth0")
        assert interface is not None
        interface.link = Link.UP
        await trio.sleep(1)
        assert network.holders() == [0]

    play(network, story)


def test_equal_hosts_settle_on_one() -> None:
    """Both time out at the same instant, whoever comes first: the tie goes to one of them, and it stays there."""
    network = Network()
    network.add(config(5))
    network.add(config(6))

    async def story() -> None:
        await trio.sleep(6.5)
        assert len(network.holders()) == 1
        assert sorted(state.value for state in network.states()) == ["BACKUP", "MASTER"]

    play(network, story)


def tell() -> list[list[tuple[int, str]]]:
    """Return the trace of a long story: a crash, a partition that heals, a stop."""
    network = three_hosts()

    async def story() -> None:
        await trio.sleep(5.5)
        network.crash(0)
        await trio.sleep(60.3)
        interface = network.hosts[0].network.interface("eth0")
        assert interface is not None
        interface.link = Link.UP
        await trio.sleep(30.3)
        network.hosts[0].driver.feed(StopRequested())
        await trio.sleep(10.3)

    play(network, story)
    return network.trace()


def test_the_same_story_is_always_told_alike() -> None:
    """To the nanosecond, however trio orders the tasks that can run at the same instant."""
    first = tell()
    assert sum(map(len, first)) > 200
    assert all(tell() == first for _ in range(4))
