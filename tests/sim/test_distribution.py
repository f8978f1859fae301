"""How long something takes."""

from statistics import fmean, pstdev

import pytest

from carpsim.distribution import Constant, Distribution, Exponential, HeavyTail, Normal, Uniform
from carpsim.randomness import stream

DRAWS = 20_000

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
