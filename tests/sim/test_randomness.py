"""Streams of random numbers: each its own, the same everywhere, and of the right shape."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.randomness import below, chance, exponential, normal, stream, stream_seed, uniform

DRAWS = 20_000

# Computed with CPython 3.11, and the same with all others.
KNOWN_BELOW = [382, 556, 675, 857]
KNOWN_UNIFORM = [3, 5, 5, 1]
KNOWN_EXPONENTIAL = ["0x1.ecc9cff56c369p-1", "0x1.4f0b4dbb07a16p+0", "0x1.267111e01aaa8p-4"]
KNOWN_NORMAL = ["-0x1.8282d30f769dep-1", "0x1.6d3adcf6c03e6p-2", "0x1.3ddd0d84222e0p-4"]

NAMES = st.lists(st.text(max_size=3), min_size=1, max_size=4)


@given(st.integers(0, 2**64), NAMES, NAMES)
def test_each_name_has_a_stream_of_its_own(seed: int, one: list[str], other: list[str]) -> None:
    """Equal names, equal numbers; and no two names that look alike when they are put together."""
    assert (stream_seed(seed, *one) == stream_seed(seed, *other)) == (one == other)
    assert stream(seed, *one).random() == stream(seed, *one).random()
    assert stream_seed(seed, *one) != stream_seed(seed + 1, *one)


def test_known_numbers() -> None:
    """What a seed and a name give is the same in all versions of Python, and on all machines."""
    rng = stream(7, "host", "a", "counter")
    assert [below(rng, 1000) for _ in range(4)] == KNOWN_BELOW
    assert [uniform(rng, -5, 5) for _ in range(4)] == KNOWN_UNIFORM
    assert [exponential(rng).hex() for _ in range(3)] == KNOWN_EXPONENTIAL
    assert [normal(rng).hex() for _ in range(3)] == KNOWN_NORMAL


@given(st.integers(0, 1000), st.integers(-(2**40), 2**40), st.integers(0, 2**40))
def test_whole_numbers_stay_within_their_limits(seed: int, least: int, width: int) -> None:
    """Both ends are included."""
    rng = stream(seed, "test")
    assert all(least <= uniform(rng, least, least + width) <= least + width for _ in range(10))
    assert all(0 <= below(rng, width + 1) <= width for _ in range(10))


def test_each_whole_number_is_as_likely() -> None:
    """Within five standard deviations of the binomial distribution."""
    rng = stream(1, "test")
    drawn = [uniform(rng, 3, 7) for _ in range(DRAWS)]
    expected, deviation = DRAWS / 5, (DRAWS * 0.2 * 0.8) ** 0.5
    assert all(abs(drawn.count(number) - expected) < 5 * deviation for number in range(3, 8))


@pytest.mark.parametrize(("probability", "happens"), [(0.0, False), (-1.0, False), (1.0, True), (2.0, True)])
def test_nothing_is_drawn_for_what_is_certain(probability: float, happens: bool) -> None:
    """So that a condition that is switched off changes no other number."""
    rng = stream(1, "test")
    before = rng.getstate()
    assert chance(rng, probability) is happens
    assert rng.getstate() == before


def test_chance_is_as_often_as_its_probability() -> None:
    """Within five standard deviations of the binomial distribution."""
    rng = stream(1, "test")
    happened = sum(chance(rng, 0.3) for _ in range(DRAWS))
    assert abs(happened - 0.3 * DRAWS) < 5 * (DRAWS * 0.3 * 0.7) ** 0.5


def _share(drawn: list[float], limit: float) -> float:
    return sum(number > limit for number in drawn) / len(drawn)


@pytest.mark.parametrize(("limit", "share"), [(0.5, 0.606531), (1, 0.367879), (2, 0.135335), (4, 0.018316)])
def test_exponential_numbers(limit: float, share: float) -> None:
    """The share that is larger than x is e**-x, within five standard deviations."""
    rng = stream(2, "test")
    drawn = [exponential(rng) for _ in range(DRAWS)]
    assert min(drawn) >= 0
    assert abs(_share(drawn, limit) - share) < 5 * (share * (1 - share) / DRAWS) ** 0.5


@pytest.mark.parametrize(("limit", "share"), [(-1, 0.841345), (0, 0.5), (1, 0.158655), (2, 0.02275)])
def test_normal_numbers(limit: float, share: float) -> None:
    """The share that is larger than x is nearly that of the normal distribution, and none is beyond six."""
    rng = stream(3, "test")
    drawn = [normal(rng) for _ in range(DRAWS)]
    assert max(map(abs, drawn)) <= 6
    # Twelve uniform numbers are not quite normal: their tails are thinner by less than a fifth of a per cent.
    assert abs(_share(drawn, limit) - share) < 0.002 + 5 * (share * (1 - share) / DRAWS) ** 0.5


def test_what_python_promises_to_keep() -> None:
    """`random.Random.random` gives the same numbers for ever; the others above are made of these alone."""
    rng = random.Random(1)  # noqa: S311 - known numbers
    assert [rng.random().hex() for _ in range(2)] == ["0x1.132d8f91b7584p-3", "0x1.b1e2d5b3584f8p-1"]


def test_neighbouring_seeds_have_nothing_in_common() -> None:
    """The first numbers of a thousand seeds are spread as if they were drawn one after the other."""
    first = sorted(stream(seed, "test").random() for seed in range(1000))
    # The widest of a thousand gaps; beyond 0.0185 it is in one of 100 000 cases.
    assert max(later - earlier for earlier, later in pairwise([0, *first, 1])) < 0.0185
