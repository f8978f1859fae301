"""Which of two hosts is preferred: the comparison of a received advertisement with one's own."""

import enum
from ipaddress import IPv4Address

from triocarp.core.dialect import TieRule


@enum.unique
class Preference(enum.Enum):
    """What a received advertisement is, beside what the receiver itself advertises."""

    BETTER = "better"
    EQUAL = "equal"
    WORSE = "worse"


def compare(peer_interval: int, own_interval: int) -> Preference:
    """Return what a peer's advertisement is to us. Who advertises more often is preferred.

    Seconds are compared first and then 1/256 seconds; since an advskew never makes a whole second, that is
    the comparison of the intervals.

    Args:
        peer_interval: advbase and advskew as received, in nanoseconds.
        own_interval: our own, demotion included, in nanoseconds.
    """
    if peer_interval == own_interval:
        return Preference.EQUAL
    return Preference.BETTER if peer_interval < own_interval else Preference.WORSE


def wins_tie(rule: TieRule, own: IPv4Address, peer: IPv4Address) -> bool:
    """Return whether a master goes on when it hears an advertisement equal to its own.

    ucarp compares the addresses as raw memory words, which on little-endian machines makes the last octet the
    most significant one (measured: 10.98.0.5 yields to 10.100.0.0 and stands against 10.97.0.200).

    Args:
        rule: of the dialect.
        own: our source address.
        peer: the source address of the advertisement.
    """
    return rule is TieRule.LOWER_LAST_OCTET and own.packed[::-1] < peer.packed[::-1]
