"""Gathers the facts about this host. It reads, listens, and changes nothing."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from triocarp.core import IPAddress
from triocarp.daemon import starting
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Bridge, Facts, FirewallFacts, InterfaceFacts, Json, Mention, Program
from triocarp.doctor.listening import listen
from triocarp.linux.default_route import default_interface
from triocarp.linux.instance_lock import running_instances
from triocarp.linux.interface_table import InterfaceTable, read_interfaces
from triocarp.linux.privileges import missing_capabilities
from triocarp.linux.wall_clock import is_synchronised

_PROC: Final = Path("/proc")
_CLASS_NET: Final = Path("/sys/class/net")
_NOWHERE: Final = Path("/nonexistent")
_SYSCTLS: Final = ("arp_announce", "arp_filter", "arp_ignore", "drop_gratuitous_arp", "rp_filter")
_MULTICAST: Final = 0x1000  # IFF_MULTICAST, <linux/if.h>
_GET_FLAGS: Final = 0x8913  # SIOCGIFFLAGS, <linux/sockios.h>
_REQUEST: Final = struct.Struct("@16sH22x")  # struct ifreq
_MAKER: Final = Path("/sys/class/dmi/id/sys_vendor")
_PROGRAMS: Final = frozenset({"ucarp", "keepalived", "vrrpd", "uvrrpd", "pacemakerd"})
_SETTINGS: Final = (
    "etc/network/interfaces",
    "etc/network/interfaces.d/*",
    "etc/netplan/*.yaml",
    "etc/systemd/network/*.network",
    "run/systemd/network/*.network",
    "etc/NetworkManager/system-connections/*",
    "etc/keepalived/*.conf",
    "etc/dhcpcd.conf",
)
_TIME_LIMIT_S: Final = 10
_ADMINISTRATION: Final = "/usr/sbin:/sbin"

# <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>, <linux/netlink.h>
_NETLINK_NETFILTER: Final = 12
_GET_TABLES: Final = 10 << 8 | 1
_NEW_TABLE: Final = 10 << 8
_REQUEST_DUMP: Final = 0x1 | 0x300
_HEADER: Final = struct.Struct("=IHHII")
_GENERIC: Final = struct.Struct("!BBH")
_DONE: Final = 3
_ERROR: Final = 2
_ANSWER_MAX: Final = 65536


def gather(settings: Settings, *, listen_s: float, root: Path = Path("/")) -> Facts:
    """Return the facts about this host that a configuration depends on.

    Args:
        settings: of carpd.
        listen_s: seconds to listen on the interfaces.
        root: where the settings of other tools are.

    Raises:
        OSError: the kernel does not tell.
    """
    hosts = settings.node.virtual_hosts
    table = read_interfaces()
    heard, why_not = listen(hosts, listen_s)
    virtual = [address.ip for host in hosts for address in host.addresses]
    return Facts(
        table=table,
        interfaces={
            name: found
            for name in dict.fromkeys(host.interface for host in hosts)
            if (found := _interface(name, table)) is not None
        },
        default_interface=default_interface(),
        missing=missing_capabilities(),
        firewall=_firewall(),
        heard=heard,
        why_not_heard=why_not,
        listened_s=listen_s,
        programs=_programs(virtual),
        daemons=running_instances(),
        mentions=tuple(mentions(root, virtual)),
        maker=_text(_MAKER),
        synchronised=is_synchronised(),
        journal="" if settings.journal is None else starting.why_not_writable(settings.journal),
    )


def _interface(name: str, table: InterfaceTable) -> InterfaceFacts | None:
    report = table.find(name)
    if report is None:
        return None
    directory = _CLASS_NET / name
    if _text(directory / "ifindex") != str(report.index):
        directory = _NOWHERE  # /sys was mounted in another network namespace, and shows that one's
    kind = re.search(r"(?m)^DEVTYPE=(.*)$", _text(directory / "uevent"))
    return InterfaceFacts(
        link=report.link,
        arp=report.arp,
        multicast=bool(_flags(name) & _MULTICAST),
        sysctls=_sysctls(name),
        kind="" if kind is None else kind[1],
        driver=(directory / "device/driver").resolve().name if (directory / "device/driver").exists() else "",
        virtual_function=(directory / "device/physfn").exists(),
        bridge=_bridge(directory),
    )


def _flags(name: str) -> int:
    """Return the flags of an interface (netdevice(7)); of this network namespace, whichever /sys shows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, _GET_FLAGS, _REQUEST.pack(os.fsencode(name), 0))
    _, flags = _REQUEST.unpack(answer)
    return int(flags)


def _sysctls(name: str) -> Mapping[str, int]:
    """Return what is in effect: of these the kernel takes the greater one of the interface's and that of all."""
    found: dict[str, int] = {}
    for setting in _SYSCTLS:
        values = [_text(_PROC / "sys/net/ipv4/conf" / scope / setting) for scope in ("all", name)]
        if all(values):
            found[setting] = max(map(int, values))
    return found


def _bridge(directory: Path) -> Bridge | None:
    for place in (directory / "bridge", directory / "brport/bridge/bridge"):
        if place.is_dir():
            return Bridge(
                name=place.resolve().parent.name,
                snooping=_text(place / "multicast_snooping") == "1",
                querier=_text(place / "multicast_querier") == "1",
            )
    return None


def _text(path: Path) -> str:
    """Return what stands in a file of the kernel's; nothing if it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _firewall() -> FirewallFacts:
    names = (_PROC / "thread-self/net" / f"{family}_tables_names" for family in ("ip", "ip6"))
    legacy = tuple(dict.fromkeys(name for path in names for name in _text(path).split()))
    program = shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{_ADMINISTRATION}")
    try:
        if not _has_tables():
            return FirewallFacts(legacy=legacy)
    except OSError as error:
        return FirewallFacts(ruleset=None, why_not=error.strerror or str(error), legacy=legacy)
    if program is None:
        return FirewallFacts(
            ruleset=None, why_not="there are tables of nftables, and nft is not installed", legacy=legacy
        )
    try:
        ruleset = tuple(json.loads(_listed(program, "--json", "--numeric"))["nftables"])
        devices = devices_of(_listed(program))
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        return FirewallFacts(ruleset=None, why_not="nft --json does not tell them", legacy=legacy)
    return FirewallFacts(ruleset=tuple(_with_device(each, devices) for each in ruleset), legacy=legacy)


def _listed(program: str, *flags: str) -> str:
    command = [program, *flags, "list", "ruleset"]
    return subprocess.run(command, capture_output=True, check=False, timeout=_TIME_LIMIT_S, text=True).stdout


def _with_device(each: Json, devices: Mapping[tuple[str, ...], Sequence[str]]) -> Json:
    """Return an object of nft with the interfaces of its chain, which nft up to 1.0.6 leaves out of JSON."""
    chain = each.get("chain", {})
    found = devices.get(tuple(chain.get(key, "") for key in ("family", "table", "name")))
    return each if found is None or "dev" in chain else {"chain": {**chain, "dev": list(found)}}


def devices_of(listing: str) -> Mapping[tuple[str, ...], tuple[str, ...]]:
    """Return the interfaces of each chain that has some, by family, table and name.

    Args:
        listing: what ``nft list ruleset`` prints.
    """
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    table: tuple[str, ...] = ()
    chain = ""
    for line in map(str.strip, listing.splitlines()):
        words = line.split()
        if words[:1] == ["table"]:
            table = tuple(words[1:3])
        elif words[:1] == ["chain"]:
            chain = words[1]
        elif hooked := re.match(r"type \w+ hook \w+ devices? (?:= )?(\{.*?\}|\S+)", line):
            found[*table, chain] = tuple(re.findall(r"[^\s{},\"]+", hooked[1]))
    return found


def _has_tables() -> bool:
    """Return whether the kernel has any table of nftables; asked without a tool.

    Raises:
        OSError: it does not tell.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink:
        length = _HEADER.size + _GENERIC.size
        netlink.send(_HEADER.pack(length, _GET_TABLES, _REQUEST_DUMP, 1, 0) + _GENERIC.pack(0, 0, 0))
        for kind, body in _messages(netlink.recv(_ANSWER_MAX)):
            if kind == _NEW_TABLE:
                return True
            if kind == _ERROR:
                number = -int.from_bytes(body[:4], "little" if struct.pack("=H", 1)[0] else "big", signed=True)
                if number == 1:
                    raise PermissionError(number, os.strerror(number))
            if kind in {_DONE, _ERROR}:
                break
    return False  # a kernel without nftables says that it does not know the request


def _messages(answer: bytes) -> Iterator[tuple[int, bytes]]:
    while len(answer) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(answer)
        yield kind, answer[_HEADER.size : length]
        answer = answer[max(_HEADER.size, length + 3 & ~3) :]


def _programs(addresses: Sequence[IPAddress]) -> Mapping[int, Program]:
    """Return the programs of this network namespace that manage such addresses, as far as we may look."""
    with contextlib.suppress(OSError):
        here = (_PROC / "self/ns/net").readlink()
        return dict(_running(here, addresses))
    return {}


def _running(here: Path, addresses: Sequence[IPAddress]) -> Iterator[tuple[int, Program]]:
    for process in _PROC.glob("[0-9]*"):
        name = _text(process / "comm")
        if name in _PROGRAMS:
            try:
                same = (process / "ns/net").readlink() == here
            except OSError:
                same = True
            if same:
                program = program_of(name, _text(process / "cmdline").split("\0"), addresses)
                if program is not None:
                    yield int(process.name), program


def program_of(name: str, words: Sequence[str], addresses: Sequence[IPAddress]) -> Program | None:
    """Return what a process is, and the addresses that its command line names; None if it is a carpd called so.

    Args:
        name: as the kernel calls it.
        words: of its command line. One may be a password; none is kept.
        addresses: which.
    """
    if Path(words[0]).name.startswith("python"):  # a link of that name to carpd
        return None
    ends = {re.sub(r"^(-a|--[a-z]+=)", "", word) for word in words}
    return Program(name=name, addresses=tuple(str(address) for address in addresses if str(address) in ends))


def mentions(root: Path, addresses: Sequence[IPAddress]) -> Iterator[Mention]:
    """Yield where the settings of other tools name addresses.

    Args:
        root: of the file system.
        addresses: which.
    """
    paths = [path for pattern in _SETTINGS for path in sorted(root.glob(pattern)) if path.is_file()]
    for path in paths:
        for number, line in enumerate(_text(path).splitlines(), 1):
            text = line.strip()
            if text.startswith(("#", ";", "ucarp")):
                continue
            for address in addresses:
                found = re.search(rf"(?<![\w.:]){re.escape(str(address))}(/\d+)?(?![\w.:])", text)
                if found:
                    assigns = found[1] is not None or re.match(r"(?i)address|static ip_address", text) is not None
                    yield Mention(path=path, line=number, address=str(address), assigns=assigns)
