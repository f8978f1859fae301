"""What a run is measured by: how long how many hosts had an address, changes of state, what clients felt."""

from dataclasses import dataclass, field
from typing import final

from carpsim.client import Answer, Client, Outage
from carpsim.faults import Fault
from carpsim.host import Host, Machine
from carpsim.world import World
from triocarp.core import Effect, Event, IPAddress, IPInterface, State, StateChanged


@final
@dataclass(slots=True)
class Holding:
    """How long how many hosts had one virtual address. Times are in nanoseconds.

    Attributes:
        nobody: how long nobody had it, since somebody first did.
        several: how long two or more did.
        most: how many had it at once, at most.
    """

    nobody: int = 0
    several: int = 0
    most: int = 0
    _holders: dict[str, None] = field(default_factory=dict[str, None])
    _since: int | None = None

    def change(self, holder: str, at: int, *, present: bool) -> None:
        """Take note that somebody has it now, or no longer.

        Args:
            holder: who.
            at: the instant.
            present: whether it is there now.
        """
        self.pass_time(at)
        if present:
            self._holders[holder] = None
            self._since = at
        else:
            self._holders.pop(holder, None)
        self.most = max(self.most, len(self._holders))

    def start_anew(self, at: int) -> None:
        """Forget what has been counted.

        Args:
            at: the instant.
        """
        self.pass_time(at)
        self.nobody = self.several = 0
        self.most = len(self._holders)

    def pass_time(self, at: int) -> None:
        """Count the time up to an instant.

        Args:
            at: the instant.
        """
        if self._since is None:
            return
        passed, self._since = at - self._since, at
        if not self._holders:
            self.nobody += passed
        elif len(self._holders) > 1:
            self.several += passed


@final
class Measurement:
    """Measures one world; see `carpsim.world.WorldWatcher`.

    Attributes:
        holdings: of each virtual address.
        transitions: number of changes of state, of all hosts together.
        takeovers: number of those that made a host master.
        outages: of each client, by its name; there when the run has been `finish`ed.
        since: the instant from which on is measured, nanoseconds.
    """

    def __init__(self) -> None:
        self.holdings: dict[IPAddress, Holding] = {}
        self.transitions = 0
        self.takeovers = 0
        self.outages: dict[str, tuple[Outage, ...]] = {}
        self.since = 0
        self._world: World | None = None

    @property
    def world(self) -> World:
        """The world that is measured."""
        if self._world is None:
            raise ValueError("nothing was measured: give the measurement to a World as a watcher")
        return self._world

    def start_anew(self) -> None:
        """Forget what has been measured: from now on it counts."""
        self.since = self.world.engine.now
        self.transitions = self.takeovers = 0
        for holding in self.holdings.values():
            holding.start_anew(self.since)

    def began(self, world: World) -> None:
        """Take note of the virtual addresses; see `carpsim.world.WorldWatcher`.

        Args:
            world: that is measured.
        """
        self._world = world
        for host in world.scenario.hosts:
            for place in host.places:
                for address in place.addresses:
                    self.holdings.setdefault(address.ip, Holding())

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:  # noqa: ARG002 - see there
        """Count changes of state; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the node's instant.
            event: what it was told.
            effects: what it answered.
        """
        for effect in effects:
            if isinstance(effect, StateChanged):
                self.transitions += 1
                self.takeovers += effect.new is State.MASTER

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:  # noqa: ARG002
        """Take note of who has an address; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the instant of the world.
            interface: which.
            address: which.
            present: whether it is there now.
        """
        holding = self.holdings.get(address.ip)
        if holding is not None:
            holding.change(host.name, at, present=present)

    def finish(self) -> None:
        """Take note of what is known only at the end."""
        for holding in self.holdings.values():
            holding.pass_time(self.world.engine.now)
        self.outages = {name: client.outages for name, client in self.world.clients.items()}

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:  # noqa: ARG002
        """Count changes of state of a host without a node; see `carpsim.host.Watcher`.

        Args:
            host: whose daemon.
            at: the instant of the world.
            old: state before.
            new: state now.
        """
        if old is not None and new is not None:
            self.transitions += 1
            self.takeovers += new is State.MASTER

    # What it does not measure.

    def process_changed(self, host: Machine, at: int) -> None:
        """Take note of nothing; see `carpsim.host.Watcher`."""

    def happened(self, at: int, fault: Fault) -> None:
        """Take note of nothing; see `carpsim.world.WorldWatcher`."""

    def answered(self, client: Client, answer: Answer) -> None:
        """Take note of nothing; see `carpsim.world.WorldWatcher`."""
