"""The least, the middle and the greatest of several measurements."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

FOREVER: Final = math.inf
"""The measurement of what had not ended when the watching ended."""

_SIGNIFICANT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What several measurements of one figure came to.

    Attributes:
        least: The least.
        median: The middle one, or the mean of the two in the middle.
        greatest: The greatest.
        count: How many there were.
    """

    least: float
    median: float
    greatest: float
    count: int

    @classmethod
    def of(cls, measurements: Sequence[float]) -> Self:
        """Return the spread of measurements, of which there must be at least one."""
        return cls(
            least=min(measurements),
            median=statistics.median(measurements),
            greatest=max(measurements),
            count=len(measurements),
        )

    def __str__(self) -> str:
        texts = [number(value) for value in (self.least, self.median, self.greatest)]
        return texts[0] if len(set(texts)) == 1 else " / ".join(texts)


def number(value: float) -> str:
    """Write a number with three significant digits, whole numbers in full, and none smaller than 0.01."""
    if value == FOREVER:
        return "for ever"
    if value == round(value) or abs(value) >= 10 ** (_SIGNIFICANT - 1):
        return f"{value:.0f}"
    before_point = max(1, math.floor(math.log10(abs(value))) + 1)
    return f"{value:.{_SIGNIFICANT - before_point}f}"
