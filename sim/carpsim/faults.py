"""What can go wrong in a simulated world, and what operators do: data, each with the instant at which it happens.

A fault that lasts ends by itself after its duration; without one it lasts for ever. `FAULTS` is the whole
vocabulary, which scenario files use by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, final

from carpsim.adversary import ArpSpoof, Flood, Forge, Replay
from carpsim.conditions import Conditions
from carpsim.crafted_packets import CraftedAdvertisement, VrrpRouter
from carpsim.distribution import Distribution
from carpsim.frame import FrameKind
from carpsim.host import Script
from carpsim.segment import DROP, PASS, Fate, Passage
from triocarp.core import (
    DemotionRequested,
    HealthChanged,
    Hook,
    IPInterface,
    Link,
    MaintenanceChanged,
    NodeConfig,
    PortFailure,
    SwitchOverRequested,
)
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from carpsim.world import World


class Fault(Protocol):
    """Something that happens at an instant."""

    @property
    def at(self) -> int:
        """When, in nanoseconds from the beginning."""
        ...

    def happen(self, world: "World") -> None:
        """Let it happen.

        Args:
            world: in which.
        """
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The segment falls apart: stations hear only those of their own part. Who is in no part hears nobody.

    Attributes:
        at: when.
        parts: names of hosts and clients, each in one part at most.
        duration: how long, nanoseconds; None for ever.
        segment: which.
    """

    at: int
    parts: tuple[tuple[str, ...], ...]
    duration: int | None = None
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        segment = world.segments[self.segment]
        everybody = [port.station.label for port in segment.ports]
        part_of = {
            label: number
            for number, part in enumerate(self.parts)
            for name in part
            for label in world.labels(name, self.segment)
        }
        for place, label in enumerate(everybody):
            mine = part_of.get(label, -1 - place)
            others = [other for index, other in enumerate(everybody) if part_of.get(other, -1 - index) != mine]
            segment.cut((label,), others)
            if self.duration is not None:
                world.engine.after(self.duration, segment.mend, (label,), others)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Deafness:
    """Nothing gets through from some stations to others; the other direction works.

    Attributes:
        at: when.
        senders: names of hosts and clients.
        receivers: names of hosts and clients who do not hear them.
        duration: how long, nanoseconds; None for ever.
        segment: which.
    """

    at: int
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    duration: int | None = None
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        segment = world.segments[self.segment]
        senders = [label for name in self.senders for label in world.labels(name, self.segment)]
        receivers = [label for name in self.receivers for label in world.labels(name, self.segment)]
        segment.cut(senders, receivers)
        if self.duration is not None:
            world.engine.after(self.duration, segment.mend, senders, receivers)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Somebody between the stations drops frames of one kind.

    Attributes:
        at: when.
        frames: of which kind.
        senders: names of those whose frames it drops; nobody for all.
        receivers: names of those whom they do not reach; nobody for all.
        duration: how long, nanoseconds; None for ever.
        segment: which.
    """

    at: int
    frames: FrameKind
    senders: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    duration: int | None = None
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        segment = world.segments[self.segment]
        senders = [label for name in self.senders for label in world.labels(name, self.segment)]
        receivers = [label for name in self.receivers for label in world.labels(name, self.segment)]

        def rule(passage: Passage) -> tuple[Fate, ...]:
            concerned = (not senders or passage.sender in senders) and (
                not receivers or passage.receiver in receivers
            )
            return DROP if concerned and passage.frame.kind is self.frames else PASS

        segment.add_rule(rule)
        if self.duration is not None:
            world.engine.after(self.duration, segment.remove_rule, rule)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CableConditions:
    """The cables of some stations become worse, or better.

    Attributes:
        at: when.
        stations: names of hosts and clients; nobody for all.
        inward: conditions from the stations to the switch; None for what they were.
        outward: conditions from the switch to the stations; None for what they were.
        duration: how long, nanoseconds; None for ever.
        segment: which.
    """

    at: int
    stations: tuple[str, ...] = ()
    inward: Conditions | None = None
    outward: Conditions | None = None
    duration: int | None = None
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        segment = world.segments[self.segment]
        named = [label for name in self.stations for label in world.labels(name, self.segment)]
        for port in [port for port in segment.ports if not named or port.station.label in named]:
            for cable, conditions in ((port.inward, self.inward), (port.outward, self.outward)):
                if conditions is None:
                    continue
                if self.duration is not None:
                    world.engine.after(self.duration, setattr, cable, "conditions", cable.conditions)
                cable.conditions = conditions


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLoss:
    """A host's interface loses its link.

    Attributes:
        at: when.
        host: whose.
        duration: how long, nanoseconds; None for ever.
        link: its condition then: `Link.NO_CARRIER`, or `Link.DOWN` as an operator sets it.
        interface: which.
    """

    at: int
    host: str
    duration: int | None = None
    link: Link = Link.NO_CARRIER
    interface: str = "eth0"

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        network = world.hosts[self.host].network
        network.set_link(self.interface, self.link)
        if self.duration is not None:
            world.engine.after(self.duration, network.set_link, self.interface, Link.UP)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A host stands still.

    Attributes:
        at: when.
        host: which.
        duration: how long, nanoseconds; None for ever.
        kernel: whether its kernel stands still, too, as that of a frozen virtual machine. Otherwise it is the
            daemon alone: SIGSTOP, a starved processor, a garbage collection.
        clock_stops: whether its clock does not know of the time that has passed.
    """

    at: int
    host: str
    duration: int | None = None
    kernel: bool = False
    clock_stops: bool = False

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        host = world.hosts[self.host]
        host.pause(kernel=self.kernel)
        if self.duration is not None:
            world.engine.after(self.duration, self._end, world, world.engine.now)

    def _end(self, world: "World", since: int) -> None:
        host = world.hosts[self.host]
        if self.clock_stops:
            host.clock.stand_still(since, world.engine.now)
        host.resume()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A host's daemon ends without a word.

    Attributes:
        at: when.
        host: which.
        power: whether the whole machine ends, and not the daemon alone.
        restart_after: nanoseconds until it is started again; None for never.
    """

    at: int
    host: str
    power: bool = False
    restart_after: int | None = None

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        host = world.hosts[self.host]
        if self.power:
            host.power_off()
        else:
            host.kill()
        if self.restart_after is not None:
            world.engine.after(self.restart_after, host.power_on if self.power else host.start_if_ended)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The operator stops a host's daemon, which leaves in order.

    Attributes:
        at: when.
        host: which.
        restart_after: nanoseconds until it is started again; None for never.
        config: with what it is started again; None for what it had.
    """

    at: int
    host: str
    restart_after: int | None = None
    config: NodeConfig | None = None

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        host = world.hosts[self.host]
        host.stop()
        if self.config is not None:
            world.carpd(self.host).config = self.config
        if self.restart_after is not None:
            world.engine.after(self.restart_after, host.start_if_ended)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WallClockStep:
    """Somebody sets a host's wall clock.

    Attributes:
        at: when.
        host: whose.
        by: nanoseconds; less than 0 to set it back.
    """

    at: int
    host: str
    by: int

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        world.hosts[self.host].step_wall_clock(self.by)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDrift:
    """A host's clock goes faster or slower from now on.

    Attributes:
        at: when.
        host: whose.
        drift_ppm: millionths faster than the world; less than 0 for slower.
    """

    at: int
    host: str
    drift_ppm: int

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        world.hosts[self.host].set_drift(self.drift_ppm)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KernelErrors:
    """A host's kernel refuses the next calls of the daemon.

    Attributes:
        at: when.
        host: whose.
        call: ``send``, ``hold`` or ``release``.
        failure: what it says.
        count: how many calls.
        duration: after how long the calls that were not made yet succeed again, nanoseconds; None for never.
    """

    at: int
    host: str
    call: str
    failure: PortFailure = PortFailure.OTHER
    count: int = 1
    duration: int | None = None

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        network = world.hosts[self.host].network
        network.refuse_next(self.call, *(self.failure for _ in range(self.count)))
        if self.duration is not None:
            world.engine.after(self.duration, network.refuse_no_more, self.call)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AddressTaken:
    """Another program takes a virtual address off a host.

    Attributes:
        at: when.
        host: whose.
        address: which.
        interface: from which.
    """

    at: int
    host: str
    address: IPInterface
    interface: str = "eth0"

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        world.hosts[self.host].network.take_address(self.interface, self.address)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPut:
    """Another program puts a virtual address on a host.

    Attributes:
        at: when.
        host: whose.
        address: which.
        interface: on which.
    """

    at: int
    host: str
    address: IPInterface
    interface: str = "eth0"

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        world.hosts[self.host].network.put_address(self.interface, self.address)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Demotion:
    """The operator sets how much a host shall count as worse.

    Attributes:
        at: when.
        host: which.
        amount: in the place of what was set before.
        failover_group: the virtual hosts that it is about; None for all.
    """

    at: int
    host: str
    amount: int
    failover_group: str | None = None

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        world.hosts[self.host].tell(DemotionRequested(amount=self.amount, failover_group=self.failover_group))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """The operator takes a host out of service.

    Attributes:
        at: when.
        host: which.
        duration: how long, nanoseconds; None for ever.
        failover_group: the virtual hosts that it is about; None for all.
    """

    at: int
    host: str
    duration: int | None = None
    failover_group: str | None = None

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        host = world.hosts[self.host]
        host.tell(MaintenanceChanged(active=True, failover_group=self.failover_group))
        if self.duration is not None:
            back = MaintenanceChanged(active=False, failover_group=self.failover_group)
            world.engine.after(self.duration, host.tell, back)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Illness:
    """The service of a host fails its health check.

    Attributes:
        at: when.
        host: whose.
        duration: how long, nanoseconds; None for ever.
        check: name of the check.
        failover_group: the virtual hosts that it is about; None for all.
    """

    at: int
    host: str
    duration: int | None = None
    check: str = "service"
    failover_group: str | None = None

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        host, group = world.hosts[self.host], self.failover_group
        host.tell(HealthChanged(check=self.check, healthy=False, failover_group=group))
        if self.duration is not None:
            well = HealthChanged(check=self.check, healthy=True, failover_group=group)
            world.engine.after(self.duration, host.tell, well)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOver:
    """The operator has a master hand over, and not come back for a while (SIGUSR2).

    Attributes:
        at: when.
        host: which.
        hold_down: nanoseconds in which it does not become master.
        failover_group: the virtual hosts that it is about; None for all.
    """

    at: int
    host: str
    hold_down: int = 3 * SECOND
    failover_group: str | None = None

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        asked = SwitchOverRequested(hold_down=self.hold_down, failover_group=self.failover_group)
        world.hosts[self.host].tell(asked)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptChange:
    """A host's script behaves in another way from now on.

    Attributes:
        at: when.
        host: whose.
        hook: which.
        script: how it behaves.
    """

    at: int
    host: str
    hook: Hook
    script: Script

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        world.hosts[self.host].scripts[self.hook] = self.script


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LateTimer:
    """A host's timer wakes it late from now on, because its machine is busy.

    Attributes:
        at: when.
        host: whose.
        wake_up: how late.
    """

    at: int
    host: str
    wake_up: Distribution

    def happen(self, world: "World") -> None:
        """Let it happen; see `Fault`."""
        world.hosts[self.host].wake_up = self.wake_up


FAULTS: Final[Mapping[str, type[Fault]]] = {
    "partition": Partition,
    "deafness": Deafness,
    "filter": Filter,
    "cable-conditions": CableConditions,
    "link-loss": LinkLoss,
    "pause": Pause,
    "crash": Crash,
    "stop": Stop,
    "wall-clock-step": WallClockStep,
    "clock-drift": ClockDrift,
    "kernel-errors": KernelErrors,
    "address-taken": AddressTaken,
    "address-put": AddressPut,
    "demotion": Demotion,
    "maintenance": Maintenance,
    "illness": Illness,
    "switch-over": SwitchOver,
    "script-change": ScriptChange,
    "late-timer": LateTimer,
    "replay": Replay,
    "forge": Forge,
    "flood": Flood,
    "arp-spoof": ArpSpoof,
    "crafted-advertisement": CraftedAdvertisement,
    "vrrp-router": VrrpRouter,
}
"""All faults by the name that scenario files use."""

OF_CARPD: Final[tuple[type[Fault], ...]] = (Demotion, Maintenance, Illness)
"""What cannot be done to a host with ucarp, which has no word for it."""

Attack: TypeAlias = Replay | Forge | Flood | ArpSpoof | CraftedAdvertisement | VrrpRouter
"""The faults for which a segment has an adversary from the beginning."""
