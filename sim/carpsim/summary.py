"""What a sweep says: for each setting the outages, with intervals that tell how far chance may have made them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

import numpy as np
import numpy.typing as npt

from carpsim.sweep import Result, Value

_RESAMPLES: Final = 2000
_TAILS: Final = (2.5, 97.5)  # percentiles that leave 95 % between them

Numbers: TypeAlias = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic of a sample, with the interval in which 95 of 100 bootstrap samples have it.

    Attributes:
        value: of the sample.
        low: the lower end.
        high: the upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it with its interval, in the sample's unit."""
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All runs of one setting.

    Attributes:
        settings: the value of each parameter.
        runs: how many.
        longest: of each run the longest outage of any client, seconds; 0 without one.
        median: of those.
        p99: of those.
        several_holders: share of runs in which two hosts had the address at once, 0 to 1.
    """

    settings: tuple[tuple[str, Value], ...]
    runs: int
    longest: tuple[float, ...]
    median: Estimate
    p99: Estimate
    several_holders: Estimate

    def __str__(self) -> str:
        """Return it on one line, times in seconds."""
        settings = ", ".join(f"{path} = {value}" for path, value in self.settings) or "all runs"
        several = self.several_holders
        share = f"{several.value:.1%} [{several.low:.1%}, {several.high:.1%}]"
        return f"{settings}: {self.median}, p99 {self.p99}, two holders at once in {share} of {self.runs}"


def summarise(results: Sequence[Result], parameters: Sequence[str], *, seed: int = 0) -> tuple[Group, ...]:
    """Return what each setting did, in the order of the table.

    Args:
        results: of the sweep.
        parameters: their paths.
        seed: of the bootstrap.
    """
    grouped: dict[tuple[tuple[str, Value], ...], list[Result]] = {}
    for result in results:
        settings = tuple((path, _value(result, path)) for path in parameters)
        grouped.setdefault(settings, []).append(result)
    return tuple(_group(settings, members, seed) for settings, members in grouped.items())


def estimate(sample: Sequence[float], statistic: Callable[[Numbers], Numbers], *, seed: int = 0) -> Estimate:
    """Return a statistic with its bootstrap interval: the percentile method, of Efron (1979).

    Args:
        sample: at least one number.
        statistic: takes samples as the rows of a matrix, and returns one number for each.
        seed: of the resampling.
    """
    values: Numbers = np.asarray(sample, dtype=np.float64)
    rng = np.random.Generator(np.random.PCG64(seed))
    picks = rng.integers(0, len(values), size=(_RESAMPLES, len(values)))
    low, high = np.percentile(statistic(values[picks]), _TAILS)
    return Estimate(float(statistic(values[np.newaxis, :])[0]), float(low), float(high))


def percentile(which: float) -> Callable[[Numbers], Numbers]:
    """Return the statistic that is a percentile.

    Args:
        which: 0 to 100.
    """

    def of(samples: Numbers) -> Numbers:
        return np.asarray(np.percentile(samples, which, axis=1), dtype=np.float64)

    return of


def mean(samples: Numbers) -> Numbers:
    """Return the mean of each row.

    Args:
        samples: one in each row.
    """
    return np.asarray(samples.mean(axis=1), dtype=np.float64)


def _group(settings: tuple[tuple[str, Value], ...], members: Sequence[Result], seed: int) -> Group:
    longest = [float(member.row["outage_max_s"] or 0) for member in members]
    several = [float(int(member.row["holders_max"] or 0) > 1) for member in members]
    return Group(
        settings=settings,
        runs=len(members),
        longest=tuple(longest),
        median=estimate(longest, percentile(50), seed=seed),
        p99=estimate(longest, percentile(99), seed=seed),
        several_holders=estimate(several, mean, seed=seed),
    )


def _value(result: Result, path: str) -> Value:
    value = result.row[path]
    if value is None:
        raise ValueError(f"run {result.key} has no value of {path}")
    return value
