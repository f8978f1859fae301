"""From an ``ifconfig`` line of FreeBSD or OpenBSD, or the files that hold such lines."""

import ipaddress
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
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
_IGNORED_WITH_VALUE: Final = frozenset({"broadcast"})
_LEFT_OUT: Final = frozenset(
    {
        "-inet",
        "-inet6",
        "-descr",
        "-description",
        "-rtlabel",
        "-priority",
        "down",
        "debug",
        "-debug",
        "arp",
        "-arp",
    }
    | {f"{sign}link{number}" for sign in ("", "-") for number in range(3)}
    | {"anycast", "tentative", "autoconf", "-autoconf", "eui64", "dhcp"}
)
_LEFT_OUT_WITH_VALUE: Final = frozenset(
    {"state", "group", "-group", "descr", "description", "fib", "rdomain", "mtu", "rtlabel", "priority", "metric"}
    | {"llprio", "media", "mediaopt", "mode", "pltime", "vltime"}
)
_COMMAND: Final = "a command"
_RC_CONF: Final = re.compile(r"ifconfig_(?P<name>\w+?)(_alias\d+|_ipv6)?=(?P<value>.*)", re.DOTALL)
_IPV4_LENGTH: Final = 32
_IPV6_LENGTH: Final = 128
_MASK: Final = re.compile(r"0x[0-9a-fA-F]{8}|\d+\.\d+\.\d+\.\d+")
_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_COMMENT: Final = re.compile(r"""((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|(?<=\S)\#|[^"'\\#])*)(?<!\S)\#.*""")
"""A line whose comment begins at a ``#`` before a word; in a word it is a character as any, also of a password."""


@final
@dataclass(slots=True)
class _Group:
    """One VHID of one interface, as far as the lines have told it.

    Attributes:
        number: of its first line.
        name: of the interface that its line is about, if it says so: an ``ifconfig`` line, or one of ``rc.conf``.
        interface: below carp; None as long as no line has named it.
        fields: of its configuration.
        addresses: the virtual ones.
        cut: whether ifconfig cuts its password.
        left_out: what has no meaning for carpd, with the number of the line.
    """

    number: int
    name: str | None = None
    interface: str | None = None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    addresses: list[IPInterface] = field(default_factory=list[IPInterface])
    cut: bool = False
    left_out: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def add(self, other: "_Group") -> None:
        """Take what a further line says.

        Args:
            other: of that line.
        """
        self.interface = other.interface or self.interface
        self.fields |= other.fields
        self.addresses += other.addresses
        self.cut |= other.cut
        self.left_out += other.left_out


def read(lines: Sequence[str], system: str, *, interface: str | None = None) -> Migration:
    """Return what lines of a BSD mean; those with the same interface and VHID are one virtual host.

    Args:
        lines: ``ifconfig em0 vhid 1 ...``, ``ifconfig_em0_alias0="..."``, or those of ``hostname.carp0``.
        system: ``freebsd`` or ``openbsd``.
        interface: Linux's name of the interface; else the BSD's is kept.

    Raises:
        MigrationError: with a line for every obstacle.
    """
    groups = _groups(lines, system)
    if not groups:
        raise MigrationError("there is no line with a vhid")
    names = dict.fromkeys(str(group.interface) for group in groups)
    if interface is not None and len(names) > 1:
        raise MigrationError(f"--interface: the lines are about several, {', '.join(names)}")
    hosts = tuple(_host(group, system, interface or str(group.interface)) for group in groups)
    return Migration(hosts=hosts, differences=_differences(groups, system, interface))


def _groups(lines: Sequence[str], system: str) -> tuple[_Group, ...]:
    """Return the virtual hosts that lines tell of.

    A line that names neither interface nor VHID belongs to the one before, as in ``hostname.carp0``; and where
    there is none yet, to the one that comes.
    """
    groups: list[_Group] = []
    mistakes: list[str] = []
    for number, line in enumerate(lines, 1):
        try:
            found = _Line(line, system, number).group
        except MigrationError as error:
            mistakes += (_at(number, lines) + obstacle for obstacle in error.lines)
            continue
        if groups and _goes_on(groups[-1], found):
            groups[-1].add(found)
        elif found.interface or found.fields or found.addresses or found.left_out:
            groups.append(found)
    mistakes += () if mistakes else (_at(each.number, lines) + what for each in groups for what in _missing(each))
    if mistakes:
        raise MigrationError(*mistakes)
    whole: dict[tuple[str | None, int], _Group] = {}
    for group in groups:
        key = group.interface, group.fields["vhid"]
        if key in whole:
            whole[key].add(group)
        else:
            whole[key] = group
    return tuple(whole.values())


def _at(number: int, lines: Sequence[str]) -> str:
    return f"line {number}: " if len(lines) > 1 else ""


def _goes_on(group: _Group, further: _Group) -> bool:
    """Return whether a line belongs to the virtual host of those before it."""
    if further.name is not None:
        return False
    if "vhid" not in further.fields:
        return True
    return group.name is None and group.fields.get("vhid", further.fields["vhid"]) == further.fields["vhid"]


def _missing(group: _Group) -> Iterator[str]:
    if "vhid" not in group.fields:
        yield "a line has no vhid"
    elif group.interface is None or re.fullmatch(r"carp\d+", group.interface):
        yield "the line does not name the interface below carp: expected carpdev, or an ifconfig line"


@final
class _Line:
    """Reads one line. A word that is not known is never repeated: it may be the password."""

    def __init__(self, line: str, system: str, number: int) -> None:
        self._system = system
        is_command = line.lstrip().startswith("!")  # hostname.if(5); it may hold secrets of its own
        name, self._words = (None, []) if is_command else _words(line)
        self._at = 0
        self._left_out: list[str] = [_COMMAND] if is_command else []
        self._interface = name
        self._addresses: list[str] = []
        self._fields: dict[str, Any] = {}
        self._cut = False
        while self._at < len(self._words):
            self._take(self._next())
        self.group = _Group(
            number=number,
            name=name,
            interface=self._interface,
            fields=self._fields,
            addresses=self._interfaces(),
            cut=self._cut,
            left_out=[(what, number) for what in self._left_out],
        )

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
        if word in _LEFT_OUT or word in _LEFT_OUT_WITH_VALUE:
            self._left_out.append(word)
            if word in _LEFT_OUT_WITH_VALUE:
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
            if self._system == "openbsd":
                self._take_bare_length(_NUMBER if ":" in word else _MASK)
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
        self._interface = self._next()

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

    def _take_bare_length(self, form: re.Pattern[str]) -> None:
        """Take ``MASK [BROADCAST]`` or, of IPv6, the prefix length behind an address, as hostname.if(5) has it."""
        if self._at == len(self._words) or not form.fullmatch(self._words[self._at]):
            return
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
        comment = _COMMENT.fullmatch(line)
        words = shlex.split(comment[1] if comment else line)
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
    fields: dict[str, Any] = {
        "dialect": DIALECTS[system],
        **group.fields,
        "interface": interface,
        "addresses": addresses,
    }
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
        names = ", ".join(dict.fromkeys(str(group.interface) for group in groups))
        found.append(
            f"{names} is {system}'s name: write Linux's name of the interface on that segment (--interface)"
        )
    if any(group.cut for group in groups):
        found.append(
            f"the password is longer than {BSD_PASSWORD_MAX} bytes, and ifconfig has silently cut it: "
            f"put its first {BSD_PASSWORD_MAX} bytes into the file"
        )
    left_out = sorted((each for group in groups for each in group.left_out), key=lambda each: each[1])
    if left_out:
        words = ", ".join(f"{what} (line {number})" for what, number in left_out)
        found.append(f"left out, for carpd has no such setting: {words}")
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
