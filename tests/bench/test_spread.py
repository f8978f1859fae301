from __future__ import annotations

import pytest

from tests.bench.figures import Target
from tests.bench.spread import FOREVER, Spread


@pytest.mark.parametrize(
    ("measurements", "text"),
    [
        ([3.0, 1.0, 2.0], "1 / 2 / 3"),
        ([0.3004, 0.4321, 12.34, 1234.5], "0.30 / 6.39 / 1234"),
        ([5.0], "5"),
        ([0.001, 0.002], "0.00"),
        ([-0.5, 0.0, FOREVER], "-0.50 / 0 / for ever"),
    ],
)
def test_a_spread_reads_well(measurements: list[float], text: str) -> None:
    """Three significant digits, no more than two behind the point, and once when all are the same."""
    assert str(Spread.of(measurements)) == text


@pytest.mark.parametrize(
    ("target", "met", "text"),
    [
        (Target(median=2.5), True, "med<2.5"),
        (Target(median=2), False, "med<2"),
        (Target(median=2, exclusive=False), True, "med<=2"),
        (Target(greatest=4), False, "max<4"),
        (Target(median=0.3, greatest=10), False, "med<0.3 max<10"),
        (Target(beyond=1.5), True, "med>1.5"),
        (Target(beyond=2), False, "med>2"),
    ],
)
def test_a_target_is_met_by_what_stays_within_all_its_limits(target: Target, met: bool, text: str) -> None:
    """The median and the greatest each have their limit, which itself is too much unless said otherwise."""
    assert target.met(Spread.of([1.0, 2.0, 4.0])) is met
    assert str(target) == text
