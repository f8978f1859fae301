"""The daemon in virtual time: its own driver on a simulated host, with trio's mock clock.

The simulator's engine alone runs many more events a second; what runs here is the very loop that carpd runs on the
kernel. This is the one module of the simulator that needs trio and the daemon::

    engine = Engine()
    segment = Segment(engine)

    async def main():
        await DrivenHost(engine, segment, config, reports=reports).run()

    virtual_time.run(engine, main)
"""

import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, final

import trio
import trio.testing

from carpsim.engine import Alarm, Engine
from carpsim.host_network import HostNetwork
from carpsim.segment import Segment
from triocarp.core.configuration import NodeConfig, VirtualHostConfig
from triocarp.core.effects import Hook
from triocarp.core.events import Event, HookFinished, HookOutcome
from triocarp.core.node import Node
from triocarp.core.ports import HookPort, Ports, ReportPort
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
    """A `Timer` on the engine.

    Args:
        engine: of the world.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._deadline: int | None = None
        self._rung = trio.Event()
        self._alarm = Alarm(engine, self._ring)

    def set(self, deadline: int | None) -> None:
        """Set the deadline; see `Timer`.

        Args:
            deadline: nanoseconds of the engine, or None for never.
        """
        self._deadline = deadline
        self._alarm.set(deadline)

    async def wait(self) -> None:
        """Wait until the deadline has come, and use it up."""
        await trio.lowlevel.checkpoint()
        while self._deadline is None or self._engine.now < self._deadline:
            self._rung = trio.Event()
            await self._rung.wait()
        self._deadline = None

    def _ring(self) -> None:
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
