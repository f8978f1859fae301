from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.validate.comparison import Verdict, compare, median_interval, power

SECONDS = [2000 + 50 * number for number in range(20)]
"""Outages of 20 repetitions: evenly spread over a second, as the phase of a crash spreads them."""

FEW = settings(max_examples=30)
"""Each comparison makes three permutation tests."""

SAMPLES = st.lists(st.floats(0, 5000, allow_nan=False), min_size=1, max_size=30)


def jittered(values: list[int], jitter_ms: float, *, by: float = 0, seed: int = 1) -> list[float]:
    """Return values, each moved, and by a little chance more."""
    rng = random.Random(seed)  # noqa: S311 - it must repeat itself
    return [value + by + rng.uniform(-jitter_ms, jitter_ms) for value in values]


def test_what_is_the_same_is_the_same() -> None:
    """A millisecond of noise on each side is no difference."""
    one = compare(jittered(SECONDS, 1), jittered(SECONDS, 1, seed=2))

    assert one.verdict is Verdict.SAME
    assert one.p > 0.9
    assert one.interval.low < 0 < one.interval.high


def test_a_difference_that_does_not_matter_is_seen_and_told_apart() -> None:
    """All pairs differ by 20 ms of 2.5 s: the distributions hide it, the pairs do not, and the bound forgives."""
    one = compare(jittered(SECONDS, 1, by=20), jittered(SECONDS, 1, seed=2))

    assert one.p > 0.9
    assert one.verdict is Verdict.NEAR
    assert one.shift == pytest.approx(20, abs=2)
    assert one.bound == pytest.approx(0.05 * float(np.median(one.real)))


def test_a_small_time_may_differ_by_two_milliseconds() -> None:
    """5 % of nothing is nothing: where there should be no outage, the bound is 2 ms."""
    nothing = [0.0] * 20

    assert compare(nothing, nothing).verdict is Verdict.SAME
    assert compare([1.5] * 20, nothing).verdict is Verdict.NEAR
    assert compare([2.5] * 20, nothing).verdict is Verdict.DIFFERENT
    assert compare(nothing, [2.5] * 20).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("by", [-200, 200])
def test_a_difference_beyond_the_bound_is_found_by_the_pairs(by: float) -> None:
    """Whichever side is later, however many comparisons are made, and though the distributions overlap."""
    one = compare(jittered(SECONDS, 1, by=by), jittered(SECONDS, 1, seed=2), comparisons=50)

    assert one.p > 0.05
    assert one.verdict is Verdict.DIFFERENT


def test_a_difference_beyond_the_bound_is_found_by_the_distributions() -> None:
    """Half of the repetitions take a second longer: the median of the pairs does not say so."""
    real = [value + 2000 * (number % 2) for number, value in enumerate(SECONDS)]

    assert compare(real, [float(value) for value in SECONDS], comparisons=1).verdict is Verdict.DIFFERENT


def test_outliers_of_a_busy_machine_are_no_difference() -> None:
    """Three of twenty are late by a second, and the others agree."""
    real = jittered(SECONDS, 1)
    for number in (3, 8, 15):
        real[number] += 1000

    assert compare(real, jittered(SECONDS, 1, seed=2)).verdict is Verdict.SAME


def test_two_repetitions_decide_nothing() -> None:
    """However far they are from each other: no interval, and no p-value below a third."""
    one = compare([1.0, 2.0], [1000.0, 2000.0])

    assert one.verdict is Verdict.UNSEEN
    assert one.interval == (-math.inf, math.inf)
    assert one.p > 0.3


def test_noise_between_pairs_says_how_much_it_may_be() -> None:
    """What differs by chance within each pair is not seen, and not called the same either."""
    rng = random.Random(5)  # noqa: S311 - it must repeat itself
    one = compare([rng.uniform(0, 250) for _ in range(20)], [rng.uniform(0, 250) for _ in range(20)])

    assert one.verdict is Verdict.UNSEEN


@FEW
@given(SAMPLES)
def test_a_sample_has_no_distance_from_itself(sample: list[float]) -> None:
    """Ties or not."""
    one = compare(sample, sample)

    assert (one.distance, one.p, one.p_beyond, one.shift) == (0, 1, 1, 0)
    assert one.verdict in {Verdict.SAME, Verdict.UNSEEN}


@FEW
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_the_distance_is_kolmogorov_s_and_smirnov_s(pairs: list[tuple[int, int]]) -> None:
    """The greatest difference between the shares of both that a limit is not less than; ties count together."""
    real, simulated = [float(one) for one, _ in pairs], [float(other) for _, other in pairs]
    expected = max(
        abs(sum(one <= limit for one in real) - sum(other <= limit for other in simulated)) / len(pairs)
        for limit in range(10)
    )

    assert compare(real, simulated).distance == pytest.approx(expected)


def test_the_p_value_is_that_of_all_permutations() -> None:
    """Two samples of four that do not overlap: 2 of the 70 ways to divide eight."""
    assert compare([1, 2, 3, 4], [11, 12, 13, 14]).p == pytest.approx(2 / 70, abs=0.006)


def test_the_interval_of_a_median() -> None:
    """Of 20 it is from the 6th to the 15th; of 6 from the first to the last; of 5 there is none (Conover, 3.2)."""
    assert median_interval(np.arange(1.0, 21.0)) == (6, 15)
    assert median_interval(np.arange(1.0, 7.0)) == (1, 6)
    assert median_interval(np.arange(1.0, 6.0)) == (-math.inf, math.inf)


def test_the_power_grows_with_the_shift() -> None:
    """Of 20 and 20: nothing seen where there is nothing, and all where there is no overlap."""
    assert power(20, 0) < 0.06
    assert power(20, 0.2) < power(20, 0.4) < power(20, 0.6)
    assert power(20, 1) == 1


@pytest.mark.parametrize(("real", "simulated"), [([], []), ([1.0], [1.0, 2.0])])
def test_what_is_no_pairs_is_refused(real: list[float], simulated: list[float]) -> None:
    """None, or one that has no other half."""
    with pytest.raises(ValueError, match="as many of both"):
        compare(real, simulated)
