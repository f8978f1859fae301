"""The daemon in virtual time: its own driver on a simulated host, with trio's mock clock.

The simulator's engine alone runs many more events a second; what runs here is the very loop that carpd runs on the
kernel. This is the one module of the simulator that needs trio and the daemon::

    engine = Engine()
    segment = Segment(engine)

    async def main():
        await DrivenHost(engine, segment, config, reports=reports).run()

    virtual_time.run(engine, main)

`play` runs a whole `Scenario` so: the driver's journals must be those of the engine's world, event by event.
"""

import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, Protocol, final

import trio
import trio.testing

from carpsim.clock import HostClock
from carpsim.engine import Engine
from carpsim.host_network import HostNetwork
from carpsim.loop import ELSEWHERE, Happening, HostTimer, Late, Stopped, on_time, source_of
from carpsim.scenario import Scenario
from carpsim.segment import Segment
from carpsim.world import World, WorldWatcher
from triocarp.core.configuration import NodeConfig, VirtualHostConfig
from triocarp.core.effects import Effect, Hook, RenewAddresses
from triocarp.core.events import Event, HookFinished, HookOutcome, PacketReceived, PacketUnreadable
from triocarp.core.family import IPInterface
from triocarp.core.node import Node
from triocarp.core.ports import HookPort, Ports, ReportPort
from triocarp.core.reports import Report
from triocarp.core.runner import Runner
from triocarp.core.timing import SECOND
from triocarp.daemon.driver import Dated, Driver, HookService, Source, Timer

_READ_BATCH: Final = 64


def run(engine: Engine, main: Callable[[], Awaitable[None]]) -> None:
    """Run a program in virtual time, which passes only while everybody waits.

    The engine's time and trio's are one. The next thing that is due, whether the engine's or a trio task's,
    happens when nobody has anything left to do, and alone: everybody deals with it before the one after it.

    Args:
        engine: of the world; nobody else lets its time pass.
        main: what to run.

    Raises:
        ExceptionGroup: what the program raised; a `RuntimeError` if it waits for what never happens.
    """
    clock = trio.testing.MockClock()

    async def led() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pass_time, engine, clock)
            await main()
            nursery.cancel_scope.cancel()

    trio.run(led, clock=clock)


async def _pass_time(engine: Engine, clock: trio.testing.MockClock) -> None:
    while True:
        await trio.testing.wait_all_tasks_blocked()
        sleep_s = trio.lowlevel.current_statistics().seconds_to_next_deadline
        due = engine.next_due
        if due is not None and due <= (clock.current_time() + sleep_s) * SECOND:
            clock.jump(max(0.0, due / SECOND - clock.current_time()))
            engine.step()
        elif sleep_s < math.inf:
            clock.jump(sleep_s)
            engine.run_until(round(clock.current_time() * SECOND))
        else:
            raise RuntimeError("everybody waits, and nothing is left that could happen")


@final
class VirtualTimer:
    """A `Timer` on the clock of a simulated host.

    Args:
        engine: of the world.
        clock: of the host; the world's if it is left out.
        late: see `carpsim.loop.HostTimer`.
    """

    def __init__(self, engine: Engine, clock: HostClock | None = None, late: Late = on_time) -> None:
        self.alarm: Final = HostTimer(engine, clock or HostClock(), self._ring, late)
        self._has_rung = False
        self._rung = trio.Event()

    def set(self, deadline: int | None) -> None:
        """Set the deadline; see `Timer`.

        Args:
            deadline: nanoseconds of the clock, or None for never.
        """
        self._has_rung = False
        self.alarm.set(deadline)

    async def wait(self) -> None:
        """Wait until the deadline has come, and use it up."""
        await trio.lowlevel.checkpoint()
        while not self._has_rung:
            self._rung = trio.Event()
            await self._rung.wait()
        self._has_rung = False

    def _ring(self) -> None:
        self._has_rung = True
        self._rung.set()


@final
class Inbox:
    """A `Source`: what has happened to a host, until the host reads it."""

    def __init__(self) -> None:
        self._events: deque[Event | Dated] = deque()
        self._filled = trio.Event()

    def put(self, event: Event | Dated) -> None:
        """Let something happen.

        Args:
            event: what, and perhaps when.
        """
        self._events.append(event)
        self._filled.set()

    async def wait_readable(self) -> None:
        """Wait until there is something to read."""
        await trio.lowlevel.checkpoint()
        while not self._events:
            self._filled = trio.Event()
            await self._filled.wait()

    def read(self) -> list[Event | Dated]:
        """Return what has happened, as much at once as the real sources give."""
        return [self._events.popleft() for _ in range(min(_READ_BATCH, len(self._events)))]


class Hooks(HookPort, HookService, Protocol):
    """Who is asked for hooks, and runs them."""


@final
class VirtualHooks:
    """A `HookPort` and its `HookService`: scripts that do nothing but take their time.

    Args:
        durations_s: seconds that each hook takes, `math.inf` for one that never ends; 0 for those not named.
        outcomes: how each hook ends; those not named succeed.
    """

    def __init__(
        self,
        durations_s: Mapping[Hook, float] | None = None,
        outcomes: Mapping[Hook, HookOutcome] | None = None,
    ) -> None:
        self._durations_s = durations_s or {}
        self._outcomes = outcomes or {}
        self._asked: deque[tuple[str, int, Hook]] = deque()
        self._woken = trio.Event()

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Start a hook; see `triocarp.core.ports.HookPort`.

        Args:
            interface: of the virtual host.
            vhid: of the virtual host.
            hook: which.
        """
        self._asked.append((interface, vhid, hook))
        self._woken.set()

    async def serve(self, feed: Callable[[Event], None]) -> None:
        """Run hooks until cancelled; see `HookService`.

        Args:
            feed: is told how each ended.
        """
        async with trio.open_nursery() as nursery:
            while True:
                while self._asked:
                    nursery.start_soon(self._run, *self._asked.popleft(), feed)
                self._woken = trio.Event()
                await self._woken.wait()

    async def _run(self, interface: str, vhid: int, hook: Hook, feed: Callable[[Event], None]) -> None:
        await trio.sleep(self._durations_s.get(hook, 0))
        outcome = self._outcomes.get(hook, HookOutcome.SUCCEEDED)
        feed(HookFinished(interface=interface, vhid=vhid, hook=hook, outcome=outcome))


@final
class DrivenHost:
    """A simulated host on which the daemon's driver runs.

    Args:
        engine: of the world.
        segment: where it is plugged in.
        config: its virtual host. The last byte of a source address is the last of the MAC, too.
        reports: is told what happens.
        wrap: puts something around its ports: a tracer, faults.
        hooks: runs its hooks.
        timer: wakes its driver.
        further_sources: read after its own.
        leaving_limit_s: how long it may take to leave when nobody asked it to.
        seed: of its random numbers.
        trace: is told each event.
        clock: of its driver; the engine's if it is left out.
        rehearse: is called before a takeover.

    Attributes:
        engine: of its world.
        network: its interfaces and addresses.
        packets: what it has received and not yet read.
        driver: its driver.
    """

    def __init__(
        self,
        engine: Engine,
        segment: Segment,
        config: VirtualHostConfig,
        *,
        reports: ReportPort,
        wrap: Callable[[Ports], Ports] | None = None,
        hooks: Hooks | None = None,
        timer: Timer | None = None,
        further_sources: tuple[Source, ...] = (),
        leaving_limit_s: float = 10,
        seed: int = 0,
        trace: Callable[[Event], None] | None = None,
        clock: Callable[[], int] | None = None,
        rehearse: Callable[[], None] | None = None,
    ) -> None:
        self.engine = engine
        changes = Inbox()
        self.packets = Inbox()
        number = next(iter(config.sources.values())).packed[-1]
        self.network = HostNetwork(engine, name=f"host-{number}", observe=changes.put, listen=self.packets.put)
        self.network.watch(config.interface, config.addresses if config.manages_addresses else ())
        if config.routing is not None:
            self.network.route(config.interface, config.addresses, config.routing)
        self.network.add_interface(config.interface, segment, bytes((2, 0, 0, 0, 0, number)))
        hooks = hooks or VirtualHooks()
        ports = Ports(frames=self.network, addresses=self.network, hooks=hooks, reports=reports)
        node = Node(NodeConfig(virtual_hosts=(config,)), rng=random.Random(seed))  # noqa: S311 - it must repeat itself
        self.driver = Driver(
            Runner(node, wrap(ports) if wrap else ports),
            clock=clock or (lambda: engine.now),
            timer=timer or VirtualTimer(engine),
            sources=(self.packets, changes, *further_sources),
            hooks=hooks,
            leaving_limit_s=leaving_limit_s,
            trace=trace,
            rehearse=rehearse,
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the host until it has left.

        Args:
            task_status: is told when the host takes part.
        """
        await self.driver.run(task_status=task_status)


@final
class _Lifeline:
    """All ports of a daemon, until it is killed: what it still does then has no effect.

    Args:
        ports: its real ones.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self.cut = False

    def ports(self) -> Ports:
        """Return the ports that the daemon gets."""
        return Ports(frames=self, addresses=self, hooks=self, reports=self, journal=self)

    def send(self, interface: str, frame: bytes) -> None:
        if not self.cut:
            self._ports.frames.send(interface, frame)

    def send_packet(self, interface: str, packet: bytes) -> None:
        if not self.cut:
            self._ports.frames.send_packet(interface, packet)

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        if not self.cut:
            self._ports.addresses.hold(interface, addresses, lease_s)

    def renew(self, renewal: RenewAddresses) -> None:
        if not self.cut:
            self._ports.addresses.renew(renewal)

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        if not self.cut:
            self._ports.addresses.release(interface, addresses)

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        if not self.cut:
            self._ports.hooks.run(interface, vhid, hook)

    def report(self, report: Report) -> None:
        if not self.cut:
            self._ports.reports.report(report)

    def record(self, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        if not self.cut and self._ports.journal is not None:
            self._ports.journal.record(at, event, effects)


@final
class _HooksElsewhere:
    """A `HookService` with nothing to do: a `carpsim.host.Host` runs its hooks itself."""

    async def serve(self, feed: Callable[[Event], None]) -> None:  # noqa: ARG002 - the end of a hook is an event
        await trio.sleep_forever()


@final
class DriverLoop:
    """A `carpsim.loop.Loop` that is the driver of the daemon itself.

    Args:
        nursery: runs it.
        engine: of the world.
        clock: of the host.
        node: that is run.
        ports: that carry out what it wants.
        late: see `carpsim.loop.HostTimer`.
        stopped: is called when the node has left.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        engine: Engine,
        clock: HostClock,
        node: Node,
        ports: Ports,
        *,
        late: Late,
        stopped: Stopped,
    ) -> None:
        self._nursery = nursery
        self._engine = engine
        self._clock = clock
        self._stopped = stopped
        self._scope = trio.CancelScope()
        self._lifeline = _Lifeline(ports)
        self._inboxes = tuple(Inbox() for _ in range(ELSEWHERE))
        self._timer = VirtualTimer(engine, clock, late)
        self._driver = Driver(
            Runner(node, self._lifeline.ports(), clock=self._now),
            clock=self._now,
            timer=self._timer,
            sources=self._inboxes,
            hooks=_HooksElsewhere(),
            leaving_limit_s=0,  # it is cancelled when it is killed, and who is killed does not leave
        )

    def begin(self, first: Sequence[Event]) -> None:
        """Start; see `carpsim.loop.Loop`.

        Args:
            first: what the sources give at first.
        """
        for event in first:
            self._inboxes[source_of(event)].put(event)
        self._nursery.start_soon(self._run)

    def take(self, event: Event) -> None:
        """Bring something into one of the driver's sources; see `carpsim.loop.Loop`.

        Args:
            event: what has happened.
        """
        self.take_waiting(((event, self._engine.now),))

    def take_waiting(self, waiting: Sequence[Happening]) -> None:
        """Bring what has waited into the driver's sources; see `carpsim.loop.Loop`.

        What one source has is there at once, and is read before the next source has anything, because the order
        in which trio runs tasks is nobody's promise.

        Args:
            waiting: in the order of the sources.
        """
        for number, happenings in groupby(waiting, key=lambda happening: source_of(happening[0])):
            self._engine.next(self._bring, number, tuple(happenings))

    def pause(self) -> None:
        """Let the timer wake nobody; see `carpsim.loop.Loop`."""
        self._timer.alarm.pause()

    def resume(self) -> None:
        """Undo a `pause`; see `carpsim.loop.Loop`."""
        self._engine.next(self._timer.alarm.resume)

    def clock_changed(self) -> None:
        """Set the timer anew; see `carpsim.loop.Loop`."""
        self._timer.alarm.refresh()

    def end(self) -> None:
        """End as with SIGKILL; see `carpsim.loop.Loop`."""
        self._lifeline.cut = True
        self._timer.alarm.pause()
        self._scope.cancel()

    async def _run(self) -> None:
        with self._scope:
            await self._driver.run()
            if not self._lifeline.cut:
                self._stopped()

    def _bring(self, number: int, happenings: tuple[Happening, ...]) -> None:
        for event, at in happenings:
            if self._lifeline.cut:
                return
            if number == ELSEWHERE:
                self._driver.feed(event)
            elif isinstance(event, PacketReceived | PacketUnreadable):
                self._inboxes[number].put(Dated(event, self._clock.read(at)))
            else:
                self._inboxes[number].put(event)

    def _now(self) -> int:
        return self._clock.read(self._engine.now)


def play(scenario: Scenario, *, seed: int = 0, watchers: Iterable[WorldWatcher] = ()) -> World:
    """Run a world whose hosts are run by the driver of the daemon, and return it.

    Args:
        scenario: what there is and what happens.
        seed: of everything that is left to chance.
        watchers: see what happens.

    Raises:
        ExceptionGroup: what a driver raised.
    """
    nurseries: list[trio.Nursery] = []
    loops: list[DriverLoop] = []

    def loop(
        engine: Engine, clock: HostClock, node: Node, ports: Ports, *, late: Late, stopped: Stopped
    ) -> DriverLoop:
        loops.append(DriverLoop(nurseries[0], engine, clock, node, ports, late=late, stopped=stopped))
        return loops[-1]

    world = World(scenario, seed=seed, watchers=watchers, loop=loop)

    async def main() -> None:
        over = trio.Event()
        world.engine.at(scenario.duration + 1, over.set)
        async with trio.open_nursery() as nursery:
            nurseries.append(nursery)
            await over.wait()
            for running in loops:
                running.end()

    run(world.engine, main)
    return world
