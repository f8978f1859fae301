"""What the checks know of a world: who is in which state, who has which address, who certainly hears whom.

States are those that nodes report; everything else is what the world shows: addresses, links, cuts, processes.
The checks derive their bounds from what is here: present intervals, latencies, lateness of timers, and the
instant from which nothing has disturbed a host any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

from carpsim.adversary import ArpSpoof, Flood, Forge, Replay
from carpsim.crafted_packets import CraftedAdvertisement, VrrpRouter
from carpsim.faults import (
    Attack,
    CableConditions,
    ClockDrift,
    Fault,
    LateTimer,
    LinkLoss,
    Stop,
    SwitchOver,
    WallClockStep,
)
from carpsim.host import Host, Machine
from carpsim.lease_clock import longest_lateness
from carpsim.neighbour_cache import LINUX
from carpsim.segment import Segment, Snooping
from carpsim.ucarp_host import (
    LAUNCH,
    LINK_LOSS_SLEEP,
    READING_JITTER,
    READING_PERIOD,
    REAPING,
    SETUP,
    SWITCH_OVER_SLEEP,
    UcarpHost,
)
from carpsim.world import World
from triocarp.core import (
    Cause,
    DemotionRequested,
    Effect,
    EffectFailed,
    Event,
    HealthChanged,
    HoldAddresses,
    Hook,
    IPAddress,
    IPInterface,
    Link,
    LinkChanged,
    MaintenanceChanged,
    ReleaseAddresses,
    Sealing,
    State,
    StateChanged,
    StopRequested,
    SwitchOverRequested,
    Transport,
    VirtualHostConfig,
)
from triocarp.core.back_off import FIRST, LONGEST
from triocarp.core.events import WallClockChanged
from triocarp.core.hearing import ADVSKEW_MAX, STAGGER
from triocarp.core.preference import Standing
from triocarp.core.timing import SECOND, advertisement_interval, lease_seconds

MOST_DEMOTED: Final = 240
"""The advskew of a demoted host, in every dialect that expresses demotion by it."""

SUCCESSION_MAX: Final = ADVSKEW_MAX * STAGGER
"""How long the last backup waits after a goodbye, nanoseconds."""

FOR_EVER: Final = 2**62
"""After every instant."""

_PAIR: Final = 2
_MILLION: Final = 1_000_000


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """One virtual host on one simulated host.

    Attributes:
        host: which.
        config: of the virtual host.
        segment: where it is.
        state: as its node reported last; INIT while no daemon runs.
        holds: its virtual addresses that are on the interface now, each with the instant at which it came.
        leaving: whether its daemon has been asked to leave, and waits for its scripts.
        excused: the instant up to which it may have an address though it is not master: a release was refused, or
            another program put it there.
        runs_ucarp: whether it is a ucarp's: what it does is seen on the wire and on its interface alone.
    """

    host: Machine
    config: VirtualHostConfig
    segment: Segment
    state: State = State.INIT
    holds: dict[IPAddress, int] = field(default_factory=dict[IPAddress, int])
    leaving: bool = False
    excused: int = -1
    runs_ucarp: bool = field(init=False)

    def __post_init__(self) -> None:
        self.runs_ucarp = isinstance(self.host, UcarpHost)

    @property
    def label(self) -> str:
        """How its interface is called among the stations of the segment."""
        return f"{self.host.name}:{self.config.interface}"

    @property
    def active(self) -> bool:
        """Whether its daemon runs, and does not stand still."""
        return self.host.running and not self.host.paused

    @property
    def dead_time(self) -> int:
        """How long it hears nobody until it is master, nanoseconds; a ucarp makes no exception of advbase 0."""
        config = self.config
        if self.runs_ucarp:
            return advertisement_interval(config.dead_ratio * config.advbase_s, config.advskew)
        return config.dead_time

    @property
    def reading(self) -> int:
        """How long a frame waits until it is read, at most, nanoseconds; a carpd reads at once."""
        return READING_PERIOD + READING_JITTER if self.runs_ucarp else 0

    @property
    def slowness(self) -> int:
        """How much longer a ucarp may take to find its state than a carpd, nanoseconds; 0 for a carpd.

        It reads late, looks at its dead timer only when it has slept a whole interval, stands still while a
        script runs, and takes its time to start.
        """
        if not self.runs_ucarp:
            return 0
        scripts = script_time(self, Hook.UP) + script_time(self, Hook.DOWN)
        start = LAUNCH.longest + SETUP.longest
        return self.reading + self.interval + 2 * scripts + start + 4 * self.host.wake_up.longest

    @property
    def carries(self) -> bool:
        """Whether the others can reach its machine: its cable carries frames, and its kernel is not frozen."""
        interface = self.host.network.interface(self.config.interface)
        return interface is not None and interface.carries and not self.host.network.frozen

    @property
    def standing(self) -> Standing:
        """What it counts as now, with demotion; while no daemon runs, as it is configured."""
        if isinstance(self.host, UcarpHost):
            return Standing(0, advertisement_interval(self.config.advbase_s, self.host.effective_skew))
        node = self.host.node if isinstance(self.host, Host) else None
        if node is None:
            return Standing(0, self.config.interval)
        return node.virtual_hosts[self.config.interface, self.config.vhid].standing

    @property
    def interval(self) -> int:
        """Nanoseconds from one of its advertisements to the next now, with demotion."""
        return self.standing.interval or self.config.interval

    @property
    def lease(self) -> int:
        """The longest lease of its addresses, nanoseconds: that of a demoted host, whose interval is the longest.

        See `triocarp.core.timing.lease_seconds`.
        """
        config = self.config
        slowest = advertisement_interval(config.advbase_s, max(config.advskew, MOST_DEMOTED))
        return lease_seconds(slowest, config.dead_time) * SECOND

    def has_leased(self, address: IPAddress) -> bool:
        """Return whether the kernel will take an address off by itself: not what another program put there.

        Args:
            address: a virtual one.
        """
        interface = self.host.network.interface(self.config.interface)
        if interface is None:
            return False
        return any(interface.leases[variant] is not None for variant in interface.variants_of(address))


@final
class Situation:
    """What the checks of one world know of it.

    Args:
        world: it; hosts need not be there yet.

    Attributes:
        world: it.
        members: all virtual hosts, by host, interface and VHID.
        groups: those that have a segment and a VHID in common.
        inactive_since: the instant at which a host's daemon ended or stood still; hosts whose daemon is active are
            not in it.
        disturbed: the instant up to which something happened to a host that may have made it lose advertisements,
            or wait; it may be in the future.
        components: of each group, as `carpsim.checks.calm` found them and when; a disturbance clears it.
        drift_ppm: the most that any clock was ever faster or slower than the world.
        has_ucarp: whether some host runs ucarp.
        spoofed: the instant up to which somebody else said that an address is theirs.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.members: dict[tuple[str, str, int], Member] = {}
        self.groups: dict[tuple[str, int], list[Member]] = {}
        self.inactive_since: dict[str, int] = {}
        self.disturbed: dict[str, int] = {}
        self.components: dict[tuple[str, int], tuple[int, list[list[Member]] | None]] = {}
        self.drift_ppm = 0
        self.has_ucarp = False
        self.spoofed: dict[IPAddress, int] = {}
        self._transits: dict[str, int] = {}
        self._by_host: dict[str, dict[tuple[str, int], Member]] = {}
        self._failures: dict[Member, int] = {}
        self._wall_offsets: dict[str, int] = {}
        self._lateness: dict[str, int] = {}
        self._runs: dict[str, int] = {}

    def begin(self) -> None:
        """Take note of the hosts, which are there now and have not started."""
        for settings in self.world.scenario.hosts:
            host = self.world.hosts[settings.name]
            self.has_ucarp = self.has_ucarp or isinstance(host, UcarpHost)
            self.drift_ppm = max(self.drift_ppm, abs(settings.drift_ppm))
            self._lateness[host.name] = host.wake_up.longest
            self.inactive_since[host.name] = self.disturbed[host.name] = self._runs[host.name] = 0
            for config in settings.config.virtual_hosts:
                segment = self.world.segments[settings.segments[config.interface]]
                member = Member(host=host, config=config, segment=segment)
                self.members[host.name, config.interface, config.vhid] = member
                self._by_host.setdefault(host.name, {})[config.interface, config.vhid] = member
                self.groups.setdefault((segment.name, config.vhid), []).append(member)

    # What is asked.

    def of_host(self, name: str) -> tuple[Member, ...]:
        """Return all virtual hosts of a host.

        Args:
            name: of the host.
        """
        return tuple(self._by_host.get(name, {}).values())

    def at_label(self, label: str, vhid: int) -> Member | None:
        """Return the virtual host behind a station, or None if it has none of that VHID.

        Args:
            label: of the station.
            vhid: its number.
        """
        host, _, interface = label.partition(":")
        return self.members.get((host, interface, vhid))

    def transit(self, segment: Segment) -> int:
        """Return the most time that a frame takes from one station to another, nanoseconds.

        Args:
            segment: of both.
        """
        known = self._transits.get(segment.name)
        if known is None:
            inward = max((port.inward.conditions.longest for port in segment.ports), default=0)
            known = inward + max((port.outward.conditions.longest for port in segment.ports), default=0)
            self._transits[segment.name] = known
        return known

    def latency(self, member: Member) -> int:
        """Return the most time that an advertisement takes to a virtual host, nanoseconds.

        Over unicast the sender may have to ask for the receiver's MAC before: that is two frames more.

        Args:
            member: who receives it.
        """
        frames = 3 if member.config.transport is Transport.UNICAST else 1
        return frames * self.transit(member.segment)

    def resolving(self, member: Member) -> tuple[tuple[str, int], ...]:
        """Return the term of a bound that unicast adds: none elsewhere.

        The kernel may have asked for a peer's MAC just before the peer could hear it, and asks again later.

        Args:
            member: who sends.
        """
        return (("ARP retry", LINUX.retrans_time),) if member.config.transport is Transport.UNICAST else ()

    def lateness(self, host: Machine) -> int:
        """Return how late a host's timer is at most, nanoseconds.

        Args:
            host: whose.
        """
        return self._lateness[host.name]

    def drift_of(self, duration: int) -> int:
        """Return by how much a duration differs on the worst clock, nanoseconds, rounded up.

        Args:
            duration: nanoseconds on a host's clock.
        """
        return -(-duration * self.drift_ppm // (_MILLION - self.drift_ppm)) if self.drift_ppm else 0

    def patience(self, member: Member, slowest: int) -> int:
        """Return for how long a backup waits for the next advertisement at most, nanoseconds.

        Its dead time; or longer for a better master that advertises more rarely than that: with advbase 0
        ``ratio * interval``, else 5/4 of the interval (`triocarp.core.listening`). A ucarp has its dead time and
        its slowness.

        Args:
            member: the backup.
            slowest: the longest interval in its group, nanoseconds.
        """
        config = member.config
        if member.runs_ucarp:
            return member.dead_time + member.slowness
        others = config.dead_ratio * slowest if config.advbase_s == 0 else slowest + slowest // 4
        return max(config.dead_time, others if config.advbase_s == 0 or slowest >= config.dead_time else 0)

    def hears(self, sender: str, receiver: str, segment: Segment) -> bool:
        """Return whether every frame from one station certainly reaches another.

        Args:
            sender: its label.
            receiver: its label.
            segment: of both.
        """
        now = self.world.engine.now
        here, there = segment.port(sender), segment.port(receiver)
        return (
            segment.connects(sender, receiver)
            and here.station.carries
            and there.station.carries
            and here.inward.conditions.is_lossless
            and there.outward.conditions.is_lossless
            and now >= here.forwards_from
            and now >= there.forwards_from
            and not segment.has_rules
            and segment.snooping is not Snooping.STRICT
        )

    def connected(self, one: Member, other: Member) -> bool:
        """Return whether two virtual hosts certainly hear each other, and so form one component.

        Args:
            one: of a group.
            other: of the same group.
        """
        return self.sound(one) and self.sound(other) and self.meet(one, other)

    def sound(self, member: Member) -> bool:
        """Return whether nothing of its own may keep a virtual host from being heard, and from hearing.

        Args:
            member: which.
        """
        if not member.carries or member.host.network.refuses("send"):
            return False
        segment = member.segment
        port = segment.port(member.label)
        return (
            port.inward.conditions.is_lossless
            and port.outward.conditions.is_lossless
            and self.world.engine.now >= port.forwards_from
            and not segment.has_rules
            and segment.snooping is not Snooping.STRICT
        )

    def meet(self, one: Member, other: Member) -> bool:
        """Return whether two virtual hosts that are sound hear and believe each other.

        Args:
            one: of a group.
            other: of the same group.
        """
        connects = one.segment.connects
        return (
            connects(one.label, other.label)
            and connects(other.label, one.label)
            and self._believe_each_other((one, other))
        )

    def all_meet(self, members: Sequence[Member]) -> bool:
        """Return whether virtual hosts that are sound certainly all hear and believe each other.

        That is a question about each of them and their segment, not about each pair.

        Args:
            members: of one group.
        """
        return len(members) < _PAIR or not (members[0].segment.has_cuts or not self._believe_each_other(members))

    def _believe_each_other(self, members: Sequence[Member]) -> bool:
        """Return whether nobody drops another's advertisements: they seal, and their wall clocks agree."""
        windows = [member.config.seal_window for member in members if member.config.sealing is Sealing.ENFORCE]
        if not windows:
            return True
        if any(member.runs_ucarp for member in members):
            return False  # which does not seal
        now = self.world.engine.now
        readings = [member.host.clock.read(now) + (member.host.wall_offset or 0) for member in members]
        return max(readings) - min(readings) + self.transit(members[0].segment) < min(windows)

    # What happens.

    def disturb(self, host: str | None, until: int) -> None:
        """Take note that something happens to a host, or to all.

        Args:
            host: its name; None for all.
            until: the instant up to which it does.
        """
        self.components.clear()
        self._transits.clear()
        for name in self.disturbed if host is None else (host,):
            self.disturbed[name] = max(self.disturbed[name], until)

    def take_fault(self, fault: Fault, now: int) -> None:
        """Take note of a fault that has just happened or ended.

        Args:
            fault: it.
            now: the instant.
        """
        host: str | None = getattr(fault, "host", None)
        until = now
        match fault:
            case Forge() | Flood() | VrrpRouter() | ArpSpoof() | Replay() | CraftedAdvertisement():
                self._take_attack(fault, now)
                return
            case CableConditions():
                # What is on the way may have been sent under the conditions before.
                segment = self.world.segments[fault.segment]
                worst = max(
                    (conditions.longest for conditions in (fault.inward, fault.outward) if conditions is not None),
                    default=0,
                )
                until = now + self.transit(segment) + worst + self._misled_by(fault)
            case LateTimer():
                before = self._lateness[fault.host]
                self._lateness[fault.host] = fault.wake_up.longest
                until = now + max(before, fault.wake_up.longest)
            case ClockDrift():
                self.drift_ppm = max(self.drift_ppm, abs(fault.drift_ppm))
            case SwitchOver():
                until = now + max(fault.hold_down, self._of_ucarp(fault.host, SWITCH_OVER_SLEEP))
            case LinkLoss():
                until = now + self._of_ucarp(fault.host, LINK_LOSS_SLEEP)
            case WallClockStep():
                until = now + self._of_ucarp(fault.host, abs(fault.by))
            case _:
                pass
        self.disturb(host, until)

    def _take_attack(self, attack: Attack, now: int) -> None:
        """Take note of an attack that begins, or has just ended; one that nobody believes is no excuse."""
        if attack.duration is None:
            until = FOR_EVER
        else:
            until = now if now >= attack.at + attack.duration else now + attack.duration
        match attack:
            case ArpSpoof():
                self.spoofed[attack.address] = until
                self.disturb(None, until)
            case Replay() if self._may_be_believed(attack):
                self.disturb(None, until + self._misdirected(attack.segment))
            case CraftedAdvertisement() if self._may_be_believed(attack):
                self.disturb(None, until)
            case _:
                pass

    def _misled_by(self, cable: CableConditions) -> int:
        """Return for how long hosts may ask for each other's MACs in vain after a cable's fault.

        ARP has no checksum: one flipped bit in an answer, and what a host sends to a peer goes nowhere.
        """
        corrupts = any(ways is not None and ways.corrupt for ways in (cable.inward, cable.outward))
        return LINUX.unlearning_time if corrupts and self._speaks_to_peers(cable.segment) else 0

    def _speaks_to_peers(self, segment: str) -> bool:
        return any(
            member.segment.name == segment and member.config.transport is Transport.UNICAST
            for member in self.members.values()
        )

    def _misdirected(self, segment: str) -> int:
        """Return for how long a switch may send elsewhere what is for a host, after a frame with its MAC.

        Until the host speaks again: a backup does so only when it has missed its master for the dead time. What
        is sent to a group goes everywhere.
        """
        waits = (
            member.dead_time + member.interval
            for member in self.members.values()
            if member.segment.name == segment and member.config.transport is Transport.UNICAST
        )
        return max(waits, default=0)

    def _of_ucarp(self, host: str, duration: int) -> int:
        """Return for how long a ucarp is not itself after a fault; a carpd is at once, or says for how long."""
        return duration if isinstance(self.world.hosts[host], UcarpHost) else 0

    def _may_be_believed(self, fault: Replay | CraftedAdvertisement) -> bool:
        """Return whether some host listens to an advertisement that none of them sends: one without seals."""
        return any(
            member.runs_ucarp or member.config.sealing is not Sealing.ENFORCE
            for member in self.members.values()
            if member.config.vhid == fault.vhid and member.segment.name == fault.segment
        )

    def take_state(self, host: Machine, new: State | None) -> tuple[Member, State] | None:
        """Take note of the state of a host without a node; return its virtual host and the old state.

        Args:
            host: which.
            new: its state; None for a daemon that has ended, of which nothing is returned.
        """
        (member,) = self._by_host[host.name].values()
        old, member.state = member.state, new or State.INIT
        return None if new is None else (member, old)

    def take_process_change(self, host: Machine, now: int) -> None:
        """Take note that a daemon started, ended, stood still or went on.

        Args:
            host: whose.
            now: the instant.
        """
        if host.runs != self._runs[host.name]:
            self._runs[host.name] = host.runs
            if isinstance(host, Host):
                self._configure_anew(host)
        if host.running and not host.paused:
            self.inactive_since.pop(host.name, None)
        else:
            self.inactive_since.setdefault(host.name, now)
        if not host.running:
            for member in self.of_host(host.name):
                member.state = State.INIT
                member.leaving = False
                self._failures.pop(member, None)
        self._wall_offsets.pop(host.name, None)
        self.disturb(host.name, now)

    def _configure_anew(self, host: Host) -> None:
        for config in host.config.virtual_hosts:
            member = self._by_host[host.name].get((config.interface, config.vhid))
            if member is not None:
                member.config = config

    def take_event(self, host: Host, event: Event, now: int) -> None:
        """Take note of an event that makes a host wait.

        Args:
            host: whose node was told.
            event: not a packet, nor a timer.
            now: the instant.
        """
        match event:
            case LinkChanged():
                for member in self.of_host(host.name):
                    waits = member.config.hold_down if event.link is Link.UP else 0
                    self.disturb(host.name, now + waits)
                    self.disturb(host.name, member.segment.port(member.label).forwards_from)
            case StopRequested():
                for member in self.of_host(host.name):
                    member.leaving = True
                self.disturb(host.name, now)
            case WallClockChanged():
                self._take_wall_clock(host, event.offset, now)
            case EffectFailed(effect=HoldAddresses(interface=interface, vhid=vhid)):
                member = self._by_host[host.name][interface, vhid]
                failures = self._failures[member] = self._failures.get(member, 0) + 1
                # Each wait is twice as long as the one before, see `triocarp.core.back_off`.
                self.disturb(host.name, now + min(FIRST << (failures - 1), LONGEST))
            case EffectFailed(effect=ReleaseAddresses(interface=interface, vhid=vhid)):
                member = self._by_host[host.name][interface, vhid]
                member.excused = max(member.excused, now + member.lease + longest_lateness(member.lease))
                self.disturb(host.name, now)
            case SwitchOverRequested():  # a daemon that stood still reads of it later than it was said
                self.disturb(host.name, now + max(event.hold_down, SUCCESSION_MAX))
            case MaintenanceChanged() | HealthChanged() | DemotionRequested():
                # Where both ends are read at once, what it has said is still at work when it takes that back.
                self.disturb(host.name, now + SUCCESSION_MAX)
            case _:
                self.disturb(host.name, now)

    def _take_wall_clock(self, host: Host, offset: int, now: int) -> None:
        """Take note of a clock that was set: who enforces seals believes nobody for a while.

        ``2 * window + dead time``, see `VirtualHost`.
        """
        before = self._wall_offsets.get(host.name)
        self._wall_offsets[host.name] = offset
        self.disturb(host.name, now)
        for member in self.of_host(host.name):
            config = member.config
            if config.sealing is Sealing.ENFORCE and (before is None or abs(offset - before) > config.seal_window):
                waits = 2 * config.seal_window + config.dead_time
                self.disturb(host.name, now + waits + self.drift_of(waits))

    def take_effect(self, host: Host, effect: Effect) -> tuple[Member, State] | None:
        """Take note of what a node answered; return the virtual host and its old state if that has changed.

        Args:
            host: whose node.
            effect: it.
        """
        if type(effect) is not StateChanged:
            return None
        member = self._by_host[host.name][effect.interface, effect.vhid]
        old, member.state = member.state, effect.new
        if effect.cause is Cause.ADDRESS_FAILURE and member not in self._failures:
            # Somebody takes the addresses away again and again.
            self._failures[member] = 1
            self.disturb(host.name, self.world.engine.now + FIRST)
        return member, old

    def take_address(
        self, host: Machine, interface: str, address: IPInterface, now: int, *, present: bool
    ) -> Member | None:
        """Take note of an address that came or went; return whose it is if it is virtual.

        Args:
            host: where.
            interface: which.
            address: which.
            now: the instant.
            present: whether it is there now.
        """
        for member in self.of_host(host.name):
            if member.config.interface == interface and any(
                address.ip == virtual.ip for virtual in member.config.addresses
            ):
                if present:
                    member.holds.setdefault(address.ip, now)
                else:
                    member.holds.pop(address.ip, None)
                return member
        return None


def script_time(member: Member, hook: Hook) -> int:
    """Return how long a script of a virtual host takes at most, nanoseconds; 0 if there is none.

    Args:
        member: whose.
        hook: which.
    """
    exists = member.runs_ucarp or (member.config.up_hook if hook is Hook.UP else member.config.down_hook)
    script = member.host.scripts.get(hook)
    if not exists or script is None:
        return 0
    return script.duration.longest + (REAPING.longest if member.runs_ucarp else 0)


def end_of(fault: Fault) -> int | None:
    """Return how long after it happened a fault ends, nanoseconds; None if it does not.

    Args:
        fault: any.
    """
    duration: int | None = getattr(fault, "duration", None)
    if isinstance(fault, Stop):
        return fault.restart_after
    return duration if duration is not None else getattr(fault, "restart_after", None)
