"""Hosts of any dialect and address family, and segments that connect them: what the tests of the wire need."""

import gc
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Final

from triocarp.core import (
    CARP_GROUP,
    CARP_GROUP6,
    CARPD,
    UCARP,
    Advertisement,
    Dialect,
    Effect,
    Event,
    Family,
    IPAddress,
    Keyring,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    Notice,
    Noticed,
    PacketDropped,
    PacketReceived,
    SendAdvertisement,
    Started,
    State,
    Statistics,
    TimerExpired,
    VirtualHostConfig,
    WallClockChanged,
    read_datagram,
)
from triocarp.core.advertisement import GOODBYE, parse

INTERFACE: Final = "eth0"
MAC: Final = bytes.fromhex("020000000005")
OWN: Final = IPv4Address("10.0.0.5")
OWN6: Final = IPv6Address("fe80::5")
PEER: Final = IPv4Address("10.0.0.9")
PEER6: Final = IPv6Address("fe80::9")
THIRD: Final = IPv4Address("10.0.0.7")
VIRTUAL: Final = IPv4Interface("10.0.0.100/24")
VIRTUAL6: Final = IPv6Interface("2001:db8::100/64")
PASSWORD: Final = b"secret"
OTHER_PASSWORD: Final = b"terces"
WALL: Final = 1_750_000_000_000_000_000
"""Where the wall clock stands at instant 0."""

GROUPS: Final[Mapping[Family, IPAddress]] = {Family.IPV4: CARP_GROUP, Family.IPV6: CARP_GROUP6}
PEERS: Final[Mapping[Family, IPAddress]] = {Family.IPV4: PEER, Family.IPV6: PEER6}

PLAIN: Final = VirtualHostConfig(
    interface=INTERFACE, vhid=7, password=PASSWORD, addresses=(VIRTUAL,), source=OWN, dialect=UCARP
)
"""A ucarp; tests `replace` what they are about."""

DUAL: Final = replace(PLAIN, addresses=(VIRTUAL, VIRTUAL6), source6=OWN6, dialect=CARPD)
"""A carpd of both families."""

STEPS_MAX: Final = 10_000


def speaking(dialect: Dialect, *, dual: bool = False) -> VirtualHostConfig:
    """Return a virtual host of a dialect, over IPv4 or over both families."""
    return replace(DUAL if dual else PLAIN, dialect=dialect)


class FirstCounter(random.Random):
    """Randomness that always gives one number.

    Args:
        counter: the number.
    """

    def __init__(self, counter: int) -> None:
        super().__init__()
        self._counter = counter

    def getrandbits(self, k: int, /) -> int:
        """Return the number."""
        return self._counter % (1 << k)


def keyring_of(config: VirtualHostConfig) -> Keyring:
    """Return the passwords of a virtual host, with all that its dialect covers."""
    addresses = tuple(address.ip for address in config.addresses)
    return Keyring(config.passwords, config.vhid, addresses, config.dialect, config.link_layer_address)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a peer says. It has the settings of the host that hears it; tests `replace` what they are about.

    Attributes:
        config: of the host that hears it.
        family: over which.
        source: from where; None for the usual peer of the family.
    """

    config: VirtualHostConfig = PLAIN
    family: Family = Family.IPV4
    source: IPAddress | None = None
    advbase_s: int = 1
    advskew: int = 0
    demotion: int = 0
    counter: int = 1

    @property
    def peer(self) -> IPAddress:
        """From where it comes."""
        return PEERS[self.family] if self.source is None else self.source

    @property
    def payload(self) -> bytes:
        """The advertisement."""
        return Advertisement(
            vhid=self.config.vhid,
            advskew=self.advskew,
            advbase_s=self.advbase_s,
            counter=self.counter,
            digest=keyring_of(self.config).digest(self.counter),
            demotion=self.demotion,
        ).build()

    @property
    def packet(self) -> PacketReceived:
        """Its arrival."""
        return PacketReceived(
            interface=self.config.interface,
            source=self.peer,
            destination=GROUPS[self.family],
            ttl=255,
            payload=self.payload,
        )

    @property
    def goodbye(self) -> "Heard":
        """The same peer leaving."""
        return replace(self, advbase_s=GOODBYE, advskew=GOODBYE)


def sent_in(effects: Iterable[Effect]) -> list[SendAdvertisement]:
    """Return the advertisements among some effects."""
    return [effect for effect in effects if isinstance(effect, SendAdvertisement)]


def said_in(effects: Iterable[Effect]) -> list[Advertisement]:
    """Return what the advertisements among some effects say."""
    return [parse(arrival(sent).payload) for sent in sent_in(effects)]


def notices_in(effects: Iterable[Effect]) -> list[tuple[Notice, IPAddress | None]]:
    """Return the notices among some effects, with the peers that they name."""
    return [(effect.notice, effect.peer) for effect in effects if isinstance(effect, Noticed)]


def objects_in(node: Node) -> int:
    """Return of how many objects a node is made: what it remembers, it is made of."""
    seen: set[int] = set()
    waiting: list[object] = [node]
    while waiting:
        it = waiting.pop()
        if id(it) not in seen and not isinstance(it, type | ModuleType | FunctionType | BuiltinFunctionType):
            seen.add(id(it))
            waiting.extend(gc.get_referents(it))
    return len(seen)


def arrival(sent: SendAdvertisement) -> PacketReceived:
    """Return what another host on the segment receives."""
    packet = read_datagram(sent.interface, sent.packet)
    assert isinstance(packet, PacketReceived)
    return packet


@dataclass(kw_only=True)
class Host:
    """A node with a clock that the test moves. Whatever it asks for succeeds.

    Attributes:
        config: its first virtual host.
        node: the node.
        now: nanoseconds.
        offset: from `now` to the wall clock.
        done: all effects so far.
    """

    config: VirtualHostConfig
    node: Node
    now: int = 0
    offset: int = WALL
    done: list[Effect] = field(default_factory=list[Effect])

    @classmethod
    def listening(
        cls, *configs: VirtualHostConfig, counter: int = 99, at: int = 0, offset: int | None = WALL
    ) -> "Host":
        """Return a host that has started and has its link; without an offset it knows no wall clock."""
        node = Node(NodeConfig(virtual_hosts=configs), rng=FirstCounter(counter))
        host = cls(config=configs[0], node=node, now=at, offset=offset or 0)
        host.feed(Started())
        if offset is not None:
            host.feed(WallClockChanged(offset=offset))
        for interface in sorted({config.interface for config in configs}):
            host.feed(LinkChanged(interface=interface, link=Link.UP, hardware_address=MAC))
        return host

    @classmethod
    def master(cls, *configs: VirtualHostConfig, counter: int = 99, at: int = 0) -> "Host":
        """Return a host that has just become master in the silence."""
        host = cls.listening(*configs, counter=counter, at=at)
        while host.state is not State.MASTER:
            host.run_until(host.deadline)
        return host

    @property
    def state(self) -> State:
        """State of the first virtual host."""
        return self.node.virtual_hosts[self.config.interface, self.config.vhid].state

    @property
    def statistics(self) -> Statistics:
        """Counters of the first virtual host."""
        return self.node.virtual_hosts[self.config.interface, self.config.vhid].statistics

    @property
    def deadline(self) -> int:
        """The node's deadline; there must be one."""
        assert self.node.deadline is not None
        return self.node.deadline

    def feed(self, event: Event, *, after: int = 0) -> tuple[Effect, ...]:
        """Let time pass without a timer, feed an event, and return what is asked for."""
        self.now += after
        effects = self.node.handle(event, self.now)
        self.done += effects
        return effects

    def hear(self, heard: Heard, *, after: int = 0) -> tuple[Effect, ...]:
        """Hear a peer, and return what is asked for."""
        return self.feed(heard.packet, after=after)

    def run_until(self, instant: int) -> list[Effect]:
        """Serve every deadline up to an instant, each at its time, and return what is asked for."""
        done: list[Effect] = []
        for _ in range(STEPS_MAX):
            if self.node.deadline is None or self.node.deadline > instant:
                self.now = instant
                return done
            done += self.feed(TimerExpired(), after=max(0, self.node.deadline - self.now))
        raise AssertionError(f"still busy after {STEPS_MAX} timers; deadline {self.node.deadline}")

    def run_for(self, duration: int) -> list[Effect]:
        """Serve every deadline of the next while, and return what is asked for."""
        return self.run_until(self.now + duration)

    def set_clock(self, step: int) -> tuple[Effect, ...]:
        """Set the host's wall clock forward, or back."""
        self.offset += step
        return self.feed(WallClockChanged(offset=self.offset))

    def takes(self, sent: SendAdvertisement) -> bool:
        """Return whether an advertisement reaches the host: it is sent to a group, or to an address of its own."""
        return sent.destination.is_multicast or sent.destination in self.config.sources.values()

    def noticed(self) -> list[tuple[Notice, IPAddress | None]]:
        """Return all notices so far, with the peers that they name."""
        return notices_in(self.done)

    def dropped(self) -> list[PacketDropped]:
        """Return all reports of dropped packets so far."""
        return [effect for effect in self.done if isinstance(effect, PacketDropped)]


class Segment:
    """Hosts that hear each other at once, on one clock, and never are master at once but when it is allowed.

    Args:
        hosts: by name.
        masters_max: how many may be master in one instant, until all that was said has been heard.

    Attributes:
        hosts: by name.
        now: nanoseconds.
        unserved: nanoseconds without a master so far.
    """

    def __init__(self, hosts: dict[str, Host], *, masters_max: int = 1) -> None:
        self.hosts = hosts
        self._masters_max = masters_max
        self.now = 0
        self.unserved = 0

    @property
    def masters(self) -> list[str]:
        """Who is master now."""
        return [name for name, host in self.hosts.items() if host.state is State.MASTER]

    def feed(self, name: str, event: Event) -> None:
        """Tell one host what happened, and deliver what comes of it."""
        waiting: deque[tuple[str, Event]] = deque([(name, event)])
        while waiting:
            to, what = waiting.popleft()
            host = self.hosts[to]
            host.now = self.now
            waiting.extend(self._deliveries(to, sent_in(host.feed(what))))
            assert len(self.masters) <= self._masters_max

    def _deliveries(self, sender: str, sent: list[SendAdvertisement]) -> Iterator[tuple[str, Event]]:
        for one in sent:
            for name, host in self.hosts.items():
                if name != sender and host.takes(one):
                    yield name, arrival(one)

    def run_for(self, duration: int) -> None:
        """Serve every deadline of the next while, each at its time."""
        end = self.now + duration
        while (due := self._next()) is not None and due[0] <= end:
            self._pass_time(max(due[0], self.now))
            self.feed(due[1], TimerExpired())
        self._pass_time(end)

    def _next(self) -> tuple[int, str] | None:
        due = [(host.node.deadline, name) for name, host in self.hosts.items()]
        return min(((instant, name) for instant, name in due if instant is not None), default=None)

    def _pass_time(self, until: int) -> None:
        if not self.masters:
            self.unserved += until - self.now
        self.now = until
