"""What a host is told about itself: immutable, and checked whole when it is made."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import IPv4Address, IPv6Address
from typing import Final, final

from triocarp.core.dialect import CARPD, DIALECTS, UCARP, Dialect, SourceMac
from triocarp.core.family import Family, IPAddress, IPInterface, family_of
from triocarp.core.field_types import type_problems
from triocarp.core.flap_damping import FlapDamping
from triocarp.core.policy_routing import PolicyRouting
from triocarp.core.problem import ConfigurationError, Problem
from triocarp.core.sealing import Sealing
from triocarp.core.timing import SECOND, advertisement_interval, dead_time, lease_seconds, overdue_interval
from triocarp.core.transport import Transport
from triocarp.core.virtual_host_problems import problems_of, problems_of_draft

CARP_GROUP: Final = ipaddress.IPv4Address("224.0.0.18")
"""The IPv4 multicast group of CARP and VRRP (IANA)."""

CARP_GROUP6: Final = ipaddress.IPv6Address("ff02::12")
"""The IPv6 multicast group of CARP and VRRP (IANA)."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHostConfig:
    """One virtual host: one VHID on one interface. Times are in nanoseconds where the name does not say otherwise.

    Attributes:
        interface: name of the network interface.
        vhid: virtual host, 1 to 255.
        password: the shared secret, at most 20 bytes. Never shown.
        other_password: is accepted as well, while a group changes its password. Never shown.
        addresses: the virtual addresses with the prefix lengths that they shall have on the interface.
        source: the host's own IPv4 address, from which it advertises over IPv4; None for no such advertisements.
        source6: the same for IPv6; usually link-local.
        transport: how advertisements reach the other hosts.
        group: IPv4 multicast group of the advertisements.
        group6: IPv6 multicast group of the advertisements.
        peers: the other hosts' addresses, with `Transport.UNICAST`.
        routed_peers: peers may be behind routers, so that their TTL is no longer 255. Whoever can send us packets
            can then replay an advertisement.
        source_mac: from which MAC advertisements come; None for the dialect's choice.
        link_layer_address: of an OpenBSD group with a custom ``lladdr``, 6 bytes; else empty.
        advbase_s: seconds between advertisements, 0 to 255.
        advskew: 1/256 seconds between advertisements; the host with the least is preferred.
        dead_ratio: how many intervals of silence make a backup take over, 1 to 255. 3 in every implementation.
        preempt: take over from a worse master.
        preempt_delay: how long a worse master is let be before it is preempted.
        hold_down: how long the host only listens after it has started, or its link is back.
        flap_damping: when to stop preempting; None for never.
        neutral: leave the addresses alone, and run no down hook, until the host becomes master for the first time.
        ignore_carrier: treat an interface without carrier as up.
        manages_addresses: hold and release the addresses; false where hooks do that.
        routing_table: number of a routing table for what comes from the virtual addresses; 0 for none. It is held
            as long as the addresses are, and the main table gets no route to their networks then.
        rule_priority: of the rule that leads to the routing table; None for the system's choice.
        routing_prefix_length: of the connected route of each IPv4 virtual address in the routing table; None for
            the address's own. With 32 there is no such route.
        gateways: of the default routes in the routing table, at most one of each family.
        up_hook: run a hook on becoming master, before the addresses are announced.
        down_hook: run a hook at the start and on leaving master, before a goodbye.
        announce_after: after how many further advertisements an announcement is repeated. ucarp and OpenBSD
            repeat it once, after two; ucarp's fork with ``--garp-timeout=N`` after each of the next N.
        announce_refresh: announce again after this long, as long as the host is master; 0 for never.
        announces_router: set the Router flag in neighbour advertisements: the host forwards packets.
        failover_group: virtual hosts with the same name fail over together; each is alone if it is empty.
        sealing: what is done about the fields that CARP's HMAC leaves open.
        seal_window: how far the clocks of two hosts may be apart, the time on the wire included.
        unsealed_peers: hosts whose advertisements need not be sealed, with `Sealing.ENFORCE` or
            `Sealing.OBSERVE`: those without carpd.
        dialect: whose CARP to speak.
    """

    interface: str
    vhid: int
    password: bytes = field(repr=False)
    addresses: tuple[IPInterface, ...]
    other_password: bytes | None = field(default=None, repr=False)
    source: IPv4Address | None = None
    source6: IPv6Address | None = None
    transport: Transport = Transport.MULTICAST
    group: IPv4Address = CARP_GROUP
    group6: IPv6Address = CARP_GROUP6
    peers: tuple[IPAddress, ...] = ()
    routed_peers: bool = False
    source_mac: SourceMac | None = None
    link_layer_address: bytes = b""
    advbase_s: int = 1
    advskew: int = 0
    dead_ratio: int = 3
    preempt: bool = False
    preempt_delay: int = 0
    hold_down: int = 0
    flap_damping: FlapDamping | None = None
    neutral: bool = False
    ignore_carrier: bool = False
    manages_addresses: bool = True
    routing_table: int = 0
    rule_priority: int | None = None
    routing_prefix_length: int | None = None
    gateways: tuple[IPAddress, ...] = ()
    up_hook: bool = False
    down_hook: bool = False
    announce_after: tuple[int, ...] = (2,)
    announce_refresh: int = 0
    announces_router: bool = False
    failover_group: str = ""
    sealing: Sealing = Sealing.OFF
    seal_window: int = 2 * SECOND
    unsealed_peers: tuple[IPAddress, ...] = ()
    dialect: Dialect = UCARP

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigurationError: with every problem that was found.
        """
        mistyped = tuple(type_problems(self))
        problems = mistyped + _further_problems(self, mistyped) if mistyped else tuple(problems_of(self))
        if problems:
            raise ConfigurationError(problems)

    @property
    def name(self) -> str:
        """The virtual host in FreeBSD's notation: ``VHID@INTERFACE``."""
        return f"{self.vhid}@{self.interface}"

    @property
    def group_name(self) -> str:
        """The failover group to which the virtual host belongs, if only alone."""
        return self.failover_group or self.name

    @property
    def sources(self) -> dict[Family, IPAddress]:
        """The host's own addresses, by the families in which it advertises; IPv4 first."""
        both = ((Family.IPV4, self.source), (Family.IPV6, self.source6))
        return {family: source for family, source in both if source is not None}

    @property
    def destinations(self) -> tuple[IPAddress, ...]:
        """Where each advertisement goes: to the groups, or to the peers."""
        if self.transport is Transport.UNICAST:
            return self.peers
        groups: dict[Family, IPAddress] = {Family.IPV4: self.group, Family.IPV6: self.group6}
        return tuple(groups[family] for family in self.sources)

    @property
    def passwords(self) -> tuple[bytes, ...]:
        """The password to sign with, then the one that is accepted as well."""
        return (self.password,) if self.other_password is None else (self.password, self.other_password)

    @property
    def routing(self) -> PolicyRouting | None:
        """Where packets from the virtual addresses go, or None if the system's own tables say so."""
        if not self.routing_table:
            return None
        return PolicyRouting(
            table=self.routing_table,
            priority=self.rule_priority,
            prefix_length=self.routing_prefix_length,
            gateways=self.gateways,
        )

    @property
    def interval(self) -> int:
        """Nanoseconds from one advertisement to the next, while not demoted."""
        return advertisement_interval(self.advbase_s, self.advskew or self._zero_interval)

    @property
    def dead_time(self) -> int:
        """Nanoseconds of silence after which a backup takes over."""
        advskew = self.advskew or self._zero_interval
        multiplies = self.dialect.dead_ratio_multiplies_advskew
        return dead_time(self.advbase_s, advskew, self.dead_ratio, multiplies_advskew=multiplies)

    @property
    def first_takeover(self) -> int:
        """Nanoseconds of silence after which a host that has just started takes over."""
        unheard = 2 * self.seal_window if self.sealing is Sealing.ENFORCE else 0
        return max(self.hold_down, unheard + self.dead_time)

    @property
    def overdue_interval(self) -> int:
        """Nanoseconds; a peer that advertises less often is replaced at once."""
        return overdue_interval(self.advbase_s, self.advskew or self._zero_interval, self.dead_ratio)

    @property
    def lease_s(self) -> int:
        """Seconds for which an address is held unless it is renewed."""
        return lease_seconds(self.interval, self.dead_time)

    @property
    def _zero_interval(self) -> int:
        """What advskew 0 counts for: OpenBSD's advbase 0 with advskew 0 means 1/256 s."""
        return int(self.advbase_s == 0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """All virtual hosts of one machine.

    Attributes:
        virtual_hosts: in the order in which simultaneous deadlines are served.
    """

    virtual_hosts: tuple[VirtualHostConfig, ...]

    def __post_init__(self) -> None:
        """Check what only shows when the virtual hosts stand side by side.

        Raises:
            ConfigurationError: there is none, or something else; or two virtual hosts with the same VHID on one
                interface, or with the same address or routing table, or of one failover group that could not go
                together.
        """
        problems = tuple(type_problems(self)) or tuple(_problems_of_all(self.virtual_hosts))
        if problems:
            raise ConfigurationError(problems)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A virtual host of which not all is known, because some of what stands for it somewhere cannot be read.

    Attributes:
        fields: of `VirtualHostConfig`, by name, with values of the right types. The others have their defaults.
        unknown: names of the fields that have a value which is not known.
        incomplete: names of the fields with several values of which only those that stand in ``fields`` are known.
    """

    fields: Mapping[str, object]
    unknown: frozenset[str] = frozenset()
    incomplete: frozenset[str] = frozenset()


def problems_of_drafts(drafts: Sequence[Draft]) -> tuple[Problem, ...]:
    """Return every problem that there is whatever the unknown values are, each with the path to its value.

    If there is none, and nothing is unknown, then `VirtualHostConfig` and `NodeConfig` accept it all.

    Args:
        drafts: all virtual hosts of one machine. In the paths they are ``virtual_hosts[0]`` and so on; an element
            of an incomplete field has the place that it has among those that are known.
    """
    problems = [
        problem.within(_path(index)) for index, draft in enumerate(drafts) for problem in _problems_of(draft)
    ]
    partial = [*enumerate(_partial(draft, draft.unknown) for draft in drafts)]
    return (*problems, *_problems_together(partial))


def _problems_of(draft: Draft) -> Iterator[Problem]:
    if "dialect" not in draft.unknown:
        yield from _problems_in_dialect(draft, {})
        return
    # What is wrong in every dialect is wrong, in the words of the one that knows most.
    in_each = [
        {(problem.setting, problem.value) for problem in _problems_in_dialect(draft, {"dialect": dialect})}
        for dialect in DIALECTS.values()
    ]
    common = set.intersection(*in_each)
    for problem in _problems_in_dialect(draft, {"dialect": CARPD}):
        if (problem.setting, problem.value) in common:
            yield problem


def _problems_in_dialect(draft: Draft, dialect: Mapping[str, Dialect]) -> Iterator[Problem]:
    known = Draft(fields={**draft.fields, **dialect})
    unknown = draft.unknown - dialect.keys()
    return problems_of_draft(_partial(known, unknown | draft.incomplete), _partial(known, unknown))


def _partial(draft: Draft, unknown: frozenset[str]) -> VirtualHostConfig:
    """Return an unchecked virtual host without the unknown fields: who looks at these gets an `AttributeError`."""
    partial = object.__new__(VirtualHostConfig)
    for each in fields(VirtualHostConfig):
        value = draft.fields.get(each.name, each.default)
        if value is not MISSING and each.name not in unknown:
            object.__setattr__(partial, each.name, value)
    return partial


def _further_problems(config: VirtualHostConfig, mistyped: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return what is wrong besides with a virtual host of which some fields are not of their types."""
    unknown = frozenset(problem.setting.partition("[")[0] for problem in mistyped)
    known = {each.name: getattr(config, each.name) for each in fields(VirtualHostConfig)}
    return tuple(_problems_of(Draft(fields=known, unknown=unknown)))


def _problems_of_all(virtual_hosts: tuple[VirtualHostConfig, ...]) -> Iterator[Problem]:
    if not virtual_hosts:
        yield Problem(setting="virtual_hosts", value="(none)", accepted="at least one VirtualHostConfig")
    yield from _problems_together([*enumerate(virtual_hosts)])


def _path(index: int) -> str:
    return f"virtual_hosts[{index}]"


def _problems_together(virtual_hosts: Sequence[tuple[int, VirtualHostConfig]]) -> Iterator[Problem]:
    """Yield what only shows when the virtual hosts stand side by side, as far as they are known."""
    yield from _clashes(virtual_hosts)
    yield from _shared_tables(virtual_hosts)
    yield from _disunities(virtual_hosts)


def _clashes(virtual_hosts: Iterable[tuple[int, VirtualHostConfig]]) -> Iterator[Problem]:
    """Yield what two virtual hosts may not have in common, as far as they are known."""
    numbers: dict[tuple[str, int], str] = {}
    holders: dict[tuple[str, IPAddress], str] = {}
    hosts = tuple(virtual_hosts)
    for index, host in _that_know(hosts, "interface", "vhid"):
        path = _path(index)
        first = numbers.setdefault((host.interface, host.vhid), path)
        if first != path:
            yield Problem(
                setting=f"{path}.vhid",
                value=str(host.vhid),
                accepted=f"a number that no other virtual host has on {host.interface}; {first} has it",
            )
    for index, host in _that_know(hosts, "interface", "addresses"):
        path = _path(index)
        for place, address in enumerate(host.addresses):
            holder = holders.setdefault(_place(host, address.ip), path)
            if holder != path:
                yield Problem(
                    setting=f"{path}.addresses[{place}]",
                    value=str(address.ip),
                    accepted=f"an address that {holder} does not have",
                )
    for setting in ("source", "source6"):
        for index, host in _that_know(hosts, "interface", setting):
            path = _path(index)
            source: IPAddress | None = getattr(host, setting)
            holder = path if source is None else holders.get(_place(host, source), path)
            if holder != path:
                yield Problem(
                    setting=f"{path}.{setting}",
                    value=str(source),
                    accepted=f"the host's own address, not the virtual one of {holder}: that one moves",
                )


def _shared_tables(virtual_hosts: Iterable[tuple[int, VirtualHostConfig]]) -> Iterator[Problem]:
    """Yield routing tables that two virtual hosts would fill."""
    tables: dict[int, str] = {}
    for index, host in _that_know(virtual_hosts, "routing_table"):
        path = _path(index)
        first = tables.setdefault(host.routing_table, path) if host.routing_table else path
        if first != path:
            yield Problem(
                setting=f"{path}.routing_table",
                value=str(host.routing_table),
                accepted=f"a table that no other virtual host has; {first} has it",
            )


def _that_know(
    hosts: Iterable[tuple[int, VirtualHostConfig]], *settings: str
) -> Iterator[tuple[int, VirtualHostConfig]]:
    """Yield the virtual hosts that have all of these fields: a draft may lack some."""
    return ((index, host) for index, host in hosts if all(hasattr(host, setting) for setting in settings))


def _disunities(virtual_hosts: Iterable[tuple[int, VirtualHostConfig]]) -> Iterator[Problem]:
    """Yield what keeps the members of a failover group from going together."""
    first_of: dict[str, tuple[int, VirtualHostConfig]] = {}
    first_on: dict[tuple[str, str], tuple[int, VirtualHostConfig]] = {}
    settings = ("interface", "failover_group", "sealing", "seal_window", "ignore_carrier")
    for index, host in _that_know(virtual_hosts, *settings):
        if not host.failover_group:
            continue
        path, group = _path(index), host.failover_group
        first, other = first_of.setdefault(group, (index, host))
        enforces = Sealing.ENFORCE in (host.sealing, other.sealing)
        if enforces and host.sealing is not other.sealing:
            yield Problem(
                setting=f"{path}.sealing",
                value=host.sealing.value,
                accepted=f"{other.sealing.value}, as {_path(first)} has it, which is of the same failover group: "
                "who enforces seals believes nobody at first and takes over later, so the group would start in "
                "two parts (unsealed_peers names hosts that need not seal)",
            )
        elif enforces and host.seal_window != other.seal_window:
            yield Problem(
                setting=f"{path}.seal_window",
                value=f"{host.seal_window / SECOND:g} s",
                accepted=f"{other.seal_window / SECOND:g} s, as {_path(first)} has it, which is of the same "
                "failover group: with another window the group would start in two parts",
            )
        first, other = first_on.setdefault((group, host.interface), (index, host))
        if host.ignore_carrier != other.ignore_carrier:
            yield Problem(
                setting=f"{path}.ignore_carrier",
                value="yes" if host.ignore_carrier else "no",
                accepted=f"the same as {_path(first)}, of the same failover group on {host.interface}: without "
                "carrier one would go and the other stay",
            )


def _place(host: VirtualHostConfig, address: IPAddress) -> tuple[str, IPAddress]:
    """Return what an address means: a link-local one of IPv6 means another on each interface (RFC 4007)."""
    is_scoped = family_of(address) is Family.IPV6 and address.is_link_local
    return (host.interface if is_scoped else "", address)
