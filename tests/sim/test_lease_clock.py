from hypothesis import given
from hypothesis import strategies as st

from carpsim.lease_clock import LeaseClock, longest_lateness
from triocarp.core.timing import SECOND

INSTANTS = st.integers(0, 100 * SECOND)
LEASES = st.integers(1, 800).map(lambda seconds: seconds * SECOND)


def lateness(seed: int, lease_s: int) -> int:
    """Return how late a lease ends that begins at the beginning."""
    return LeaseClock(seed, "a").end(0, lease_s * SECOND) - lease_s * SECOND


@given(seed=st.integers(0, 99), now=INSTANTS, lease=LEASES)
def test_a_lease_ends_late_and_not_later_than_that(seed: int, now: int, lease: int) -> None:
    """It never ends early, and the bound holds."""
    assert 0 < LeaseClock(seed, "a").end(now, lease) - now - lease <= longest_lateness(lease)


@given(seed=st.integers(0, 99), now=INSTANTS, later=INSTANTS)
def test_leases_of_some_seconds_end_in_steps_of_256_ms(seed: int, now: int, later: int) -> None:
    """All that a kernel ends, whenever they began."""
    clock = LeaseClock(seed, "a")
    apart = clock.end(now, 3 * SECOND) - clock.end(later, 4 * SECOND)

    assert apart % (64 * SECOND // 250) == 0


def test_a_lease_is_as_late_as_was_measured() -> None:
    """One of 3 s or 4 s up to half a second late, mostly a quarter; one of 2 s often almost in time."""
    for lease_s, median_ms, most_ms in ((2, 30, 320), (3, 150, 510), (4, 150, 510)):
        late = sorted(lateness(seed, lease_s) / 1e6 for seed in range(400))

        assert abs(late[200] - median_ms) < 30
        assert most_ms - 120 < late[-1] <= most_ms + 200
