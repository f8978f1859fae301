"""What differs between CARP implementations on the wire, as data.

A dialect is one value of `Dialect`. The state machine reads it and never asks for a name, so that a new
implementation to speak with is one more value in this file. What is received is judged by the same strict rules
in all of them: `receiver` has those.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, final

from triocarp.core.family import Family


@enum.unique
class TieRule(enum.Enum):
    """Who yields when a master hears an advertisement that is exactly as good as its own."""

    LOWER_LAST_OCTET = "the source addresses are compared from the last octet to the first; the lower one stays"
    """ucarp compares raw memory words, so that on little-endian machines the last octet counts most.
    IPv6 addresses, which no ucarp has, are compared in network order."""

    RECEIVER_YIELDS = "the one that hears the other yields"
    """FreeBSD, NetBSD and OpenBSD."""


@enum.unique
class CounterStyle(enum.Enum):
    """How the 64-bit counter of our advertisements goes on, unless it is sealed."""

    FOLLOWS_PEER = "one more than the last counter sent or heard"
    """ucarp, FreeBSD and NetBSD."""

    CONSTANT = "one random value for the life of the virtual host"
    """OpenBSD."""


@enum.unique
class DemotionStyle(enum.Enum):
    """How a host says that it is worse than it is configured."""

    SUPPRESSED = "advskew counts, and is sent, as at least 240"
    """ucarp and NetBSD."""

    ADDED = "the demotion is added to advskew; the sum is clamped to 0 to 240"
    """FreeBSD from version 10 on."""

    BYTE = "the demotion has a byte of its own, which is compared before anything else"
    """OpenBSD. All others ignore that byte."""


@enum.unique
class AddressOrder(enum.Enum):
    """In which order the HMAC covers the virtual addresses, IPv4 first."""

    ASCENDING = "ascending"
    """Nearly everybody, for years."""

    IPV6_AS_CONFIGURED = "IPv4 ascending, IPv6 in the order of the configuration"
    """DragonFly."""

    AS_CONFIGURED = "in the order of the configuration"
    """FreeBSD up to 9."""


@enum.unique
class LinkLocalRule(enum.Enum):
    """What the HMAC does with link-local IPv6 addresses among the virtual ones."""

    COVERED = "covered like any other, with their scope bytes zero"
    """FreeBSD and NetBSD."""

    LEFT_OUT = "left out when sending; accepted with and without them"
    """OpenBSD, which keeps a context for each."""


@enum.unique
class Silence(enum.Enum):
    """What makes a backup of both address families take over."""

    OF_BOTH_FAMILIES = "it stays backup while it hears either family"
    OF_EITHER_FAMILY = "each family has its own dead timer, and the first one that expires makes it master"
    """FreeBSD, NetBSD and OpenBSD."""


@enum.unique
class SourceMac(enum.Enum):
    """From which MAC an advertisement comes. No receiver looks at it, but switches and clouds do."""

    UCARP_VIRTUAL = "00:00:5e:00:00:VHID"
    """ucarp's, whose fifth byte is 00 where every BSD (and VRRP) has 01: it has always been so."""

    VIRTUAL = "00:00:5e:00:01:VHID"
    """The BSDs'."""

    INTERFACE = "the interface's own"
    """For networks that drop frames from foreign MACs: many clouds, Wi-Fi, port security."""


VIRTUAL_MAC_PREFIXES: Final[Mapping[SourceMac, bytes]] = MappingProxyType(
    {
        SourceMac.UCARP_VIRTUAL: bytes.fromhex("00005e0000"),
        SourceMac.VIRTUAL: bytes.fromhex("00005e0001"),
    }
)
"""The first five bytes of a virtual MAC; the VHID is the sixth."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way of speaking CARP.

    Attributes:
        name: what configuration calls it.
        families: the address families that it knows, of virtual addresses and of advertisements.
        addresses_max: virtual addresses that a virtual host can have.
        source_mac: from which MAC advertisements come, unless configured otherwise.
        tos: type-of-service byte of IPv4 advertisements.
        traffic_class: the same of IPv6.
        address_order: in which order the HMAC covers the virtual addresses.
        link_local: what the HMAC does with link-local addresses.
        covers_link_layer_address: whether a custom link-layer address of the group is covered as well.
        dead_ratio_multiplies_advskew: whether the dead time is ``ratio * (advbase + advskew/256)``.
        advbase_least_s: the least advbase. Where 0 is allowed the dead time multiplies advskew then.
        advskew_most: the greatest advskew.
        zero_interval_is_least: whether advbase 0 with advskew 0 is legal, and means 1/256 s.
        password_least: bytes of the shortest password.
        silence: what makes a backup of both families take over.
        tie_rule: who yields when two masters are equal.
        last_advertisement_on_yield: whether a master that yields to a strictly better one sends one more
            advertisement when it has released its addresses; the winner then announces once more.
        concedes_tie: the same for a master that yields on a tie; its advertisement counts as one advskew worse
            than it is, or the winner might take it for a reason to yield.
        counter_style: how the 64-bit counter goes on.
        demotion_style: how a demoted host says so.
        demotion_weight: how much one cause adds to the demotion, where nothing else is asked for.
    """

    name: str
    families: frozenset[Family]
    addresses_max: int
    source_mac: SourceMac
    tos: int
    traffic_class: int
    address_order: AddressOrder
    link_local: LinkLocalRule
    covers_link_layer_address: bool
    dead_ratio_multiplies_advskew: bool
    advbase_least_s: int
    advskew_most: int
    zero_interval_is_least: bool
    password_least: int
    silence: Silence
    tie_rule: TieRule
    last_advertisement_on_yield: bool
    concedes_tie: bool
    counter_style: CounterStyle
    demotion_style: DemotionStyle
    demotion_weight: int


_BOTH: Final = frozenset(Family)
_ADDRESSES_MAX: Final = 255

UCARP: Final = Dialect(
    name="ucarp",
    families=frozenset({Family.IPV4}),
    addresses_max=1,
    source_mac=SourceMac.UCARP_VIRTUAL,
    tos=0x10,
    traffic_class=0,
    address_order=AddressOrder.ASCENDING,
    link_local=LinkLocalRule.COVERED,
    covers_link_layer_address=False,
    dead_ratio_multiplies_advskew=False,
    advbase_least_s=0,
    advskew_most=255,
    zero_interval_is_least=False,
    password_least=1,
    silence=Silence.OF_BOTH_FAMILIES,
    tie_rule=TieRule.LOWER_LAST_OCTET,
    last_advertisement_on_yield=True,
    concedes_tie=False,
    counter_style=CounterStyle.FOLLOWS_PEER,
    demotion_style=DemotionStyle.SUPPRESSED,
    demotion_weight=240,
)
"""ucarp 1.5.2, and so every host that runs it."""

CARPD: Final = replace(
    UCARP,
    name="carpd",
    families=_BOTH,
    addresses_max=_ADDRESSES_MAX,
    source_mac=SourceMac.VIRTUAL,
    advskew_most=254,
    concedes_tie=True,
    demotion_style=DemotionStyle.ADDED,
)
"""Groups in which every host runs triocarp: any set of addresses, and the choices that cost the least outage.

ucarp's tie rule, because it leaves exactly one master; FreeBSD's demotion, because it tells a host with one
trouble from one with two; and the loss of one family is no reason to take over while the other is heard.
"""

FREEBSD: Final = Dialect(
    name="freebsd",
    families=_BOTH,
    addresses_max=_ADDRESSES_MAX,
    source_mac=SourceMac.VIRTUAL,
    tos=0xE0,
    traffic_class=0xE0,
    address_order=AddressOrder.ASCENDING,
    link_local=LinkLocalRule.COVERED,
    covers_link_layer_address=False,
    dead_ratio_multiplies_advskew=False,
    advbase_least_s=1,
    advskew_most=254,
    zero_interval_is_least=False,
    password_least=0,
    silence=Silence.OF_EITHER_FAMILY,
    tie_rule=TieRule.RECEIVER_YIELDS,
    last_advertisement_on_yield=False,
    concedes_tie=False,
    counter_style=CounterStyle.FOLLOWS_PEER,
    demotion_style=DemotionStyle.ADDED,
    demotion_weight=240,
)
"""FreeBSD 10 and later, so pfSense and OPNsense as well. Its VRRPv3 mode is another protocol."""

FREEBSD_9: Final = replace(
    FREEBSD,
    name="freebsd-9",
    tos=0x10,
    traffic_class=0,
    address_order=AddressOrder.AS_CONFIGURED,
    demotion_style=DemotionStyle.SUPPRESSED,
)
"""FreeBSD up to 9."""

NETBSD: Final = replace(
    FREEBSD,
    name="netbsd",
    tos=0x10,
    traffic_class=0,
    demotion_style=DemotionStyle.SUPPRESSED,
)
"""NetBSD."""

DRAGONFLY: Final = replace(NETBSD, name="dragonfly", address_order=AddressOrder.IPV6_AS_CONFIGURED)
"""DragonFly."""

OPENBSD: Final = Dialect(
    name="openbsd",
    families=_BOTH,
    addresses_max=_ADDRESSES_MAX,
    source_mac=SourceMac.VIRTUAL,
    tos=0x10,
    traffic_class=0,
    address_order=AddressOrder.ASCENDING,
    link_local=LinkLocalRule.LEFT_OUT,
    covers_link_layer_address=True,
    dead_ratio_multiplies_advskew=True,
    advbase_least_s=0,
    advskew_most=254,
    zero_interval_is_least=True,
    password_least=0,
    silence=Silence.OF_EITHER_FAMILY,
    tie_rule=TieRule.RECEIVER_YIELDS,
    last_advertisement_on_yield=False,
    concedes_tie=False,
    counter_style=CounterStyle.CONSTANT,
    demotion_style=DemotionStyle.BYTE,
    demotion_weight=1,
)
"""OpenBSD in 2025 (revision 1.370 of its ip_carp.c)."""

OPENBSD_7_3: Final = replace(OPENBSD, name="openbsd-7.3", dead_ratio_multiplies_advskew=False)
"""OpenBSD up to 7.3 at least, whose dead time does not multiply advskew."""

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (UCARP, CARPD, FREEBSD, FREEBSD_9, NETBSD, DRAGONFLY, OPENBSD, OPENBSD_7_3)
    }
)
"""All dialects by name."""
