"""Random numbers: whose they are, and how they are distributed."""

from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.distribution import Constant, Distribution, Exponential, HeavyTail, Normal, Uniform
from carpsim.randomness import below, chance, exponential, normal, stream, stream_seed, uniform

DRAWS = 20_000
FIRST = [0.1852051626728709, 0.135646060530489, 0.33356221999085944]
MADE = [0.5344213473742563, 1.5271125954267502]


def test_a_stream_is_the_same_on_every_python_and_system() -> None:
    """Pinned: the numbers of one stream, and what is made of them."""
    rng = stream(1, "host", "a", "counter")
    assert [rng.random() for _ in range(3)] == FIRST
    assert [exponential(rng), normal(rng)] == MADE


def test_names_are_told_apart_by_their_parts() -> None:
    """("ab", "c") is not ("a", "bc"), and the seed is no part of the name."""
    seeds = [
        stream_seed(1, "ab", "c"),
        stream_seed(1, "a", "bc"),
        stream_seed(1, "abc"),
        stream_seed(1, "abc", ""),
        stream_seed(11, "bc"),
        stream_seed(1, "1", "bc"),
        stream_seed(2, "abc"),
    ]
    assert len(set(seeds)) == len(seeds)


@given(st.integers(), st.integers(min_value=1, max_value=2**53))
def test_below_a_limit(seed: int, limit: int) -> None:
    """From 0 on, and never the limit itself."""
    assert 0 <= below(stream(seed), limit) < limit


@given(st.integers(), st.integers(-(10**9), 10**9), st.integers(0, 10**9))
def test_between_two(seed: int, least: int, span: int) -> None:
    """Both ends are possible."""
    assert least <= uniform(stream(seed), least, least + span) <= least + span


def test_both_ends_of_a_span_are_drawn() -> None:
    """Each of three as often, nearly."""
    rng = stream(1, "span")
    drawn = [uniform(rng, 5, 7) for _ in range(DRAWS)]
    assert all(abs(drawn.count(number) - DRAWS / 3) < 4 * (DRAWS * 2 / 9) ** 0.5 for number in (5, 6, 7))


def test_what_is_certain_draws_nothing() -> None:
    """So a perfect cable does not depend on anybody's stream."""
    rng = stream(1, "certain")
    assert not chance(rng, 0.0)
    assert chance(rng, 1.0)
    assert rng.random() == stream(1, "certain").random()


@pytest.mark.parametrize("probability", [0.01, 0.5, 0.9])
def test_a_chance_is_as_likely_as_it_is_said(probability: float) -> None:
    """Within four standard deviations."""
    rng = stream(1, "chance")
    happened = sum(chance(rng, probability) for _ in range(DRAWS))
    assert abs(happened - DRAWS * probability) < 4 * (DRAWS * probability * (1 - probability)) ** 0.5


MEANS: list[tuple[Distribution, float, float]] = [
    (Constant(7), 7, 0),
    (Uniform(100, 300), 200, 200 / 12**0.5),
    (Normal(10_000, 500), 10_000, 500),
    (Exponential(mean=10_000), 10_000, 10_000),
    (Exponential(mean=10_000, least=9000), 10_000, 1000),
]


@pytest.mark.parametrize(("distribution", "mean", "deviation"), MEANS, ids=str)
def test_means_and_deviations(distribution: Distribution, mean: float, deviation: float) -> None:
    """Both as they are said, the mean within four standard errors."""
    rng = stream(1, "means")
    drawn = [distribution.draw(rng) for _ in range(DRAWS)]
    assert abs(fmean(drawn) - mean) <= 4 * deviation / DRAWS**0.5
    assert pstdev(drawn) == pytest.approx(deviation, rel=0.05)


def test_an_exponential_one_has_no_memory() -> None:
    """Half of those that are longer than ln 2 are longer than 2 ln 2: the shape, not only the mean."""
    rng = stream(1, "memory")
    drawn = [exponential(rng) for _ in range(DRAWS)]
    longer = [value for value in drawn if value > 0.693147]
    assert len(longer) / DRAWS == pytest.approx(0.5, abs=0.02)
    assert sum(value > 2 * 0.693147 for value in longer) / len(longer) == pytest.approx(0.5, abs=0.02)


def test_a_normal_one_is_never_less_than_nothing() -> None:
    """No frame arrives before it is sent."""
    rng = stream(1, "negative")
    assert min(Normal(10, 1000).draw(rng) for _ in range(1000)) == 0


def test_a_heavy_tail_is_mostly_short_and_now_and_then_long() -> None:
    """Half are shorter than 1.41 times the least; one in a hundred is longer than ten times that, to the most."""
    rng = stream(1, "tail")
    drawn = sorted(HeavyTail(1000, 50_000).draw(rng) for _ in range(DRAWS))
    assert drawn[0] >= 1000
    assert drawn[-1] == 50_000
    assert drawn[DRAWS // 2] == pytest.approx(1414, rel=0.03)
    assert sum(value > 10_000 for value in drawn) / DRAWS == pytest.approx(0.01, rel=0.3)
