"""What the checks look at: gathered once, so that every check is a function of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, final

from triocarp.core import Link, PacketReceived
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.privileges import Capability

Json: TypeAlias = Any  # what nft prints, looked at before it is used


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """The bridge that an interface is, or is a port of.

    Attributes:
        name: its interface.
        snooping: whether it forwards multicast only where somebody asked for it.
        querier: whether it asks.
    """

    name: str
    snooping: bool
    querier: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceFacts:
    """What is known about an interface of the configuration.

    Attributes:
        link: its condition.
        arp: whether it resolves addresses.
        multicast: whether it takes multicast.
        sysctls: the values in effect, by the name below ``net.ipv4.conf.NAME``; those that the kernel has.
        kind: ``wlan``, ``macvlan``, ``bridge`` and so on; empty for plain Ethernet.
        driver: of the device; empty if there is none.
        virtual_function: whether it is a part of a card that another system rules (SR-IOV).
        bridge: the bridge that it is, or is a port of.
    """

    link: Link
    arp: bool = True
    multicast: bool = True
    sysctls: Mapping[str, int] = field(default_factory=dict[str, int])
    kind: str = ""
    driver: str = ""
    virtual_function: bool = False
    bridge: Bridge | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallFacts:
    """What is known about the packet filter.

    Attributes:
        ruleset: the objects that ``nft -j list ruleset`` gives; None if they are not known.
        why_not: why not.
        legacy: tables of the older iptables, which nft does not show.
    """

    ruleset: tuple[Json, ...] | None = ()
    why_not: str = ""
    legacy: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A line of another tool's settings that names a virtual address.

    Attributes:
        path: of the file.
        line: its number, from 1.
        address: as it is called there.
        assigns: whether the line looks as if it put the address on an interface.
    """

    path: Path
    line: int
    address: str
    assigns: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that manages such addresses and runs here.

    Attributes:
        name: as the kernel calls it.
        addresses: the virtual ones that its command line names.
    """

    name: str
    addresses: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was gathered.

    Attributes:
        table: the interfaces and addresses of this host.
        interfaces: those of the configuration that there are, by name.
        default_interface: through which the IPv4 default route goes, if there is one.
        missing: capabilities that this process lacks.
        firewall: the packet filter.
        heard: one packet of protocol 112 from each sender of each kind; None if nobody could listen.
        why_not_heard: why not.
        listened_s: for how long.
        programs: those that manage such addresses and run here, by process.
        daemons: interface and VHID of every carpd that runs here.
        mentions: where other tools name the virtual addresses.
        maker: of this machine; a hypervisor's or a cloud's, too.
        synchronised: whether the kernel vouches for the clock.
        journal: why carpd could not write its journal; empty if it could, or keeps none.
    """

    table: InterfaceTable
    interfaces: Mapping[str, InterfaceFacts]
    default_interface: str | None = None
    missing: tuple[Capability, ...] = ()
    firewall: FirewallFacts = FirewallFacts()
    heard: tuple[PacketReceived, ...] | None = ()
    why_not_heard: str = ""
    listened_s: float = 0
    programs: Mapping[int, Program] = field(default_factory=dict[int, Program])
    daemons: frozenset[tuple[str, int]] = frozenset()
    mentions: tuple[Mention, ...] = ()
    maker: str = ""
    synchronised: bool = True
    journal: str = ""
