"""A simulated host on which carpd runs: a real `Node`, the driver's order of things, and a kernel around it.

The daemon's life, its operators and its standing still are here; what tells the node is a `carpsim.loop.Loop`.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, final

from carpsim.clock import HostClock
from carpsim.distribution import AT_ONCE, Distribution
from carpsim.engine import Engine
from carpsim.host_network import HostNetwork
from carpsim.loop import STAMP_AGE_MAX, EngineLoop, Happening, Loop, LoopFactory, source_of
from carpsim.randomness import chance, stream, stream_seed
from triocarp.core import (
    AddressChanged,
    Effect,
    EffectFailed,
    Event,
    Hook,
    HookFinished,
    HookOutcome,
    LinkChanged,
    Node,
    NodeConfig,
    PacketReceived,
    PacketUnreadable,
    Ports,
    Report,
    State,
    StopRequested,
    WallClockChanged,
)
from triocarp.core.family import IPInterface

SOCKET_BUFFER: Final = 200
"""Packets that wait for a program that does not read; what comes then is lost (net.core.rmem_default, about)."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a host's script behaves.

    Attributes:
        duration: how long it takes.
        failure: probability that it fails, 0 to 1.
    """

    duration: Distribution = AT_ONCE
    failure: float = 0.0


class Watcher(Protocol):
    """Sees what happens on hosts; checks, traces and lanes of a report are watchers.

    Who derives from it implements what they want to see: the rest is not looked at.
    """

    def told(self, host: "Host", at: int, event: Event, effects: tuple[Effect, ...]) -> None:  # noqa: ARG002 - whoever derives from it looks
        """Take note of what a node was told and what it answered, before that is carried out.

        Args:
            host: whose node.
            at: the instant of the world, in nanoseconds; the node may have been told an earlier one of its own.
            event: what it was told.
            effects: what it answered.
        """
        return

    def held(self, host: "Machine", at: int, interface: str, address: IPInterface, *, present: bool) -> None:  # noqa: ARG002 - whoever derives from it looks
        """Take note that an address came or went, whoever did that.

        Args:
            host: whose.
            at: the instant of the world, in nanoseconds.
            interface: which.
            address: which.
            present: whether it is there now.
        """
        return

    def process_changed(self, host: "Machine", at: int) -> None:  # noqa: ARG002 - whoever derives from it looks
        """Take note that a host's daemon or machine has started, stopped, crashed, frozen or gone on.

        Args:
            host: whose.
            at: the instant of the world, in nanoseconds.
        """
        return

    def switched(self, host: "Machine", at: int, old: State | None, new: State | None) -> None:  # noqa: ARG002 - whoever derives from it looks
        """Take note that a host without a node has another state; those of a node are among its effects.

        Args:
            host: whose daemon.
            at: the instant of the world, in nanoseconds.
            old: state before; None for a daemon that did not run.
            new: state now; None for a daemon that has ended.
        """
        return


class Machine(Protocol):
    """A simulated host as the world, its faults and its watchers see it, whatever daemon runs on it.

    Attributes:
        name: no two hosts of a world have the same.
        network: its kernel.
        clock: its clock.
        wall_offset: nanoseconds from its clock to its wall clock; None for a host that has no time.
        scripts: how its scripts behave.
        wake_up: how late its timer is.
        runs: number of starts.
    """

    name: str
    network: HostNetwork
    clock: HostClock
    wall_offset: int | None
    scripts: dict[Hook, Script]
    wake_up: Distribution
    runs: int

    @property
    def running(self) -> bool:
        """Whether its daemon runs, or would if it were not paused."""
        ...

    @property
    def paused(self) -> bool:
        """Whether its daemon stands still."""
        ...

    def start(self) -> None:
        """Start the daemon. It must not run."""
        ...

    def start_if_ended(self) -> None:
        """Start the daemon, unless it has not ended yet."""
        ...

    def stop(self) -> None:
        """Ask the daemon to leave."""
        ...

    def kill(self) -> None:
        """End the daemon without a word."""
        ...

    def power_off(self) -> None:
        """End the whole machine."""
        ...

    def power_on(self) -> None:
        """Start the machine and its daemon."""
        ...

    def pause(self, *, kernel: bool = False) -> None:
        """Let the daemon stand still.

        Args:
            kernel: whether the kernel stands still as well.
        """
        ...

    def resume(self) -> None:
        """Undo a `pause`."""
        ...

    def set_drift(self, drift_ppm: int) -> None:
        """Let the clock go faster or slower from now on.

        Args:
            drift_ppm: millionths faster than the world.
        """
        ...

    def step_wall_clock(self, by: int) -> None:
        """Set the wall clock.

        Args:
            by: nanoseconds; less than 0 to set it back.
        """
        ...

    def tell(self, event: Event) -> None:
        """Tell the daemon something that an operator or a health check does.

        Args:
            event: what.

        Raises:
            ValueError: the daemon has no ear for it.
        """
        ...


Sender: TypeAlias = Callable[[Event], None]


@final
@dataclass(slots=True)
class _Journal:
    """Passes on what a node is told to those who watch its host."""

    host: "Host"

    def record(self, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note; see `triocarp.core.ports.JournalPort`."""
        self.host.tell_watchers(at, event, effects)


@final
class _Silence:
    """A `ReportPort` that nobody listens to: who watches sees reports among the effects."""

    def report(self, report: Report) -> None:
        """Take note of nothing."""


@final
class Host:
    """One simulated machine with its daemon.

    Args:
        engine: of the world.
        name: no two hosts of a world have the same.
        config: of its node.
        seed: of the run.
        clock: its clock; the world's by default.
        wall_offset: nanoseconds from its clock to what its wall clock says; None for a host that has no time.
        scripts: how its hooks behave; those not named do nothing and take no time.
        wake_up: how late its timer is.
        watchers: see what happens.
        loop: makes what runs its node.

    Attributes:
        name: its name.
        network: its kernel.
        config: of its node; it counts from the next start if it is changed.
        scripts: how its hooks behave.
        wake_up: how late its timer is.
        clock: its clock.
        wall_offset: nanoseconds from its clock to its wall clock; None for a host that has no time.
        runs: number of starts.
        node_seed: of the random numbers of the node that was started last.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str,
        config: NodeConfig,
        seed: int = 0,
        clock: HostClock | None = None,
        wall_offset: int | None = 0,
        scripts: Mapping[Hook, Script] | None = None,
        wake_up: Distribution = AT_ONCE,
        watchers: tuple[Watcher, ...] = (),
        loop: LoopFactory = EngineLoop,
    ) -> None:
        self.name = name
        self.config = config
        self.clock = clock or HostClock()
        self.scripts = dict(scripts or {})
        self.wake_up = wake_up
        self.runs = 0
        self.node_seed = 0
        self.network = HostNetwork(engine, name=name, seed=seed, observe=self._observe, note=self._note_address)
        self._engine = engine
        self._seed = seed
        self.wall_offset = wall_offset
        self._watchers = watchers
        self._hook_rng = stream(seed, "host", name, "hooks")
        self._wake_up_rng = stream(seed, "host", name, "wake-up")
        self._make_loop = loop
        self._waiting: list[Happening] = []
        self._packets_waiting = 0
        self._node: Node | None = None
        self._loop: Loop | None = None
        self._paused = 0
        self._powered = True
        self._start_is_due = False

    # Looking.

    @property
    def node(self) -> Node | None:
        """The node of the daemon that runs, or None while none does."""
        return self._node

    @property
    def running(self) -> bool:
        """Whether its daemon runs, or would if it were not paused."""
        return self._loop is not None

    @property
    def paused(self) -> bool:
        """Whether its daemon stands still."""
        return self._paused > 0

    # The daemon's life.

    def start(self) -> None:
        """Start the daemon, as its operator or supervisor does. It must not run."""
        if self._loop is not None:
            raise ValueError(f"the daemon of {self.name} runs already")
        self.runs += 1
        self.node_seed = stream_seed(self._seed, "host", self.name, "node", str(self.runs))
        self._node = Node(self.config, rng=random.Random(self.node_seed))  # noqa: S311 - it must repeat itself
        ports = Ports(
            frames=self.network,
            addresses=self.network,
            hooks=self,
            reports=_SILENCE,
            journal=_Journal(self) if self._watchers else None,
        )
        self._loop = self._make_loop(
            self._engine, self.clock, self._node, ports, late=self._lateness, stopped=self._stopped
        )
        watched: dict[str, tuple[IPInterface, ...]] = {}
        for virtual_host in self.config.virtual_hosts:
            addresses = virtual_host.addresses if virtual_host.manages_addresses else ()
            watched[virtual_host.interface] = watched.get(virtual_host.interface, ()) + addresses
            if virtual_host.routing is not None:
                self.network.route(virtual_host.interface, virtual_host.addresses, virtual_host.routing)
        for interface, all_addresses in watched.items():
            self.network.watch(interface, all_addresses)
        self.network.listen = self._take
        self._tell_process()
        wall_clock = () if self.wall_offset is None else (WallClockChanged(offset=self.wall_offset),)
        self._loop.begin((*wall_clock, *self.network.present_state()))

    def start_if_ended(self) -> None:
        """Start the daemon, unless it has not ended yet, or the machine has no power: nobody is there to do it.

        Where everything stands still, so does who would start it: that happens when the host goes on.
        """
        self._start_is_due = self.paused
        if self._loop is None and self._powered and not self.paused:
            self.start()

    def stop(self) -> None:
        """Ask the daemon to leave, as SIGTERM does."""
        self._take(StopRequested())

    def kill(self) -> None:
        """End the daemon without a word, as SIGKILL does. Its kernel keeps the addresses until the leases end."""
        self._end()
        self._tell_process()

    def power_off(self) -> None:
        """End the whole machine: its links go down, and its leased addresses are forgotten."""
        self._end()
        self._powered = False
        self.network.power_off()
        self._tell_process()

    def power_on(self) -> None:
        """Start the machine, with its links as they were, and its daemon; if it has power, nothing happens."""
        if not self._powered:
            self._powered = True
            self.network.power_on()
            self.start_if_ended()

    def _end(self) -> None:
        if self._loop is not None:
            self._loop.end()
        self._loop = None
        self._node = None
        self._waiting.clear()
        self._packets_waiting = 0
        self.network.listen = None

    def _stopped(self) -> None:
        self._end()
        self._tell_process()

    # Its standing still.

    def pause(self, *, kernel: bool = False) -> None:
        """Let the daemon stand still: the processor is busy, its memory collected, or somebody sent SIGSTOP.

        Args:
            kernel: whether the kernel stands still as well, as that of a virtual machine does.
        """
        self._paused += 1
        if kernel:
            self.network.frozen = True
        if self._loop is not None:
            self._loop.pause()
        self._tell_process()

    def resume(self) -> None:
        """Undo a `pause`: what has waited is read, and then the timer is served if it is due."""
        self._paused -= 1
        if self._paused:
            return
        if self.network.frozen:
            self.network.thaw()
        self._tell_process()
        waiting = sorted(self._waiting, key=lambda happening: source_of(happening[0]))
        self._waiting.clear()
        self._packets_waiting = 0
        if self._loop is not None and waiting:
            self._loop.take_waiting([(event, self._counts_from(event, at)) for event, at in waiting])
        if self._loop is not None:  # it may have been told to stop
            self._loop.resume()
        if self._start_is_due:
            self.start_if_ended()

    def _counts_from(self, event: Event, at: int) -> int:
        """Return the instant from which an event counts that is read only now: packets have time stamps."""
        now = self._engine.now
        stamped = isinstance(event, PacketReceived | PacketUnreadable) and now - at < STAMP_AGE_MAX
        return at if stamped else now

    def set_drift(self, drift_ppm: int) -> None:
        """Let the clock go faster or slower from now on.

        Args:
            drift_ppm: millionths faster than the world.
        """
        self.clock.set_drift(drift_ppm, self._engine.now)
        if self._loop is not None:
            self._loop.clock_changed()

    def step_wall_clock(self, by: int) -> None:
        """Set the wall clock.

        Args:
            by: nanoseconds; less than 0 to set it back.
        """
        if self.wall_offset is not None:
            self.wall_offset += by
            self._take(WallClockChanged(offset=self.wall_offset))

    def tell(self, event: Event) -> None:
        """Tell the daemon something that an operator or a health check does.

        Args:
            event: what.
        """
        self._take(event)

    # Its hooks.

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Start a script; see `triocarp.core.ports.HookPort`.

        Args:
            interface: of the virtual host.
            vhid: of the virtual host.
            hook: which script.
        """
        script = self.scripts.get(hook, _INSTANT_SCRIPT)
        outcome = HookOutcome.FAILED if chance(self._hook_rng, script.failure) else HookOutcome.SUCCEEDED
        finished = HookFinished(interface=interface, vhid=vhid, hook=hook, outcome=outcome)
        self._engine.after(script.duration.draw(self._hook_rng), self._take_of, self.runs, finished)

    # What it is told.

    def _observe(self, change: LinkChanged | AddressChanged | EffectFailed) -> None:
        # The daemon learns of it when the kernel has done all that it does at once.
        self._engine.after(0, self._take_of, self.runs, change)

    def _take_of(self, run: int, event: Event) -> None:
        """Take an event that only the daemon may have that asked for it, or ran when it happened."""
        if run == self.runs:
            self._take(event)

    def _take(self, event: Event) -> None:
        """Tell the daemon something, now or when it goes on."""
        if self._loop is None:
            return
        if not self._paused:
            self._loop.take(event)
            return
        if isinstance(event, PacketReceived | PacketUnreadable):
            if self._packets_waiting == SOCKET_BUFFER:
                return
            self._packets_waiting += 1
        self._waiting.append((event, self._engine.now))

    def _lateness(self) -> int:
        return self.wake_up.draw(self._wake_up_rng)

    # Those who watch.

    def tell_watchers(self, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Show what the node was told to all who watch.

        Args:
            at: the node's instant.
            event: what it was told.
            effects: what it answered.
        """
        for watcher in self._watchers:
            watcher.told(self, at, event, effects)

    def _note_address(self, interface: str, address: IPInterface, present: bool) -> None:
        for watcher in self._watchers:
            watcher.held(self, self._engine.now, interface, address, present=present)

    def _tell_process(self) -> None:
        for watcher in self._watchers:
            watcher.process_changed(self, self._engine.now)


_SILENCE: Final = _Silence()
_INSTANT_SCRIPT: Final = Script()
