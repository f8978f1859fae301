"""Laws of time and preference, against the specification written out in seconds and 1/256 seconds."""

from ipaddress import IPv4Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from triocarp.core import TieRule
from triocarp.core.preference import Preference, Standing, compare, wins_tie
from triocarp.core.timing import (
    ADVSKEW_UNIT,
    SECOND,
    advertisement_interval,
    dead_time,
    lease_seconds,
    overdue_interval,
)

BYTES = st.integers(0, 255)
RATIOS = st.integers(1, 255)
ADDRESSES = st.ip_addresses(v=4)

Duration = tuple[int, int]
"""Seconds, and 1/256 seconds below one second: how every implementation holds a time."""


def in_nanoseconds(duration: Duration) -> int:
    """Return a duration of the model in the core's unit."""
    seconds, fraction = duration
    return seconds * SECOND + fraction * 3_906_250


def of_fractions(seconds: int, fractions: int) -> Duration:
    """Return a duration whose 1/256 seconds may exceed a second."""
    return (seconds + fractions // 256, fractions % 256)


def model_of_dead_time(advbase_s: int, advskew: int, ratio: int, *, multiplies_advskew: bool) -> Duration:
    """Return the master-down time of the specification, section 3.2."""
    if multiplies_advskew or advbase_s == 0:
        return of_fractions(ratio * advbase_s, ratio * advskew)
    return (ratio * advbase_s, advskew)


def test_advskew_unit_is_exact() -> None:
    """1/256 s is a whole number of nanoseconds, so that nothing is rounded."""
    assert 256 * ADVSKEW_UNIT == SECOND


@given(BYTES, BYTES)
def test_interval(advbase_s: int, advskew: int) -> None:
    """The interval is advbase seconds and advskew 1/256 seconds."""
    assert in_nanoseconds((advbase_s, advskew)) == advertisement_interval(advbase_s, advskew)


@given(BYTES, BYTES, RATIOS, st.booleans())
def test_dead_time(advbase_s: int, advskew: int, ratio: int, multiplies_advskew: bool) -> None:
    """The dead time is the specification's; with advbase 0 it is always so many intervals."""
    model = model_of_dead_time(advbase_s, advskew, ratio, multiplies_advskew=multiplies_advskew)
    assert in_nanoseconds(model) == dead_time(advbase_s, advskew, ratio, multiplies_advskew=multiplies_advskew)


@pytest.mark.parametrize(
    ("advbase_s", "advskew", "ratio", "milliseconds"),
    [
        (1, 0, 3, 3000),
        (1, 100, 3, 3390.625),
        (2, 128, 3, 6500),
        (0, 64, 3, 750),
        (1, 254, 3, 3992.1875),
        (1, 100, 1, 1390.625),
    ],
)
def test_dead_time_of_the_captures(advbase_s: int, advskew: int, ratio: int, milliseconds: float) -> None:
    """The nominal dead times of the specification's table, but with advbase 0 a multiple of the interval."""
    assert milliseconds == dead_time(advbase_s, advskew, ratio, multiplies_advskew=False) / 1_000_000


@given(BYTES, BYTES, RATIOS, st.booleans())
def test_dead_time_is_never_below_the_interval(
    advbase_s: int, advskew: int, ratio: int, multiplies_advskew: bool
) -> None:
    """A master that advertises in time is never taken for dead."""
    interval = advertisement_interval(advbase_s, advskew)
    assert dead_time(advbase_s, advskew, ratio, multiplies_advskew=multiplies_advskew) >= interval


@given(BYTES, BYTES, BYTES, BYTES)
def test_comparison_is_of_seconds_first(peer_s: int, peer_skew: int, own_s: int, own_skew: int) -> None:
    """Seconds are compared first and then 1/256 seconds; the smaller is preferred."""
    peer, own = (peer_s, peer_skew), (own_s, own_skew)
    expected = {-1: Preference.BETTER, 0: Preference.EQUAL, 1: Preference.WORSE}[(peer > own) - (peer < own)]
    assert expected is compare(Standing(0, in_nanoseconds(peer)), Standing(0, in_nanoseconds(own)))


@given(BYTES, BYTES, BYTES, BYTES, RATIOS)
def test_will_time_out_is_the_specifications(
    peer_s: int, peer_skew: int, own_s: int, own_skew: int, ratio: int
) -> None:
    """A peer is overdue exactly where its pair exceeds (ratio x advbase, advskew)."""
    assume(own_s > 0)
    expected = (peer_s, peer_skew) > (ratio * own_s, own_skew)
    assert expected == (advertisement_interval(peer_s, peer_skew) > overdue_interval(own_s, own_skew, ratio))


def little_endian_word(address: IPv4Address) -> int:
    """Return the address as ucarp sees it: four bytes in network order, read as a word of an x86."""
    first, second, third, fourth = address.packed
    return first | second << 8 | third << 16 | fourth << 24


@given(ADDRESSES, ADDRESSES)
def test_tie_is_ucarps_comparison_of_words(own: IPv4Address, peer: IPv4Address) -> None:
    """The lower memory word wins, which on a little-endian machine is the lower last octet."""
    expected = little_endian_word(own) < little_endian_word(peer)
    assert expected == wins_tie(TieRule.LOWER_LAST_OCTET, own, peer)


@given(ADDRESSES, ADDRESSES)
def test_exactly_one_wins_a_tie(one: IPv4Address, other: IPv4Address) -> None:
    """Two hosts with different addresses never agree that both stay, or that both yield."""
    assume(one != other)
    assert wins_tie(TieRule.LOWER_LAST_OCTET, one, other) != wins_tie(TieRule.LOWER_LAST_OCTET, other, one)


def test_tie_as_measured() -> None:
    """10.98.0.5 yields to 10.100.0.0 and stands against 10.97.0.200, as ucarp was measured to do."""
    own = IPv4Address("10.98.0.5")
    assert not wins_tie(TieRule.LOWER_LAST_OCTET, own, IPv4Address("10.100.0.0"))
    assert wins_tie(TieRule.LOWER_LAST_OCTET, own, IPv4Address("10.97.0.200"))


@given(ADDRESSES, ADDRESSES)
def test_receiver_yields_where_the_dialect_says_so(own: IPv4Address, peer: IPv4Address) -> None:
    """In a BSD's dialect whoever hears an equal advertisement yields, whatever the addresses are."""
    assert not wins_tie(TieRule.RECEIVER_YIELDS, own, peer)


@given(BYTES, BYTES, RATIOS, st.booleans())
def test_lease_outlives_dead_time_and_renewal(
    advbase_s: int, advskew: int, ratio: int, multiplies_advskew: bool
) -> None:
    """A lease lasts for the dead time, and half a second beyond the next renewal; at most 2 s more."""
    interval = advertisement_interval(advbase_s, advskew)
    dead = dead_time(advbase_s, advskew, ratio, multiplies_advskew=multiplies_advskew)
    lease = lease_seconds(interval, dead) * SECOND
    assert lease >= dead
    assert lease >= interval + SECOND // 2
    assert lease < max(dead, interval) + 2 * SECOND
