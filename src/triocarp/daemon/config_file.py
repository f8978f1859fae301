"""carpd's configuration file: TOML, for what ucarp's command line cannot say.

::

    [[virtual_host]]
    interface = "eth0"
    vhid = 42
    password_file = "/etc/carpd.password"
    addresses = ["10.0.0.100/24", "2001:db8::100/64"]

`config_keys` has the vocabulary. Every mistake is told at once, each with the path to its value: what cannot be
read hides nothing but what depends on it.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

from triocarp.core import (
    CARPD,
    Draft,
    Family,
    Hook,
    IPAddress,
    IPInterface,
    NodeConfig,
    Problem,
    Sealing,
    VirtualHostConfig,
    problems_of_drafts,
)
from triocarp.core.family import family_of
from triocarp.core.timing import SECOND
from triocarp.daemon.config_keys import KEYS, TABLE, TOP_KEYS, Json, Key
from triocarp.daemon.password_file import PasswordError, PasswordLine, doubts_about
from triocarp.daemon.settings import (
    SCRIPT_TIMEOUT_S_DEFAULT,
    STATUS_SETTINGS,
    STATUS_START,
    Needs,
    Script,
    Settings,
    SettingsError,
    VirtualHostNeeds,
)
from triocarp.daemon.text_file import TextFileError, read_text_file
from triocarp.linux.interface_table import InterfaceTable, read_interfaces

_KEY_OF: Final = {key.field: name for name, key in KEYS.items() if key.field}
_SOURCES: Final = {Family.IPV4: "source", Family.IPV6: "source6"}
_SCRIPTS: Final = {"up_script": Hook.UP, "down_script": Hook.DOWN}


@final
@dataclass(slots=True)
class Mistakes:
    """All that is wrong with a file.

    Attributes:
        path: of the file.
        lines: one for each mistake.
        status: exit status; that of a failed start if the file is right, and this host is not.
    """

    path: Path
    lines: list[str] = field(default_factory=list[str])
    status: int = STATUS_START

    def add(self, where: str, what: str, *, status: int = STATUS_SETTINGS) -> None:
        """Add a mistake.

        Args:
            where: path to the value.
            what: is wrong with it.
            status: exit status, if there is no other mistake.
        """
        self.lines.append(f"{self.path}: {where}: {what}")
        self.status = min(self.status, status)

    def unknown(self, where: str, key: str, known: Sequence[str]) -> None:
        """Add a key that nobody knows.

        Args:
            where: path to its table, with the dot behind it.
            key: as it stands there.
            known: what there is.
        """
        if key in TOP_KEYS:
            self.add(f"{where}{key}", f"belongs before the first table [[{TABLE}]]: it concerns the whole daemon")
            return
        close = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        self.add(f"{where}{key}", f"there is no such setting; {hint}")


def read_node_config(path: Path, interfaces: Callable[[], InterfaceTable] = read_interfaces) -> NodeConfig:
    """Return the node that a file is about, for a host of one's own, a simulation or a replay.

    What only a daemon needs is not asked for: the scripts and the interfaces need not be there. The password files
    are read; source addresses that are left out are those of this machine.

    Args:
        path: of the file.
        interfaces: tells what a host has, for source addresses that are left out.

    Raises:
        SettingsError: with a line for every mistake that was found.
        OSError: the kernel does not tell the interfaces.
    """
    return _File(path, interfaces).node()


def read(path: Path, interfaces: Callable[[], InterfaceTable]) -> Settings:
    """Return the settings that a file means.

    Args:
        path: of the file.
        interfaces: tells what this host has, for source addresses that are left out.

    Raises:
        SettingsError: with a line for every mistake that was found.
        OSError: the kernel does not tell the interfaces.
    """
    return _File(path, interfaces).settings()


@final
class _File:
    """A file as far as it can be read."""

    def __init__(self, path: Path, interfaces: Callable[[], InterfaceTable]) -> None:
        content = _content(path)
        self._path = path
        self._mistakes = mistakes = Mistakes(path)
        self._top = _Table(content, TOP_KEYS, "", mistakes, also=TABLE).values
        tables = content.get(TABLE, [])
        if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
            mistakes.add(TABLE, f"expected at least one table [[{TABLE}]]")
            tables = []
        self._readers = [
            VirtualHostReader(table, f"{TABLE}[{index}]", mistakes) for index, table in enumerate(tables)
        ]
        virtual = {address for reader in self._readers for address in reader.virtual}
        for reader in self._readers:
            reader.complete_sources(interfaces, virtual)

    def node(self) -> NodeConfig:
        add_problems(self._readers, self._mistakes)
        for reader in self._readers:
            reader.check_seal_window()
        if self._mistakes.lines:
            needs = Needs(
                virtual_hosts=tuple(reader.needs() for reader in self._readers),
                journal=self._journal,
                as_ucarp=False,
            )
            raise SettingsError(*self._mistakes.lines, status=self._mistakes.status, needs=needs)
        return NodeConfig(virtual_hosts=tuple(reader.virtual_host() for reader in self._readers))

    def settings(self) -> Settings:
        for reader in self._readers:
            reader.check_scripts()
        node = self.node()
        top = self._top
        return Settings(
            node=node,
            scripts={
                (host.interface, host.vhid): reader.scripts()
                for host, reader in zip(node.virtual_hosts, self._readers, strict=True)
            },
            real_time=bool(top.get("real_time", True)),
            debug=bool(top.get("debug", False)),
            journal=self._journal,
            warnings=tuple(
                f"{self._path}: {warning}"
                for reader in self._readers
                for warning in reader.doubts_about_passwords()
            ),
            config=self._path,
        )

    @property
    def _journal(self) -> Path | None:
        journal = self._top.get("journal")
        return Path(str(journal)) if journal else None


def _content(path: Path) -> dict[str, Json]:
    try:
        return tomllib.loads(read_text_file(path))
    except TextFileError as error:
        raise SettingsError(f"--config {str(path)!r}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None


@final
class _Table:
    """What can be read of a table; of the rest the mistakes take note.

    Args:
        table: as TOML gives it.
        keys: those that there are.
        where: path to the table, with the dot behind it.
        mistakes: takes note of what cannot be read.
        also: a key that is read elsewhere.

    Attributes:
        values: by key, converted; of a list the elements that could be read.
        unreadable: keys that are there, and cannot be read at all, or are not there and must be.
        places: by key of a list of which some elements could not be read: where those stand that could.
    """

    def __init__(
        self, table: Mapping[str, Json], keys: Mapping[str, Key], where: str, mistakes: Mistakes, *, also: str = ""
    ) -> None:
        self.values: dict[str, Any] = {}
        self.unreadable: set[str] = set()
        self.places: dict[str, list[int]] = {}
        self._where = where
        self._mistakes = mistakes
        for name, value in table.items():
            if name in keys:
                self._read(name, keys[name], value)
            elif name != also:
                mistakes.unknown(where, name, [*keys, *filter(None, [also])])
        for name, key in keys.items():
            if key.required and name not in table:
                mistakes.add(f"{where}{name}", "is missing")
                self.unreadable.add(name)

    def _read(self, name: str, key: Key, value: Json) -> None:
        if key.kind.several and isinstance(value, list):
            self._read_list(name, key, value)
            return
        try:
            self.values[name] = _converted(key, value, whole=True)
        except _WrongValueError as error:
            self._mistakes.add(f"{self._where}{name}", str(error))
            self.unreadable.add(name)

    def _read_list(self, name: str, key: Key, value: list[Json]) -> None:
        elements: dict[int, object] = {}
        for place, element in enumerate(value):
            try:
                elements[place] = _converted(key, element)
            except _WrongValueError as error:
                self._mistakes.add(f"{self._where}{name}[{place}]", str(error))
        self.values[name] = tuple(elements.values())
        if len(elements) < len(value):
            self.places[name] = list(elements)


@final
class _WrongValueError(Exception):
    """Raised for a value that a key cannot have. Its text says what is wrong."""


def _converted(key: Key, value: Json, *, whole: bool = False) -> object:
    """Return what a value of TOML means: ``whole`` of a key, or an element of its list."""
    if whole and key.kind.several:
        raise _WrongValueError(f"{_spelled(value)}: expected a list, each {key.kind.accepted}")
    try:
        return key.kind.convert(value)
    except PasswordError as error:
        raise _WrongValueError(str(error)) from None
    except ValueError:
        raise _WrongValueError(f"{_spelled(value)}: expected {key.kind.accepted}") from None


def _spelled(value: Json) -> str:
    """Return a value as TOML has it, as far as that can be told: ``true``, and not Python's ``True``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_spelled, value))}]"
    return repr(value)


def add_problems(readers: Sequence["VirtualHostReader"], mistakes: Mistakes) -> None:
    """Take note of all that does not fit together, as far as it could be read."""
    for problem in problems_of_drafts([reader.draft() for reader in readers]):
        path, _, setting = problem.setting.rpartition(".")
        reader = readers[int(path.partition("[")[2].rstrip("]"))]
        reader.told.add(setting.partition("[")[0])
        accepted = problem.accepted.replace("virtual_hosts[", f"{TABLE}[")
        mistakes.add(reader.place_of(setting), f"{_in_unit_of_key(problem, setting)}: expected {accepted}")


def _in_unit_of_key(problem: Problem, setting: str) -> str:
    key = KEYS.get(_KEY_OF.get(setting, ""))
    if key is None or not key.kind.seconds:
        return problem.value
    return f"{int(problem.value) / SECOND:g}"


@final
class VirtualHostReader:
    """Reads the table of one virtual host.

    Args:
        table: as TOML gives it.
        where: path to the table.
        mistakes: takes note of what cannot be read.

    Attributes:
        told: fields that could be read, and with which something is wrong.
    """

    def __init__(self, table: dict[str, Json], where: str, mistakes: Mistakes) -> None:
        self.told: set[str] = set()
        self._where = where
        self._mistakes = mistakes
        self._read = read = _Table(table, KEYS, f"{where}.", mistakes)
        self._fields: dict[str, Any] = {"dialect": CARPD} | {
            KEYS[name].field: value.password if isinstance(value, PasswordLine) else value
            for name, value in read.values.items()
            if KEYS[name].field
        }
        self._unknown = {KEYS[name].field for name in read.unreadable} - {""}
        self._incomplete = frozenset(KEYS[name].field for name in read.places)
        for name, hook in (("up_script", "up_hook"), ("down_script", "down_hook")):
            if name in read.values:
                self._fields |= {hook: True, "manages_addresses": False}

    def draft(self) -> Draft:
        """Return what could be read."""
        return Draft(fields=self._fields, unknown=frozenset(self._unknown), incomplete=self._incomplete)

    def virtual_host(self) -> VirtualHostConfig:
        """Return the virtual host's configuration, if there was no mistake.

        Raises:
            ConfigurationError: there was one.
        """
        return VirtualHostConfig(**self._fields)

    def needs(self) -> VirtualHostNeeds:
        """Return what this host must have, as far as it could be read, and nothing was wrong with it."""
        return VirtualHostNeeds.of(
            self._fields, lambda field: f"{self._mistakes.path}: {self.place_of(field)}:", told=self.told
        )

    @property
    def virtual(self) -> set[IPAddress]:
        """The virtual addresses, as far as they could be read."""
        return {address.ip for address in self._fields.get("addresses", ())}

    def place_of(self, setting: str) -> str:
        """Return the path to a value.

        Args:
            setting: the field of the configuration; of a list ``field[n]``, counting what could be read.
        """
        name, bracket, index = setting.partition("[")
        key = _KEY_OF.get(name, name)
        place = index.rstrip("]")
        if bracket and key in self._read.places:
            place = str(self._read.places[key][int(place)])
        return f"{self._where}.{key}[{place}]" if bracket else f"{self._where}.{key}"

    def complete_sources(self, interfaces: Callable[[], InterfaceTable], virtual: AbstractSet[IPAddress]) -> None:
        """Choose the source addresses if none was given: the interface's own, in the families that are served.

        Args:
            interfaces: tells what this host has.
            virtual: the virtual addresses of all virtual hosts. One that was left over is nobody's own.
        """
        if set(_SOURCES.values()) & (self._fields.keys() | self._unknown):
            return
        missing = {"interface", "addresses", "dialect"} & (self._unknown | self._incomplete)
        served = {family_of(ip) for ip in self.virtual} & self._fields["dialect"].families
        if missing or not served:
            self._unknown |= set(_SOURCES.values())
            return
        name, table = self._fields["interface"], interfaces()
        if table.find(name) is None:
            self._unknown |= set(_SOURCES.values())
            self.told.add("interface")
            there_are = ", ".join(table.names())
            self._mistakes.add(
                f"{self._where}.interface",
                f"{name}: no such interface; there are: {there_are}",
                status=STATUS_START,
            )
            return
        for family in sorted(served):
            here = [address for address in table.addresses_of(name) if family_of(address) is family]
            self._choose_source(family, here, virtual)

    def _choose_source(self, family: Family, here: Sequence[IPInterface], virtual: AbstractSet[IPAddress]) -> None:
        candidates = [address.ip for address in here if address.ip not in virtual]
        # A link-local address is always there, and never changes when the network is numbered anew.
        candidates.sort(key=lambda ip: not (family is Family.IPV6 and ip.is_link_local))
        setting = _SOURCES[family]
        if candidates:
            self._fields[setting] = candidates[0]
        else:
            interface = self._fields["interface"]
            but = ""
            if here:
                moves = ", ".join(map(str, here))
                but = f" but {moves}, which `addresses` lets move: list another one there, or give {interface} one"
            self._mistakes.add(
                f"{self._where}.{setting}", f"is missing, and {interface} has no {family} address of its own{but}"
            )
            self._unknown.add(setting)

    def check_seal_window(self) -> None:
        """Take note of a window that nothing is looked at through; only here it is seen whether one was given."""
        window = self._fields.get("seal_window")
        if (
            window is None
            or "sealing" in self._unknown
            or self._fields.get("sealing") in {*Sealing} - {Sealing.OFF}
        ):
            return
        accepted = "none, or sealing to observe or enforce: nobody's seal is looked at while it is off"
        self._mistakes.add(f"{self._where}.seal_window_s", f"{window / SECOND:g}: expected {accepted}")

    def doubts_about_passwords(self) -> Iterator[str]:
        """Yield warnings about the passwords, each with the path to the key."""
        others = self._fields["dialect"] is not CARPD
        for name, line in self._read.values.items():
            if isinstance(line, PasswordLine):
                for doubt in doubts_about(line, others=others):
                    yield f"{self._where}.{name}: {doubt}"

    def check_scripts(self) -> None:
        """Take note of scripts that cannot be run: with one, nobody else manages the addresses."""
        for name in _SCRIPTS:
            path = self._read.values.get(name)
            if path is not None and not (path.is_file() and os.access(path, os.X_OK)):
                self._mistakes.add(f"{self._where}.{name}", f"{str(path)!r}: expected a file that can be executed")

    def scripts(self) -> dict[Hook, Script]:
        """Return the scripts by hook."""
        values = self._read.values
        parameter = (values["script_parameter"],) if "script_parameter" in values else ()
        address = str(self._fields["addresses"][0].ip)
        arguments = (self._fields["interface"], address, *parameter)
        timeout_s = values.get("script_timeout_s", SCRIPT_TIMEOUT_S_DEFAULT)
        return {
            hook: Script(path=values[name], arguments=arguments, timeout_s=timeout_s)
            for name, hook in _SCRIPTS.items()
            if name in values
        }
