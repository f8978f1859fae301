"""From an ``ifconfig`` line of FreeBSD or OpenBSD, or the files that hold such lines."""

import ipaddress
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

from triocarp.core import DIALECTS, ConfigurationError, IPInterface, Transport, VirtualHostConfig
from triocarp.migrate.migration import (
    BSD_PASSWORD_MAX,
    MigratedHost,
    Migration,
    MigrationError,
    password_file_for,
    problems_of,
    stand_in,
)

_IGNORED: Final = frozenset({"up", "alias", "create", "add", "-carppeer"})
_IGNORED_WITH_VALUE: Final = frozenset({"broadcast", "state", "group", "description", "descr", "fib", "rdomain"})
_RC_CONF: Final = re.compile(r"ifconfig_(?P<name>\w+?)(_alias\d+|_ipv6)?=(?P<value>.*)", re.DOTALL)
_IPV4_LENGTH: Final = 32
_IPV6_LENGTH: Final = 128
_MASK: Final = re.compile(r"0x[0-9a-fA-F]{8}|\d+\.\d+\.\d+\.\d+")


@final
@dataclass(slots=True)
class _Group:
    """One VHID of one interface, as far as the lines have told it."""

    interface: str
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    addresses: list[IPInterface] = field(default_factory=list[IPInterface])
    cut: bool = False


def read(lines: Sequence[str], system: str, *, interface: str | None = None) -> Migration:
    """Return what lines of a BSD mean; those with the same interface and VHID are one virtual host.

    Args:
        lines: ``ifconfig em0 vhid 1 ...``, ``ifconfig_em0_alias0="..."``, or those of ``hostname.carp0``.
        system: ``freebsd`` or ``openbsd``.
        interface: Linux's name of the interface; else the BSD's is kept.

    Raises:
        MigrationError: with a line for every obstacle.
    """
    groups: dict[tuple[str, int], _Group] = {}
    last: _Group | None = None
    for line in lines:
        last = _Line(line, system, last).group
        key = last.interface, last.fields["vhid"]
        known = groups.setdefault(key, last)
        if known is not last:
            known.fields |= last.fields
            known.addresses += last.addresses
            known.cut |= last.cut
            last = known
    if not groups:
        raise MigrationError("there is no line with a vhid")
    names = dict.fromkeys(group.interface for group in groups.values())
    if interface is not None and len(names) > 1:
        raise MigrationError(f"--interface: the lines are about several, {', '.join(names)}")
    hosts = tuple(_host(group, system, interface or group.interface) for group in groups.values())
    return Migration(hosts=hosts, differences=_differences(tuple(groups.values()), system, interface))


@final
class _Line:
    """Reads one line. A word that is not known is never repeated: it may be the password."""

    def __init__(self, line: str, system: str, before: _Group | None) -> None:
        self._system = system
        name, self._words = _words(line)
        self._at = 0
        self._carpdev: str | None = None
        self._mask: str | None = None
        self._addresses: list[str] = []
        self._fields: dict[str, Any] = {"dialect": DIALECTS[system]}
        self._cut = False
        while self._at < len(self._words):
            self._take(self._next())
        if "vhid" not in self._fields:
            # In hostname.carp0 the further addresses have lines of their own.
            if before is None or name is not None:
                raise MigrationError("a line has no vhid")
            self._fields["vhid"] = before.fields["vhid"]
            self._carpdev = before.interface
        found = self._carpdev or name
        if found is None or re.fullmatch(r"carp\d+", found):
            raise MigrationError(
                "the line does not name the interface below carp: expected carpdev, or an ifconfig line"
            )
        self.group = _Group(found, self._fields, self._interfaces(), self._cut)

    def _next(self) -> str:
        if self._at == len(self._words):
            raise MigrationError("the line ends where a value should stand")
        self._at += 1
        return self._words[self._at - 1]

    def _take(self, word: str) -> None:
        if word in _IGNORED:
            return
        if word in _IGNORED_WITH_VALUE:
            self._next()
            return
        take = self._takers().get(word)
        if take is not None:
            take()
            return
        refusal = _REFUSED.get(word)
        if refusal is not None:
            raise MigrationError(f"{word}: {refusal}")
        if _is_address(word):
            self._addresses.append(word)
            if (
                self._system == "openbsd"
                and self._at < len(self._words)
                and _MASK.fullmatch(self._words[self._at])
            ):
                self._take_old_mask()
            return
        raise MigrationError(f"word {self._at} behind the interface is not known, or stands at the wrong place")

    def _takers(self) -> dict[str, Callable[[], None]]:
        return {
            "vhid": lambda: self._number("vhid", "vhid"),
            "advbase": lambda: self._number("advbase", "advbase_s"),
            "advskew": lambda: self._number("advskew", "advskew"),
            "pass": self._password,
            "carpdev": self._device,
            "peer": self._peer,
            "peer6": self._peer,
            "carppeer": self._peer,
            "lladdr": self._link_layer_address,
            "inet": self._family,
            "inet6": self._family,
            "netmask": lambda: self._with_length(self._next()),
            "prefixlen": lambda: self._with_length(self._next()),
            "carpver": self._version,
        }

    def _number(self, word: str, name: str) -> None:
        text = self._next()
        if not text.isascii() or not text.isdecimal():
            raise MigrationError(f"{word}: expected a whole number behind it")
        self._fields[name] = int(text)

    def _password(self) -> None:
        password = self._next().encode(errors="surrogateescape")
        self._cut = len(password) > BSD_PASSWORD_MAX
        self._fields["password"] = password[:BSD_PASSWORD_MAX]

    def _device(self) -> None:
        self._carpdev = self._next()

    def _peer(self) -> None:
        try:
            peer = ipaddress.ip_address(self._next())
        except ValueError:
            raise MigrationError("peer: expected an address behind it") from None
        self._fields["peers"] = (*self._fields.get("peers", ()), peer)
        self._fields["transport"] = Transport.UNICAST

    def _link_layer_address(self) -> None:
        try:
            address = bytes.fromhex("".join(f"{part:>02}" for part in self._next().split(":")))
        except ValueError:
            raise MigrationError("lladdr: expected a MAC behind it") from None
        self._fields["link_layer_address"] = address

    def _family(self) -> None:
        """Skip the word; the address behind it tells its family."""
        if self._at < len(self._words) and self._words[self._at] == "alias":
            self._next()

    def _take_old_mask(self) -> None:
        """Take ``inet ADDRESS MASK [BROADCAST]``, as hostname.if(5) has it."""
        self._with_length(self._next())
        if self._at < len(self._words) and (_is_address(self._words[self._at]) or self._words[self._at] == "NONE"):
            self._next()

    def _with_length(self, mask: str) -> None:
        if not self._addresses:
            raise MigrationError("a netmask or prefix length stands before its address")
        if mask.startswith("0x"):
            mask = str(ipaddress.IPv4Address(int(mask, 16)))
        self._addresses[-1] = f"{self._addresses[-1].partition('/')[0]}/{mask}"

    def _version(self) -> None:
        if self._next() != "2":
            raise MigrationError("carpver: VRRPv3 is another protocol, which carpd does not speak")

    def _interfaces(self) -> list[IPInterface]:
        try:
            return [ipaddress.ip_interface(_with_default_length(text)) for text in self._addresses]
        except ValueError as error:
            raise MigrationError(f"an address cannot be read: {error}") from None


_REFUSED: Final = {
    "balancing": "carpd does not balance load: each address has one master",
    "carpnodes": "carpd does not balance load: write one virtual host for each node",
    "vrrpprio": "VRRPv3 is another protocol, which carpd does not speak",
    "vrrpinterval": "VRRPv3 is another protocol, which carpd does not speak",
    "delete": "expected a line that adds, not one that takes away",
    "-alias": "expected a line that adds, not one that takes away",
}


def _words(line: str) -> tuple[str | None, list[str]]:
    """Return the interface that a line is about, if it says so, and what it says about it."""
    try:
        words = shlex.split(line, comments=True)
        assignment = _RC_CONF.fullmatch(words[0]) if len(words) == 1 else None
        if assignment:
            return assignment["name"], shlex.split(assignment["value"])
    except ValueError:
        raise MigrationError("a quotation mark is not closed") from None
    if words and words[0].rpartition("/")[2] == "ifconfig":
        if len(words) == 1:
            raise MigrationError("the line ends behind ifconfig")
        return words[1], words[2:]
    return None, words


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_interface(word)
    except ValueError:
        return False
    return "." in word or ":" in word


def _with_default_length(text: str) -> str:
    if "/" in text:
        return text
    return f"{text}/{_IPV6_LENGTH if ':' in text else _IPV4_LENGTH}"


def _host(group: _Group, system: str, interface: str) -> MigratedHost:
    addresses = tuple(group.addresses)
    fields: dict[str, Any] = {**group.fields, "interface": interface, "addresses": addresses}
    families = {address.version for address in addresses}
    for version, name in ((4, "source"), (6, "source6")):
        if version in families:
            fields[name] = stand_in(name, addresses)
    fields.setdefault("password", b"")
    try:
        config = VirtualHostConfig(**fields)
    except ConfigurationError as error:
        raise MigrationError(*problems_of(error)) from None
    return MigratedHost(
        config=config,
        password_file=password_file_for(interface, config.vhid),
        password_origin=f"pass of the {system} line" if group.fields.get("password") else "an empty file",
        left_out=frozenset({"source", "source6"}),
    )


def _differences(groups: Sequence[_Group], system: str, interface: str | None) -> tuple[str, ...]:
    found: list[str] = []
    if interface is None:
        names = ", ".join(dict.fromkeys(group.interface for group in groups))
        found.append(
            f"{names} is {system}'s name: write Linux's name of the interface on that segment (--interface)"
        )
    if any(group.cut for group in groups):
        found.append(
            f"the password is longer than {BSD_PASSWORD_MAX} bytes, and ifconfig has silently cut it: "
            f"put its first {BSD_PASSWORD_MAX} bytes into the file"
        )
    found.append("preemption is a sysctl there, net.inet.carp.preempt: if it is 1, write preempt = true")
    found.append(
        f'dialect = "{system}" is for a group that keeps such hosts; leave it out when all hosts run carpd'
    )
    found.append("the VIP answers from the MAC of the host; there it answers from 00:00:5e:00:01:VHID")
    found.append(
        "a host of carpd has an address of its own on that interface, which the virtual one does not replace"
    )
    if system == "openbsd":
        found.append("OpenBSD's older dead time (7.3 at least) is the dialect openbsd-7.3")
        found.append(
            "interface groups and carpdemote have no equivalent; failover_group lets addresses go together"
        )
    else:
        found.append("net.inet.carp.demotion has no sysctl here; failover_group lets addresses go together")
    return tuple(found)
