"""Virtual hosts and peers as the tests need them, and a machine that runs them on recording ports."""

import random
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from triocarp.core import (
    AddressChanged,
    Advertisement,
    Authenticator,
    Event,
    Hook,
    HookFinished,
    HookOutcome,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    PacketReceived,
    Runner,
    Started,
    State,
    Statistics,
    StopRequested,
    TimerExpired,
    VirtualHostConfig,
    covered_addresses,
)
from triocarp.core.advertisement import GOODBYE
from triocarp.core.configuration import CARP_GROUP

from .recording_ports import RecordingPorts

PASSWORD = b"secret"
VIRTUAL_ADDRESS = IPv4Interface("10.0.0.100/24")
MAC = bytes.fromhex("020000000005")
PEER_SOURCE = IPv4Address("10.0.0.9")
OTHER_MAC = bytes.fromhex("020000000006")
STEPS_MAX = 10_000

PLAIN = VirtualHostConfig(
    interface="eth0",
    vhid=7,
    password=PASSWORD,
    addresses=(VIRTUAL_ADDRESS,),
    source=IPv4Address("10.0.0.5"),
)
"""A virtual host with ucarp's defaults; tests `replace` what they are about."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another host with the same virtual host. Its last octet is higher, so that it loses a tie."""

    source: IPv4Address = PEER_SOURCE
    advbase_s: int = 1
    advskew: int = 0
    vhid: int = PLAIN.vhid
    password: bytes = PASSWORD
    address: IPv4Address = VIRTUAL_ADDRESS.ip
    interface: str = PLAIN.interface

    def payload(self, counter: int = 1, *, advbase_s: int | None = None, advskew: int | None = None) -> bytes:
        """Return a genuine advertisement."""
        return Advertisement(
            vhid=self.vhid,
            advskew=self.advskew if advskew is None else advskew,
            advbase_s=self.advbase_s if advbase_s is None else advbase_s,
            counter=counter,
            digest=Authenticator(self.password, self.vhid, covered_addresses((self.address,))).digest(counter),
        ).build()

    def packet(self, payload: bytes, *, ttl: int = 255, destination: IPv4Address = CARP_GROUP) -> PacketReceived:
        """Return the arrival of a payload that this peer has sent."""
        return PacketReceived(
            interface=self.interface, source=self.source, destination=destination, ttl=ttl, payload=payload
        )

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
        runner: feeds it.
    """

    def __init__(self, *configs: VirtualHostConfig, seed: int = 1) -> None:
        self.configs = configs
        self.now = 0
        self.record = RecordingPorts(
            {(config.interface, address.ip): config.vhid for config in configs for address in config.addresses}
        )
        self.node = Node(NodeConfig(virtual_hosts=configs), rng=random.Random(seed))  # noqa: S311
        self.runner = Runner(self.node, self.record.ports)

    @classmethod
    def listening(cls, *configs: VirtualHostConfig) -> "Machine":
        """Return a machine that has started, has its links, and has ended its first hooks."""
        machine = cls(*configs)
        machine.feed(Started())
        machine.link(Link.UP)
        machine.end_hooks()
        return machine

    @classmethod
    def master(cls, config: VirtualHostConfig = PLAIN) -> "Machine":
        """Return a machine that has just become master in the silence, with its up hook ended."""
        machine = cls.listening(config)
        machine.run_until(config.dead_time)
        machine.end_hooks()
        assert machine.state is State.MASTER
        return machine

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
        return [deed.what for deed in self.record.deeds[begin:]]

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
