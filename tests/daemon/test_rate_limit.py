"""Laws of the rate limit."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from triocarp.daemon.rate_limit import INTERVAL, RateLimit

STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2 * INTERVAL)), max_size=60)


@given(STEPS)
def test_nothing_is_forgotten_and_nothing_comes_too_often(steps: list[tuple[str, int]]) -> None:
    """Of each kind the first is admitted, then one in an interval, and it tells all that was held back."""
    limit = RateLimit()
    now = 0
    admitted: dict[str, list[int]] = {}
    told: dict[str, int] = {}
    seen: dict[str, int] = {}
    for kind, pause in steps:
        now += pause
        seen[kind] = seen.get(kind, 0) + 1
        held_back = limit.admit(kind, now)
        if held_back is None:
            assert now < admitted[kind][-1] + INTERVAL
        else:
            admitted.setdefault(kind, []).append(now)
            told[kind] = told.get(kind, 0) + 1 + held_back
            assert seen[kind] == told[kind]
    for instants in admitted.values():
        assert all(later - earlier >= INTERVAL for earlier, later in pairwise(instants))


def test_the_interval_ends_exactly() -> None:
    """One nanosecond before it is too early."""
    limit = RateLimit()
    answers = [limit.admit("kind", now) for now in (5, 5, INTERVAL + 4, INTERVAL + 5, INTERVAL + 6)]
    assert answers == [0, None, None, 2, None]
