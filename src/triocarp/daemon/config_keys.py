"""The vocabulary of carpd's configuration file: which keys there are, and what each may have for a value.

Each key of a virtual host is a field of `VirtualHostConfig`, times in seconds, or is about its scripts.
``docs/configuration-keys.md`` is written from here.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

from triocarp.core import DIALECTS, FlapDamping, IPInterface, Sealing, SourceMac, Transport
from triocarp.core.timing import SECOND
from triocarp.core.virtual_host_problems import ANNOUNCE_AFTER_RANGE, DURATION_LIMIT, RANGES, ROUTING_RANGES
from triocarp.daemon.password_file import read_password
from triocarp.daemon.settings import SCRIPT_TIMEOUT_S_DEFAULT, SCRIPT_TIMEOUT_S_MAX

Json: TypeAlias = Any  # what TOML gives, looked at before it is used


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a value may be.

    Attributes:
        type: TOML's name for it.
        accepted: the same exactly, in words that can follow "expected".
        convert: makes a value of TOML one of ours. Raises ValueError for any that is not accepted, and
            `PasswordError` where a file cannot be read.
        several: whether the value is a list of such.
        least: of a number, in the unit of the key.
        most: of a number, in the unit of the key.
        seconds: whether it is a number of seconds, which becomes nanoseconds.
        choices: what one of a few texts means; empty where there is no such choice.
    """

    type: str
    accepted: str
    convert: Callable[[Json], object]
    several: bool = False
    least: float | None = None
    most: float | None = None
    seconds: bool = False
    choices: Mapping[str, object] = field(default_factory=dict[str, object])


@final
@dataclass(frozen=True, slots=True)
class Key:
    """What a key means.

    Attributes:
        kind: what its value may be.
        field: of `VirtualHostConfig`; empty for what is no field there.
        required: whether it must be there.
        meaning: of what is no field; a field says its own.
        default: of what is no field.
    """

    kind: Kind
    field: str = ""
    required: bool = False
    meaning: str = ""
    default: object = None


def _whole(least: int, most: int, *, several: bool = False) -> Kind:
    def convert(value: Json) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError
        return value

    accepted = f"a whole number from {least} to {most}"
    return Kind(type="integer", accepted=accepted, convert=convert, least=least, most=most, several=several)


def _number(name: str) -> Kind:
    return _whole(*RANGES[name])


def _seconds(least: float, most: float) -> Kind:
    def convert(value: Json) -> int:
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError
        return round(value * SECOND)

    accepted = f"a number of seconds from {least:g} to {most:g}"
    return Kind(type="number", accepted=accepted, convert=convert, least=least, most=most, seconds=True)


def _truth(value: Json) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - a mistake of whoever wrote the file, not of the caller
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _parsed(parse: Callable[[str], object], accepted: str, *, several: bool = False) -> Kind:
    return Kind(type="string", accepted=accepted, convert=lambda value: parse(_text(value)), several=several)


def _one_of(choices: Mapping[str, object]) -> Kind:
    def convert(value: Json) -> object:
        if not isinstance(value, str) or value not in choices:
            raise ValueError
        return choices[value]

    return Kind(type="string", accepted=f"one of {', '.join(choices)}", convert=convert, choices=choices)


def _interface(text: str) -> IPInterface:
    if "/" not in text:  # it would be an address alone, which hardly anybody means who leaves it out
        raise ValueError
    return ipaddress.ip_interface(text)


_FLAG: Final = Kind(type="boolean", accepted="true or false", convert=_truth)
_TEXT: Final = Kind(type="string", accepted="a text", convert=_text)
_PATH: Final = _parsed(Path, "the path of a file")
_PASSWORD: Final = _parsed(lambda text: read_password(Path(text)), "the path of a file")
_DURATION: Final = _seconds(0, DURATION_LIMIT // SECOND)
_HOSTS: Final = _parsed(ipaddress.ip_address, 'an address such as "10.0.0.2"', several=True)
_ROUTERS: Final = _parsed(ipaddress.ip_address, 'the address of a router such as "10.0.0.254"', several=True)
_SOURCE_MACS: Final = {
    "ucarp": SourceMac.UCARP_VIRTUAL,
    "virtual": SourceMac.VIRTUAL,
    "interface": SourceMac.INTERFACE,
}

KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "interface": Key(_TEXT, "interface", required=True),
        "vhid": Key(_number("vhid"), "vhid", required=True),
        "password_file": Key(_PASSWORD, "password", required=True),
        "other_password_file": Key(_PASSWORD, "other_password"),
        "addresses": Key(
            _parsed(
                _interface,
                'an address with its prefix length, such as "10.0.0.100/24"',
                several=True,
            ),
            "addresses",
            required=True,
        ),
        "dialect": Key(_one_of(DIALECTS), "dialect"),
        "source": Key(_parsed(IPv4Address, "an IPv4 address"), "source"),
        "source6": Key(_parsed(IPv6Address, "an IPv6 address"), "source6"),
        "transport": Key(_one_of({transport.value: transport for transport in Transport}), "transport"),
        "group": Key(_parsed(IPv4Address, "an IPv4 multicast address"), "group"),
        "group6": Key(_parsed(IPv6Address, "an IPv6 multicast address"), "group6"),
        "peers": Key(_HOSTS, "peers"),
        "routed_peers": Key(_FLAG, "routed_peers"),
        "source_mac": Key(_one_of(_SOURCE_MACS), "source_mac"),
        "link_layer_address": Key(
            _parsed(lambda text: bytes.fromhex(text.replace(":", "")), "a MAC"), "link_layer_address"
        ),
        "advbase": Key(_number("advbase_s"), "advbase_s"),
        "advskew": Key(_number("advskew"), "advskew"),
        "dead_ratio": Key(_number("dead_ratio"), "dead_ratio"),
        "preempt": Key(_FLAG, "preempt"),
        "preempt_delay_s": Key(_DURATION, "preempt_delay"),
        "hold_down_s": Key(_DURATION, "hold_down"),
        "flap_damping": Key(
            Kind(
                type="boolean",
                accepted="true or false",
                convert=lambda value: FlapDamping() if _truth(value) else None,
            ),
            "flap_damping",
        ),
        "neutral": Key(_FLAG, "neutral"),
        "ignore_carrier": Key(_FLAG, "ignore_carrier"),
        "announce_after": Key(_whole(*ANNOUNCE_AFTER_RANGE, several=True), "announce_after"),
        "announce_refresh_s": Key(_DURATION, "announce_refresh"),
        "announces_router": Key(_FLAG, "announces_router"),
        "routing_table": Key(_number("routing_table"), "routing_table"),
        "rule_priority": Key(_whole(*ROUTING_RANGES["rule_priority"]), "rule_priority"),
        "routing_prefix_length": Key(_whole(*ROUTING_RANGES["routing_prefix_length"]), "routing_prefix_length"),
        "gateways": Key(_ROUTERS, "gateways"),
        "failover_group": Key(_TEXT, "failover_group"),
        "sealing": Key(_one_of({sealing.value: sealing for sealing in Sealing}), "sealing"),
        "seal_window_s": Key(_seconds(0.001, RANGES["seal_window"][1] // SECOND), "seal_window"),
        "unsealed_peers": Key(_HOSTS, "unsealed_peers"),
        "up_script": Key(
            _PATH, meaning="run on becoming master, before the addresses are announced; it puts them on"
        ),
        "down_script": Key(
            _PATH, meaning="run at the start and on leaving master, before a goodbye; it takes the addresses off"
        ),
        "script_parameter": Key(
            _TEXT, meaning="third argument of the scripts, after the interface and the first address"
        ),
        "script_timeout_s": Key(
            _whole(1, SCRIPT_TIMEOUT_S_MAX),
            meaning="a script that takes longer is ended",
            default=SCRIPT_TIMEOUT_S_DEFAULT,
        ),
    }
)
"""All keys of a virtual host."""

TOP_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "real_time": Key(_FLAG, meaning="ask the system for real-time scheduling", default=True),
        "debug": Key(_FLAG, meaning="log every event", default=False),
        "journal": Key(_PATH, meaning="write every input and every effect to this file"),
    }
)
"""All keys before the first table: they concern the whole daemon."""

TABLE: Final = "virtual_host"
"""Name of the tables of virtual hosts."""
