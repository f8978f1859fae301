"""The clock of a host: a straight line that may bend, and never goes back."""

from hypothesis import given
from hypothesis import strategies as st

from carpsim.clock import HostClock
from triocarp.core.timing import SECOND

YEAR = 365 * 86_400 * SECOND
INSTANTS = st.integers(0, YEAR)
DRIFTS = st.integers(-900_000, 1_000_000)
CLOCKS = st.builds(HostClock, st.integers(-YEAR, YEAR), DRIFTS)


@st.composite
def bent_clocks(draw: st.DrawFn) -> tuple[HostClock, int]:
    """Draw a clock whose drift has changed, or that has stood still; and the instant at which that was last."""
    clock, now = draw(CLOCKS), 0
    for duration, drift, stands_still in draw(st.lists(st.tuples(INSTANTS, DRIFTS, st.booleans()), max_size=3)):
        since, now = now, now + duration
        if stands_still:
            clock.stand_still(since, now)
        else:
            clock.set_drift(drift, now)
    return clock, now


@given(bent_clocks(), INSTANTS)
def test_instant_is_the_first_at_which_the_clock_reads_that_much(bent: tuple[HostClock, int], passed: int) -> None:
    """A timer that is set to it is neither early nor a nanosecond late."""
    clock, now = bent
    reading = clock.read(now) + passed
    instant = clock.instant(reading)
    assert clock.read(instant) >= reading
    assert clock.read(instant - 1) < reading


@given(bent_clocks(), INSTANTS, INSTANTS)
def test_a_clock_does_not_go_back(bent: tuple[HostClock, int], first: int, second: int) -> None:
    """Whatever its drift."""
    clock, now = bent
    earlier, later = sorted((first, second))
    assert clock.read(now + earlier) <= clock.read(now + later)


@given(CLOCKS, INSTANTS, DRIFTS)
def test_a_change_of_drift_is_no_step(clock: HostClock, now: int, drift: int) -> None:
    """What it reads at that instant it has read before."""
    before = clock.read(now)
    clock.set_drift(drift, now)
    assert clock.read(now) == before
    assert clock.read(now + 1_000_000) == before + 1_000_000 + drift


@given(CLOCKS, INSTANTS, INSTANTS)
def test_a_clock_that_stood_still_does_not_know_of_it(clock: HostClock, since: int, duration: int) -> None:
    """It goes on from what it read, as fast as before."""
    now = since + duration
    before, ahead = clock.read(since), clock.read(now + SECOND) - clock.read(now)
    clock.stand_still(since, now)
    assert clock.read(now) == before
    assert abs(clock.read(now + SECOND) - before - ahead) <= 1


def test_the_worlds_clock_is_the_world() -> None:
    """Without origin and drift, and only then, nothing is computed."""
    assert HostClock().is_the_worlds
    assert HostClock().read(7) == HostClock().instant(7) == 7
    assert not HostClock(origin=1).is_the_worlds
    assert not HostClock(drift_ppm=1).is_the_worlds
    clock = HostClock()
    clock.set_drift(0, SECOND)
    assert clock.read(2 * SECOND) == 2 * SECOND
