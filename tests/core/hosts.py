"""Virtual hosts and peers as the tests need them, and a machine that runs them on recording ports."""

import random
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Self, TypeVar

from triocarp.core import (
    CARP_GROUP,
    CARP_GROUP6,
    CARPD,
    AddressChanged,
    Advertisement,
    Authenticator,
    Event,
    Family,
    Hook,
    HookFinished,
    HookOutcome,
    IPAddress,
    Keyring,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    PacketReceived,
    Report,
    Runner,
    Started,
    State,
    Statistics,
    StopRequested,
    TimerExpired,
    Transport,
    VirtualHostConfig,
    covered_addresses,
    explain,
)
from triocarp.core.advertisement import GOODBYE
from triocarp.core.family import family_of
from triocarp.core.sealed_counter import CounterSeal, Sealed, SealingClock

from .recording_ports import RecordingPorts

SomeReport = TypeVar("SomeReport", bound=Report)

PASSWORD = b"secret"
VIRTUAL_ADDRESS = IPv4Interface("10.0.0.100/24")
VIRTUAL_ADDRESS6 = IPv6Interface("2001:db8::100/64")
OWN_SOURCE = IPv4Address("10.0.0.5")
OWN_SOURCE6 = IPv6Address("fe80::5")
MAC = bytes.fromhex("020000000005")
PEER_SOURCE = IPv4Address("10.0.0.9")
OTHER_MAC = bytes.fromhex("020000000006")
STEPS_MAX = 10_000

PLAIN = VirtualHostConfig(
    interface="eth0",
    vhid=7,
    password=PASSWORD,
    addresses=(VIRTUAL_ADDRESS,),
    source=OWN_SOURCE,
)
"""A virtual host with ucarp's defaults; tests `replace` what they are about."""

DUAL = replace(PLAIN, addresses=(VIRTUAL_ADDRESS, VIRTUAL_ADDRESS6), source6=OWN_SOURCE6, dialect=CARPD)
"""A virtual host of both address families, of which either is enough to be heard."""

ELSEWHERE = replace(
    PLAIN,
    interface="eth1",
    vhid=8,
    source=IPv4Address("10.1.0.5"),
    addresses=(IPv4Interface("10.1.0.100/24"),),
)
"""A virtual host on another interface."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another host with the same virtual host. Its last octet is higher, so that it loses a tie.

    What `like` says about addresses, dialect and transport goes before the fields of its own.
    """

    source: IPAddress = PEER_SOURCE
    advbase_s: int = 1
    advskew: int = 0
    vhid: int = PLAIN.vhid
    password: bytes = PASSWORD
    address: IPv4Address = VIRTUAL_ADDRESS.ip
    interface: str = PLAIN.interface
    demotion: int = 0
    like: VirtualHostConfig | None = None

    @classmethod
    def of(
        cls,
        config: VirtualHostConfig,
        source: IPAddress,
        *,
        advbase_s: int = 1,
        advskew: int = 0,
        demotion: int = 0,
    ) -> Self:
        """Return another host with the same virtual host as a configuration's."""
        return cls(
            source=source,
            advbase_s=advbase_s,
            advskew=advskew,
            demotion=demotion,
            vhid=config.vhid,
            password=config.password,
            interface=config.interface,
            like=config,
        )

    def digest(self, counter: int) -> bytes:
        """Return the HMAC of an advertisement."""
        like = self.like
        if like is None:
            return Authenticator(self.password, self.vhid, covered_addresses((self.address,))).digest(counter)
        addresses = tuple(address.ip for address in like.addresses)
        return Keyring((self.password,), self.vhid, addresses, like.dialect, like.link_layer_address).digest(
            counter
        )

    def payload(self, counter: int = 1, *, advbase_s: int | None = None, advskew: int | None = None) -> bytes:
        """Return a genuine advertisement."""
        return Advertisement(
            vhid=self.vhid,
            advskew=self.advskew if advskew is None else advskew,
            advbase_s=self.advbase_s if advbase_s is None else advbase_s,
            counter=counter,
            digest=self.digest(counter),
            demotion=self.demotion,
        ).build()

    def packet(self, payload: bytes, *, ttl: int = 255, destination: IPAddress | None = None) -> PacketReceived:
        """Return the arrival of a payload that this peer has sent."""
        to = self.destination if destination is None else destination
        return PacketReceived(
            interface=self.interface, source=self.source, destination=to, ttl=ttl, payload=payload
        )

    @property
    def destination(self) -> IPAddress:
        """Where it sends its advertisements."""
        if self.like is not None and self.like.transport is Transport.UNICAST:
            return self.like.sources[family_of(self.source)]
        return CARP_GROUP if family_of(self.source) is Family.IPV4 else CARP_GROUP6

    def seals(self, wall: int) -> PacketReceived:
        """Return the arrival of a sealed advertisement."""
        sealed = Sealed(
            vhid=self.vhid,
            advbase_s=self.advbase_s,
            advskew=self.advskew,
            demotion=self.demotion,
            source=self.source,
        )
        counter = CounterSeal(self.password).counter(sealed, SealingClock().next(wall))
        return self.advertises(counter)

    def advertises(self, counter: int = 1) -> PacketReceived:
        """Return the arrival of an advertisement."""
        return self.packet(self.payload(counter))

    def leaves(self, counter: int = 1) -> PacketReceived:
        """Return the arrival of a goodbye."""
        return self.packet(self.payload(counter, advbase_s=GOODBYE, advskew=GOODBYE))


class Machine:
    """A node on recording ports, with a clock that the test moves.

    Args:
        configs: its virtual hosts.
        seed: of its random numbers.

    Attributes:
        now: nanoseconds.
        record: its ports.
        node: the node.
        runner: feeds it. It has a clock, which stands still but for slow ports.
    """

    def __init__(self, *configs: VirtualHostConfig, seed: int = 1) -> None:
        self.configs = configs
        self.now = 0
        self.record = RecordingPorts(
            {(config.interface, address.ip): config.vhid for config in configs for address in config.addresses}
        )
        self.node = Node(NodeConfig(virtual_hosts=configs), rng=random.Random(seed))  # noqa: S311
        self.runner = Runner(self.node, self.record.ports, clock=lambda: self.now + self.record.lag)

    @classmethod
    def listening(cls, *configs: VirtualHostConfig) -> "Machine":
        """Return a machine that has started, has its links, and has ended its first hooks."""
        machine = cls(*configs)
        machine.feed(Started())
        machine.link(Link.UP)
        machine.end_hooks()
        return machine

    @classmethod
    def master(cls, *configs: VirtualHostConfig) -> "Machine":
        """Return a machine that has just become master in the silence, with its up hooks ended."""
        machine = cls.listening(*(configs or (PLAIN,)))
        machine.run_until(max(config.dead_time for config in machine.configs))
        machine.end_hooks()
        assert set(machine.states) == {State.MASTER}
        return machine

    @property
    def states(self) -> list[State]:
        """States of all virtual hosts."""
        return [self.host_statistics_and_state(config)[1] for config in self.configs]

    @property
    def state(self) -> State:
        """State of the first virtual host."""
        return self.host_statistics_and_state(self.configs[0])[1]

    @property
    def statistics(self) -> Statistics:
        """Counters of the first virtual host."""
        return self.host_statistics_and_state(self.configs[0])[0]

    @property
    def holds(self) -> bool:
        """Whether the first virtual host's address is on its interface."""
        return self.has_address(self.configs[0])

    def host_statistics_and_state(self, config: VirtualHostConfig) -> tuple[Statistics, State]:
        """Return counters and state of a virtual host."""
        host = self.node.virtual_hosts[config.interface, config.vhid]
        return host.statistics, host.state

    def has_address(self, config: VirtualHostConfig) -> bool:
        """Return whether the virtual host's address is on its interface."""
        return (config.interface, config.addresses[0].ip) in self.record.held

    def feed(self, event: Event, *, after: int = 0) -> list[str]:
        """Let time pass without a timer, feed an event, and return what was done."""
        self.now += after
        begin = len(self.record.deeds)
        self.runner.feed(event, self.now)
        self.now += self.record.lag
        self.record.lag = 0
        return [deed.what for deed in self.record.deeds[begin:]]

    def reports(self, kind: type[SomeReport]) -> list[SomeReport]:
        """Return all reports of one kind."""
        return [report for report in self.record.reports if isinstance(report, kind)]

    def explained(self, kind: type[Report]) -> list[str]:
        """Return the sentences about all reports of one kind."""
        return [explain(report) for report in self.record.reports if isinstance(report, kind)]

    def run_until(self, instant: int) -> list[str]:
        """Serve every deadline up to an instant, each at its time, and return what was done."""
        done: list[str] = []
        for _ in range(STEPS_MAX):
            deadline = self.node.deadline
            if deadline is None or deadline > instant:
                self.now = instant
                return done
            done += self.feed(TimerExpired(), after=max(0, deadline - self.now))
        raise AssertionError(f"still busy after {STEPS_MAX} timers; deadline {self.node.deadline}")

    def run_for(self, duration: int) -> list[str]:
        """Serve every deadline of the next while, and return what was done."""
        return self.run_until(self.now + duration)

    def link(self, link: Link, hardware_address: bytes = MAC) -> list[str]:
        """Change the condition of every interface."""
        interfaces = sorted({config.interface for config in self.configs})
        return [
            deed
            for interface in interfaces
            for deed in self.feed(LinkChanged(interface=interface, link=link, hardware_address=hardware_address))
        ]

    def remove_address(self, *, after: int = 0) -> list[str]:
        """Do what another tool does: take the first virtual address off."""
        config = self.configs[0]
        self.record.held.discard((config.interface, config.addresses[0].ip))
        event = AddressChanged(interface=config.interface, address=config.addresses[0], present=False)
        return self.feed(event, after=after)

    def add_address(self, *, after: int = 0) -> list[str]:
        """Do what another tool does: put the first virtual address on."""
        config = self.configs[0]
        self.record.held.add((config.interface, config.addresses[0].ip))
        event = AddressChanged(interface=config.interface, address=config.addresses[0], present=True)
        return self.feed(event, after=after)

    def end_hook(self, outcome: HookOutcome = HookOutcome.SUCCEEDED, *, after: int = 0) -> list[str]:
        """End the hook that has run longest."""
        interface, vhid, hook = self.record.running.pop(0)
        event = HookFinished(interface=interface, vhid=vhid, hook=hook, outcome=outcome, detail="exit status 0")
        return self.feed(event, after=after)

    def end_hooks(self) -> list[str]:
        """End every hook that runs, and those that follow."""
        done: list[str] = []
        while self.record.running:
            done += self.end_hook()
        return done

    def running(self) -> list[Hook]:
        """Return the hooks that run."""
        return [hook for _, _, hook in self.record.running]

    def stop(self) -> list[str]:
        """Ask the machine to stop, and serve the timers that are due at once."""
        return self.feed(StopRequested()) + self.run_until(self.now)
