"""What an operator may expect of a configuration: it is run with peers like it, under faults, and measured.

Each disturbance is a story that begins when a group has settled. It is told many times, with another seed each
time, so that it meets another phase of the advertisements and of the client's probes.
"""

import itertools
import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Final, TypeAlias, final

from carpsim.checks.situation import end_of
from carpsim.conditions import BurstLoss, IndependentLoss, Loss
from carpsim.faults import CableConditions, Crash, Fault, LinkLoss, Partition, Pause, Stop
from carpsim.measurement import Measurement
from carpsim.randomness import below, stream, stream_seed
from carpsim.scenario import DEFAULT_CONDITIONS, ClientSettings, HostSettings, Scenario, SegmentSettings
from carpsim.world import World
from triocarp.core import (
    ConfigurationError,
    FlapDamping,
    IPAddress,
    NodeConfig,
    State,
    Transport,
    VirtualHostConfig,
)
from triocarp.core.timing import SECOND

PROBE_INTERVAL: Final = SECOND // 20
"""From one probe to the next: outages are known to 50 ms."""

TOLERATED: Final = 5 * SECOND // 1000
"""Two hosts may have an address for so long without being counted: who yields does so when it hears the other."""

ERRING: Final = 0.001
"""How often it may be said by mistake that a setting is better: there are some 80 comparisons."""

RUNS_TO_COMPARE: Final = 10
"""With fewer, nothing is certain enough to be said."""

_PROBED_BEFORE: Final = SECOND
"""A client knows its way when a story begins."""

_SETTLING: Final = 4  # dead times in which a group comes to rest after a story
_BATCH: Final = 10  # tellings that a process gets at a time
_ADVSKEW_STEP: Final = 100
_ADVSKEW_MAX: Final = 240
_NEAR: Final = 1000  # how far behind an address free ones are looked for where its network is not known
_SEED_BITS: Final = 2**63


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who and when, in a story.

    Attributes:
        master: name of the host that is master when it begins.
        others: names of the other hosts.
        clients: names of the clients.
        at: the instant at which it begins, nanoseconds.
        dead_time: the longest time that the group may need to settle, nanoseconds.
    """

    master: str
    others: tuple[str, ...]
    clients: tuple[str, ...]
    at: int
    dead_time: int


Story: TypeAlias = Callable[[Cast], tuple[Fault, ...]]
"""Returns what goes wrong."""


def _power_fails(cast: Cast) -> tuple[Fault, ...]:
    return (Crash(at=cast.at, host=cast.master, power=True, restart_after=4 * cast.dead_time),)


def _daemon_is_killed(cast: Cast) -> tuple[Fault, ...]:
    return (Crash(at=cast.at, host=cast.master, restart_after=4 * cast.dead_time),)


def _daemon_is_restarted(cast: Cast) -> tuple[Fault, ...]:
    return (Stop(at=cast.at, host=cast.master, restart_after=cast.dead_time // 2),)


def _link_is_lost(cast: Cast) -> tuple[Fault, ...]:
    return (LinkLoss(at=cast.at, host=cast.master, duration=4 * cast.dead_time),)


def _stands_still(cast: Cast) -> tuple[Fault, ...]:
    return (Pause(at=cast.at, host=cast.master, duration=2 * cast.dead_time),)


def _hiccups(cast: Cast) -> tuple[Fault, ...]:
    half = cast.dead_time // 2
    return tuple(Pause(at=cast.at + n * cast.dead_time, host=cast.master, duration=half) for n in range(4))


def _falls_apart(cast: Cast) -> tuple[Fault, ...]:
    parts = ((cast.master,), cast.others + cast.clients)
    return (Partition(at=cast.at, parts=parts, duration=4 * cast.dead_time),)


def _loses(loss: Loss) -> Story:
    def story(cast: Cast) -> tuple[Fault, ...]:
        conditions = replace(DEFAULT_CONDITIONS, loss=loss)
        return (CableConditions(at=cast.at, outward=conditions, duration=8 * cast.dead_time),)

    return story


STORIES: Final[Mapping[str, Story]] = {
    "the master's power fails": _power_fails,
    "the master's daemon is killed": _daemon_is_killed,
    "the master's daemon is restarted": _daemon_is_restarted,
    "the master's link is lost": _link_is_lost,
    "the master stands still for two dead times": _stands_still,
    "the master stands still for half a dead time, four times": _hiccups,
    "the segment falls apart, and heals": _falls_apart,
    "5 % of all frames are lost": _loses(IndependentLoss(0.05)),
    "frames are lost in bursts": _loses(BurstLoss(to_bad=0.02, to_good=0.5)),
}
"""What is tried, by what is said of it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is to be expected of one story.

    Attributes:
        story: which.
        runs: how often it was told.
        outages: of each run, in their order, the longest outage of any client, seconds; 0 without one. It begins
            with the first probe that is not answered in time, and ends with the first that is.
        two_holders: share of runs in which two hosts had an address at once for more than `TOLERATED`, 0 to 1.
        two_holders_longest: for how long they did at most, seconds.
        transitions: changes of state of all hosts together, after the beginning, per run.
    """

    story: str
    runs: int
    outages: tuple[float, ...]
    two_holders: float
    two_holders_longest: float
    transitions: float

    def percentile(self, share: float) -> float:
        """Return the outage that a share of the runs do not exceed, seconds: the nearest rank.

        Args:
            share: above 0, up to 1.
        """
        return sorted(self.outages)[max(0, math.ceil(share * len(self.outages)) - 1)]

    def over(self, limit: float) -> int:
        """Return how many runs have a longer outage.

        Args:
            limit: seconds.
        """
        return sum(outage > limit for outage in self.outages)


def peers_like(config: NodeConfig, count: int) -> tuple[NodeConfig, ...]:
    """Return the nodes of a group: one, and others that have their own addresses and a worse advskew.

    Args:
        config: of the first one.
        count: how many there shall be.

    Raises:
        ValueError: there are not as many addresses; the text says where.
    """
    return tuple(
        NodeConfig(virtual_hosts=tuple(_like(one, number, count) for one in config.virtual_hosts))
        for number in range(count)
    )


@final
@dataclass(frozen=True, slots=True)
class Telling:
    """What came of a story that was told once.

    Attributes:
        outage: the longest one of any client, seconds; 0 without one.
        several: for how long two hosts had an address, seconds.
        transitions: changes of state of all hosts together.
    """

    outage: float
    several: float
    transitions: int


@final
class Stories:
    """Tells stories, each of them many times, in several processes.

    Args:
        pool: tells them; None for this process alone.
        seed: of everything that is left to chance.
        names: of `STORIES`: those that are told.
    """

    def __init__(
        self, pool: Executor | None = None, *, seed: int = 0, names: Sequence[str] = tuple(STORIES)
    ) -> None:
        self._pool = pool
        self._seed = seed
        self._names = tuple(names)

    def expectations(self, configs: Sequence[NodeConfig], *, runs: int) -> Iterator[Expectation]:
        """Yield what is to be expected of each story, in their order. All begin at once.

        Args:
            configs: of the hosts of the group.
            runs: how often each story is told.
        """
        asked = {name: self._ask(tuple(configs), name, runs) for name in self._names}
        return (
            _sum_up(name, [telling for batch in batches for telling in batch()]) for name, batches in asked.items()
        )

    def _ask(
        self, configs: tuple[NodeConfig, ...], name: str, runs: int
    ) -> list[Callable[[], tuple[Telling, ...]]]:
        seeds = [stream_seed(self._seed, name, str(number)) % _SEED_BITS for number in range(runs)]
        batches = [tuple(seeds[begin : begin + _BATCH]) for begin in range(0, runs, _BATCH)]
        if self._pool is None:
            return [partial(_tell_all, configs, name, batch) for batch in batches]
        return [self._pool.submit(_tell_all, configs, name, batch).result for batch in batches]


def _tell_all(configs: tuple[NodeConfig, ...], name: str, seeds: tuple[int, ...]) -> tuple[Telling, ...]:
    return tuple(_tell(configs, STORIES[name], seed) for seed in seeds)


def _sum_up(name: str, told: Sequence[Telling]) -> Expectation:
    return Expectation(
        story=name,
        runs=len(told),
        outages=tuple(one.outage for one in told),
        two_holders=sum(one.several > TOLERATED / SECOND for one in told) / len(told),
        two_holders_longest=max(one.several for one in told),
        transitions=sum(one.transitions for one in told) / len(told),
    )


def surely_less(before: Sequence[float], after: Sequence[float]) -> float:
    """Return by how much one setting makes something less than another one does, in half of all runs, for certain.

    That is the lower end of the sign test's interval for the median of the differences: it supposes nothing of
    how they are distributed, and errs once in `1 / ERRING` times.

    Args:
        before: what was measured with one setting, run by run.
        after: the same with the other one, with the same seeds in the same order.
    """
    differences = sorted(one - other for one, other in zip(before, after, strict=True))
    count = len(differences)
    fewer, likelihood = -1, 0.0
    while likelihood <= ERRING:
        fewer += 1
        likelihood += math.comb(count, fewer) / 2**count
    return differences[fewer - 1] if fewer else -math.inf


OTHER_SETTINGS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "advbase = 1": {"advbase_s": 1},
        "dead_ratio = 2": {"dead_ratio": 2},
        "dead_ratio = 3": {"dead_ratio": 3},
        "preempt = false": {"preempt": False},
        "preempt = true": {"preempt": True},
        "preempt_delay_s = 10": {"preempt": True, "preempt_delay": 10 * SECOND},
        "hold_down_s = 0": {"hold_down": 0},
        "flap_damping = true": {"flap_damping": FlapDamping()},
        "announce_after = [2]": {"announce_after": (2,)},
    }
)
"""What is tried in the place of what a configuration says: the words for it, and the changed fields."""

PRICES: Final[Mapping[str, str]] = MappingProxyType(
    {"dead_ratio = 2": "two advertisements that are lost one after the other are enough for a second master"}
)
"""What another setting costs, of those whose price is too rare to be seen in a few short stories."""


def variants(config: NodeConfig) -> Iterator[tuple[str, NodeConfig]]:
    """Yield configurations that differ in one setting from what is given, each with what was changed.

    Args:
        config: that is given.
    """
    for words, change in OTHER_SETTINGS.items():
        try:
            changed = NodeConfig(virtual_hosts=tuple(replace(one, **change) for one in config.virtual_hosts))  # type: ignore[arg-type]
        except ConfigurationError:
            continue  # the dialect does not have that
        if changed != config:
            yield words, changed


def _lengths(measured: Measurement) -> list[float]:
    end = measured.world.engine.now
    return [
        ((end if outage.end is None else outage.end) - outage.begin) / SECOND
        for outages in measured.outages.values()
        for outage in outages
        if outage.begin >= measured.since
    ]


def _tell(configs: Sequence[NodeConfig], story: Story, seed: int) -> Telling:
    """Tell a story once, and return what was measured from its beginning on."""
    every = [one for config in configs for one in config.virtual_hosts]
    dead_time = max(one.dead_time + one.hold_down + one.preempt_delay for one in every)
    interval = max(one.interval for one in every)
    settled = 3 * dead_time + SECOND
    begin = settled + below(stream(seed, "begin"), interval)
    segments = tuple(dict.fromkeys(one.interface for one in every))
    names = tuple(f"host{number + 1}" for number in range(len(configs)))
    scenario = Scenario(
        segments=tuple(SegmentSettings(name=name) for name in segments),
        hosts=tuple(
            HostSettings(name=name, config=config, segments={segment: segment for segment in segments})
            for name, config in zip(names, configs, strict=True)
        ),
        clients=clients_of(configs, begin - _PROBED_BEFORE),
    )
    measurement = Measurement()
    world = World(scenario, seed=seed, watchers=(measurement,))
    world.run(settled)
    measurement.start_anew()
    master = next((name for name in names if _is_master(world, name)), names[0])
    others = tuple(name for name in names if name != master)
    clients = tuple(client.name for client in scenario.clients)
    cast = Cast(master=master, others=others, clients=clients, at=begin, dead_time=dead_time)
    over = begin
    for fault in story(cast):
        over = max(over, fault.at + (end_of(fault) or 0))
        for happening in _everywhere(fault, segments):
            world.engine.at(happening.at, world.let_happen, happening)
    world.run(over + _SETTLING * dead_time)
    measurement.finish()
    return Telling(
        outage=max(_lengths(measurement), default=0.0),
        several=max(holding.several for holding in measurement.holdings.values()) / SECOND,
        transitions=measurement.transitions,
    )


def _is_master(world: World, name: str) -> bool:
    node = world.carpd(name).node
    return node is not None and any(one.state is State.MASTER for one in node.virtual_hosts.values())


def _everywhere(fault: Fault, segments: tuple[str, ...]) -> tuple[Fault, ...]:
    """Return a fault of the network for each segment."""
    match fault:
        case LinkLoss():
            return tuple(replace(fault, interface=name) for name in segments)
        case Partition() | CableConditions():
            return tuple(replace(fault, segment=name) for name in segments)
        case _:
            return (fault,)


def clients_of(configs: Sequence[NodeConfig], start: int = 0) -> tuple[ClientSettings, ...]:
    """Return a client for the first address of each virtual host, which probes from an instant on.

    Args:
        configs: of the hosts of the group.
        start: the instant.

    Raises:
        ValueError: a client has no address left; the text says where.
    """
    taken = {source for config in configs for one in config.virtual_hosts for source in one.sources.values()}
    taken |= {address.ip for config in configs for one in config.virtual_hosts for address in one.addresses}
    clients: list[ClientSettings] = []
    for number, one in enumerate(configs[0].virtual_hosts):
        target = one.addresses[0]
        own = _nth(target.ip, 1, taken, one)
        taken.add(own)
        client = ClientSettings(
            name=f"client{number + 1}",
            address=own,
            target=target.ip,
            segment=one.interface,
            interval=PROBE_INTERVAL,
            timeout=SECOND // 2,
            start=start,
        )
        clients.append(client)
    return tuple(clients)


def _like(one: VirtualHostConfig, number: int, count: int) -> VirtualHostConfig:
    taken = {address.ip for address in one.addresses}
    sources = {family: _nth(source, number, taken, one) for family, source in one.sources.items()}
    peers = one.peers
    if one.transport is Transport.UNICAST:
        everybody = [_nth(source, other, taken, one) for source in one.sources.values() for other in range(count)]
        peers = tuple(address for address in everybody if address not in sources.values())
    changed = {family.name: address for family, address in sources.items()}
    source, source6 = changed.get("IPV4"), changed.get("IPV6")
    return replace(
        one,
        source=source if isinstance(source, IPv4Address) else None,
        source6=source6 if isinstance(source6, IPv6Address) else None,
        peers=peers,
        advskew=one.advskew if number == 0 else min(one.advskew + number * _ADVSKEW_STEP, _ADVSKEW_MAX),
    )


def _nth(address: IPAddress, number: int, taken: Container[IPAddress], one: VirtualHostConfig) -> IPAddress:
    """Return an address, or the nth one near it that is not taken.

    Raises:
        ValueError: there is none.
    """
    if not number:
        return address
    free = (near for near in _near(address, one) if near not in taken)
    found = next(itertools.islice(free, number - 1, None), None)
    if found is None:
        raise ValueError(f"near {address} there are not enough addresses for all hosts and a client")
    return found


def _near(address: IPAddress, one: VirtualHostConfig) -> Iterator[IPAddress]:
    """Yield addresses of the network that an address shares with a virtual one; else those behind it."""
    network = next((virtual.network for virtual in one.addresses if address in virtual.network), None)
    if network is None or network.num_addresses == 1:
        distances = iter(range(1, _NEAR))
    else:
        # The first one of a network is the network's name or a router's; the last one is IPv4's broadcast address.
        first = int(network.network_address) + 1 - int(address)
        last = int(network.broadcast_address) - int(address)
        distances = itertools.chain(range(1, last), range(first, 0))
    return (address + distance for distance in distances)
