"""Scenarios drawn by chance: topology, configuration, and a plan of faults that ends before the scenario does.

A scenario has two phases. In the first one anything goes wrong; then all is healed, but for hosts that never come
back, and in the second phase the hosts must come to rest. All is drawn from one stream, so that the number of a
seed says everything; who draws from Hypothesis's `randoms()` instead gets scenarios that it can shrink.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final, TypeVar

from carpsim.adversary import ArpSpoof, Flood, Forge, Replay
from carpsim.conditions import BurstLoss, Conditions, IndependentLoss
from carpsim.distribution import AT_ONCE, Constant, Distribution, Exponential, HeavyTail, Uniform
from carpsim.faults import (
    AddressPut,
    AddressTaken,
    CableConditions,
    ClockDrift,
    Crash,
    Deafness,
    Demotion,
    Fault,
    Illness,
    KernelErrors,
    LateTimer,
    LinkLoss,
    Maintenance,
    Partition,
    Pause,
    Stop,
    SwitchOver,
    WallClockStep,
)
from carpsim.host import Script
from carpsim.neighbour_cache import LINUX, NeighbourSettings
from carpsim.randomness import below, chance, uniform
from carpsim.scenario import LAN, ClientSettings, HostSettings, Scenario, SegmentSettings
from carpsim.segment import MAC_AGEING
from triocarp.core import (
    CARPD,
    FREEBSD,
    NETBSD,
    OPENBSD,
    OPENBSD_7_3,
    UCARP,
    Dialect,
    Hook,
    IPAddress,
    IPInterface,
    Link,
    NodeConfig,
    PortFailure,
    Sealing,
    TieRule,
    Transport,
    VirtualHostConfig,
)
from triocarp.core.family import Family
from triocarp.core.timing import SECOND

DURATION: Final = 60 * SECOND
"""How long a scenario is."""

HEALED: Final = 28 * SECOND
"""The instant at which the last fault has ended."""

MILLISECOND: Final = SECOND // 1000

_EPOCH: Final = 1_700_000_000 * SECOND
_PASSWORD: Final = b"swarm"
_INTERFACE: Final = "eth0"
_NAMES: Final = "abcde"
_QUICK_CACHE: Final = NeighbourSettings(
    base_reachable_time=3 * SECOND, delay_first_probe_time=SECOND, retrans_time=SECOND // 2
)
_IPV4: Final = IPv4Interface("10.0.0.100/24")
_IPV6: Final = IPv6Interface("2001:db8::100/64")
_SECOND_IPV4: Final = IPv4Interface("10.0.0.101/24")
_SECOND_IPV6: Final = IPv6Interface("2001:db8::101/64")
_SOURCES4: Final = tuple(IPv4Address(f"10.0.0.{number + 1}") for number in range(len(_NAMES)))
_SOURCES6: Final = tuple(IPv6Address(f"2001:db8::{number + 1}") for number in range(len(_NAMES)))
_SUB_SECOND_LEAST: Final = 64  # 1/256 s: a scenario of a minute with shorter intervals takes too long

_STRANGER: Final = IPv4Address("10.0.0.66")
_ATTACKED: Final = 0.1
"""How probable it is that somebody attacks."""

_LATENCIES: Final[tuple[tuple[Distribution, int], ...]] = (
    (Constant(50_000), 6),
    (Uniform(20_000, MILLISECOND), 2),
    (Exponential(mean=200_000, least=20_000), 1),
    (HeavyTail(least=50_000, most=20 * MILLISECOND), 1),
)

Drawn = TypeVar("Drawn")


def draw_scenario(rng: random.Random) -> Scenario:
    """Return a scenario.

    Args:
        rng: all that it is made from.
    """
    count = _weighted(rng, ((3, 6), (2, 2), (4, 1), (5, 1)))
    segment = _draw_segment(rng)
    hosts = _draw_hosts(rng, count)
    clients = _draw_clients(rng, _virtual_addresses(hosts[0]))
    faults = _draw_faults(rng, hosts, clients)
    if chance(rng, _ATTACKED):
        faults += (_draw_attack(rng, hosts[0]),)
    return Scenario(
        name="drawn", duration=DURATION, segments=(segment,), hosts=hosts, clients=clients, faults=faults
    )


def _pick(rng: random.Random, choices: Sequence[Drawn]) -> Drawn:
    return choices[below(rng, len(choices))]


def _weighted(rng: random.Random, choices: Sequence[tuple[Drawn, int]]) -> Drawn:
    """Return one of several, each as likely as its weight says."""
    number = below(rng, sum(weight for _, weight in choices))
    for choice, weight in choices:
        number -= weight
        if number < 0:
            return choice
    return choices[-1][0]


def _draw_segment(rng: random.Random) -> SegmentSettings:
    latency = _weighted(rng, _LATENCIES)
    return SegmentSettings(
        name=LAN,
        outward=Conditions(latency=latency),
        mac_ageing=0 if chance(rng, 0.1) else MAC_AGEING,
        convergence=uniform(rng, 0, 3 * SECOND) if chance(rng, 0.1) else 0,
    )


# Hosts.


def _draw_hosts(rng: random.Random, count: int) -> tuple[HostSettings, ...]:
    shared = _draw_shared(rng, count)
    together = _weighted(rng, ((None, 8), ("both", 1), ("", 1)))
    return tuple(_draw_host(rng, number, _with_second(shared(number), together)) for number in range(count))


def _with_second(first: VirtualHostConfig, group: str | None) -> tuple[VirtualHostConfig, ...]:
    """Return a virtual host, and unless the group is None a second one, which fails over with it in a group."""
    if group is None:
        return (first,)
    four, six = first.source is not None, first.source6 is not None
    addresses = ((_SECOND_IPV4,) if four else ()) + ((_SECOND_IPV6,) if six else ())
    second = replace(first, vhid=2, addresses=addresses, failover_group=group)
    return replace(first, failover_group=group), second


def _draw_shared(rng: random.Random, count: int) -> Callable[[int], VirtualHostConfig]:
    """Draw what the hosts of a group have in common, and return what makes the configuration of each."""
    dialect = _weighted(rng, ((CARPD, 4), (UCARP, 3), (OPENBSD, 2), (FREEBSD, 1), (NETBSD, 1), (OPENBSD_7_3, 1)))
    advbase_s = _weighted(rng, ((1, 8), (2, 1), (max(0, dialect.advbase_least_s), 1)))
    dead_ratio = _weighted(rng, ((3, 8), (2, 1), (4, 1)))
    sealing = _weighted(rng, ((Sealing.OFF, 6), (Sealing.OBSERVE, 1), (Sealing.ENFORCE, 2)))
    families = _draw_families(rng, dialect)
    unicast = chance(rng, 0.1)
    has_hooks = chance(rng, 0.25)
    announce_refresh = 10 * SECOND if chance(rng, 0.1) else 0
    skews = _draw_skews(rng, count, dialect, _SUB_SECOND_LEAST if advbase_s == 0 else 0)

    def make(number: int) -> VirtualHostConfig:
        preempt = chance(rng, 0.6)
        four, six = Family.IPV4 in families, Family.IPV6 in families
        others = [place for place in range(count) if place != number]
        peers4 = tuple(_SOURCES4[place] for place in others) if four else ()
        peers6 = tuple(_SOURCES6[place] for place in others) if six else ()
        return VirtualHostConfig(
            interface=_INTERFACE,
            vhid=1,
            password=_PASSWORD,
            addresses=_addresses(four=four, six=six),
            source=_SOURCES4[number] if four else None,
            source6=_SOURCES6[number] if six else None,
            transport=Transport.UNICAST if unicast else Transport.MULTICAST,
            peers=(*peers4, *peers6) if unicast else (),
            advbase_s=advbase_s,
            advskew=skews[number],
            dead_ratio=dead_ratio,
            preempt=preempt,
            preempt_delay=uniform(rng, 0, 4 * SECOND) if preempt and chance(rng, 0.25) else 0,
            hold_down=uniform(rng, 0, 5 * SECOND) if chance(rng, 0.15) else 0,
            up_hook=has_hooks,
            down_hook=has_hooks and chance(rng, 0.7),
            announce_refresh=announce_refresh,
            sealing=sealing,
            dialect=dialect,
        )

    return make


def _addresses(*, four: bool, six: bool) -> tuple[IPInterface, ...]:
    return ((_IPV4,) if four else ()) + ((_IPV6,) if six else ())


def _draw_families(rng: random.Random, dialect: Dialect) -> tuple[Family, ...]:
    if Family.IPV6 not in dialect.families:
        return (Family.IPV4,)
    return _weighted(rng, (((Family.IPV4,), 8), ((Family.IPV6,), 1), ((Family.IPV4, Family.IPV6), 1)))


def _draw_skews(rng: random.Random, count: int, dialect: Dialect, least: int) -> tuple[int, ...]:
    """Draw an advskew for each host; equal ones only where a tie leaves one master."""
    most = 239
    if dialect.tie_rule is not TieRule.RECEIVER_YIELDS and chance(rng, 0.3):
        return (uniform(rng, least, most),) * count
    step = (most - least) // count
    first = uniform(rng, least, least + step)
    in_order = [first + place * uniform(rng, 1, step - 1) for place in range(count)]
    in_order = [min(most, skew) + place for place, skew in enumerate(sorted(set(in_order)))]
    while len(in_order) < count:
        in_order.append(in_order[-1] + 1)
    turn = below(rng, count)
    return tuple(in_order[turn:] + in_order[:turn])


def _draw_host(rng: random.Random, number: int, configs: tuple[VirtualHostConfig, ...]) -> HostSettings:
    scripts: dict[Hook, Script] = {}
    if configs[0].up_hook:
        for hook in Hook:
            duration = Constant(uniform(rng, 0, 3 * SECOND))
            scripts[hook] = Script(duration=duration, failure=0.1 if chance(rng, 0.2) else 0.0)
    origin = uniform(rng, 0, 1000 * SECOND) if chance(rng, 0.5) else 0
    return HostSettings(
        name=_NAMES[number],
        config=NodeConfig(virtual_hosts=configs),
        start=uniform(rng, 0, 4 * SECOND) if chance(rng, 0.5) else 0,
        clock_origin=origin,
        drift_ppm=uniform(rng, -100, 100) if chance(rng, 0.5) else 0,
        scripts=scripts,
        wake_up=Uniform(0, 2 * MILLISECOND) if chance(rng, 0.2) else AT_ONCE,
        # Wall clocks agree to within half a second, though the clocks that they are counted from do not.
        wall_offset=_EPOCH - origin + uniform(rng, 0, SECOND // 2),
    )


def _virtual_addresses(host: HostSettings) -> tuple[IPInterface, ...]:
    return tuple(address for config in host.config.virtual_hosts for address in config.addresses)


# Clients.


def _draw_clients(rng: random.Random, addresses: tuple[IPInterface, ...]) -> tuple[ClientSettings, ...]:
    count = _weighted(rng, ((1, 6), (0, 2), (2, 2)))
    return tuple(_draw_client(rng, number, _pick(rng, addresses).ip) for number in range(count))


def _draw_client(rng: random.Random, number: int, target: IPAddress) -> ClientSettings:
    own = f"10.0.0.{200 + number}" if target.version == 4 else f"2001:db8::{200 + number}"  # noqa: PLR2004 - of IP
    return ClientSettings(
        name=f"client-{number + 1}",
        address=IPv4Address(own) if target.version == 4 else IPv6Address(own),  # noqa: PLR2004 - of IP
        target=target,
        interval=SECOND,
        timeout=SECOND,
        neighbours=_QUICK_CACHE if chance(rng, 0.7) else LINUX,
    )


# Faults.


def _draw_faults(
    rng: random.Random, hosts: tuple[HostSettings, ...], clients: tuple[ClientSettings, ...]
) -> tuple[Fault, ...]:
    count = _weighted(rng, ((0, 1), (1, 3), (2, 3), (3, 3), (4, 2), (6, 1)))
    names = [host.name for host in hosts]
    stations = names + [client.name for client in clients]
    busy = dict.fromkeys(names, 0)
    instants = sorted(uniform(rng, 2 * SECOND, HEALED - 3 * SECOND) for _ in range(count))
    faults: list[Fault] = []
    for at in instants:
        host = _pick(rng, hosts)
        kind = below(rng, 20)
        if kind < 8:  # noqa: PLR2004 - of 20
            if busy[host.name] <= at:
                life = _draw_life(rng, at, host)
                busy[host.name] = at + (_lasts(life) or DURATION) + 1
                faults.append(life)
        elif kind < 12:  # noqa: PLR2004
            faults.append(_draw_network(rng, at, names, stations))
        else:
            faults.extend(_draw_trouble(rng, at, host))
    return tuple(faults)


def _lasts(fault: Pause | Crash | Stop) -> int | None:
    return fault.duration if isinstance(fault, Pause) else fault.restart_after


def _draw_duration(rng: random.Random, at: int) -> int:
    """Draw how long a fault lasts: short ones are as likely as long ones."""
    longest = _pick(rng, (20 * MILLISECOND, 300 * MILLISECOND, 3 * SECOND, 10 * SECOND, 25 * SECOND))
    return uniform(rng, MILLISECOND, min(longest, HEALED - at))


def _draw_life(rng: random.Random, at: int, host: HostSettings) -> Pause | Crash | Stop:
    """Draw something that ends or stops a daemon; the faults of one host follow each other."""
    lasts = _draw_duration(rng, at)
    for_good = chance(rng, 0.3)
    match below(rng, 5):
        case 0 | 1:
            seals = host.config.virtual_hosts[0].sealing is not Sealing.OFF
            kernel = chance(rng, 0.5)
            clock_stops = kernel and not seals and chance(rng, 0.5)
            return Pause(at=at, host=host.name, duration=lasts, kernel=kernel, clock_stops=clock_stops)
        case 2:
            return Crash(at=at, host=host.name, power=True, restart_after=None if for_good else lasts)
        case 3:
            return Crash(at=at, host=host.name, restart_after=None if for_good else lasts)
        case _:
            return Stop(at=at, host=host.name, restart_after=None if for_good else lasts)


def _draw_network(rng: random.Random, at: int, names: list[str], stations: list[str]) -> Fault:
    lasts = _draw_duration(rng, at)
    match below(rng, 4):
        case 0:
            sides: tuple[list[str], list[str]] = ([], [])
            for station in stations:
                sides[below(rng, 2)].append(station)
            return Partition(at=at, parts=(tuple(sides[0]), tuple(sides[1])), duration=lasts)
        case 1:
            sender = _pick(rng, names)
            receivers = tuple(name for name in names if name != sender and chance(rng, 0.7))
            return Deafness(at=at, senders=(sender,), receivers=receivers, duration=lasts)
        case 2:
            return LinkLoss(
                at=at, host=_pick(rng, names), duration=lasts, link=_pick(rng, (Link.NO_CARRIER, Link.DOWN))
            )
        case _:
            conditions = _pick(
                rng,
                (
                    Conditions(latency=Constant(50_000), loss=IndependentLoss(0.2)),
                    Conditions(latency=Constant(50_000), loss=BurstLoss(to_bad=0.1, to_good=0.3)),
                    Conditions(latency=Exponential(mean=20 * MILLISECOND)),
                    Conditions(latency=Constant(50_000), corrupt=0.2),
                    Conditions(latency=Constant(50_000), duplicate=0.5, reorder=0.3),
                ),
            )
            concerned = tuple(name for name in stations if chance(rng, 0.5))
            return CableConditions(at=at, stations=concerned, outward=conditions, duration=lasts)


def _draw_trouble(rng: random.Random, at: int, host: HostSettings) -> tuple[Fault, ...]:
    """Draw what troubles a host whose daemon goes on."""
    if chance(rng, 0.3):
        return (_draw_kernel_trouble(rng, at, host),)
    name, lasts = host.name, _draw_duration(rng, at)
    match below(rng, 7):
        case 0:
            amount = uniform(rng, -20, 250)
            return (Demotion(at=at, host=name, amount=amount), Demotion(at=at + lasts, host=name, amount=0))
        case 1:
            return (Maintenance(at=at, host=name, duration=lasts),)
        case 2:
            return (Illness(at=at, host=name, duration=lasts),)
        case 3:
            return (SwitchOver(at=at, host=name, hold_down=uniform(rng, 0, 4 * SECOND)),)
        case 4:
            late = LateTimer(at=at, host=name, wake_up=Exponential(mean=30 * MILLISECOND))
            return (late, LateTimer(at=at + lasts, host=name, wake_up=host.wake_up))
        case 5:
            return (ClockDrift(at=at, host=name, drift_ppm=uniform(rng, -500, 500)),)
        case _:
            by = uniform(rng, -5 * SECOND, 5 * SECOND)
            return (WallClockStep(at=at, host=name, by=by), WallClockStep(at=at + lasts, host=name, by=-by))


def _draw_attack(rng: random.Random, host: HostSettings) -> Fault:
    """Draw what somebody without the password does."""
    at = uniform(rng, 8 * SECOND, HEALED - 3 * SECOND)
    lasts = _draw_duration(rng, at)
    interval = uniform(rng, SECOND // 4, 2 * SECOND)
    vhid = host.config.virtual_hosts[0].vhid
    match below(rng, 5):
        case 0:
            return Forge(at=at, vhid=vhid, source=_STRANGER, interval=interval, duration=lasts)
        case 1:
            return Flood(
                at=at, vhid=vhid, source=_STRANGER, rate=uniform(rng, 10, 200), duration=min(lasts, SECOND)
            )
        case 2:
            address = _pick(rng, _virtual_addresses(host)).ip
            return ArpSpoof(at=at, address=address, interval=interval, duration=lasts)
        case _:
            return Replay(
                at=at,
                vhid=vhid,
                interval=interval,
                duration=lasts,
                advskew=0 if chance(rng, 0.5) else None,
                goodbye=chance(rng, 0.5),
                fresh=chance(rng, 0.5),
            )


def _draw_kernel_trouble(rng: random.Random, at: int, host: HostSettings) -> Fault:
    """Draw something that a host's kernel, or another program there, does to its daemon."""
    address = _pick(rng, _virtual_addresses(host))
    match below(rng, 3):
        case 0:
            call = _pick(rng, ("send", "hold", "release"))
            failure = _pick(rng, (PortFailure.NO_BUFFER, PortFailure.OTHER))
            count, lasts = uniform(rng, 1, 4), _draw_duration(rng, at)
            return KernelErrors(at=at, host=host.name, call=call, failure=failure, count=count, duration=lasts)
        case 1:
            return AddressTaken(at=at, host=host.name, address=address)
        case _:
            return AddressPut(at=at, host=host.name, address=address)
