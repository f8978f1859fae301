"""Scenario files: TOML that says what there is and what happens, in the vocabulary of `carpsim.scenario`.

::

    name = "split"
    duration = "60s"

    [group]                                # what all hosts share, in carpd's own keys
    addresses = ["10.0.0.100/24"]
    preempt = true

    [host.a]
    [host.b]
    advskew = 100

    [client.c]

    [[fault]]
    type = "partition"
    at = "20s"
    parts = [["a", "c"], ["b"]]
    duration = "10s"

    [[expect]]
    type = "holders"
    at = "25s"
    hosts = ["a", "b"]

`scenario_keys` makes the vocabulary of the types. Every mistake is told at once, each with its line.
"""

import contextlib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeAlias, TypeVar, final

from carpsim.adversary import NAME as ADVERSARY
from carpsim.checks import CHECKS
from carpsim.duration_text import write_duration
from carpsim.expectation import EXPECTATIONS, Expectation
from carpsim.expectation import OF_CARPD as EXPECTATIONS_OF_CARPD
from carpsim.faults import FAULTS, Fault, KernelErrors, Stop
from carpsim.faults import OF_CARPD as FAULTS_OF_CARPD
from carpsim.mistakes import Mistakes, ScenarioError, UnreadableError, shown
from carpsim.randomness import stream
from carpsim.scenario import (
    ClientSettings,
    HostSettings,
    RouterSettings,
    Scenario,
    SegmentSettings,
    UcarpSettings,
)
from carpsim.scenario_fit import Fit, check_addresses, check_clients
from carpsim.scenario_hosts import (
    DAEMON,
    DAEMONS,
    HOST_TABLE,
    NAME,
    SHARED_WITH_UCARP,
    UCARP_TABLE,
    Layer,
    VirtualHostReader,
    free_address,
    layers_of,
    node_config,
    told_addresses,
    ucarp_options,
    write_ucarp,
    write_virtual_host,
)
from carpsim.scenario_keys import TYPE, Choice, Table, default_of, kinds_of
from carpsim.toml_text import Json, Place, key_text, lines_of, value_text
from triocarp.core import IPAddress, NodeConfig
from triocarp.core.family import family_of
from triocarp.daemon.config_keys import TABLE

if TYPE_CHECKING:
    from carpsim.distribution import Distribution

GROUP: Final = "group"
CONFIG: Final = "config"
RATE_KEYS: Final = ("every", "first", "last")
"""Keys of a fault that happens again and again: how much time from one to the next, the first one's instant (one
drawn time from the beginning, if it is not told), and that after which there is none."""

TABLES: Final = (GROUP, "segment", "router", "host", "client", "fault", "expect")
TOP: Final = Table(
    Scenario,
    apart=frozenset({"segments", "hosts", "routers", "clients", "faults", "expectations"}),
    also=TABLES,
)
"""What stands before the first table."""

SEGMENT_TABLE: Final = Table(SegmentSettings, apart=frozenset({"name"}))
ROUTER_TABLE: Final = Table(RouterSettings, apart=frozenset({"name"}))
CLIENT_TABLE: Final = Table(ClientSettings, apart=frozenset({"name"}))
FAULT: Final = Choice(
    {
        name: Table(kind, apart=frozenset({CONFIG}), also=(CONFIG, *RATE_KEYS) if kind is Stop else RATE_KEYS)
        for name, kind in FAULTS.items()
    }
)
EXPECTATION: Final = Choice({name: Table(kind) for name, kind in EXPECTATIONS.items()})

_DURATION_TYPE: Final = "duration"
_MANY: Final = 100_000  # faults that one table may become
_FIRST_CLIENT: Final = 200  # clients come after hosts, and do not move when there is a host more

P = ParamSpec("P")
Read = TypeVar("Read")
Hosts: TypeAlias = tuple[HostSettings | UcarpSettings, ...]


def read_scenario(path: Path, *, seed: int | None = None) -> Scenario:
    """Return the scenario that a file means.

    Args:
        path: of the file.
        seed: of what is left to chance; None for the file's own.

    Raises:
        ScenarioError: with a line for every mistake that was found.
    """
    return parse_scenario(read_text(path), file=str(path), seed=seed)


def parse_scenario(text: str, *, file: str, seed: int | None = None) -> Scenario:
    """Return the scenario that a text means.

    Args:
        text: TOML.
        file: its name, for mistakes.
        seed: of what is left to chance; None for the text's own.

    Raises:
        ScenarioError: with a line for every mistake that was found.
    """
    tree = parse_tree(text, file=file)
    mistakes = Mistakes()
    scenario = _Reader(tree, seed, mistakes).scenario()
    if scenario is None:
        raise mistakes.told(file, lines_of(text))
    return scenario


def read_tree(path: Path) -> dict[str, Json]:
    """Return a scenario file as TOML has it.

    Args:
        path: of the file.

    Raises:
        ScenarioError: it cannot be read, or is not TOML.
    """
    return parse_tree(read_text(path), file=str(path))


def parse_tree(text: str, *, file: str) -> dict[str, Json]:
    """Return a text as TOML has it.

    Args:
        text: it.
        file: its name, for mistakes.

    Raises:
        ScenarioError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{file}: not TOML: {error}") from None


def scenario_of(tree: dict[str, Any], *, seed: int | None = None) -> Scenario:
    """Return the scenario that a tree of TOML means.

    Args:
        tree: as `tomllib` gives it.
        seed: of what is left to chance; None for the tree's own. Faults that happen at a rate depend on it.

    Raises:
        ScenarioError: with a line for every mistake that was found.
    """
    mistakes = Mistakes()
    scenario = _Reader(tree, seed, mistakes).scenario()
    if scenario is None:
        raise mistakes.told()
    return scenario


def write_scenario(scenario: Scenario) -> str:
    """Return the text of a scenario file. Read again it is the same scenario; its passwords stand in it.

    Args:
        scenario: any that a file can say.

    Raises:
        ValueError: something in it has no words, such as a dialect of one's own.
    """
    return "\n".join(_Writer(scenario).lines()) + "\n"


def read_text(path: Path) -> str:
    """Return what stands in a scenario file.

    Args:
        path: of the file.

    Raises:
        ScenarioError: it cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: not TOML: {error}") from None


class _HostMaker:
    """Reads one host.

    Attributes:
        readers: of its virtual hosts.
    """

    def __init__(self, name: str, group: Layer, own: Layer, shared: Mapping[str, Any], mistakes: Mistakes) -> None:
        self.name = name
        self.own = own
        self.shared = shared
        self.mistakes = mistakes
        self.layers = self.layers_of(group)
        self.readers = [VirtualHostReader(layers, mistakes) for layers in self.layers]

    def layers_of(self, group: Layer) -> list[list[Layer]]:
        """Return the tables of each virtual host."""
        return layers_of(group, self.own)

    def make(self, segment: str) -> HostSettings | UcarpSettings:
        """Return the host.

        Args:
            segment: where it is plugged in, if it is not told.

        Raises:
            UnreadableError: it cannot be read.
        """
        raise NotImplementedError


@final
class _CarpdMaker(_HostMaker):
    def make(self, segment: str) -> HostSettings:
        before = self.mistakes.noted
        values: dict[str, Any] = {}
        with contextlib.suppress(UnreadableError):
            values = HOST_TABLE.values(self.own[1], self.own[0], self.mistakes)
        config = node_config(self.readers, self.mistakes)
        if self.mistakes.noted > before:
            raise UnreadableError
        interfaces = [virtual_host.interface for virtual_host in config.virtual_hosts]
        values = {"segments": dict.fromkeys(interfaces, segment), **self.shared, **values}
        return HostSettings(name=self.name, config=config, **values)


@final
class _UcarpMaker(_HostMaker):
    def layers_of(self, group: Layer) -> list[list[Layer]]:
        place, table = group
        fitting = {key: value for key, value in table.items() if key in SHARED_WITH_UCARP}
        return [[(place, {**fitting, "dialect": "ucarp"}), self.own]]

    def make(self, segment: str) -> UcarpSettings:
        before = self.mistakes.noted
        values: dict[str, Any] = {}
        with contextlib.suppress(UnreadableError):
            values = UCARP_TABLE.values(self.own[1], self.own[0], self.mistakes)
        config = node_config(self.readers, self.mistakes)
        options = ucarp_options(config, self.layers[0], self.mistakes)
        if self.mistakes.noted > before:
            raise UnreadableError
        shared = {name: value for name, value in self.shared.items() if name in UCARP_TABLE.fields}
        values = {"segment": segment, **shared, **values}
        return UcarpSettings(name=self.name, options=options, **values)


@final
class _Reader:
    """A tree as far as it can be read."""

    def __init__(self, tree: dict[str, Json], seed: int | None, mistakes: Mistakes) -> None:
        self._tree = tree
        self._mistakes = mistakes
        self._group: Layer = ((GROUP,), self._told_table(GROUP))
        self._top = self._read_top()
        told = tree.get("checks")
        if isinstance(told, list):
            for index, name in enumerate(told):
                if isinstance(name, str) and name not in CHECKS:
                    mistakes.wrong_word(("checks", index), name, CHECKS)
        self._seed: int = self._top.get("seed", 0) if seed is None else seed
        self._duration: int = self._top.get("duration", default_of(TOP.fields["duration"]))

    def scenario(self) -> Scenario | None:
        """Return it, or None if there are mistakes."""
        segments = self._segments()
        segment_names = tuple(segment.name for segment in segments)
        hosts = self._hosts(segment_names)
        routers = self._routers(segment_names)
        clients = self._clients(hosts, segment_names)
        names = {
            "host": [*self._told_table("host")],
            "router": [*self._told_table("router")],
            "client": [*self._told_table("client")],
            "segment": [*segment_names],
        }
        self._check_names(names, hosts)
        for _, told, place in self._named("client"):
            self._check_references(CLIENT_TABLE, {"segment": segment_names[0], **told}, place, names, ())
        faults = self._faults(names, hosts)
        expectations = self._expectations(names)
        check_addresses(hosts, routers, clients, self._mistakes)
        check_clients(clients, hosts, faults, self._mistakes)
        if self._mistakes:
            return None
        top: dict[str, Any] = {**self._top, "seed": self._seed}
        return Scenario(
            **top,
            segments=segments,
            hosts=hosts,
            routers=routers,
            clients=clients,
            faults=faults,
            expectations=expectations,
        )

    # Reading.

    def _read_top(self) -> dict[str, Any]:
        """Return what stands before the first table, as far as it can be read."""
        self._quietly(TOP.values, self._tree, (), self._mistakes)  # which tells of everything that is wrong
        found = {
            key: self._quietly(kind.read, self._tree[key], (key,), self._mistakes)
            for key, kind in TOP.keys.items()
            if key in self._tree
        }
        return {key: value for key, value in found.items() if value is not None}

    def _quietly(self, read: Callable[P, Read], *args: P.args, **kwargs: P.kwargs) -> Read | None:
        """Return what is read, or None if it cannot be: the mistakes say why, and the rest is read."""
        try:
            return read(*args, **kwargs)
        except UnreadableError:
            return None

    def _told_table(self, key: str) -> dict[str, Json]:
        told = self._tree.get(key, {})
        if isinstance(told, dict):
            return told
        self._mistakes.wrong((key,), told, f"a table [{key}]" if key == GROUP else f"tables [{key}.NAME]")
        return {}

    def _named(self, key: str) -> Iterator[tuple[str, dict[str, Json], Place]]:
        for name, told in self._told_table(key).items():
            if not NAME.fullmatch(name):
                self._mistakes.wrong((key, name), name, "a name of letters, digits, - and _")
            if isinstance(told, dict):
                yield name, told, (key, name)
            else:
                self._mistakes.wrong((key, name), told, f"a table [{key}.{name}]")

    def _listed(self, key: str) -> Iterator[tuple[dict[str, Json], Place]]:
        told = self._tree.get(key, [])
        if not isinstance(told, list):
            self._mistakes.wrong((key,), told, f"tables [[{key}]]")
            return
        for index, one in enumerate(told):
            if isinstance(one, dict):
                yield one, (key, index)
            else:
                self._mistakes.wrong((key, index), one, f"a table [[{key}]]")

    # What there is.

    def _segments(self) -> tuple[SegmentSettings, ...]:
        found: list[SegmentSettings] = []
        for name, told, place in self._named("segment"):
            values = self._quietly(SEGMENT_TABLE.values, told, place, self._mistakes)
            found.append(SegmentSettings(name=name, **(values or {})))
        return tuple(found) or (SegmentSettings(),)

    def _hosts(self, segments: tuple[str, ...]) -> Hosts:
        told = list(self._named("host"))
        if not told:
            self._mistakes.add(("host",), "is missing: expected at least one table [host.NAME]")
        shared = self._quietly(HOST_TABLE.values, self._group[1], self._group[0], self._mistakes) or {}
        taken = self._taken()
        made: list[_HostMaker] = []
        for name, table, place in told:
            daemon = self._quietly(
                DAEMONS.read,
                table.get(DAEMON, self._group[1].get(DAEMON, "carpd")),
                (*(place if DAEMON in table else self._group[0]), DAEMON),
                self._mistakes,
            )
            kind = _UcarpMaker if daemon == "ucarp" else _CarpdMaker
            made.append(kind(name, self._group, (place, table), shared, self._mistakes))
        for number, maker in enumerate(made):
            for reader in maker.readers:
                reader.complete_sources(number, taken)
        for maker in made:
            others = [reader for other in made if other is not maker for reader in other.readers]
            for reader in maker.readers:
                reader.complete_peers(others)
        self._with_ucarp = {maker.name for maker in made if isinstance(maker, _UcarpMaker)}
        found = [self._quietly(maker.make, segments[0]) for maker in made]
        return tuple(host for host in found if host is not None)

    def _routers(self, segments: tuple[str, ...]) -> tuple[RouterSettings, ...]:
        found: list[RouterSettings] = []
        for name, told, place in self._named("router"):
            values = self._quietly(ROUTER_TABLE.values, told, place, self._mistakes)
            if values is None:
                continue
            for segment in values["ports"]:
                if segment not in segments:
                    self._mistakes.wrong_word((*place, "ports", segment), segment, segments)
            found.append(RouterSettings(name=name, **values))
        return tuple(found)

    def _taken(self) -> frozenset[IPAddress]:
        def tables() -> Iterator[Mapping[str, Json]]:
            for key in ("host", "client"):
                for told in self._told_table(key).values():
                    if isinstance(told, dict):
                        yield told
            yield self._group[1]

        def with_virtual_hosts() -> Iterator[Mapping[str, Json]]:
            for table in tables():
                yield table
                several = table.get(TABLE)
                if isinstance(several, list):
                    yield from (one for one in several if isinstance(one, dict))

        return told_addresses(with_virtual_hosts())

    def _clients(self, hosts: Hosts, segments: tuple[str, ...]) -> tuple[ClientSettings, ...]:
        taken = self._taken() | {
            source
            for host in hosts
            for virtual_host in host.config.virtual_hosts
            for source in virtual_host.sources.values()
        }
        virtual = [
            address
            for host in hosts
            for virtual_host in host.config.virtual_hosts
            for address in virtual_host.addresses
        ]
        found: list[ClientSettings] = []
        for number, (name, told, place) in enumerate(self._named("client")):
            values = self._quietly(CLIENT_TABLE.values, told, place, self._mistakes, filled=("address", "target"))
            if values is None or not virtual:
                continue
            values.setdefault("segment", segments[0])
            target = values.setdefault("target", virtual[0].ip)
            near = next((address for address in virtual if address.ip == target), None)
            if near is None:
                there_are = ", ".join(dict.fromkeys(str(address.ip) for address in virtual))
                self._mistakes.wrong((*place, "target"), str(target), f"a virtual address; there are: {there_are}")
                continue
            if "address" not in values:
                first = _FIRST_CLIENT if near.network.num_addresses > _FIRST_CLIENT else 1
                values["address"] = free_address(near, first, number, taken)
            if values["address"] is None:
                self._mistakes.add((*place, "address"), f"is missing, and {near.network} has no address left")
            elif family_of(values["address"]) is not family_of(target):
                self._mistakes.wrong(
                    (*place, "address"), str(values["address"]), f"one of {family_of(target)}, as the target is"
                )
            else:
                found.append(ClientSettings(name=name, **values))
        return tuple(found)

    # Who names whom.

    def _check_names(self, names: Mapping[str, list[str]], hosts: Hosts) -> None:
        for key, others in (("client", ("host",)), ("router", ("host", "client"))):
            for name in names[key]:
                for other in others:
                    if name in names[other]:
                        there_is = f"expected a name that no {other} has; there is [{other}.{name}]"
                        self._mistakes.add((key, name), there_is)
        for host in hosts:
            for interface, segment in host.segments.items():
                if segment not in names["segment"]:
                    place = ("host", host.name, "segments", interface)
                    self._mistakes.wrong_word(place, segment, names["segment"])
            for virtual_host in host.config.virtual_hosts:
                if virtual_host.interface not in host.segments:
                    self._mistakes.wrong_word(
                        ("host", host.name, "interface"), virtual_host.interface, host.segments
                    )

    def _check_references(
        self,
        table: Table,
        told: Mapping[str, Json],
        place: Place,
        names: Mapping[str, list[str]],
        hosts: Hosts,
    ) -> None:
        """Take note of names that nobody has, whatever else is wrong with a table."""
        stations = [*names["host"], *names["client"], *names["router"], ADVERSARY]
        known = {
            "host": names["host"],
            "hosts": names["host"],
            "client": names["client"],
            "segment": names["segment"],
            "stations": stations,
            "senders": stations,
            "receivers": stations,
            "parts": stations,
        }
        for field, settings in table.fields.items():
            if field in known:
                for way, name in _texts(told.get(field, default_of(settings)), (*place, field)):
                    if name not in known[field]:
                        self._mistakes.wrong_word(way, name, known[field])
        if "interface" in table.fields:
            interface = told.get("interface", default_of(table.fields["interface"]))
            for host in hosts:
                if host.name == told.get("host") and interface not in host.segments:
                    self._mistakes.wrong_word((*place, "interface"), interface, host.segments)

    def _check_daemon(self, table: Table, told: Mapping[str, Json], place: Place, names: Iterable[str]) -> None:
        """Take note of what is asked of a ucarp that only a carpd can do."""
        host = told.get("host")
        if host not in self._with_ucarp:
            return
        if table.cls in {*FAULTS_OF_CARPD, *EXPECTATIONS_OF_CARPD}:
            with_carpd = [name for name in names if name not in self._with_ucarp]
            there_are = f"there are: {', '.join(with_carpd)}" if with_carpd else "there is none"
            self._mistakes.wrong(
                (*place, "host"), host, f"a host that runs carpd, and this one runs ucarp; {there_are}"
            )
        if table.cls is KernelErrors and told.get("call", "send") in {"hold", "release"}:
            accepted = f"send, because {host} runs ucarp, whose scripts put and take its address"
            self._mistakes.wrong((*place, "call"), told["call"], accepted)
        for key in (CONFIG, "failover_group"):
            if key in told and key in {*table.keys, *table.also}:
                self._mistakes.add((*place, key), f"expected no such key, because {host} runs ucarp")

    # What happens.

    def _faults(self, names: Mapping[str, list[str]], hosts: Hosts) -> tuple[Fault, ...]:
        read: list[tuple[list[Fault], dict[str, Json], Place]] = []
        for told, place in self._listed("fault"):
            table = self._quietly(FAULT.table, told, place, self._mistakes)
            if table is not None:
                self._check_references(table, told, place, names, hosts)
                self._check_daemon(table, told, place, names["host"])
                read.append((self._quietly(list, self._fault(table, told, place)) or [], told, place))
        found = tuple(fault for faults, _, _ in read for fault in faults)
        fit = Fit(self._duration, hosts, self._mistakes, found)
        for faults, told, place in read:
            self._check_fit(fit, faults, told, place)
        return found

    def _check_fit(self, fit: Fit, faults: Sequence[Fault], told: Mapping[str, Json], place: Place) -> None:
        """Take note of what a table asks for that would do nothing."""
        for fault in faults[:1]:  # they differ in when they are, and rates tell no instant after the end
            fit.check_fault(fault, told, place)
            if "at" in told:
                fit.check_instant(fault.at, told, place)
        for fault in faults:
            fit.check_group(fault, told, place)
        for key in RATE_KEYS[1:]:
            if "every" in told and key in told:
                at = self._quietly(_AT.read, told[key], (*place, key), self._mistakes)
                fit.check_instant(at or 0, told, place, key)

    def _fault(self, table: Table, told: dict[str, Json], place: Place) -> Iterator[Fault]:
        """Yield what a table stands for: one fault, or many if it tells a rate."""
        rest = {key: value for key, value in told.items() if key not in {TYPE, *RATE_KEYS, CONFIG}}
        drawn = {
            key: value
            for key, value in rest.items()
            if isinstance(value, dict) and key in table.keys and table.keys[key].type == _DURATION_TYPE
        }
        distributions: dict[str, Distribution] = {
            key: _DISTRIBUTION.read(value, (*place, key), self._mistakes) for key, value in drawn.items()
        }
        number = str(place[-1])
        streams = {key: stream(self._seed, "scenario", "fault", number, key) for key in distributions}
        config = self._changed_config(told, place)
        for at in self._instants(told, place):
            values: dict[str, Json] = dict(rest)
            if at is not None:
                values["at"] = write_duration(at)
            for key, distribution in distributions.items():
                values[key] = write_duration(max(1, distribution.draw(streams[key])))
            fault: Fault = table.read(values, place, self._mistakes)
            yield replace(fault, config=config) if isinstance(fault, Stop) and config is not None else fault

    def _instants(self, told: dict[str, Json], place: Place) -> Iterator[int | None]:
        """Yield when a fault happens; None for when it says itself."""
        if "every" not in told:
            for key in RATE_KEYS:
                if key in told:
                    self._mistakes.add((*place, key), "is about a rate, and there is none: every is missing")
            yield None
            return
        if "at" in told:
            self._mistakes.add((*place, "at"), "expected either at, or every with first and last")
            raise UnreadableError
        every: Distribution = _DISTRIBUTION.read(told["every"], (*place, "every"), self._mistakes)
        rng = stream(self._seed, "scenario", "fault", str(place[-1]), "every")
        at = _AT.read(told["first"], (*place, "first"), self._mistakes) if "first" in told else every.draw(rng)
        last = _AT.read(told["last"], (*place, "last"), self._mistakes) if "last" in told else self._duration
        if "first" in told and "last" in told and at > last:
            raise self._mistakes.wrong((*place, "first"), told["first"], f"at most last, {shown(told['last'])}")
        count = 0
        while at <= last:
            yield at
            at += every.draw(rng)
            count += 1
            if count == _MANY:
                raise self._mistakes.wrong(
                    (*place, "every"), told["every"], f"a rate that makes fewer than {_MANY} faults"
                )

    def _changed_config(self, told: dict[str, Json], place: Place) -> NodeConfig | None:
        """Return with what a daemon is started again: its host's settings, and over them those of the fault."""
        changed = told.get(CONFIG)
        if changed is None:
            return None
        if not isinstance(changed, dict):
            raise self._mistakes.wrong((*place, CONFIG), changed, "a table of settings that the host has then")
        name = told.get("host")
        for number, (host, table, host_place) in enumerate(self._named("host")):
            if host == name:
                layer: Layer = ((*place, CONFIG), changed)
                HOST_TABLE.values(layer[1], layer[0], self._mistakes)
                base = ((host_place, {**self._group[1], **table}), layer)
                readers = [VirtualHostReader(layers, self._mistakes) for layers in layers_of(*base)]
                for reader in readers:
                    reader.complete_sources(number, self._taken())
                return node_config(readers, self._mistakes)
        return None  # that there is no such host is told elsewhere

    def _expectations(self, names: Mapping[str, list[str]]) -> tuple[Expectation, ...]:
        fit = Fit(self._duration, (), self._mistakes)
        found: list[Expectation] = []
        for told, place in self._listed("expect"):
            table = self._quietly(EXPECTATION.table, told, place, self._mistakes)
            if table is None:
                continue
            self._check_references(table, told, place, names, ())
            self._check_daemon(table, told, place, names["host"])
            expectation: Expectation | None = self._quietly(EXPECTATION.read, told, place, self._mistakes)
            if expectation is not None:
                found.append(expectation)
                fit.check_instant(getattr(expectation, "at", 0), told, place)
        return tuple(found)


_DISTRIBUTION: Final = kinds_of(HostSettings)["wake_up"]
_AT: Final = kinds_of(HostSettings)["start"]


def _texts(value: Json, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield each text in lists of lists, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*place, index))


@final
class _Writer:
    """Says a scenario in TOML."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def lines(self) -> Iterator[str]:
        """Yield all lines."""
        scenario = self._scenario
        yield from _pairs(TOP.write(scenario))
        if scenario.segments != (SegmentSettings(),):
            for segment in scenario.segments:
                yield from _table(f"segment.{_name(segment.name)}", SEGMENT_TABLE.write(segment))
        for router in scenario.routers:
            yield from _table(f"router.{_name(router.name)}", ROUTER_TABLE.write(router))
        yield from self._hosts()
        for client in scenario.clients:
            yield from _table(f"client.{_name(client.name)}", CLIENT_TABLE.write(client))
        for fault in scenario.faults:
            yield from _table("[fault]", self._fault(fault))
        for expectation in scenario.expectations:
            yield from _table("[expect]", EXPECTATION.write(expectation))

    def _hosts(self) -> Iterator[str]:
        tables = {host.name: self._host(host) for host in self._scenario.hosts}
        first, *others = tables.values()
        shared = {
            key: value
            for key, value in first.items()
            if others and all(_has(other, key, value) for other in others)
        }
        if shared:
            yield from _table(GROUP, shared)
        for name, table in tables.items():
            own = {key: value for key, value in table.items() if key not in shared}
            yield from _table(f"host.{_name(name)}", own)

    def _host(self, host: HostSettings | UcarpSettings) -> dict[str, Json]:
        if isinstance(host, UcarpSettings):
            return write_ucarp(host)
        table = HOST_TABLE.write(host)
        interfaces = (virtual_host.interface for virtual_host in host.config.virtual_hosts)
        if host.segments == dict.fromkeys(interfaces, self._scenario.segments[0].name):
            table.pop("segments", None)
        else:
            table["segments"] = dict(host.segments)
        virtual_hosts = [write_virtual_host(virtual_host) for virtual_host in host.config.virtual_hosts]
        return {**virtual_hosts[0], **table} if len(virtual_hosts) == 1 else {**table, TABLE: virtual_hosts}

    def _fault(self, fault: Fault) -> dict[str, Json]:
        told: dict[str, Json] = FAULT.write(fault)
        if isinstance(fault, Stop) and fault.config is not None:
            (before,) = (host.config for host in self._scenario.hosts if host.name == fault.host)
            pair = (*before.virtual_hosts, *fault.config.virtual_hosts)
            if len(pair) == 2:  # noqa: PLR2004 - one virtual host then, and one now
                told[CONFIG] = write_virtual_host(pair[1], beside=pair[0])
            else:
                told[CONFIG] = {TABLE: [write_virtual_host(one) for one in fault.config.virtual_hosts]}
        return told


def _has(table: Mapping[str, Json], key: str, value: Json) -> bool:
    return key in table and bool(table[key] == value)


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r}: names in scenario files are of letters, digits, - and _")
    return name


def _table(name: str, table: Mapping[str, Json]) -> Iterator[str]:
    yield ""
    yield f"[{name}]"
    yield from _pairs(table)


def _pairs(table: Mapping[str, Json]) -> Iterator[str]:
    for key, value in table.items():
        yield f"{key_text(key)} = {value_text(value)}"
