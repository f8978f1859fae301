"""What differs between CARP implementations on the wire, as data.

A dialect is one value of `Dialect`. The state machine reads it and never asks for a name, so that a new
implementation to speak with is one more value in this file.
"""

import enum
from dataclasses import dataclass


@enum.unique
class TieRule(enum.Enum):
    """Who yields when a master hears an advertisement that is exactly as good as its own."""

    LOWER_LAST_OCTET = "the source addresses are compared from the last octet to the first; the lower one stays"
    """ucarp compares raw memory words, so that on little-endian machines the last octet counts most."""

    RECEIVER_YIELDS = "the one that hears the other yields"
    """FreeBSD, NetBSD and OpenBSD."""


@enum.unique
class CounterStyle(enum.Enum):
    """How the 64-bit counter of our advertisements goes on."""

    FOLLOWS_PEER = "one more than the last counter sent or heard"
    """ucarp, FreeBSD and NetBSD."""

    CONSTANT = "one random value for the life of the virtual host"
    """OpenBSD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way of speaking CARP.

    Attributes:
        name: what configuration calls it.
        virtual_mac_prefix: the first five bytes of the virtual MAC; the VHID is the sixth.
        tos: the IPv4 type-of-service byte of an advertisement.
        dead_ratio_multiplies_advskew: whether the dead time is ``ratio * (advbase + advskew/256)``.
        tie_rule: who yields when two masters are equal.
        last_advertisement_on_yield: whether a master that yields to a strictly better one sends one more
            advertisement when it has released its addresses; the winner then announces once more.
        counter_style: how the 64-bit counter goes on.
        demoted_advskew: a demoted host's advskew counts, and is sent, as at least this.
    """

    name: str
    virtual_mac_prefix: bytes
    tos: int
    dead_ratio_multiplies_advskew: bool
    tie_rule: TieRule
    last_advertisement_on_yield: bool
    counter_style: CounterStyle
    demoted_advskew: int


UCARP = Dialect(
    name="ucarp",
    # The fifth byte is 00 where every BSD (and VRRP) has 01: it has always been so on ucarp's wire.
    virtual_mac_prefix=bytes.fromhex("00005e0000"),
    tos=0x10,
    dead_ratio_multiplies_advskew=False,
    tie_rule=TieRule.LOWER_LAST_OCTET,
    last_advertisement_on_yield=True,
    counter_style=CounterStyle.FOLLOWS_PEER,
    demoted_advskew=240,
)
"""ucarp 1.5.2, and so every host that runs it."""
