"""Are two samples of the same distribution, and if not, do they differ by more than matters?

The repetitions of both sides are pairs, for both got the same phases. Two questions are asked:

- Does anything differ? Kolmogorov's and Smirnov's largest distance between the two distributions, whose p-value is
  that of a permutation test, so that ties do no harm; and the median of the differences within the pairs, with the
  interval that the order statistics give (exact for any continuous distribution), which sees much less.
- Does it differ by more than the bound? The same test with the bound as slack on the time axis: that one
  distribution is the other one, nowhere moved by more than the bound. And the sign test of the pairs: that at
  most half of them differ by more.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Numbers: TypeAlias = npt.NDArray[np.float64]

BOUND_MS: Final = 2.0
"""A difference of this many milliseconds does not matter."""

BOUND_SHARE: Final = 0.05
"""Nor does one of this share of the real median."""

SIGNIFICANCE: Final = 0.05

_RESAMPLES: Final = 9999
_SEED: Final = 20


@enum.unique
class Verdict(enum.Enum):
    """What came out. The values are what the table calls it."""

    SAME = "same"
    """No difference is seen, and one beyond the bound would be."""

    UNSEEN = "none seen"
    """No difference is seen, and one beyond the bound might not be: the interval says how large it may be."""

    NEAR = "within bound"
    """A difference is seen, and it is smaller than the bound."""

    OPEN = "open"
    """A difference is seen, and it takes more repetitions to tell on which side of the bound it is."""

    DIFFERENT = "DIFFERENT"
    """They differ by more than the bound."""


class Interval(NamedTuple):
    """Where a median is, in 95 of 100 samples."""

    low: float
    high: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two samples beside each other; times in milliseconds.

    Attributes:
        real: what was measured, by repetition.
        simulated: the same.
        bound: what does not matter.
        distance: Kolmogorov's and Smirnov's, 0 to 1.
        p: of that or a greater one, if both are of the same distribution.
        p_beyond: of what was found, if they differ by the bound at most.
        shift: median of what the real one is more than the simulated one.
        interval: in which the shift is.
        verdict: what follows.
    """

    real: tuple[float, ...]
    simulated: tuple[float, ...]
    bound: float
    distance: float
    p: float
    p_beyond: float
    shift: float
    interval: Interval
    verdict: Verdict


def compare(real: Sequence[float], simulated: Sequence[float], *, comparisons: int = 1) -> Comparison:
    """Compare two samples.

    Args:
        real: milliseconds, by repetition; at least one.
        simulated: as many.
        comparisons: how many are made. The more, the surer each must be that there is a difference beyond the
            bound (Bonferroni), so that a campaign cries wolf in one of 20 cases at most.

    Raises:
        ValueError: they are not as many, or none.
    """
    if len(real) != len(simulated) or not real:
        raise ValueError(
            f"pairs need as many of both, and at least one; these are {len(real)} and {len(simulated)}"
        )
    one, other = np.asarray(real, dtype=np.float64), np.asarray(simulated, dtype=np.float64)
    bound = max(BOUND_MS, BOUND_SHARE * float(np.median(one)))
    distance, p = _test(one, other)
    # Later than the other one moved forward by the bound, or earlier than it moved back, or most pairs say so:
    # each of these four has a quarter of the error.
    later, earlier = _test(one, other + bound, side=-1)[1], _test(one, other - bound, side=1)[1]
    differences = np.sort(one - other)
    by_pairs = min(_heads(len(one), int(np.count_nonzero(side * differences > bound))) for side in (1, -1))
    p_beyond = min(1.0, 4 * min(later, earlier, by_pairs))
    interval = median_interval(differences)
    return Comparison(
        real=tuple(real),
        simulated=tuple(simulated),
        bound=bound,
        distance=distance,
        p=p,
        p_beyond=p_beyond,
        shift=float(np.median(differences)),
        interval=interval,
        verdict=_verdict(interval, bound, p, p_beyond * comparisons),
    )


def _verdict(interval: Interval, bound: float, p: float, p_beyond: float) -> Verdict:
    if p_beyond < SIGNIFICANCE:
        return Verdict.DIFFERENT
    is_seen = p < SIGNIFICANCE or interval.low > 0 or interval.high < 0
    is_within = -bound <= interval.low and interval.high <= bound
    if is_seen:
        return Verdict.NEAR if is_within else Verdict.OPEN
    return Verdict.SAME if is_within else Verdict.UNSEEN


def _heads(count: int, least: int) -> float:
    """Return the probability that a coin shows heads so often at least."""
    return sum(math.comb(count, heads) for heads in range(least, count + 1)) * 0.5**count


def median_interval(ordered: Numbers) -> Interval:
    """Return the interval of the median that order statistics give; the whole line for less than 6.

    Args:
        ordered: the sample, sorted.
    """
    count = len(ordered)
    below, tail = 0, 0.5**count
    # The `below`-th from either end: less than it is the median with the probability of so few heads of a coin.
    while 2 * tail <= SIGNIFICANCE:
        below += 1
        tail += math.comb(count, below) * 0.5**count
    if below == 0:
        return Interval(-math.inf, math.inf)
    return Interval(float(ordered[below - 1]), float(ordered[count - below]))


def power(count: int, shift: float) -> float:
    """Return how often a shift of a uniform distribution is seen at the level of `SIGNIFICANCE`.

    Args:
        count: of each sample.
        shift: in parts of the distribution's width.
    """
    rng = np.random.Generator(np.random.PCG64(_SEED))
    is_first = rng.permuted(np.tile(np.repeat((True, False), count), (_RESAMPLES, 1)), axis=1)
    null = _distances(np.zeros(0), is_first, 0)
    rows = _RESAMPLES // 10
    one, other = rng.random((rows, count)), rng.random((rows, count)) + shift
    order = np.argsort(np.concatenate((one, other), axis=1), axis=1)
    seen = _distances(np.zeros(0), order < count, 0)
    beyond = (np.count_nonzero(null[None, :] >= seen[:, None] - 1e-9, axis=1) + 1) / (_RESAMPLES + 1)
    return float(np.mean(beyond < SIGNIFICANCE))


def _test(one: Numbers, other: Numbers, *, side: int = 0) -> tuple[float, float]:
    """Return the distance of two samples, and the p-value of a permutation test.

    Args:
        one: a sample.
        other: another one.
        side: 0 for the largest distance of either sign; 1 for how far the first one is above, so earlier; -1 for
            how far it is below, so later.
    """
    pooled = np.concatenate((one, other))
    order = np.argsort(pooled, kind="stable")
    ordered, is_first = pooled[order], order < len(one)
    found = float(_distances(ordered, is_first[np.newaxis, :], side)[0])
    rng = np.random.Generator(np.random.PCG64(_SEED))
    shuffled = rng.permuted(np.tile(is_first, (_RESAMPLES, 1)), axis=1)
    as_far = int(np.count_nonzero(_distances(ordered, shuffled, side) >= found - 1e-9))
    return found, (as_far + 1) / (_RESAMPLES + 1)


def _distances(ordered: Numbers, is_first: npt.NDArray[np.bool_], side: int) -> Numbers:
    """Return the distance of the two samples of each row.

    Args:
        ordered: the pooled values, sorted; empty if there are no ties.
        is_first: for each of them whether it is of the first sample, in rows.
        side: see `_test`.
    """
    total = np.count_nonzero(is_first[0])
    above = np.cumsum(is_first, axis=1) / total - np.cumsum(~is_first, axis=1) / (is_first.shape[1] - total)
    if len(ordered):  # between equal values there is no step
        above = above[:, np.append(np.diff(ordered) > 0, np.True_)]
    signed = np.abs(above) if side == 0 else side * above
    return np.asarray(signed.max(axis=1, initial=0.0), dtype=np.float64)
