"""The clock of a host beside that of the world."""

from hypothesis import given
from hypothesis import strategies as st

from carpsim.clock import HostClock
from triocarp.core.timing import SECOND

INSTANTS = st.integers(min_value=0, max_value=10**15)
DRIFTS = st.integers(min_value=-100_000, max_value=100_000)
CLOCKS = st.builds(HostClock, st.integers(min_value=0, max_value=10**15), DRIFTS)


@given(CLOCKS, INSTANTS)
def test_an_instant_is_the_first_at_which_the_clock_reads_so_much(clock: HostClock, instant: int) -> None:
    """A timer that is set to a reading is never early, and never a nanosecond late."""
    reading = clock.read(instant)
    found = clock.instant(reading)
    assert clock.read(found) >= reading
    assert clock.read(found - 1) < reading


@given(CLOCKS, INSTANTS, st.integers(min_value=0, max_value=10**12))
def test_a_clock_never_goes_back(clock: HostClock, instant: int, passed: int) -> None:
    """And it shows its drift, to the nanosecond below."""
    assert clock.read(instant + passed) >= clock.read(instant)


@given(CLOCKS, INSTANTS, DRIFTS)
def test_a_clock_that_changes_its_rate_does_not_step(clock: HostClock, now: int, drift_ppm: int) -> None:
    """It goes on from what it read."""
    before = clock.read(now)
    clock.set_drift(drift_ppm, now)
    assert clock.read(now) == before
    assert clock.read(now + SECOND) == before + SECOND + drift_ppm * 1000


@given(CLOCKS, INSTANTS, st.integers(min_value=0, max_value=10**12))
def test_a_clock_that_stood_still_goes_on_where_it_stopped(clock: HostClock, since: int, stood: int) -> None:
    """As that of a virtual machine does that was frozen and knows nothing of it."""
    stopped_at = clock.read(since)
    clock.stand_still(since, since + stood)
    assert clock.read(since + stood) == stopped_at


def test_the_drift_is_in_millionths() -> None:
    """100 ppm are 8.64 seconds in a day."""
    day = 86_400 * SECOND
    assert HostClock(drift_ppm=100).read(day) - day == 8_640_000_000
    assert HostClock(origin=5, drift_ppm=-100).read(day) - day == 5 - 8_640_000_000
