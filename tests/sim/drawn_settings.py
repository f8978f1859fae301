"""Scenarios drawn by Hypothesis, in the whole vocabulary of scenario files: strategies made of its kinds."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any

from hypothesis import strategies as st

from carpsim.adversary import Replay
from carpsim.checks import CHECKS
from carpsim.faults import Fault, Partition
from carpsim.scenario import HostSettings, Scenario
from carpsim.scenario_file import CLIENT_TABLE, EXPECTATION, FAULT, SEGMENT_TABLE, TOP
from carpsim.scenario_hosts import HOST_TABLE
from carpsim.scenario_keys import ORDERED, ByName, Choice, Kind, Leaf, OrNone, Several, Table, is_required
from triocarp.core import CARPD, DIALECTS, NodeConfig, Sealing, VirtualHostConfig
from triocarp.core.timing import SECOND

HOSTS = ("a", "b")
CLIENTS = ("c", "d")
SEGMENTS = ("lan", "other")
STATIONS = HOSTS + CLIENTS
NAMES = {
    "host": HOSTS,
    "hosts": HOSTS,
    "client": CLIENTS,
    "segment": SEGMENTS,
    "stations": STATIONS,
    "senders": STATIONS,
    "receivers": STATIONS,
    "parts": STATIONS,
    "interface": ("eth0",),
    "checks": tuple(CHECKS),
    "failover_group": ("g",),
}
VIRTUAL = IPv4Interface("10.0.0.100/24")
DURATION = 1000 * SECOND


def values(kind: Kind, name: str) -> st.SearchStrategy[Any]:
    """Return a strategy for what a kind of values may be.

    Args:
        kind: it.
        name: of the key.
    """
    match kind:
        case Leaf():
            return _leaf(kind, name)
        case Several():
            # Lists that order two keys would need them to agree; there are none of numbers.
            return st.lists(values(kind.element, name), max_size=3).map(tuple)
        case ByName():
            return st.dictionaries(values(kind.key, name), values(kind.value, name), max_size=2)
        case OrNone():
            return st.none() | values(kind.kind, name)
        case Table():
            return table(kind)
        case Choice():
            return st.one_of([table(one) for one in kind.tables.values()])
        case _:
            raise AssertionError(kind)


def table(kind: Table, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for the dataclass of a table.

    Args:
        kind: it.
        given: strategies of single fields.
    """
    strategies = {name: values(one, name) for name, one in kind.keys.items() if is_required(kind.fields[name])}
    optional = {name: values(one, name) for name, one in kind.keys.items() if name not in {**strategies, **given}}
    fields = st.fixed_dictionaries({**strategies, **given}, optional=optional)
    return fields.map(_ordered).map(lambda told: kind.cls(**told))


def _ordered(told: dict[str, Any]) -> dict[str, Any]:
    """Let what is the least not be more than the most."""
    for less, more in ORDERED:
        if told.get(less) is not None and told.get(more) is not None:
            told[less], told[more] = sorted((told[less], told[more]))
    return told


def _leaf(kind: Leaf, name: str) -> st.SearchStrategy[Any]:
    if name in NAMES:
        return st.sampled_from(NAMES[name])
    if kind.words:
        return st.sampled_from(kind.words).map(kind.convert)
    if "prefix" in kind.accepted:
        return st.just(VIRTUAL)
    if "an address" in kind.accepted:
        return st.just(VIRTUAL.ip)
    match kind.type:
        case "duration":
            least = -DURATION if "less than 0" in kind.accepted else 1 if "more than 0" in kind.accepted else 0
            return st.integers(least, DURATION)
        case "integer":
            least, most = map(int, kind.accepted.removeprefix("a whole number from ").split(" to "))
            return st.integers(max(least, 1), min(most, 100))
        case "boolean":
            return st.booleans()
        case "number":
            return st.floats(0, 1)
        case _:
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Return a scenario that a file can say."""
    segments = tuple(draw(table(SEGMENT_TABLE, name=st.just(name))) for name in SEGMENTS)
    hosts = tuple(draw(_hosts(number, name)) for number, name in enumerate(HOSTS))
    clients = tuple(
        draw(
            table(
                CLIENT_TABLE,
                name=st.just(name),
                address=st.just(IPv4Address(f"10.0.0.{200 + number}")),
                target=st.just(VIRTUAL.ip),
            ).map(lambda client: client if client.gateway else replace(client, segment=SEGMENTS[0]))
        )
        for number, name in enumerate(CLIENTS)
    )
    scenario: Scenario = draw(
        table(
            TOP,
            duration=st.just(DURATION),
            segments=st.just(segments),
            hosts=st.just(hosts),
            clients=st.just(clients),
            faults=st.lists(values(FAULT, ""), max_size=6).map(lambda found: tuple(_fitting(hosts, found))),
            expectations=st.lists(values(EXPECTATION, ""), max_size=4).map(tuple),
        )
    )
    return scenario


def _fitting(hosts: tuple[HostSettings, ...], faults: list[Fault]) -> Iterator[Fault]:
    """Let faults be about what there is, and each station be in one part at most."""
    for fault in faults:
        match fault:
            case Replay():
                yield replace(fault, vhid=hosts[0].config.virtual_hosts[0].vhid)
            case Partition(parts=parts):
                part_of = {name: number for number, part in enumerate(parts) for name in part}
                numbers = range(len(parts))
                yield replace(
                    fault, parts=tuple(tuple(it for it in part_of if part_of[it] == number) for number in numbers)
                )
            case _:
                yield fault


@st.composite
def _hosts(draw: st.DrawFn, number: int, name: str) -> HostSettings:
    dialect = draw(st.sampled_from(list(DIALECTS.values())))
    preempt = draw(st.booleans())
    six = draw(st.booleans()) and dialect is CARPD
    config = VirtualHostConfig(
        interface="eth0",
        vhid=draw(st.integers(1, 255)),
        password=draw(st.sampled_from([b"carpsim", b"secret"])),
        other_password=draw(st.sampled_from([None, b"new"])),
        addresses=(VIRTUAL, IPv6Interface("2001:db8::100/64")) if six else (VIRTUAL,),
        source=IPv4Address(f"10.0.0.{number + 1}"),
        source6=None if not six else IPv6Address(f"fe80::{number + 1}"),
        advbase_s=draw(st.integers(1, 5)),
        advskew=draw(st.integers(0, 200)),
        preempt=preempt,
        preempt_delay=draw(st.integers(0, 10 * SECOND)) if preempt else 0,
        hold_down=draw(st.integers(0, 10 * SECOND)),
        announce_after=draw(st.sampled_from([(), (2,), (1, 3)])),
        up_hook=draw(st.booleans()),
        failover_group="g",
        sealing=draw(st.sampled_from(list(Sealing))) if dialect is CARPD else Sealing.OFF,
        dialect=dialect,
    )
    given = {"name": st.just(name), "config": st.just(NodeConfig(virtual_hosts=(config,)))}
    host: HostSettings = draw(table(HOST_TABLE, **given, segments=st.just({"eth0": "lan"})))
    return host
