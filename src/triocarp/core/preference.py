"""Which of two hosts is preferred: the comparison of a received advertisement with one's own."""

import enum
from ipaddress import IPv4Address
from typing import NamedTuple

from triocarp.core.dialect import TieRule
from triocarp.core.family import IPAddress


@enum.unique
class Preference(enum.Enum):
    """What a received advertisement is, beside what the receiver itself advertises."""

    BETTER = "better"
    EQUAL = "equal"
    WORSE = "worse"


class Standing(NamedTuple):
    """What hosts are compared by, in this order; less is better.

    Attributes:
        demotion: OpenBSD's byte; 0 on both sides where the dialect has none.
        interval: advbase and advskew in nanoseconds, demotion included where the dialect does that. Seconds are
            compared first and then 1/256 seconds; since an advskew never makes a whole second, that is the
            comparison of the intervals.
    """

    demotion: int
    interval: int


def compare(peer: Standing, own: Standing) -> Preference:
    """Return what a peer's advertisement is to us. Who advertises more often is preferred.

    Args:
        peer: as received.
        own: our own, as we would advertise it.
    """
    if peer == own:
        return Preference.EQUAL
    return Preference.BETTER if peer < own else Preference.WORSE


def wins_tie(rule: TieRule, own: IPAddress, peer: IPAddress) -> bool:
    """Return whether a master goes on when it hears an advertisement equal to its own.

    ucarp compares the addresses as raw memory words, which on little-endian machines makes the last octet the
    most significant one (measured: 10.98.0.5 yields to 10.100.0.0 and stands against 10.97.0.200). There is no
    ucarp for IPv6, and no reason to compare its addresses backwards.

    Args:
        rule: of the dialect.
        own: our source address.
        peer: the source address of the advertisement, of the same family.
    """
    if rule is TieRule.RECEIVER_YIELDS:
        return False
    if isinstance(own, IPv4Address):
        return own.packed[::-1] < peer.packed[::-1]
    return own.packed < peer.packed
