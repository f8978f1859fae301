"""carpd's configuration file: TOML, for what ucarp's command line cannot say.

::

    [[virtual_host]]
    interface = "eth0"
    vhid = 42
    password_file = "/etc/carpd.password"
    addresses = ["10.0.0.100/24", "2001:db8::100/64"]

`KEYS` is the whole vocabulary. Each key is a field of `VirtualHostConfig`, times in seconds; a script's are of
`Script`. Every mistake is told at once, each with the path to its value.
"""

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from triocarp.core import (
    CARPD,
    DIALECTS,
    ConfigurationError,
    Family,
    FlapDamping,
    Hook,
    IPAddress,
    IPInterface,
    NodeConfig,
    Sealing,
    SourceMac,
    Transport,
    VirtualHostConfig,
)
from triocarp.core.family import family_of
from triocarp.core.timing import SECOND
from triocarp.daemon.password_file import PasswordError, read_password
from triocarp.daemon.settings import SCRIPT_TIMEOUT_S_DEFAULT, Script, Settings, SettingsError
from triocarp.linux.interface_table import InterfaceTable

Json: TypeAlias = Any  # what TOML gives, looked at before it is used
Convert: TypeAlias = Callable[[Json], object]


@final
class _WrongValueError(Exception):
    """Raised by a conversion; its text says what would be right."""


def _number(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _WrongValueError("a whole number")
    return value


def _seconds(value: Json) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < SECOND:
        raise _WrongValueError("a number of seconds")
    return round(value * SECOND)


def _flag(value: Json) -> bool:
    if not isinstance(value, bool):
        raise _WrongValueError("true or false")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise _WrongValueError("a text")
    return value


def _list_of(convert: Convert, what: str) -> Convert:
    def converted(value: Json) -> object:
        if not isinstance(value, list):
            raise _WrongValueError(f"a list of {what}")
        try:
            return tuple(convert(item) for item in value)
        except _WrongValueError as error:
            raise _WrongValueError(f"a list of {what}, each {error}") from None

    return converted


def _parsed(parse: Callable[[str], object], what: str) -> Convert:
    def converted(value: Json) -> object:
        try:
            return parse(_text(value))
        except ValueError:
            raise _WrongValueError(what) from None

    return converted


def _one_of(choices: Mapping[str, object]) -> Convert:
    def converted(value: Json) -> object:
        if not isinstance(value, str) or value not in choices:
            raise _WrongValueError(f"one of {', '.join(choices)}")
        return choices[value]

    return converted


_A_NETWORK_ADDRESS: Final = 'an address with its prefix length, such as "10.0.0.100/24"'
_SOURCE_MACS: Final = {
    "ucarp": SourceMac.UCARP_VIRTUAL,
    "virtual": SourceMac.VIRTUAL,
    "interface": SourceMac.INTERFACE,
}
_addresses: Final = _list_of(_parsed(ipaddress.ip_address, 'such as "10.0.0.2"'), "addresses")


@final
@dataclass(frozen=True, slots=True)
class _Key:
    """What a key means.

    Attributes:
        convert: makes a value of TOML one of ours.
        field: of `VirtualHostConfig`; empty for what is no field there.
        required: whether it must be there.
    """

    convert: Convert
    field: str
    required: bool = False


KEYS: Final[Mapping[str, _Key]] = {
    "interface": _Key(_text, "interface", required=True),
    "vhid": _Key(_number, "vhid", required=True),
    "password_file": _Key(_text, "", required=True),
    "other_password_file": _Key(_text, ""),
    "addresses": _Key(
        _list_of(_parsed(ipaddress.ip_interface, _A_NETWORK_ADDRESS), "addresses"), "addresses", required=True
    ),
    "dialect": _Key(_one_of(DIALECTS), "dialect"),
    "source": _Key(_parsed(IPv4Address, "an IPv4 address"), "source"),
    "source6": _Key(_parsed(IPv6Address, "an IPv6 address"), "source6"),
    "transport": _Key(_one_of({transport.value: transport for transport in Transport}), "transport"),
    "group": _Key(_parsed(IPv4Address, "an IPv4 multicast address"), "group"),
    "group6": _Key(_parsed(IPv6Address, "an IPv6 multicast address"), "group6"),
    "peers": _Key(_addresses, "peers"),
    "routed_peers": _Key(_flag, "routed_peers"),
    "source_mac": _Key(_one_of(_SOURCE_MACS), "source_mac"),
    "link_layer_address": _Key(
        _parsed(lambda text: bytes.fromhex(text.replace(":", "")), "a MAC"), "link_layer_address"
    ),
    "advbase": _Key(_number, "advbase_s"),
    "advskew": _Key(_number, "advskew"),
    "dead_ratio": _Key(_number, "dead_ratio"),
    "preempt": _Key(_flag, "preempt"),
    "preempt_delay_s": _Key(_seconds, "preempt_delay"),
    "hold_down_s": _Key(_seconds, "hold_down"),
    "flap_damping": _Key(_flag, ""),
    "neutral": _Key(_flag, "neutral"),
    "ignore_carrier": _Key(_flag, "ignore_carrier"),
    "announce_after": _Key(_list_of(_number, "numbers of advertisements"), "announce_after"),
    "announce_refresh_s": _Key(_seconds, "announce_refresh"),
    "announces_router": _Key(_flag, "announces_router"),
    "failover_group": _Key(_text, "failover_group"),
    "sealing": _Key(_one_of({sealing.value: sealing for sealing in Sealing}), "sealing"),
    "seal_window_s": _Key(_seconds, "seal_window"),
    "unsealed_peers": _Key(_addresses, "unsealed_peers"),
    "up_script": _Key(_text, ""),
    "down_script": _Key(_text, ""),
    "script_parameter": _Key(_text, ""),
    "script_timeout_s": _Key(_number, ""),
}
"""All keys of a virtual host."""

_KEY_OF: Final = {key.field: name for name, key in KEYS.items() if key.field}
_TOP: Final[Mapping[str, Convert]] = {"real_time": _flag, "debug": _flag, "journal": _text}
_TABLE: Final = "virtual_host"


@final
@dataclass(slots=True)
class Mistakes:
    """All that is wrong with a file.

    Attributes:
        path: of the file.
        lines: one for each mistake.
    """

    path: Path
    lines: list[str] = field(default_factory=list[str])

    def add(self, where: str, what: str) -> None:
        """Add a mistake.

        Args:
            where: path to the value.
            what: is wrong with it.
        """
        self.lines.append(f"{self.path}: {where}: {what}")

    def unknown(self, where: str, key: str, known: Sequence[str]) -> None:
        """Add a key that nobody knows.

        Args:
            where: path to its table, with the dot behind it.
            key: as it stands there.
            known: what there is.
        """
        close = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        self.add(f"{where}{key}", f"there is no such setting; {hint}")


def read(path: Path, interfaces: Callable[[], InterfaceTable]) -> Settings:
    """Return the settings that a file means.

    Args:
        path: of the file.
        interfaces: tells what this host has, for source addresses that are left out.

    Raises:
        SettingsError: with a line for every mistake that was found.
    """
    mistakes = Mistakes(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"--config {str(path)!r}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    top = _read_top(content, mistakes)
    tables = content.get(_TABLE, [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        mistakes.add(_TABLE, f"expected at least one table [[{_TABLE}]]")
        tables = []
    readers = [VirtualHostReader(table, f"{_TABLE}[{index}]", mistakes) for index, table in enumerate(tables)]
    virtual = {address for reader in readers for address in reader.virtual}
    for reader in readers:
        reader.complete_sources(interfaces, virtual)
    node = collect(readers, mistakes)
    if mistakes.lines or node is None:
        raise SettingsError(*mistakes.lines)
    journal = top.get("journal")
    return Settings(
        node=node,
        scripts={
            (host.interface, host.vhid): reader.scripts()
            for host, reader in zip(node.virtual_hosts, readers, strict=True)
        },
        real_time=bool(top.get("real_time", True)),
        debug=bool(top.get("debug", False)),
        journal=Path(str(journal)) if journal else None,
        warnings=tuple(warning for reader in readers for warning in reader.warnings),
    )


def _read_top(content: dict[str, Json], mistakes: Mistakes) -> dict[str, object]:
    read_values: dict[str, object] = {}
    for key, value in content.items():
        if key in _TOP:
            try:
                read_values[key] = _TOP[key](value)
            except _WrongValueError as error:
                mistakes.add(key, f"{value!r}: expected {error}")
        elif key != _TABLE:
            mistakes.unknown("", key, [*_TOP, _TABLE])
    return read_values


def collect(readers: Sequence["VirtualHostReader"], mistakes: Mistakes) -> NodeConfig | None:
    """Make the configuration of all virtual hosts that could be read, and take note of what does not fit."""
    sound = [reader for reader in readers if reader.complete]
    try:
        return NodeConfig.collect([reader.make for reader in sound])
    except ConfigurationError as error:
        for problem in error.problems:
            path, _, setting = problem.setting.rpartition(".")
            where = sound[int(path.partition("[")[2].rstrip("]"))].where
            name, bracket, index = setting.partition("[")
            mistakes.add(
                f"{where}.{_KEY_OF.get(name, name)}{bracket}{index}",
                f"{problem.value}: expected {problem.accepted}",
            )
        return None


@final
class VirtualHostReader:
    """Reads the table of one virtual host.

    Attributes:
        where: path to the table.
        complete: whether everything could be read that must be there.
        warnings: what the operator should know.
    """

    def __init__(self, table: dict[str, Json], where: str, mistakes: Mistakes) -> None:
        self.where = where
        self.warnings: list[str] = []
        self._mistakes = mistakes
        before = len(mistakes.lines)
        self._values = self._converted(table)
        self._fields: dict[str, Any] = {"dialect": CARPD} | {
            KEYS[name].field: value for name, value in self._values.items() if KEYS[name].field
        }
        self._read_passwords()
        self._prepare_scripts()
        self.complete = len(mistakes.lines) == before

    def make(self) -> VirtualHostConfig:
        """Return the virtual host's configuration.

        Raises:
            ConfigurationError: with every problem.
        """
        return VirtualHostConfig(**self._fields)

    @property
    def virtual(self) -> set[IPAddress]:
        """The virtual addresses, as far as they could be read."""
        return {address.ip for address in self._fields.get("addresses", ())}

    def complete_sources(self, interfaces: Callable[[], InterfaceTable], virtual: AbstractSet[IPAddress]) -> None:
        """Choose the source addresses if none was given: the interface's own, in the families that are served.

        Args:
            interfaces: tells what this host has.
            virtual: the virtual addresses of all virtual hosts. One that was left over is nobody's own.
        """
        if not self.complete or {"source", "source6"} & self._fields.keys():
            return
        own = [a for a in interfaces().addresses_of(self._fields["interface"]) if a.ip not in virtual]
        for family, name in ((Family.IPV4, "source"), (Family.IPV6, "source6")):
            if family in {family_of(ip) for ip in self.virtual}:
                self._choose_source(family, name, own)

    def _choose_source(self, family: Family, name: str, own: Sequence[IPInterface]) -> None:
        candidates = [address.ip for address in own if family_of(address) is family]
        # A link-local address is always there, and never changes when the network is numbered anew.
        candidates.sort(key=lambda ip: not (family is Family.IPV6 and ip.is_link_local))
        if candidates:
            self._fields[name] = candidates[0]
        else:
            interface = self._fields["interface"]
            self._mistakes.add(
                f"{self.where}.{name}", f"is missing, and {interface} has no {family} address of its own"
            )
            self.complete = False

    def scripts(self) -> dict[Hook, Script]:
        """Return the scripts by hook."""
        values = self._values
        parameter = (str(values["script_parameter"]),) if "script_parameter" in values else ()
        address = str(self._fields["addresses"][0].ip) if self._fields.get("addresses") else ""
        arguments = (str(self._fields["interface"]), address, *parameter)
        timeout_s = float(str(values.get("script_timeout_s", SCRIPT_TIMEOUT_S_DEFAULT)))
        return {
            hook: Script(path=Path(str(values[key])), arguments=arguments, timeout_s=timeout_s)
            for hook, key in ((Hook.UP, "up_script"), (Hook.DOWN, "down_script"))
            if key in values
        }

    def _converted(self, table: dict[str, Json]) -> dict[str, object]:
        values: dict[str, object] = {}
        for name, value in table.items():
            key = KEYS.get(name)
            if key is None:
                self._mistakes.unknown(f"{self.where}.", name, list(KEYS))
                continue
            try:
                values[name] = key.convert(value)
            except _WrongValueError as error:
                self._mistakes.add(f"{self.where}.{name}", f"{value!r}: expected {error}")
        for name, key in KEYS.items():
            if key.required and name not in table:
                self._mistakes.add(f"{self.where}.{name}", "is missing")
        return values

    def _read_passwords(self) -> None:
        for name, target in (("password_file", "password"), ("other_password_file", "other_password")):
            if name in self._values:
                path = Path(str(self._values[name]))
                try:
                    self._fields[target] = read_password(path)
                except PasswordError as error:
                    self._mistakes.add(f"{self.where}.{name}", str(error))

    def _prepare_scripts(self) -> None:
        for name, hook in (("up_script", "up_hook"), ("down_script", "down_hook")):
            if name in self._values:
                self._fields |= {hook: True, "manages_addresses": False}
                if not os.access(str(self._values[name]), os.X_OK):
                    self.warnings.append(
                        f"{self.where}.{name} {self._values[name]!r} does not exist or is not executable"
                    )
        if "flap_damping" in self._values:
            self._fields["flap_damping"] = FlapDamping() if self._values["flap_damping"] else None
