"""Everything that can happen to a machine, in any order, at any time, with ports that fail or take their time."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Address, IPv6Interface

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from triocarp.core import (
    DIALECTS,
    AddressChanged,
    Cause,
    DemotionCause,
    DemotionRequested,
    Dialect,
    Event,
    Family,
    FlapDamping,
    ForgedReceived,
    HealthChanged,
    HookFinished,
    HookOutcome,
    IPAddress,
    IPInterface,
    Link,
    LinkChanged,
    MaintenanceChanged,
    PacketReceived,
    PacketUnreadable,
    Sealing,
    Silence,
    Started,
    State,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    Transport,
    VirtualHostConfig,
    WallClockChanged,
    read_datagram,
)
from triocarp.core.timing import SECOND

from .hosts import ELSEWHERE, MAC, OTHER_MAC, PLAIN, Machine, Peer
from .promises import Promises, Watched
from .recording_ports import Deed

BESIDE = replace(PLAIN, vhid=9, addresses=(IPv4Interface("10.0.0.101/24"),))
WALL = 1_750_000_000 * SECOND
REQUESTS = ("advertise", "goodbye", "announce", "hold", "release", "run")
INDEX = st.integers(0, 2)
PACES = ((1, 0), (1, 100), (0, 1), (0, 64), (2, 10), (0, 0))
GROUP = "G"
WHICH_GROUP = st.sampled_from([GROUP, None])
AMOUNTS = st.sampled_from([0, 1, -1, 50, 240, 255, -1000, 10**6])


@st.composite
def wirings(draw: st.DrawFn, base: VirtualHostConfig, dialect: Dialect) -> dict[str, object]:
    """Return addresses and transport that a dialect allows."""
    net = base.vhid
    second = IPv4Interface(f"10.{net}.0.100/24")
    ipv6: tuple[IPInterface, ...] = (IPv6Interface(f"2001:db8:{net}::1/64"), IPv6Interface(f"fe80::{net}:100/64"))
    source6 = IPv6Address(f"fe80::{net}:5")
    families = draw(st.sampled_from([{4}, {6}, {4, 6}])) if Family.IPV6 in dialect.families else {4}
    addresses: tuple[IPInterface, ...] = ()
    if 4 in families:
        addresses += (
            (*base.addresses, second)[: draw(st.integers(1, 2))] if dialect.addresses_max > 1 else base.addresses
        )
    if 6 in families:
        addresses += ipv6[: draw(st.integers(1, 2))]
    if dialect.silence is Silence.OF_BOTH_FAMILIES and Family.IPV6 in dialect.families:
        families = draw(st.sampled_from([{4}, {6}, {4, 6}]))  # advertisements and addresses need not agree
    wiring: dict[str, object] = {
        "addresses": addresses,
        "source": base.source if 4 in families else None,
        "source6": source6 if 6 in families else None,
    }
    if draw(st.sampled_from([False, False, True])):
        wiring["transport"] = Transport.UNICAST
        sources = [source for source in (wiring["source"], wiring["source6"]) if source is not None]
        wiring["peers"] = tuple(source + step for source in sources for step in (-4, 4))  # type: ignore[operator]
    return wiring


@st.composite
def configurations(
    draw: st.DrawFn, base: VirtualHostConfig, group: str, *, ignore_carrier: bool, sealing: Sealing
) -> VirtualHostConfig:
    """Return a virtual host with any of the settings that matter to the state machine."""
    dialect = draw(st.sampled_from(list(DIALECTS.values())))
    paces = [
        (advbase_s, advskew)
        for advbase_s, advskew in PACES
        if advbase_s >= dialect.advbase_least_s and (advbase_s or advskew or dialect.zero_interval_is_least)
    ]
    advbase_s, advskew = draw(st.sampled_from(paces))
    preempt = draw(st.booleans())
    wiring = draw(wirings(base, dialect))
    return replace(
        base,
        **wiring,  # type: ignore[arg-type]
        dialect=dialect,
        advbase_s=advbase_s,
        advskew=advskew,
        dead_ratio=draw(st.sampled_from([3, 1])),
        preempt=preempt,
        preempt_delay=draw(st.sampled_from([0, SECOND])) if preempt else 0,
        hold_down=draw(st.sampled_from([0, 0, 5 * SECOND])),
        flap_damping=draw(st.sampled_from([None, FlapDamping(losses=1)])),
        neutral=draw(st.booleans()),
        ignore_carrier=ignore_carrier,
        manages_addresses=draw(st.sampled_from([True, True, False])),
        up_hook=draw(st.booleans()),
        down_hook=draw(st.booleans()),
        announce_after=draw(st.sampled_from([(), (2,), (1, 2, 3)])),
        announce_refresh=draw(st.sampled_from([0, SECOND])),
        failover_group=group,
        sealing=sealing,
    )


class NodeMachine(RuleBasedStateMachine):
    """Drives a watched machine. Subclasses say how many virtual hosts it has."""

    bases: tuple[VirtualHostConfig, ...]

    def __init__(self) -> None:
        super().__init__()
        self.watched = Watched.of(*self.bases)
        self.offset = WALL

    @property
    def machine(self) -> Machine:
        """The machine that is driven."""
        return self.watched.machine

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Start, with the links up."""
        group = data.draw(st.sampled_from(["", GROUP])) if len(self.bases) > 1 else GROUP
        # A failover group agrees on these, or it is refused.
        ignore_carrier = data.draw(st.booleans())
        sealing = data.draw(st.sampled_from([Sealing.OFF, *Sealing]))
        configs = tuple(
            data.draw(configurations(base, group, ignore_carrier=ignore_carrier, sealing=sealing))
            for base in self.bases
        )
        self.watched = Watched.of(*configs)
        self.feed(Started())
        self.set_wall_clock(0)
        for interface in sorted({config.interface for config in configs}):
            self.change_link_of(interface, Link.UP, MAC)

    def feed(self, event: Event) -> list[Deed]:
        """Feed both machines, check every promise, and return what was done."""
        self.watched.received += isinstance(event, PacketReceived | PacketUnreadable)
        self.watched.received += event.count if isinstance(event, ForgedReceived) else 0
        return self.watched.feed(event)

    def config(self, index: int) -> VirtualHostConfig:
        """Return one of the virtual hosts."""
        return self.machine.configs[index % len(self.machine.configs)]

    def promises(self, config: VirtualHostConfig) -> Promises:
        """Return what one of the virtual hosts promises."""
        return self.watched.promises[config.interface, config.vhid]

    def source(self, config: VirtualHostConfig, index: int) -> IPAddress:
        """Return one of the source addresses of a virtual host."""
        sources = list(config.sources.values())
        return sources[index % len(sources)]

    def set_clock(self, instant: int) -> None:
        """Let time pass without serving a timer."""
        for machine in self.watched.both:
            machine.now = instant

    def set_failing(self, requests: set[str]) -> None:
        """Let ports fail from now on."""
        for machine in self.watched.both:
            machine.record.failing = requests

    def set_slow(self, requests: dict[str, int]) -> None:
        """Let ports take their time from now on."""
        for machine in self.watched.both:
            machine.record.slow = requests

    def change_addresses(self, change: Callable[[set[tuple[str, IPAddress]]], None]) -> None:
        """Do what another tool does."""
        for machine in self.watched.both:
            change(machine.record.held)

    @rule(index=INDEX, family=st.sampled_from(list(Family)), count=st.integers(1, 1000))
    def flood(self, index: int, family: Family, count: int) -> None:
        """A sieve has dropped many."""
        config = self.config(index)
        self.feed(ForgedReceived(interface=config.interface, vhid=config.vhid, family=family, count=count))

    @rule(
        index=INDEX,
        which=st.integers(0, 3),
        kind=st.sampled_from(["better", "equal", "worse", "slow", "goodbye"]),
        counter=st.one_of(st.none(), st.integers(0, 2**64 - 1)),
        demotion=st.sampled_from([0, 0, 1, 255]),
    )
    def hear(self, index: int, which: int, kind: str, counter: int | None, demotion: int) -> None:
        """A genuine advertisement arrives, over either family, from a higher or a lower address, sealed or not."""
        config = self.config(index)
        pair = config.advbase_s * 256 + config.advskew
        pair = {"better": max(pair - 1, 0), "equal": pair, "worse": pair + 1, "slow": 9 * 256, "goodbye": 0xFFFF}[
            kind
        ]
        peer = Peer.of(
            config,
            self.source(config, which) + (4 if which // 2 else -4),
            advbase_s=pair // 256,
            advskew=pair % 256,
            demotion=demotion,
        )
        self.feed(peer.seals(self.machine.now + self.offset) if counter is None else peer.advertises(counter))

    @rule(
        index=INDEX,
        flaw=st.sampled_from(["password", "own", "TTL", "group", "VHID", "checksum", "garbage", "interface"]),
        garbage=st.binary(max_size=80),
    )
    def hear_nonsense(self, index: int, flaw: str, garbage: bytes) -> None:
        """Something arrives that must be dropped."""
        config = self.config(index)
        own = self.source(config, index)
        peer = Peer.of(config, own + 4, advbase_s=0)
        payload = peer.payload()
        events: dict[str, Event] = {
            "password": replace(peer, password=b"wrong").advertises(),
            "own": replace(peer, source=own).advertises(),
            "TTL": peer.packet(payload, ttl=64),
            "group": peer.packet(payload, destination=own + 1),
            "VHID": replace(peer, vhid=99).advertises(),
            "checksum": peer.packet(payload[:-1] + bytes((payload[-1] ^ 1,))),
            "garbage": read_datagram(config.interface, garbage),
            "interface": replace(peer, interface="eth9").advertises(),
        }
        (deed,) = (deed for deed in self.feed(events[flaw]) if deed.what.startswith("dropped: "))
        assert deed.interface in {config.interface, "eth9"}

    @rule(lateness=st.sampled_from([0, 0, 0, 0, 1, 1000, SECOND // 4, SECOND, 5 * SECOND]))
    def serve_timer(self, lateness: int) -> None:
        """The deadline comes, and is served in time or late."""
        deadline = self.machine.node.deadline
        if deadline is not None:
            self.set_clock(max(self.machine.now, deadline + lateness))
            self.feed(TimerExpired())
            if not self.machine.record.slow:
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
        """An interface changes its condition, or its MAC, or nothing; others are not touched."""
        self.change_link_of(self.config(index).interface, link, mac)

    def change_link_of(self, interface: str, link: Link, mac: bytes) -> None:
        """Change an interface's condition, and check that it concerns nobody else."""
        concerned: set[tuple[str, int | None]] = set()
        for promises in self.watched.members(None):
            config = promises.config
            if config.interface != interface:
                continue
            usable = link is Link.UP or (link is Link.NO_CARRIER and config.ignore_carrier)
            group = self.machine.node.failover_groups[config.group_name]
            asked = self.watched.asked[config.group_name]
            asked[DemotionCause.LINK, interface] = group.demotion.weight
            if usable:
                del asked[DemotionCause.LINK, interface]
                if promises.state is State.INIT and not self.watched.stopping:
                    promises.hold_down(self.machine.now + config.hold_down)
            concerned |= {(host.config.interface, host.config.vhid) for host in group.members}
        deeds = self.feed(LinkChanged(interface=interface, link=link, hardware_address=mac))
        assert {(deed.interface, deed.vhid) for deed in deeds} <= concerned

    @rule(index=INDEX, which=st.integers(0, 3), present=st.booleans())
    def change_address(self, index: int, which: int, present: bool) -> None:
        """Another tool puts a virtual address on, or takes it off; or the driver repeats what is so."""
        config = self.config(index)
        address = config.addresses[which % len(config.addresses)]
        promises = self.promises(config)
        where = (config.interface, address.ip)
        if present:
            self.change_addresses(lambda held: held.add(where))
            if address.ip not in promises.held:
                promises.excused.add(address.ip)
            promises.held.add(address.ip)
        else:
            self.change_addresses(lambda held: held.discard(where))
            promises.excused.discard(address.ip)
            promises.held.discard(address.ip)
        self.feed(AddressChanged(interface=config.interface, address=address, present=present))

    @rule(index=INDEX, outcome=st.sampled_from(HookOutcome))
    @precondition(lambda self: bool(self.machine.record.running))
    def end_hook(self, index: int, outcome: HookOutcome) -> None:
        """A script ends."""
        running = self.machine.record.running
        interface, vhid, hook = ended = running[index % len(running)]
        for machine in self.watched.both:
            machine.record.running.remove(ended)
        self.watched.promises[interface, vhid].running = False
        self.feed(HookFinished(interface=interface, vhid=vhid, hook=hook, outcome=outcome))

    @rule(failing=st.sets(st.sampled_from(REQUESTS)), index=INDEX, one=st.booleans())
    def fail(self, failing: set[str], index: int, one: bool) -> None:
        """Some ports fail from now on, for all virtual hosts or for one."""
        vhid = self.config(index).vhid
        self.set_failing({f"{request} {vhid}" for request in failing} if one else failing)

    @rule(index=INDEX, rounds=st.integers(2, 4), works=st.booleans())
    def advertise_often(self, index: int, rounds: int, works: bool) -> None:
        """A few advertisements in a row fail, or a few are sent; timers are served in time."""
        vhid = self.config(index).vhid
        self.set_failing(set() if works else {f"advertise {vhid}"})
        for _ in range(rounds):
            self.serve_timer(0)

    @rule(
        requests=st.sets(st.sampled_from(REQUESTS), max_size=2), duration=st.sampled_from([1, SECOND, 5 * SECOND])
    )
    def slow_down(self, requests: set[str], duration: int) -> None:
        """Some ports take their time from now on: the machine is starved, or suspended in between."""
        self.set_slow(dict.fromkeys(requests, duration))

    @rule()
    def recover(self) -> None:
        """All ports work again."""
        self.set_failing(set())
        self.set_slow({})

    @rule(check=st.sampled_from(["web", "disk"]), healthy=st.booleans(), group=WHICH_GROUP)
    def check_health(self, check: str, healthy: bool, group: str | None) -> None:
        """A health check has a result."""
        self.ask(DemotionCause.HEALTH_CHECK, check, None if not healthy else 0, group)
        self.feed_if_known(HealthChanged(check=check, healthy=healthy, failover_group=group))

    @rule(active=st.booleans(), group=WHICH_GROUP)
    def maintain(self, active: bool, group: str | None) -> None:
        """The operator takes the host out of service, or puts it back."""
        self.ask(DemotionCause.MAINTENANCE, "operator", None if active else 0, group)
        self.feed_if_known(MaintenanceChanged(active=active, failover_group=group))

    @rule(amount=AMOUNTS, group=WHICH_GROUP)
    def demote(self, amount: int, group: str | None) -> None:
        """The operator sets a demotion: none, a usual one, a negative one, a huge one."""
        self.ask(DemotionCause.OPERATOR, "operator", amount, group)
        self.feed_if_known(DemotionRequested(amount=amount, failover_group=group))

    def ask(self, cause: DemotionCause, of: str, amount: int | None, group: str | None) -> None:
        """Take note of a demotion that is asked for; None is the usual amount."""
        for name, asked in self.watched.asked.items():
            if group in {None, name}:
                weight = self.machine.node.failover_groups[name].demotion.weight
                asked[cause, of] = weight if amount is None else amount
                if not asked[cause, of]:
                    del asked[cause, of]

    def feed_if_known(
        self, event: HealthChanged | MaintenanceChanged | DemotionRequested | SwitchOverRequested
    ) -> None:
        """Feed an event about a failover group; if there is no such group, it is refused and changes nothing."""
        if event.failover_group in {None, *self.machine.node.failover_groups}:
            self.feed(event)
            return
        deadline = self.machine.node.deadline
        with pytest.raises(ValueError, match="no failover group G"):
            self.machine.feed(event)
        assert deadline == self.machine.node.deadline

    @rule(hold_down=st.sampled_from([0, SECOND, 10 * SECOND]), group=WHICH_GROUP)
    def switch_over(self, hold_down: int, group: str | None) -> None:
        """The operator asks the masters to hand over."""
        until = self.machine.now + hold_down
        self.feed_if_known(SwitchOverRequested(hold_down=hold_down, failover_group=group))
        for promises in self.watched.members(group):
            if Cause.SWITCHED_OVER in promises.causes:
                assert promises.state is not State.MASTER
                promises.hold_down(until)

    @rule(step=st.sampled_from([0, 0, 1000, SECOND, -3 * SECOND, 3600 * SECOND]))
    def change_wall_clock(self, step: int) -> None:
        """The wall clock is told again: it has drifted, or somebody has set it."""
        self.set_wall_clock(step)

    def set_wall_clock(self, step: int) -> None:
        """Tell the wall clock."""
        self.offset += step
        for promises in self.watched.members(None):
            config = promises.config
            if config.sealing is Sealing.ENFORCE and abs(step) > config.seal_window:
                promises.judge_seals_anew(self.machine.now)
            elif step > 0:
                promises.deaf_until -= step  # the window is one of the wall clock, which is ahead now
        self.feed(WallClockChanged(offset=self.offset))

    @rule(chance=st.integers(0, 5))
    def stop(self, chance: int) -> None:
        """The operator stops the machine; not in every run."""
        if chance == 0:
            self.watched.stopping = True
            self.feed(StopRequested())

    @rule()
    @precondition(lambda self: bool(self.machine.record.deeds and not self.machine.record.slow))
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
        self.recover()
        self.watched.stopping = True
        self.feed(StopRequested())
        for _ in range(30):
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
    """Two virtual hosts on two interfaces, each alone or in one failover group."""

    bases = (PLAIN, ELSEWHERE)


class ThreeVirtualHosts(NodeMachine):
    """Three virtual hosts on two interfaces, each alone or all in one failover group."""

    bases = (PLAIN, ELSEWHERE, BESIDE)
