"""A lane: a process that plays scenarios one after the other, beside other lanes."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from triocarp.lab import clock

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.bench.calm import Calm
    from tests.bench.figures import Figure

Samples = dict[tuple[str, "Figure"], list[float]]
"""Measurements by implementation and figure."""

_RESERVATIONS: Final = 20


class Lane:
    """What a scenario needs besides its network.

    Attributes:
        random: For the phases at which things happen.
        samples: What was measured.
        directory: For configuration; it is gone afterwards.
    """

    def __init__(self, number: int, calm: Calm) -> None:
        """Begin.

        Args:
            number: From 0.
            calm: Shared by all lanes.
        """
        self._number = number
        self._calm = calm
        self.random = random.SystemRandom()
        self.samples: Samples = defaultdict(list)
        self._temporary = tempfile.TemporaryDirectory(prefix="carp-bench-")
        self.directory = Path(self._temporary.name)

    def record(self, implementation: str, figure: Figure, value: float) -> None:
        """Take note of a measurement, in the figure's unit."""
        self.samples[implementation, figure].append(value)

    def say(self, text: str) -> None:
        """Tell about the progress."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def undisturbed(self, milliseconds: float) -> AbstractContextManager[None]:
        """Reserve the next milliseconds, to measure or to make noise in."""
        return self._calm.span(self._number, round(milliseconds * clock.MILLISECOND))

    def reserve(self, begin: int, end: int) -> bool:
        """Reserve a span of the future, unless another lane has; it stands until `release`."""
        return self._calm.reserve(self._number, begin, end)

    def release(self) -> None:
        """Give the reserved span back."""
        self._calm.release(self._number)

    def sleep_until(self, instant: int) -> None:
        """Sleep until an instant of the lab's clock."""
        time.sleep(max(0, instant - clock.now()) / clock.SECOND)

    def sleep_somewhat(self, interval: int) -> None:
        """Sleep for a random part of an interval of nanoseconds, so that phases differ."""
        time.sleep(self.random.uniform(0.05, 0.9) * interval / clock.SECOND)
