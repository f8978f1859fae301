"""All virtual hosts of one machine, behind one door.

::

    node = Node(config, rng=random.Random(seed))
    effects = node.handle(event, now)   # the only mutator
    node.deadline                       # handle(TimerExpired(), ...) no later than this
"""

import random
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import assert_never, final

from triocarp.core import advertisement
from triocarp.core.configuration import NodeConfig
from triocarp.core.effects import Effect
from triocarp.core.events import (
    AddressChanged,
    EffectFailed,
    Event,
    HookFinished,
    LinkChanged,
    PacketReceived,
    PacketUnreadable,
    Started,
    StopRequested,
    TimerExpired,
)
from triocarp.core.ipv4 import TTL
from triocarp.core.reasons import DropReason
from triocarp.core.reports import PacketDropped, Stopped
from triocarp.core.statistics import Statistics
from triocarp.core.virtual_host import HostEvent, VirtualHost


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
        self._hosts = {(host.interface, host.vhid): VirtualHost(host, rng=rng) for host in config.virtual_hosts}
        self._interfaces = frozenset(host.interface for host in config.virtual_hosts)
        self._now: int | None = None
        self._stopping = False
        self._stopped = False

    @property
    def virtual_hosts(self) -> Mapping[tuple[str, int], VirtualHost]:
        """The virtual hosts by interface and VHID, for looking only."""
        return MappingProxyType(self._hosts)

    @property
    def stopped(self) -> bool:
        """Whether every virtual host has left and `Stopped` has been reported."""
        return self._stopped

    @property
    def deadline(self) -> int | None:
        """The instant by which `TimerExpired` must be handled, in nanoseconds; None if there is none.

        Handling it earlier is harmless and useless; later is legal, and harms the quality of the service.
        """
        deadlines = [host.deadline for host in self._hosts.values()]
        if self._has_stopped():
            # Only now is it certain that no effect of the leaving has failed.
            deadlines.append(self._now)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    @property
    def takeover_due(self) -> int | None:
        """The instant of the next takeover unless a master is heard, in nanoseconds; None if there is none."""
        due = (host.takeover_due for host in self._hosts.values())
        return min((instant for instant in due if instant is not None), default=None)

    def handle(self, event: Event, now: int) -> tuple[Effect, ...]:
        """Take note of an event and return what must be done, in order.

        Args:
            event: what happened.
            now: when, in nanoseconds from any origin; never less than before.

        Raises:
            ValueError: time runs backwards, or the event names a virtual host that the node does not have.
        """
        if self._now is not None and now < self._now:
            raise ValueError(f"now {now} is before {self._now}, the instant of the last event")
        self._now = now
        if isinstance(event, PacketReceived):  # by far the most frequent
            return self._receive(event, now)
        match event:
            case PacketUnreadable():
                return self._drop(event, event.reason)
            case TimerExpired():
                return self._expire(event, now)
            case Started():
                return self._tell(self._hosts.values(), event, now)
            case StopRequested():
                self._stopping = True
                return self._tell(self._hosts.values(), event, now)
            case LinkChanged() | AddressChanged():
                hosts = (host for host in self._hosts.values() if host.config.interface == event.interface)
                return self._tell(hosts, event, now)
            case HookFinished():
                return self._host(event.interface, event.vhid).handle(event, now)
            case EffectFailed():
                return self._host(event.effect.interface, event.effect.vhid).handle(event, now)
            case _:
                assert_never(event)

    def _host(self, interface: str, vhid: int) -> VirtualHost:
        try:
            return self._hosts[interface, vhid]
        except KeyError:
            known = ", ".join(f"{number} on {name}" for name, number in self._hosts)
            raise ValueError(f"no virtual host {vhid} on {interface}; there is {known}") from None

    def _tell(self, hosts: Iterable[VirtualHost], event: HostEvent, now: int) -> tuple[Effect, ...]:
        return tuple(effect for host in hosts for effect in host.handle(event, now))

    def _expire(self, event: TimerExpired, now: int) -> tuple[Effect, ...]:
        if self._has_stopped():
            self._stopped = True
            return (Stopped(),)
        # A release among what is due may complete the leaving, or may fail: what follows will tell.
        due = (host for host in self._hosts.values() if host.deadline is not None and host.deadline <= now)
        return self._tell(due, event, now)

    def _has_stopped(self) -> bool:
        """Return whether all have left and `Stopped` has not been reported yet."""
        return self._stopping and not self._stopped and all(host.stopped for host in self._hosts.values())

    def _receive(self, packet: PacketReceived, now: int) -> tuple[Effect, ...]:
        if packet.interface not in self._interfaces:
            return self._drop(packet, DropReason.BAD_INTERFACE)
        try:
            heard = advertisement.parse(packet.payload)
        except advertisement.MalformedAdvertisementError as error:
            host = self._hosts.get((packet.interface, error.vhid)) if error.vhid else None
            return host.reject(packet, error.reason) if host else self._drop(packet, error.reason, error.vhid)
        host = self._hosts.get((packet.interface, heard.vhid))
        if host is None:
            return self._drop(packet, DropReason.BAD_VHID, heard.vhid)
        if packet.ttl != TTL:
            return host.reject(packet, DropReason.BAD_TTL)
        return host.receive(packet, heard, now)

    def _drop(
        self, packet: PacketReceived | PacketUnreadable, reason: DropReason, vhid: int | None = None
    ) -> tuple[Effect, ...]:
        self.statistics.received += 1
        self.statistics.dropped[reason] += 1
        return (PacketDropped(interface=packet.interface, reason=reason, source=packet.source, vhid=vhid),)
