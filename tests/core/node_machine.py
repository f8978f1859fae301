"""Everything that can happen to a machine, in any order, at any time, with ports that fail."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from triocarp.core import (
    AddressChanged,
    Event,
    HookFinished,
    HookOutcome,
    Link,
    LinkChanged,
    PacketReceived,
    PacketUnreadable,
    Started,
    StopRequested,
    TimerExpired,
    VirtualHostConfig,
    read_datagram,
)
from triocarp.core.timing import SECOND

from .hosts import MAC, OTHER_MAC, PLAIN, Machine, Peer
from .promises import Watched

ELSEWHERE = replace(
    PLAIN,
    interface="eth1",
    vhid=8,
    source=IPv4Address("10.1.0.5"),
    addresses=(IPv4Interface("10.1.0.100/24"),),
)
REQUESTS = ("advertise", "goodbye", "announce", "hold", "release", "run")
INDEX = st.integers(0, 1)
PACE = st.sampled_from([(1, 0), (1, 100), (0, 1), (0, 64), (2, 10)])


@st.composite
def configurations(draw: st.DrawFn, base: VirtualHostConfig) -> VirtualHostConfig:
    """Return a virtual host with any of the settings that matter to the state machine."""
    advbase_s, advskew = draw(PACE)
    return replace(
        base,
        advbase_s=advbase_s,
        advskew=advskew,
        dead_ratio=draw(st.sampled_from([3, 1])),
        preempt=draw(st.booleans()),
        neutral=draw(st.booleans()),
        ignore_carrier=draw(st.booleans()),
        manages_addresses=draw(st.sampled_from([True, True, False])),
        up_hook=draw(st.booleans()),
        down_hook=draw(st.booleans()),
    )


class NodeMachine(RuleBasedStateMachine):
    """Drives a watched machine. Subclasses say how many virtual hosts it has."""

    bases: tuple[VirtualHostConfig, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.watched = Watched.of()

    @property
    def machine(self) -> Machine:
        """The machine that is driven."""
        return self.watched.machine

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Start, mostly with the links up."""
        configs = tuple(data.draw(configurations(base)) for base in self.bases)
        self.watched = Watched.of(*configs)
        self.feed(Started())
        for config in configs:
            self.feed(LinkChanged(interface=config.interface, link=Link.UP, hardware_address=MAC))

    def feed(self, event: Event) -> None:
        """Feed both machines and check every promise."""
        begin = len(self.machine.record.deeds)
        self.watched.received += isinstance(event, PacketReceived | PacketUnreadable)
        self.machine.feed(event)
        self.watched.twin.feed(event)
        self.watched.check(self.machine.record.deeds[begin:])

    def config(self, index: int) -> VirtualHostConfig:
        """Return one of the virtual hosts."""
        return self.machine.configs[index % len(self.machine.configs)]

    def set_clock(self, instant: int) -> None:
        """Let time pass without serving a timer."""
        self.machine.now = self.watched.twin.now = instant

    def set_failing(self, requests: set[str]) -> None:
        """Let ports fail from now on."""
        self.machine.record.failing = self.watched.twin.record.failing = requests

    def change_addresses(self, change: Callable[[set[tuple[str, IPv4Address]]], None]) -> None:
        """Do what another tool does."""
        change(self.machine.record.held)
        change(self.watched.twin.record.held)

    @rule(
        index=INDEX,
        kind=st.sampled_from(["better", "equal", "worse", "slow", "goodbye"]),
        higher=st.booleans(),
        counter=st.integers(0, 2**64 - 1),
    )
    def hear(self, index: int, kind: str, higher: bool, counter: int) -> None:
        """A genuine advertisement arrives."""
        config = self.config(index)
        pair = config.advbase_s * 256 + config.advskew
        pair = {"better": pair - 1, "equal": pair, "worse": pair + 1, "slow": 9 * 256, "goodbye": 0xFFFF}[kind]
        peer = Peer(
            source=config.source + (4 if higher else -4),
            advbase_s=pair // 256,
            advskew=pair % 256,
            vhid=config.vhid,
            address=config.addresses[0].ip,
            interface=config.interface,
        )
        self.feed(peer.advertises(counter))

    @rule(
        index=INDEX,
        flaw=st.sampled_from(["password", "own", "TTL", "group", "VHID", "checksum", "garbage"]),
        garbage=st.binary(max_size=60),
    )
    def hear_nonsense(self, index: int, flaw: str, garbage: bytes) -> None:
        """Something arrives that must be dropped."""
        config = self.config(index)
        address, interface = config.addresses[0].ip, config.interface
        peer = Peer(advbase_s=0, vhid=config.vhid, address=address, interface=interface)
        payload = peer.payload()
        events: dict[str, Event] = {
            "password": replace(peer, password=b"wrong").advertises(),
            "own": replace(peer, source=config.source).advertises(),
            "TTL": peer.packet(payload, ttl=64),
            "group": peer.packet(payload, destination=config.source),
            "VHID": replace(peer, vhid=99).advertises(),
            "checksum": peer.packet(payload[:-1] + bytes((payload[-1] ^ 1,))),
            "garbage": read_datagram(interface, garbage),
        }
        self.feed(events[flaw])

    @rule(lateness=st.sampled_from([0, 0, 0, 0, 1, 1000, SECOND // 4, SECOND, 5 * SECOND]))
    def serve_timer(self, lateness: int) -> None:
        """The deadline comes, and is served in time or late."""
        deadline = self.machine.node.deadline
        if deadline is not None:
            self.set_clock(max(self.machine.now, deadline + lateness))
            self.feed(TimerExpired())
            self.watched.check_deadline_after_timer()

    @rule(share=st.integers(0, 15))
    def pass_time(self, share: int) -> None:
        """Time passes, but not up to the deadline."""
        deadline = self.machine.node.deadline
        left = SECOND if deadline is None else max(0, deadline - self.machine.now)
        self.set_clock(self.machine.now + left * share // 16)

    @rule(seconds=st.integers(1, 20))
    def sleep(self, seconds: int) -> None:
        """The whole machine is suspended, whatever is due."""
        self.set_clock(self.machine.now + seconds * SECOND)

    @rule(index=INDEX, link=st.sampled_from([Link.UP, *Link]), mac=st.sampled_from([MAC, OTHER_MAC, b""]))
    def change_link(self, index: int, link: Link, mac: bytes) -> None:
        """An interface changes its condition, or its MAC, or nothing."""
        self.feed(LinkChanged(interface=self.config(index).interface, link=link, hardware_address=mac))

    @rule(index=INDEX, present=st.booleans())
    def change_address(self, index: int, present: bool) -> None:
        """Another tool puts the virtual address on, or takes it off; or the driver repeats what is so."""
        config = self.config(index)
        promises = self.watched.promises[config.interface, config.vhid]
        where = (config.interface, config.addresses[0].ip)
        if present:
            self.change_addresses(lambda held: held.add(where))
            promises.excused |= not promises.held
        else:
            self.change_addresses(lambda held: held.discard(where))
            promises.excused = False
        promises.held = present
        self.feed(AddressChanged(interface=config.interface, address=config.addresses[0], present=present))

    @rule(index=INDEX, outcome=st.sampled_from(HookOutcome))
    @precondition(lambda self: bool(self.machine.record.running))
    def end_hook(self, index: int, outcome: HookOutcome) -> None:
        """A script ends."""
        running = self.machine.record.running
        interface, vhid, hook = ended = running[index % len(running)]
        for machine in (self.machine, self.watched.twin):
            machine.record.running.remove(ended)
        self.watched.promises[interface, vhid].running = False
        self.feed(HookFinished(interface=interface, vhid=vhid, hook=hook, outcome=outcome))

    @rule(failing=st.sets(st.sampled_from(REQUESTS)))
    def fail(self, failing: set[str]) -> None:
        """Some ports fail from now on."""
        self.set_failing(failing)

    @rule()
    def recover(self) -> None:
        """All ports work again."""
        self.set_failing(set())

    @rule(chance=st.integers(0, 5))
    def stop(self, chance: int) -> None:
        """The operator stops the machine; not in every run."""
        if chance == 0:
            self.watched.stopping = True
            self.feed(StopRequested())

    @rule()
    @precondition(lambda self: bool(self.machine.record.deeds))
    def turn_back_the_clock(self) -> None:
        """Time runs backwards: the driver's bug is refused and changes nothing."""
        self.feed(TimerExpired())
        with pytest.raises(ValueError, match="is before"):
            self.machine.node.handle(StopRequested(), self.machine.now - 1)

    @invariant()
    def idle_timers_change_nothing(self) -> None:
        """An early or repeated timer has no effect."""
        self.watched.check_idle_timer()

    @invariant()
    def unwanted_addresses_are_tried_again(self) -> None:
        """A host that must not have an address does not forget it."""
        self.watched.check_pending_release()

    def teardown(self) -> None:
        """Stop with working ports: whatever happened, the machine leaves, and holds nothing then."""
        self.set_failing(set())
        self.watched.stopping = True
        self.feed(StopRequested())
        for _ in range(20):
            if self.machine.record.running:
                self.end_hook(0, HookOutcome.SUCCEEDED)
            elif self.machine.node.deadline is not None:
                self.set_clock(max(self.machine.now, self.machine.node.deadline))
                self.feed(TimerExpired())
        assert self.machine.node.stopped
        assert self.machine.node.deadline is None


class OneVirtualHost(NodeMachine):
    """One virtual host."""

    bases = (PLAIN,)


class TwoVirtualHosts(NodeMachine):
    """Two virtual hosts on two interfaces."""

    bases = (PLAIN, ELSEWHERE)
