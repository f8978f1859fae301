"""The variables of the container image, read into `Settings`.

Those called ``UCARP_...`` are of the image ``kubernetize/ucarp``, with its defaults and its exit statuses; those
called ``CARPD_...`` say what it could not. What is empty counts as not set. All mistakes are told at once, each
with the name of its variable; the exit status is the one that the image would have had for the first of them.
"""

import difflib
import ipaddress
import os
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from pathlib import Path
from typing import Any, Final, final

from triocarp.core import (
    CARPD,
    UCARP,
    Draft,
    Family,
    Hook,
    IPAddress,
    IPInterface,
    NodeConfig,
    Problem,
    Transport,
    VirtualHostConfig,
    problems_of_drafts,
)
from triocarp.core.family import family_of
from triocarp.daemon.c_notation import read_number
from triocarp.daemon.password_file import PasswordLine, doubts_about
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
from triocarp.linux.default_route import default_interface
from triocarp.linux.interface_table import InterfaceTable, read_interfaces

STATUS_INTERFACE: Final = 2
"""Exit status where no interface is named and none can be guessed, as the image's."""

STATUS_SOURCE: Final = 3
"""Exit status where no source address is named and none can be guessed, as the image's."""

STATUS_PASSWORD_FILE: Final = 4
"""Exit status of a password file that cannot be read, as the image's."""

SCRIPTS: Final = Path("/etc/ucarp")
"""Where somebody who has scripts of their own mounts ``vip-up`` and ``vip-down``."""

OWN_SCRIPTS: Final = Path("/usr/share/carpd")
"""Where the image has the other one, for somebody who mounts only one of them."""

_BY_THE_IMAGE: Final = -1
"""The image's script looks for these mistakes, in the order of their exit statuses, before it starts ucarp."""

PASSWORD_DEFAULT: Final = b"password"
_PASSWORD_FILE_MAX: Final = 4096
_ANNOUNCEMENTS_DEFAULT: Final = 5  # of ucarp's fork in the image: one after each of the first five advertisements
_ANNOUNCEMENTS_MAX: Final = 1000
_PREFIX_LENGTH_MAX: Final = 32
_TABLE_MAX: Final = 2**32 - 1
_TRUTHS: Final = {"1": True, "yes": True, "true": True, "on": True}
_TRUTHS_AND_LIES: Final = _TRUTHS | {"0": False, "no": False, "false": False, "off": False}

_VARIABLE_OF: Final = {
    "interface": "UCARP_INTERFACE",
    "vhid": "UCARP_VHID",
    "password": "UCARP_PASS",
    "addresses": "UCARP_ADDR",
    "source": "UCARP_SRCIP",
    "source6": "UCARP_SRCIP",
    "routing_table": "UCARP_RTABLE",
    "rule_priority": "UCARP_RULE_PRIORITY",
    "routing_prefix_length": "UCARP_RTABLE_NETWORK_LENGTH",
    "gateways": "UCARP_GATEWAY",
    "advbase_s": "CARPD_ADVBASE",
    "advskew": "CARPD_ADVSKEW",
    "dead_ratio": "CARPD_DEAD_RATIO",
    "group": "CARPD_GROUP",
    "group6": "CARPD_GROUP",
    "peers": "CARPD_PEERS",
}
"""The variables, by the field of `VirtualHostConfig` that each is."""

VARIABLES: Final = frozenset(_VARIABLE_OF.values()) | {
    "UCARP_MASKLEN",
    "UCARP_PASS_FILE",
    "UCARP_GARP_TIMEOUT",
    "UCARP_BROADCAST",
    "CARPD_ADDRESSES",
    "CARPD_PREEMPT",
}
"""All that there are."""


def read(
    environ: Mapping[str, str],
    *,
    interfaces: Callable[[], InterfaceTable] = read_interfaces,
    guess_interface: Callable[[], str | None] = default_interface,
    scripts: Path = SCRIPTS,
) -> Settings:
    """Return the settings that an environment means.

    Args:
        environ: the variables.
        interfaces: tells what this host has.
        guess_interface: tells which interface is meant when none is named.
        scripts: directory in which ``vip-up`` and ``vip-down`` are, if the operator has scripts.

    Raises:
        SettingsError: with a line for every mistake that was found.
        OSError: the kernel does not tell.
    """
    return _Reader(environ, interfaces, guess_interface, scripts).settings()


@final
class _Reader:
    """An environment as far as it can be read."""

    def __init__(
        self,
        environ: Mapping[str, str],
        interfaces: Callable[[], InterfaceTable],
        guess_interface: Callable[[], str | None],
        scripts: Path,
    ) -> None:
        self._environ = {name: value for name, value in environ.items() if value}
        self._interfaces = interfaces
        self._guess_interface = guess_interface
        self._scripts_directory = scripts
        self._mistakes: list[tuple[int, int, str]] = []
        self._warnings: list[str] = []
        self._fields: dict[str, Any] = {}
        self._unknown: set[str] = set()
        self._told: set[str] = set()

    def settings(self) -> Settings:
        own_scripts = self._own_scripts()
        self._read_what_is_shared()
        self._read_announcements()
        self._read_way()
        if own_scripts:
            self._fields |= {"manages_addresses": False, "up_hook": True, "down_hook": True}
        else:
            self._read_routing()
        self._read_sources()
        self._note_misspelt()
        draft = Draft(fields=self._fields, unknown=frozenset(self._unknown))
        for problem in problems_of_drafts([draft]):
            self._add_problem(problem)
        if self._mistakes:
            _, status, _ = min(self._mistakes)
            needs = VirtualHostNeeds.of(self._fields, _VARIABLE_OF.__getitem__, told=self._told)
            raise SettingsError(
                *(line for _, _, line in self._mistakes), status=status, needs=Needs(virtual_hosts=(needs,))
            )
        host = VirtualHostConfig(**self._fields)
        arguments = (host.interface, str(host.addresses[0].ip), str(host.addresses[0].network.prefixlen))
        scripts = {
            hook: Script(path=path, arguments=arguments, timeout_s=SCRIPT_TIMEOUT_S_DEFAULT)
            for hook, path in own_scripts.items()
        }
        return Settings(
            node=NodeConfig(virtual_hosts=(host,)),
            scripts={(host.interface, host.vhid): scripts} if scripts else {},
            real_time=True,
            debug=False,
            journal=None,
            warnings=tuple(self._warnings),
            names=_VARIABLE_OF,
        )

    def _read_what_is_shared(self) -> None:
        """Read what is the same on all hosts of a group: addresses, VHID, password and timers."""
        self._read_addresses()
        addresses: tuple[IPInterface, ...] = self._fields.get("addresses", ())
        one_of_ucarp_s = len(addresses) == 1 and isinstance(addresses[0], IPv4Interface)
        self._fields["dialect"] = UCARP if one_of_ucarp_s else CARPD
        self._number("vhid", 1)
        self._read_password()
        for field, default in (("advbase_s", 1), ("advskew", 0), ("dead_ratio", 3)):
            self._number(field, default)
        preempt = self._environ.get("CARPD_PREEMPT", "no")
        if preempt.lower() not in _TRUTHS_AND_LIES:
            self._add("CARPD_PREEMPT", f"{preempt!r}: expected yes or no")
        self._fields["preempt"] = _TRUTHS_AND_LIES.get(preempt.lower(), False)

    def _read_addresses(self) -> None:
        addresses: list[IPInterface] = []
        length = self._number_of("UCARP_MASKLEN", _PREFIX_LENGTH_MAX, least=1, most=_PREFIX_LENGTH_MAX)
        text = self._environ.get("UCARP_ADDR")
        if text is not None:
            try:
                addresses.append(
                    IPv4Interface((IPv4Address(text), _PREFIX_LENGTH_MAX if length is None else length))
                )
            except ValueError:
                self._add("UCARP_ADDR", f"{text!r}: expected an IPv4 address such as 192.0.2.1")
                self._unknown.add("addresses")
        for text in self._list("CARPD_ADDRESSES"):
            try:
                if "/" not in text:
                    raise ValueError  # noqa: TRY301 - as where the text is no address at all
                addresses.append(ipaddress.ip_interface(text))
            except ValueError:
                self._add("CARPD_ADDRESSES", f"{text!r}: expected an address with its prefix length")
                self._unknown.add("addresses")
        if not addresses and "addresses" not in self._unknown:
            self._add("UCARP_ADDR", "is not set: expected the virtual address", when=_BY_THE_IMAGE)
            self._unknown.add("addresses")
        self._fields["addresses"] = tuple(addresses)

    def _read_password(self) -> None:
        file = self._environ.get("UCARP_PASS_FILE")
        if file is not None:
            try:
                with Path(file).open("rb") as opened:
                    password = opened.read(_PASSWORD_FILE_MAX).rstrip(b"\n")
            except OSError as error:
                self._add(
                    "UCARP_PASS_FILE",
                    f"{file!r}: cannot be read: {error.strerror}",
                    STATUS_PASSWORD_FILE,
                    _BY_THE_IMAGE,
                )
                self._unknown.add("password")
                return
        elif "UCARP_PASS" in self._environ:
            password = os.fsencode(self._environ["UCARP_PASS"])
        else:
            password = PASSWORD_DEFAULT
            self._warnings.append(
                "neither UCARP_PASS_FILE nor UCARP_PASS is set: the password is the default, which everybody knows"
            )
        self._warnings += doubts_about(PasswordLine(password))
        self._fields["password"] = password

    def _read_announcements(self) -> None:
        count = self._number_of("UCARP_GARP_TIMEOUT", _ANNOUNCEMENTS_DEFAULT, least=None, most=_ANNOUNCEMENTS_MAX)
        self._fields["announce_after"] = tuple(range(1, (count or 0) + 1))

    def _read_way(self) -> None:
        """Read how advertisements reach the other hosts."""
        for group in self._addresses("CARPD_GROUP", "a multicast address"):
            self._fields["group" if isinstance(group, IPv4Address) else "group6"] = group
        peers = self._addresses("CARPD_PEERS", "an address such as 192.0.2.3")
        if peers and "UCARP_BROADCAST" in self._environ:
            self._add("UCARP_BROADCAST", "is set, and so is CARPD_PEERS: expected one of them")
        self._fields["peers"] = peers
        if peers:
            self._fields["transport"] = Transport.UNICAST
        elif "UCARP_BROADCAST" in self._environ:
            self._fields["transport"] = Transport.BROADCAST

    def _read_routing(self) -> None:
        details = ("UCARP_RTABLE_NETWORK_LENGTH", "UCARP_GATEWAY", "UCARP_RULE_PRIORITY")
        if "UCARP_RTABLE" not in self._environ:
            needless = [name for name in details if name in self._environ]
            if needless:
                self._warnings.append(f"{', '.join(needless)}: without effect, because UCARP_RTABLE is not set")
            return
        table = self._number_of("UCARP_RTABLE", 0, least=1, most=_TABLE_MAX)
        if table is None:
            self._unknown.add("routing_table")
        self._fields["routing_table"] = table
        self._fields["rule_priority"] = self._number_of("UCARP_RULE_PRIORITY", None, most=_TABLE_MAX)
        # Where nobody says otherwise it is the address's own, which is UCARP_MASKLEN.
        self._fields["routing_prefix_length"] = self._number_of(
            "UCARP_RTABLE_NETWORK_LENGTH", None, least=1, most=_PREFIX_LENGTH_MAX
        )
        self._fields["gateways"] = self._addresses("UCARP_GATEWAY", "the address of a router")

    def _read_sources(self) -> None:
        """Read the interface and the host's own addresses, or guess them."""
        name = self._environ.get("UCARP_INTERFACE") or self._guess_interface()
        if name is None:
            what = "is not set, and there is no IPv4 default route by which to guess it"
            self._add("UCARP_INTERFACE", what, STATUS_INTERFACE, _BY_THE_IMAGE)
            self._unknown |= {"interface", "source", "source6"}
            return
        self._fields["interface"] = name
        for source in self._addresses("UCARP_SRCIP", "an address of this host"):
            self._fields["source" if isinstance(source, IPv4Address) else "source6"] = source
        virtual = {address.ip for address in self._fields["addresses"]}
        missing = [
            family
            for family, field in ((Family.IPV4, "source"), (Family.IPV6, "source6"))
            if field not in self._fields and family in map(family_of, virtual)
        ]
        if "addresses" in self._unknown and not {"source", "source6"} & self._fields.keys():
            self._unknown |= {"source", "source6"}  # nobody knows of which family they should be
        if "source" in self._unknown or not missing:
            return
        table = self._interfaces()
        if table.find(name) is None:
            there_are = ", ".join(table.names())
            self._add("UCARP_INTERFACE", f"{name}: no such interface; there are: {there_are}", STATUS_START)
            self._told.add("interface")
            self._unknown |= {"source", "source6"}
            return
        for family in missing:
            self._guess_source(family, name, [own for own in table.addresses_of(name) if own.ip not in virtual])

    def _guess_source(self, family: Family, interface: str, own: Iterable[IPInterface]) -> None:
        """Choose the first address of a family that is no virtual one.

        What stands alone in its network is probably the virtual address of another container here.
        """
        field = "source" if family is Family.IPV4 else "source6"
        candidates = [address for address in own if family_of(address) is family]
        candidates.sort(
            key=lambda address: (
                address.network.prefixlen == address.max_prefixlen,
                family is Family.IPV6 and not address.ip.is_link_local,
            )
        )
        if candidates:
            self._fields[field] = candidates[0].ip
        else:
            what = f"is not set, and {interface} has no {family} address but virtual ones"
            self._add("UCARP_SRCIP", what, STATUS_SOURCE, _BY_THE_IMAGE)
            self._unknown.add(field)

    def _own_scripts(self) -> dict[Hook, Path]:
        """Return the operator's scripts; if there is one, the image's own stands for a missing other one."""
        names = {Hook.UP: "vip-up", Hook.DOWN: "vip-down"}
        if not any((self._scripts_directory / name).exists() for name in names.values()):
            return {}
        found: dict[Hook, Path] = {}
        for hook, name in names.items():
            path = self._scripts_directory / name
            found[hook] = path if path.exists() else OWN_SCRIPTS / name
            if not os.access(found[hook], os.X_OK):
                self._warnings.append(f"the script {str(found[hook])!r} does not exist or is not executable")
        return found

    def _note_misspelt(self) -> None:
        for name in self._environ:
            if name.startswith(("UCARP_", "CARPD_")) and name not in VARIABLES:
                close = difflib.get_close_matches(name, sorted(VARIABLES), 1, 0.85)
                if close:  # Kubernetes sets others of such names, if a service is called so
                    self._warnings.append(f"{name}: there is no such variable; did you mean {close[0]}?")

    def _number(self, field: str, default: int) -> None:
        """Read a field that is a number; `VirtualHostConfig` knows its range."""
        number = self._number_of(_VARIABLE_OF[field], default, least=None)
        if number is None:
            self._unknown.add(field)
        else:
            self._fields[field] = number

    def _number_of(
        self, variable: str, default: int | None, *, least: int | None = 0, most: int | None = None
    ) -> int | None:
        """Return a number, or None if it is none that is accepted, or the default is."""
        text = self._environ.get(variable)
        if text is None:
            return default
        try:
            number = read_number(text)
        except ValueError:
            self._add(variable, f"{text!r}: expected a whole number")
            return None
        if (least is not None and number < least) or (most is not None and number > most):
            bounds = f"from {least} to {most}" if least is not None else f"of at most {most}"
            self._add(variable, f"{text}: expected a number {bounds}")
            return None
        return number

    def _list(self, variable: str) -> list[str]:
        return [text for text in self._environ.get(variable, "").replace(",", " ").split() if text]

    def _addresses(self, variable: str, accepted: str) -> tuple[IPAddress, ...]:
        found: list[IPv4Address | IPv6Address] = []
        for text in self._list(variable):
            try:
                found.append(ipaddress.ip_address(text))
            except ValueError:
                self._add(variable, f"{text!r}: expected {accepted}")
                self._unknown |= {field for field, name in _VARIABLE_OF.items() if name == variable}
        return tuple(found)

    def _add(self, variable: str, what: str, status: int = STATUS_SETTINGS, when: int = 0) -> None:
        self._mistakes.append((when, status, f"{variable} {what}"))

    def _add_problem(self, problem: Problem) -> None:
        setting = problem.setting.rpartition("].")[2]
        field, _, place = setting.partition("[")
        self._told.add(field)
        variable = _VARIABLE_OF.get(field, field)
        if field == "addresses" and (place not in {"", "0]"} or "UCARP_ADDR" not in self._environ):
            variable = "CARPD_ADDRESSES"
        if field == "password" and "UCARP_PASS_FILE" in self._environ:
            variable = "UCARP_PASS_FILE"
        too_long = field == "password" and len(self._fields["password"]) > 0
        status = STATUS_START if too_long else STATUS_SETTINGS
        self._add(variable, f"{problem.value}: expected {problem.accepted}", status)
