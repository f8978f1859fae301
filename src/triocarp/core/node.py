"""All virtual hosts of one machine, behind one door.

::

    node = Node(config, rng=random.Random(seed))
    effects = node.handle(event, now)   # the only mutator
    node.deadline                       # handle(TimerExpired(), ...) no later than this
"""

import heapq
import random
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import assert_never, final

from triocarp.core import advertisement
from triocarp.core.configuration import NodeConfig
from triocarp.core.demotion import Demotion, DemotionCause
from triocarp.core.effects import Effect
from triocarp.core.events import (
    AddressChanged,
    DemotionRequested,
    EffectFailed,
    Event,
    ForgedReceived,
    HealthChanged,
    HookFinished,
    LinkChanged,
    MaintenanceChanged,
    PacketReceived,
    PacketUnreadable,
    Started,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    WallClockChanged,
)
from triocarp.core.reasons import DropReason
from triocarp.core.reports import PacketDropped, Stopped
from triocarp.core.sieve import Sieve
from triocarp.core.statistics import Statistics
from triocarp.core.virtual_host import HostEvent, VirtualHost

_TOLD_BY_THE_STATE = frozenset({DemotionCause.LINK, DemotionCause.ADDRESS_FAILURE})
"""Causes that a host which is alone in its group tells of by its change of state."""

_FIRST = (Started, StopRequested)
"""What a node can be told first: whoever is asked to stop before it has started has stopped."""

_MAC_LENGTH = 6

_parse = lru_cache(maxsize=8)(advertisement.parse)
"""Hosts that are simulated together hear the same bytes: the first that does parses them for all."""


@final
class FailoverGroup:
    """Virtual hosts that fail over together: they have one demotion.

    Args:
        weight: how much one cause of demotion adds.

    Attributes:
        members: the virtual hosts, in the order of the configuration.
        demotion: how much worse all of them count than they are configured.
    """

    __slots__ = ("demotion", "members")

    def __init__(self, weight: int) -> None:
        self.members: list[VirtualHost] = []
        self.demotion = Demotion(weight)

    def follow(self, now: int) -> tuple[Effect, ...]:
        """Return what the members must do if the demotion has changed since this was last asked.

        Args:
            now: nanoseconds.
        """
        effects: list[Effect] = []
        # What a member does may change the demotion again, once each: an advertisement ends a row of failed ones.
        while (change := self.demotion.take_change()) is not None:
            if len(self.members) > 1 or not change.causes <= _TOLD_BY_THE_STATE:
                effects += self.members[0].tell_demotion(is_better=change.is_better)
            for member in self.members:
                effects += member.follow_demotion(change.hand_over_for, now)
        return tuple(effects)


@final
class Node:
    """One machine.

    Args:
        config: its virtual hosts.
        rng: the only source of randomness; the same seed and events give the same effects.

    Attributes:
        statistics: counters of packets that belong to none of the virtual hosts; each has its own besides.
    """

    def __init__(self, config: NodeConfig, *, rng: random.Random) -> None:
        self.statistics = Statistics()
        self._groups: dict[str, FailoverGroup] = {}
        self._group_of: dict[VirtualHost, FailoverGroup] = {}
        self._hosts: dict[tuple[str, int], VirtualHost] = {}
        weights: dict[str, int] = {}
        for host_config in config.virtual_hosts:
            name, weight = host_config.group_name, host_config.dialect.demotion_weight
            weights[name] = max(weight, weights.get(name, weight))
        for host_config in config.virtual_hosts:
            name = host_config.group_name
            group = self._groups.setdefault(name, FailoverGroup(weights[name]))
            host = VirtualHost(host_config, group.demotion, rng=rng)
            group.members.append(host)
            self._group_of[host] = group
            self._hosts[host_config.interface, host_config.vhid] = host
        self._interfaces = frozenset(host.interface for host in config.virtual_hosts)
        self._in_order = tuple(self._hosts.values())
        # The only virtual host, as most nodes have one; its deadline is the node's, and nothing is kept in order.
        self._alone = self._in_order[0] if len(self._in_order) == 1 else None
        self._place = {host: place for place, host in enumerate(self._in_order)}
        # Deadlines with the place of their virtual host; those that no longer hold are passed over.
        self._deadlines: list[tuple[int, int]] = []
        self._now: int | None = None
        self._started = False
        self._stopping = False
        self._stopped = False

    @property
    def virtual_hosts(self) -> Mapping[tuple[str, int], VirtualHost]:
        """The virtual hosts by interface and VHID, for looking only."""
        return MappingProxyType(self._hosts)

    @property
    def failover_groups(self) -> Mapping[str, FailoverGroup]:
        """The failover groups by name, for looking only; ``VHID@INTERFACE`` where a virtual host is alone."""
        return MappingProxyType(self._groups)

    def sieve(self, interface: str) -> Sieve:
        """Return a sieve for what a driver receives through an interface.

        Args:
            interface: its name.
        """
        on_it = {vhid: host.receiver for (name, vhid), host in self._hosts.items() if name == interface}
        return Sieve(interface, on_it)

    @property
    def stopped(self) -> bool:
        """Whether every virtual host has left and `Stopped` has been reported."""
        return self._stopped

    @property
    def deadline(self) -> int | None:
        """The instant by which `TimerExpired` must be handled, in nanoseconds; None if there is none.

        Handling it earlier is harmless and useless; later is legal, and harms the quality of the service.
        """
        if self._has_stopped():
            # Only now is it certain that no effect of the leaving has failed.
            return self._now
        host = self.next_due
        return None if host is None else host.deadline

    @property
    def takeover_due(self) -> int | None:
        """The deadline, if a virtual host becomes master then unless it hears one; else None."""
        host = self.next_due
        return host.deadline if host is not None and host.deadline == host.takeover_due else None

    def handle(self, event: Event, now: int) -> tuple[Effect, ...]:
        """Take note of an event and return what must be done, in order.

        What is due at the same instant is served in the order of the configuration.

        Args:
            event: what happened. `Started` comes first, and once.
            now: when, in nanoseconds from any origin; never less than before.

        Raises:
            TypeError: that is no event, or no instant.
            ValueError: time runs backwards, the host has not started or starts again, or the event names a virtual
                host or a failover group that the node does not have, or a MAC that is none. Nothing is changed.
        """
        if now.__class__ is not int or self._now is None or now < self._now:
            self._refuse_unless_first(event, now)
        if isinstance(event, PacketReceived):  # by far the most frequent
            self._now = now
            return self._receive(event, now)
        if isinstance(event, HealthChanged | MaintenanceChanged | DemotionRequested):
            groups = self._groups_of(event.failover_group)
            self._now = now
            return tuple(effect for group in groups for effect in self._demote(group, event, now))
        hosts = tuple(self._concerned(event, now))
        self._now = now
        match event:
            case Started():
                self._started = True
            case PacketUnreadable():
                return self._drop(event, event.reason)
            case ForgedReceived():
                (host,) = hosts
                effects = host.reject_forged(event, now)
                self._note_deadline(host)
                return effects  # nothing of it changes a demotion
            case StopRequested():
                self._stopping = True
            case TimerExpired() if self._has_stopped():
                self._stopped = True
                return (Stopped(),)
            case _:
                pass
        return self._tell(hosts, event, now)

    def _refuse_unless_first(self, event: Event, now: int) -> None:
        """Raise what is wrong with what was told, unless it is that the host starts."""
        if now.__class__ is not int:
            raise TypeError(f"now {now!r}: expected nanoseconds, an int")
        if not isinstance(event, Event):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody has a checker
            raise TypeError(_no_event(event))
        if self._now is not None:
            raise ValueError(f"now {now} is before {self._now}, the instant of the last event")
        if not isinstance(event, _FIRST):
            raise ValueError(f"{event!r} before Started: expected Started() first, then the links")  # noqa: TRY004

    def _concerned(self, event: Event, now: int) -> Iterable[VirtualHost]:
        """Return the virtual hosts that an event is about, in the order of the configuration."""
        match event:
            case Started() if self._started:
                raise ValueError("Started a second time: expected a new Node for a host that starts again")
            case Started() | StopRequested() | WallClockChanged():
                return self._in_order
            case TimerExpired():
                return self._due(now)
            case LinkChanged(hardware_address=mac) if mac and len(mac) != _MAC_LENGTH:
                raise ValueError(f"hardware_address {mac!r}: expected the MAC of {event.interface}, 6 bytes")
            case LinkChanged() | AddressChanged():
                return [host for host in self._in_order if host.config.interface == event.interface]
            case HookFinished() | ForgedReceived():
                return (self._host(event.interface, event.vhid),)
            case EffectFailed():
                return (self._host(event.effect.interface, event.effect.vhid),)
            case SwitchOverRequested():
                return [host for group in self._groups_of(event.failover_group) for host in group.members]
            case PacketUnreadable():
                return ()
            case _:
                raise TypeError(_no_event(event))

    def _host(self, interface: str, vhid: int) -> VirtualHost:
        try:
            return self._hosts[interface, vhid]
        except KeyError:
            known = ", ".join(f"{number} on {name}" for name, number in self._hosts)
            raise ValueError(f"no virtual host {vhid} on {interface}; there is {known}") from None

    def _groups_of(self, name: str | None) -> tuple[FailoverGroup, ...]:
        if name is None:
            return tuple(self._groups.values())
        try:
            return (self._groups[name],)
        except KeyError:
            raise ValueError(f"no failover group {name}; there is {', '.join(self._groups)}") from None

    def _tell(self, hosts: tuple[VirtualHost, ...], event: HostEvent, now: int) -> tuple[Effect, ...]:
        """Tell virtual hosts, and then the failover groups whose demotion that has changed.

        A group follows when all know the event: a member that is about to learn that its link is lost shall not
        hand over because another one, on the same interface, has learned it first.
        """
        effects: list[Effect] = []
        for host in hosts:
            effects += host.handle(event, now)
            self._note_deadline(host)
        for group in dict.fromkeys(self._group_of[host] for host in hosts):
            effects += self._follow(group, now)
        return tuple(effects)

    def _follow(self, group: FailoverGroup, now: int) -> tuple[Effect, ...]:
        if not group.demotion.changed:
            return ()
        effects = group.follow(now)
        for member in group.members:
            self._note_deadline(member)
        return effects

    def _demote(
        self, group: FailoverGroup, event: HealthChanged | MaintenanceChanged | DemotionRequested, now: int
    ) -> tuple[Effect, ...]:
        weight = group.demotion.weight
        match event:
            case HealthChanged():
                group.demotion.set(DemotionCause.HEALTH_CHECK, event.check, 0 if event.healthy else weight)
            case MaintenanceChanged():
                group.demotion.set(DemotionCause.MAINTENANCE, "operator", weight if event.active else 0)
            case DemotionRequested():
                group.demotion.set(DemotionCause.OPERATOR, "operator", event.amount)
            case _:
                assert_never(event)
        return self._follow(group, now)

    # Deadlines.

    def _note_deadline(self, host: VirtualHost) -> None:
        if self._alone is not None:
            return
        deadline = host.deadline
        if deadline is not None:
            heapq.heappush(self._deadlines, (deadline, self._place[host]))
            if len(self._deadlines) > 8 * len(self._in_order) + 64:
                self._tidy_deadlines()

    def _tidy_deadlines(self) -> None:
        """Keep only what holds: hosts that are told much push their deadlines faster than these come."""
        fresh = ((host.deadline, place) for host, place in self._place.items())
        self._deadlines = [(deadline, place) for deadline, place in fresh if deadline is not None]
        heapq.heapify(self._deadlines)

    @property
    def next_due(self) -> VirtualHost | None:
        """The virtual host with the earliest deadline, the first in the configuration of equal ones."""
        if self._alone is not None:
            return self._alone if self._alone.deadline is not None else None
        while self._deadlines:
            deadline, place = self._deadlines[0]
            host = self._in_order[place]
            if host.deadline == deadline:
                return host
            heapq.heappop(self._deadlines)
        return None

    def _due(self, now: int) -> list[VirtualHost]:
        """Return the virtual hosts whose deadline has come, in the order of the configuration."""
        if self._alone is not None:
            return [host for host in self._in_order if host.deadline is not None and host.deadline <= now]
        places: set[int] = set()
        while (host := self.next_due) is not None and host.deadline is not None and host.deadline <= now:
            places.add(heapq.heappop(self._deadlines)[1])
        due = [self._in_order[place] for place in sorted(places)]
        for host in due:  # nobody is told yet; whoever is not told after all shall not be forgotten
            self._note_deadline(host)
        return due

    def _has_stopped(self) -> bool:
        """Return whether all have left and `Stopped` has not been reported yet."""
        return self._stopping and not self._stopped and all(host.stopped for host in self._in_order)

    # Packets.

    def _receive(self, packet: PacketReceived, now: int) -> tuple[Effect, ...]:
        if packet.interface not in self._interfaces:
            return self._drop(packet, DropReason.BAD_INTERFACE)
        try:
            heard = _parse(packet.payload)
        except advertisement.MalformedAdvertisementError as error:
            host = self._hosts.get((packet.interface, error.vhid)) if error.vhid else None
            if host is None:
                return self._drop(packet, error.reason, error.vhid)
            effects = host.reject(packet, error.reason, now)
        else:
            host = self._hosts.get((packet.interface, heard.vhid))
            if host is None:
                return self._drop(packet, DropReason.BAD_VHID, heard.vhid)
            effects = host.receive(packet, heard, now)
        self._note_deadline(host)
        return effects + self._follow(self._group_of[host], now)

    def _drop(
        self, packet: PacketReceived | PacketUnreadable, reason: DropReason, vhid: int | None = None
    ) -> tuple[Effect, ...]:
        self.statistics.received += 1
        self.statistics.dropped[reason] += 1
        read = packet if isinstance(packet, PacketReceived) else None
        return (
            PacketDropped(
                interface=packet.interface,
                reason=reason,
                source=packet.source,
                vhid=vhid,
                destination=read.destination if read else None,
                ttl=read.ttl if read else None,
            ),
        )


def _no_event(told: object) -> str:
    what = f"the class {told.__name__}" if isinstance(told, type) else repr(told)
    return f"{what}: expected an event of triocarp.core, such as TimerExpired()"
