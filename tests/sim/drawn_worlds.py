"""Scenarios drawn from a seed in which much happens: for laws that hold in all of them."""

import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import TYPE_CHECKING, Final, TypeVar

from carpsim.adversary import ArpSpoof, Flood, Forge, Replay
from carpsim.conditions import BurstLoss, Conditions, IndependentLoss
from carpsim.crafted_packets import CraftedAdvertisement, VrrpRouter
from carpsim.distribution import AT_ONCE, Constant, Distribution, Exponential, Uniform
from carpsim.faults import (
    FAULTS,
    AddressPut,
    AddressTaken,
    CableConditions,
    ClockDrift,
    Crash,
    Deafness,
    Demotion,
    Fault,
    Filter,
    Illness,
    KernelErrors,
    LateTimer,
    LinkLoss,
    Maintenance,
    Partition,
    Pause,
    ScriptChange,
    Stop,
    SwitchOver,
    WallClockStep,
)
from carpsim.frame import FrameKind
from carpsim.host import Script
from carpsim.randomness import chance, stream, uniform
from carpsim.scenario import DEFAULT_CONDITIONS, ClientSettings, HostSettings, Scenario, SegmentSettings
from carpsim.segment import Snooping
from triocarp.core import CARPD, UCARP, Hook, Link, NodeConfig, PortFailure, Sealing, Transport, VirtualHostConfig
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

DURATION: Final = 30 * SECOND
MILLISECOND: Final = 1_000_000
VIP: Final = IPv4Interface("10.0.0.100/24")
VIP6: Final = IPv6Interface("2001:db8::100/64")
KINDS: Final = frozenset(FAULTS.values())
"""What is drawn."""
_LONGEST: Final = 8 * SECOND

_Choice = TypeVar("_Choice")


def scenario(seed: int) -> Scenario:
    """Return the scenario of a seed: two to four hosts, a client, and up to eight faults in half a minute."""
    rng = stream(seed, "drawn world")
    hosts = _hosts(rng, uniform(rng, 2, 4))
    names = [host.name for host in hosts]
    segment = SegmentSettings(
        outward=_one_of(rng, DEFAULT_CONDITIONS, DEFAULT_CONDITIONS, Conditions(), _conditions(rng)),
        snooping=_one_of(rng, Snooping.OFF, Snooping.STANDARD),
    )
    client = ClientSettings(name="client", address=IPv4Address("10.0.0.200"), target=VIP.ip)
    faults = tuple(_fault(rng, names) for _ in range(uniform(rng, 0, 8)))
    return Scenario(
        name=f"drawn-{seed}", duration=DURATION, segments=(segment,), hosts=hosts, clients=(client,), faults=faults
    )


def attacked(seed: int) -> Scenario:
    """Return the scenario of a seed in which, as often as not, somebody attacks and something filters frames.

    What else happens is what happens in `scenario`.
    """
    rng = stream(seed, "drawn attack")
    drawn = scenario(seed)
    attacks = tuple(_attack(rng) for _ in range(_one_of(rng, 0, 1, 2)))
    return replace(drawn, faults=(*drawn.faults, *attacks))


def _attack(rng: random.Random) -> Fault:
    at, duration = uniform(rng, 4 * SECOND, DURATION - SECOND), uniform(rng, 1, _LONGEST)
    interval = uniform(rng, SECOND // 10, 2 * SECOND)
    source = IPv4Address("10.0.0.66")
    makers: tuple[Callable[[], Fault], ...] = (
        lambda: Forge(at=at, vhid=7, source=source, interval=interval, duration=duration),
        lambda: Flood(at=at, source=source, rate=100, duration=duration),
        lambda: ArpSpoof(at=at, address=VIP.ip, interval=interval, duration=duration),
        lambda: Replay(
            at=at,
            vhid=7,
            interval=interval,
            duration=duration,
            advskew=_one_of(rng, None, 0),
            goodbye=chance(rng, 0.5),
            fresh=chance(rng, 0.5),
        ),
        lambda: CraftedAdvertisement(
            at=at,
            vhid=7,
            source=source,
            addresses=(VIP.ip,),
            password="secret",
            advskew=uniform(rng, 0, 254),
            ttl=_one_of(rng, 255, 255, 254),
            duration=duration,
        ),
        lambda: VrrpRouter(
            at=at, vhid=7, source=source, address=VIP.ip, vrrp=_one_of(rng, 2, 3), duration=duration
        ),
        lambda: Filter(at=at, frames=_one_of(rng, *FrameKind), receivers=("a",), duration=duration),
    )
    return _one_of(rng, *makers)()


def _one_of(rng: random.Random, *choices: _Choice) -> _Choice:
    return choices[uniform(rng, 0, len(choices) - 1)]


def _duration_of(rng: random.Random, *choices: Distribution) -> Distribution:
    return _one_of(rng, *choices)


def _hosts(rng: random.Random, number: int) -> tuple[HostSettings, ...]:
    sealing = _one_of(rng, *Sealing)
    both_families, unicast = chance(rng, 0.5), chance(rng, 0.25)
    hooks = chance(rng, 0.3)
    second, together = chance(rng, 0.3), chance(rng, 0.5)
    sources = [IPv4Address(f"10.0.0.{place + 1}") for place in range(number)]
    hosts: list[HostSettings] = []
    for place, source in enumerate(sources):
        virtual_host = VirtualHostConfig(
            interface="eth0",
            vhid=7,
            password=b"secret",
            addresses=(VIP, VIP6) if both_families else (VIP,),
            source=source,
            source6=IPv6Address(f"fe80::{place + 1}") if both_families and not unicast else None,
            transport=Transport.UNICAST if unicast else Transport.MULTICAST,
            peers=tuple(peer for peer in sources if peer != source) if unicast else (),
            advskew=_one_of(rng, 0, 0, 50, 100, 240),
            preempt=chance(rng, 0.5),
            up_hook=hooks,
            down_hook=hooks and chance(rng, 0.5),
            neutral=chance(rng, 0.2),
            sealing=sealing,
            failover_group="both" if together else "",
            dialect=CARPD if both_families else UCARP,
        )
        other = replace(
            virtual_host, vhid=8, addresses=(IPv4Interface("10.0.0.101/24"),), advskew=_one_of(rng, 0, 20, 200)
        )
        hosts.append(
            HostSettings(
                name="abcd"[place],
                config=NodeConfig(virtual_hosts=(virtual_host, other) if second else (virtual_host,)),
                start=_one_of(rng, 0, 0, uniform(rng, 0, 10 * SECOND)),
                clock_origin=_one_of(rng, 0, 12_345 * SECOND),
                drift_ppm=_one_of(rng, 0, 0, 100, -37),
                scripts={hook: _script(rng) for hook in Hook},
                wake_up=_duration_of(rng, AT_ONCE, AT_ONCE, Exponential(mean=MILLISECOND)),
            )
        )
    return tuple(hosts)


def _script(rng: random.Random) -> Script:
    return Script(
        duration=_duration_of(rng, AT_ONCE, Constant(SECOND), Uniform(0, 3 * SECOND)),
        failure=_one_of(rng, 0.0, 0.3),
    )


def _conditions(rng: random.Random) -> Conditions:
    return Conditions(
        latency=_duration_of(
            rng, Constant(50_000), Uniform(10_000, 2 * MILLISECOND), Exponential(mean=MILLISECOND)
        ),
        loss=_one_of(rng, None, IndependentLoss(0.1), BurstLoss(to_bad=0.05, to_good=0.3)),
        duplicate=_one_of(rng, 0.0, 0.1),
        reorder=_one_of(rng, 0.0, 0.1),
        corrupt=_one_of(rng, 0.0, 0.02),
        bandwidth=_one_of(rng, 0, 10_000_000),
    )


def _fault(rng: random.Random, names: list[str]) -> Fault:
    at = uniform(rng, 0, DURATION - SECOND)
    host, other = _one_of(rng, *names), _one_of(rng, *names)
    duration = uniform(rng, 1, _LONGEST)
    link = _one_of(rng, Link.NO_CARRIER, Link.DOWN)
    failure = _one_of(rng, *PortFailure)
    call = _one_of(rng, "send", "hold", "renew", "release")
    pause = chance(rng, 0.5)
    makers: tuple[Callable[[], Fault], ...] = (
        lambda: Partition(at=at, parts=((host,), (other, "client")), duration=duration),
        lambda: Deafness(at=at, senders=(host,), receivers=(other,), duration=duration),
        lambda: CableConditions(at=at, stations=(host,), outward=_conditions(rng), duration=duration),
        lambda: LinkLoss(at=at, host=host, duration=duration, link=link),
        lambda: Pause(at=at, host=host, duration=duration, kernel=pause, clock_stops=pause and chance(rng, 0.5)),
        lambda: Pause(at=at, host=host, duration=duration // 40, kernel=False),
        lambda: Crash(at=at, host=host, power=chance(rng, 0.5), restart_after=_LONGEST),
        lambda: Stop(at=at, host=host, restart_after=_LONGEST),
        lambda: WallClockStep(at=at, host=host, by=uniform(rng, -5 * SECOND, 5 * SECOND)),
        lambda: ClockDrift(at=at, host=host, drift_ppm=uniform(rng, -500, 500)),
        lambda: KernelErrors(at=at, host=host, call=call, failure=failure, count=uniform(rng, 1, 4)),
        lambda: AddressTaken(at=at, host=host, address=VIP),
        lambda: AddressPut(at=at, host=host, address=VIP),
        lambda: Demotion(at=at, host=host, amount=uniform(rng, 0, 240)),
        lambda: Maintenance(at=at, host=host, duration=duration),
        lambda: Illness(at=at, host=host, duration=duration),
        lambda: SwitchOver(at=at, host=host),
        lambda: ScriptChange(at=at, host=host, hook=Hook.UP, script=_script(rng)),
        lambda: LateTimer(at=at, host=host, wake_up=Uniform(0, 300 * MILLISECOND)),
    )
    return _one_of(rng, *makers)()
