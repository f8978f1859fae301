"""The hosts of a scenario file: settings in carpd's own keys, with defaults that all hosts share.

A host is a table of the keys of `carpd`'s configuration file (`triocarp.daemon.config_keys`) and of
`carpsim.scenario.HostSettings`. What it does not say, ``[group]`` says. One with several virtual hosts has a list
of tables ``virtual_host``. What must be there in a configuration file can be left out here: the interface is
``eth0``, the VHID 1, and each host has an address of its own in the network of the virtual ones.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

from carpsim.duration_text import read_duration, write_duration
from carpsim.mistakes import Mistakes, UnreadableError
from carpsim.scenario import ETH0, HostSettings, UcarpSettings
from carpsim.scenario_keys import FLAG, TEXT, Table, number, words
from carpsim.scenario_keys import Kind as KeyKind
from carpsim.toml_text import Json, Place
from carpsim.ucarp_host import UcarpOptions
from triocarp.core import (
    CARPD,
    Draft,
    Family,
    FlapDamping,
    IPAddress,
    IPInterface,
    NodeConfig,
    Transport,
    VirtualHostConfig,
    problems_of_drafts,
)
from triocarp.core.family import family_of
from triocarp.core.timing import SECOND
from triocarp.daemon.config_keys import KEYS, TABLE, Key, Kind

PASSWORD: Final = b"carpsim"
"""The password of hosts that are not told one."""

_OF_A_DAEMON: Final = (
    "password_file",
    "other_password_file",
    "up_script",
    "down_script",
    "script_parameter",
    "script_timeout_s",
)
_PASSWORD: Final = Kind(type="string", accepted="a text", convert=lambda told: TEXT.convert(told).encode())  # type: ignore[attr-defined]  # a text
_FLAG: Final = Kind(type="boolean", accepted="true or false", convert=FLAG.convert)

VIRTUAL_HOST_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {name: replace(key, required=name == "addresses") for name, key in KEYS.items() if name not in _OF_A_DAEMON}
    | {
        "password": Key(_PASSWORD, "password"),
        "other_password": Key(_PASSWORD, "other_password"),
        "manages_addresses": Key(_FLAG, "manages_addresses"),
        "up_hook": Key(_FLAG, "up_hook"),
        "down_hook": Key(_FLAG, "down_hook"),
    }
)
"""The keys of a virtual host: carpd's, with passwords and hooks themselves in the place of files."""

DAEMON: Final = "daemon"
"""The key that says what runs on a host: ``carpd``, unless it is told, or ``ucarp``."""

OF_UCARP: Final[Mapping[str, KeyKind]] = MappingProxyType(
    {"shutdown": FLAG, "no_multicast": FLAG, "garp_timeout": number(0, 255)}
)
"""Options that ucarp alone has."""

SHARED_WITH_UCARP: Final = (
    "interface",
    "vhid",
    "password",
    "addresses",
    "source",
    "group",
    "advbase",
    "advskew",
    "dead_ratio",
    "preempt",
    "neutral",
    "ignore_carrier",
)
"""Keys of a virtual host that ucarp has, too; it takes no others from the group."""

HOST_TABLE: Final = Table(
    HostSettings, apart=frozenset({"name", "config"}), also=(DAEMON, *VIRTUAL_HOST_KEYS, TABLE)
)
"""What a host's table may have beside the keys of a virtual host."""

UCARP_TABLE: Final = Table(
    UcarpSettings, apart=frozenset({"name", "options"}), also=(DAEMON, *SHARED_WITH_UCARP, *OF_UCARP)
)
"""The same for a host with ucarp."""

NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
"""What hosts, clients and segments may be called: faults and sweeps name them."""

Layer: TypeAlias = tuple[Place, Mapping[str, Json]]
"""A table and where it stands; what stands in a later layer counts."""

_DEFAULTS: Final[Mapping[str, object]] = MappingProxyType(
    {field.name: field.default for field in fields(VirtualHostConfig)}
    | {"interface": ETH0, "vhid": 1, "password": PASSWORD, "dialect": CARPD}
)
_SOURCES: Final = {Family.IPV4: "source", Family.IPV6: "source6"}
_KEY_OF: Final = {key.field: name for name, key in VIRTUAL_HOST_KEYS.items()}


@final
class VirtualHostReader:
    """Reads one virtual host.

    Args:
        layers: its tables, and those that it takes defaults from.
        mistakes: takes note of what is wrong.

    Attributes:
        fields: of `VirtualHostConfig`, as far as they could be read.
    """

    def __init__(self, layers: Sequence[Layer], mistakes: Mistakes) -> None:
        self.fields: dict[str, Any] = {
            "interface": ETH0,
            "vhid": 1,
            "password": PASSWORD,
            "dialect": CARPD,
        }
        self._layers = layers
        self._mistakes = mistakes
        self._unknown: set[str] = set()
        for name, key in VIRTUAL_HOST_KEYS.items():
            place, told = self._find(name)
            if told is not None:
                self._read(key, told, place)
            elif key.required:
                mistakes.add(place, f"is missing: expected {_accepted(key)}")
                self._unknown.add(key.field)

    def _find(self, key: str) -> tuple[Place, Json]:
        for place, table in reversed(self._layers):
            if key in table:
                return (*place, key), table[key]
        return (*self._layers[-1][0], key), None

    def _read(self, key: Key, told: Json, place: Place) -> None:
        try:
            if not key.kind.several:
                self.fields[key.field] = _converted(key, told, place, self._mistakes)
                return
            if not isinstance(told, list):
                raise self._mistakes.wrong(place, told, _accepted(key))
            elements: list[object] = []
            for index, element in enumerate(told):
                elements.append(_converted(key, element, (*place, index), self._mistakes))
            self.fields[key.field] = tuple(elements)
        except UnreadableError:
            self._unknown.add(key.field)

    def complete_sources(self, number: int, taken: frozenset[IPAddress]) -> None:
        """Give the host addresses of its own in the networks of the virtual ones, if it was not told any.

        Args:
            number: of the host, from 0.
            taken: addresses that somebody has been told.
        """
        if set(_SOURCES.values()) & (self.fields.keys() | self._unknown):
            return
        if {"addresses", "dialect"} & self._unknown:
            self._unknown |= set(_SOURCES.values())
            return
        virtual: tuple[IPInterface, ...] = self.fields["addresses"]
        for address in virtual:
            family = family_of(address)
            if family in self.fields["dialect"].families and _SOURCES[family] not in self.fields:
                own = free_address(address, 1, number, taken)
                if own is not None:
                    self.fields[_SOURCES[family]] = own

    def complete_peers(self, others: Sequence["VirtualHostReader"]) -> None:
        """Name all other hosts as peers, if it is to have some and was not told any.

        Args:
            others: of the other hosts.
        """
        wants_peers = self.fields.get("transport") is Transport.UNICAST
        if wants_peers and not {"peers"} & (self.fields.keys() | self._unknown):
            same = [other for other in others if other.fields["vhid"] == self.fields.get("vhid")]
            self.fields["peers"] = tuple(
                other.fields[source]
                for source in _SOURCES.values()
                if source in self.fields
                for other in same
                if source in other.fields
            )

    def draft(self) -> Draft:
        """Return what could be read."""
        return Draft(fields=self.fields, unknown=frozenset(self._unknown))

    def place_of(self, setting: str) -> tuple[Place, Json]:
        """Return where a value stands, and the value.

        Args:
            setting: the field of the configuration; of a list ``field[n]``.
        """
        field, bracket, index = setting.partition("[")
        place, told = self._find(_KEY_OF.get(field, field))
        if bracket and isinstance(told, list):
            return (*place, int(index.rstrip("]"))), told[int(index.rstrip("]"))]
        return place, told


def node_config(readers: Sequence[VirtualHostReader], mistakes: Mistakes) -> NodeConfig:
    """Return the configuration of one host's node.

    Args:
        readers: of its virtual hosts.
        mistakes: takes note of what does not fit together.

    Raises:
        UnreadableError: something does not, or could not be read.
    """
    before = mistakes.noted
    for problem in problems_of_drafts([reader.draft() for reader in readers]):
        path, _, setting = problem.setting.rpartition(".")
        reader = readers[int(path.partition("[")[2].rstrip("]"))]
        place, told = reader.place_of(setting)
        accepted = problem.accepted.replace("virtual_hosts[", f"{TABLE}[")
        if told is None:
            mistakes.add(place, f"{problem.value}: expected {accepted}")
        else:
            mistakes.wrong(place, told, accepted)
    if mistakes.noted > before or any(reader.draft().unknown for reader in readers):
        raise UnreadableError
    return NodeConfig(virtual_hosts=tuple(VirtualHostConfig(**reader.fields) for reader in readers))


DAEMONS: Final = words(("carpd", "ucarp"))


def ucarp_options(config: NodeConfig, layers: Sequence[Layer], mistakes: Mistakes) -> UcarpOptions:
    """Return ucarp's command line.

    Args:
        config: what ucarp and carpd both have.
        layers: the host's tables, for the rest.
        mistakes: takes note of what is wrong.

    Raises:
        UnreadableError: something is.
    """
    (shared,) = config.virtual_hosts
    own = {
        name: kind.read(table[name], (*place, name), mistakes)
        for place, table in layers
        for name, kind in OF_UCARP.items()
        if name in table
    }
    (virtual,) = shared.addresses
    assert isinstance(virtual, IPv4Interface)  # noqa: S101 - its dialect has no other
    assert shared.source is not None  # noqa: S101 - nor does it do without
    try:
        return UcarpOptions(
            vhid=shared.vhid,
            password=shared.password,
            address=virtual.ip,
            source=shared.source,
            prefix_length=virtual.network.prefixlen,
            interface=shared.interface,
            advbase_s=shared.advbase_s,
            advskew=shared.advskew,
            dead_ratio=shared.dead_ratio,
            preempt=shared.preempt,
            neutral=shared.neutral,
            ignore_link_state=shared.ignore_carrier,
            group=shared.group,
            **own,
        )
    except ValueError as error:
        mistakes.add(layers[-1][0], str(error))
        raise UnreadableError from None


def write_ucarp(settings: UcarpSettings) -> dict[str, Json]:
    """Return a host with ucarp as TOML has it.

    Args:
        settings: of the host.
    """
    shared = write_virtual_host(settings.config.virtual_hosts[0])
    del shared["dialect"]
    own = {name: getattr(settings.options, name) for name in OF_UCARP}
    said = {name: value for name, value in own.items() if value is not False and value is not None}
    return {DAEMON: "ucarp", **shared, **said, **UCARP_TABLE.write(settings)}


def layers_of(group: Layer, host: Layer) -> list[list[Layer]]:
    """Return the layers of each virtual host of a host.

    Args:
        group: what all hosts share.
        host: the host's own table.
    """
    for place, table in (host, group):
        several = table.get(TABLE)
        if isinstance(several, list):
            return [
                [group, host, ((*place, TABLE, index), one)]
                for index, one in enumerate(several)
                if isinstance(one, dict)
            ]
    return [[group, host]]


def free_address(near: IPInterface, first: int, number: int, taken: AbstractSet[IPAddress]) -> IPAddress | None:
    """Return an address of a network that nobody has been told, or None if there is none.

    Args:
        near: an address of the network.
        first: with which of the network's to begin, from 1.
        number: which of those that are free from there on, from 0.
        taken: those that are not.
    """
    network = near.network
    broadcast = 1 if family_of(near) is Family.IPV4 else 0
    offsets = range(first, min(first + number + len(taken) + 1, network.num_addresses - broadcast))
    free = (address for offset in offsets if (address := network.network_address + offset) not in taken)
    return next(itertools.islice(free, number, None), None)


def told_addresses(tables: Iterator[Mapping[str, Json]]) -> frozenset[IPAddress]:
    """Return all addresses that somebody has been told, as far as they can be read.

    Args:
        tables: of the group, hosts, their virtual hosts, and clients.
    """
    found: set[IPAddress] = set()
    for table in tables:
        for key in ("addresses", "source", "source6", "address", "target"):
            told = table.get(key)
            for text in told if isinstance(told, list) else [told]:
                try:
                    found.add(_address(text))
                except ValueError:
                    continue  # it is told when its table is read
    return frozenset(found)


def write_virtual_host(config: VirtualHostConfig, beside: VirtualHostConfig | None = None) -> dict[str, Json]:
    """Return a virtual host as TOML has it.

    Args:
        config: it.
        beside: where its defaults come from: those of a file, if it is not given.

    Raises:
        ValueError: it cannot be said there.
    """
    told: dict[str, Json] = {}
    for name, key in VIRTUAL_HOST_KEYS.items():
        value = getattr(config, key.field)
        default = _DEFAULTS[key.field] if beside is None else getattr(beside, key.field)
        if value != default:
            told[name] = _expressed(name, key, value)
    return told


def _expressed(name: str, key: Key, value: object) -> Json:
    kind = key.kind
    if kind.choices:
        words = [word for word, meaning in kind.choices.items() if meaning == value]
        if words:
            return words[0]
    elif name == "flap_damping" and value in {None, FlapDamping()}:
        return value is not None
    elif name == "link_layer_address" and isinstance(value, bytes):
        return value.hex(":")
    elif kind.seconds and isinstance(value, int):
        return write_duration(value)
    elif isinstance(value, tuple):
        return [_plain(item) for item in value]
    elif value is not None:
        return _plain(value)
    raise ValueError(f"{name} cannot be {value!r} in a scenario file")


def _plain(value: object) -> Json:
    if isinstance(value, bool | int):
        return value
    return value.decode() if isinstance(value, bytes) else str(value)


def _converted(key: Key, told: Json, place: Place, mistakes: Mistakes) -> object:
    try:
        if key.kind.seconds and isinstance(told, str):
            told_s = read_duration(told) / SECOND
            return key.kind.convert(told_s)
        return key.kind.convert(told)
    except ValueError:
        pass
    if key.kind.choices:
        raise mistakes.wrong_word(place, told, key.kind.choices)
    raise mistakes.wrong(place, told, key.kind.accepted)


def _accepted(key: Key) -> str:
    return f"a list, each {key.kind.accepted}" if key.kind.several else key.kind.accepted


def _address(text: Json) -> IPAddress:
    if not isinstance(text, str):
        raise ValueError  # noqa: TRY004 - it is told where it is read
    bare = text.partition("/")[0]
    return IPv6Address(bare) if ":" in bare else IPv4Address(bare)
