"""The daemon in virtual time: its own driver on a simulated host, with trio's mock clock.

The simulator's engine runs many more events a second; what runs here is the very loop that carpd runs on the
kernel. This is the one module of the simulator that needs trio and the daemon::

    async def main():
        hub = Hub()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(DrivenHost(config, hub).run)

    virtual_time.run(main)
"""

import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, final

import trio
import trio.testing

from carpsim.host_network import HostNetwork, Interface
from carpsim.segment import Segment, Station
from triocarp.core.advertisement import PROTOCOL
from triocarp.core.configuration import NodeConfig, VirtualHostConfig
from triocarp.core.datagram import read_datagram
from triocarp.core.effects import Hook, RenewAddresses
from triocarp.core.ethernet import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from triocarp.core.events import Event, HookFinished, HookOutcome
from triocarp.core.family import IPInterface
from triocarp.core.node import Node
from triocarp.core.ports import HookPort, Ports, ReportPort
from triocarp.core.runner import Runner
from triocarp.core.timing import SECOND
from triocarp.daemon.driver import Dated, Driver, HookService, Source, Timer

_READ_BATCH: Final = 64
_ETHERNET_HEADER: Final = 14
_PROTOCOL_AT: Final = {ETHERTYPE_IPV4: 9, ETHERTYPE_IPV6: 6}  # in the packet, by the frame's ethertype


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a program in virtual time, which passes only while everybody waits.

    Args:
        main: what to run.
    """
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def now() -> int:
    """Return trio's time in nanoseconds."""
    return round(trio.current_time() * SECOND)


@final
class VirtualTimer:
    """A `Timer` on trio's clock."""

    def __init__(self) -> None:
        self._deadline: int | None = None
        self._changed = trio.Event()

    def set(self, deadline: int | None) -> None:
        """Set the deadline; see `Timer`.

        Args:
            deadline: nanoseconds of `now`, or None for never.
        """
        if deadline != self._deadline:
            self._deadline = deadline
            self._changed.set()

    async def wait(self) -> None:
        """Wait until the deadline has come, and use it up."""
        await trio.lowlevel.checkpoint()
        while self._deadline is None or now() < self._deadline:
            self._changed = trio.Event()
            with trio.move_on_at(math.inf if self._deadline is None else self._deadline / SECOND):
                await self._changed.wait()
        self._deadline = None


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
class Hub:
    """A segment that brings each frame at once to the inboxes of the hosts that hear it.

    Attributes:
        segment: where interfaces are plugged in.
    """

    def __init__(self) -> None:
        self.segment = Segment(self._carry)
        self._inboxes: dict[HostNetwork, Inbox] = {}

    def listen(self, network: HostNetwork, inbox: Inbox) -> None:
        """Bring a host's packets into an inbox.

        Args:
            network: of the host.
            inbox: takes them.
        """
        self._inboxes[network] = inbox

    def _carry(self, station: Station, frame: bytes) -> None:
        packet = frame[_ETHERNET_HEADER:]
        protocol_at = _PROTOCOL_AT.get(frame[12:_ETHERNET_HEADER])
        # As the kernel's filter has it: IP packets of protocol 112 that are for this host, or for many.
        if protocol_at is None or packet[protocol_at : protocol_at + 1] != bytes((PROTOCOL,)):
            return
        if isinstance(station, Interface) and station.takes(frame):
            self._inboxes[station.host].put(read_datagram(station.name, packet))


@final
class LeasedAddresses:
    """An `AddressPort` whose leases end in virtual time.

    Args:
        network: whose addresses.
    """

    def __init__(self, network: HostNetwork) -> None:
        self._network = network
        self._end = VirtualTimer()

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Put addresses on an interface; see `triocarp.core.ports.AddressPort`.

        Args:
            interface: its name.
            addresses: with their prefix lengths.
            lease_s: seconds from now.
        """
        self._network.advance(now())
        self._network.hold(interface, addresses, lease_s)
        self._end.set(self._network.next_expiry)

    def renew(self, renewal: RenewAddresses) -> None:
        """Renew the lease of addresses; see `triocarp.core.ports.AddressPort`.

        Args:
            renewal: the effect.
        """
        self._network.advance(now())
        self._network.renew(renewal)
        self._end.set(self._network.next_expiry)

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Take addresses off an interface; see `triocarp.core.ports.AddressPort`.

        Args:
            interface: its name.
            addresses: which.
        """
        self._network.release(interface, addresses)

    async def serve(self) -> None:
        """End the leases that nobody renews, until cancelled."""
        while True:
            self._end.set(self._network.next_expiry)
            await self._end.wait()
            self._network.advance(now())


@final
class DrivenHost:
    """A simulated host on which the daemon's driver runs.

    Args:
        config: its virtual host. The last byte of a source address is the last of the MAC, too.
        hub: where it is plugged in.
        reports: is told what happens.
        wrap: puts something around its ports: a tracer, faults.
        hooks: runs its hooks.
        timer: wakes its driver.
        further_sources: read after its own.
        leaving_limit_s: how long it may take to leave when nobody asked it to.
        seed: of its random numbers.
        trace: is told each event.
        clock: of its driver.
        rehearse: is called before a takeover.

    Attributes:
        network: its interfaces and addresses.
        packets: what it has received and not yet read.
        driver: its driver.
    """

    def __init__(
        self,
        config: VirtualHostConfig,
        hub: Hub,
        *,
        reports: ReportPort,
        wrap: Callable[[Ports], Ports] | None = None,
        hooks: Hooks | None = None,
        timer: Timer | None = None,
        further_sources: tuple[Source, ...] = (),
        leaving_limit_s: float = 10,
        seed: int = 0,
        trace: Callable[[Event], None] | None = None,
        clock: Callable[[], int] = now,
        rehearse: Callable[[], None] | None = None,
    ) -> None:
        changes = Inbox()
        self.packets = Inbox()
        self.network = HostNetwork(changes.put)
        self.network.watch(config.interface, config.addresses if config.manages_addresses else ())
        mac = bytes((2, 0, 0, 0, 0, next(iter(config.sources.values())).packed[-1]))
        self.network.add_interface(config.interface, hub.segment, mac)
        hub.listen(self.network, self.packets)
        self._addresses = LeasedAddresses(self.network)
        hooks = hooks or VirtualHooks()
        ports = Ports(frames=self.network, addresses=self._addresses, hooks=hooks, reports=reports)
        node = Node(NodeConfig(virtual_hosts=(config,)), rng=random.Random(seed))  # noqa: S311 - it must repeat itself
        self.driver = Driver(
            Runner(node, wrap(ports) if wrap else ports),
            clock=clock,
            timer=timer or VirtualTimer(),
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
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._addresses.serve)
            await self.driver.run(task_status=task_status)
            nursery.cancel_scope.cancel()
