"""How long something takes: distributions of durations."""

import random
from dataclasses import dataclass
from math import sqrt
from typing import Final, TypeAlias, final

from carpsim.randomness import exponential, normal, uniform


@final
@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same.

    Attributes:
        value: nanoseconds.
    """

    value: int

    @property
    def longest(self) -> int:
        """The most that it can be, nanoseconds."""
        return self.value

    def draw(self, rng: random.Random) -> int:  # noqa: ARG002 - all distributions are drawn from in one way
        """Return a duration in nanoseconds.

        Args:
            rng: is not drawn from.
        """
        return self.value


@final
@dataclass(frozen=True, slots=True)
class Uniform:
    """Each duration between two is as likely.

    Attributes:
        least: nanoseconds.
        most: nanoseconds.
    """

    least: int
    most: int

    @property
    def longest(self) -> int:
        """The most that it can be, nanoseconds."""
        return self.most

    def draw(self, rng: random.Random) -> int:
        """Return a duration in nanoseconds.

        Args:
            rng: a stream.
        """
        return uniform(rng, self.least, self.most)


@final
@dataclass(frozen=True, slots=True)
class Normal:
    """Around a mean; what would be less than nothing is nothing.

    Attributes:
        mean: nanoseconds.
        deviation: the standard deviation, nanoseconds.
    """

    mean: int
    deviation: int

    @property
    def longest(self) -> int:
        """The most that it can be, nanoseconds: `normal` is within 6 of its mean."""
        return max(0, self.mean + 6 * self.deviation)

    def draw(self, rng: random.Random) -> int:
        """Return a duration in nanoseconds.

        Args:
            rng: a stream.
        """
        return max(0, self.mean + round(self.deviation * normal(rng)))


@final
@dataclass(frozen=True, slots=True)
class Exponential:
    """At least so much, and then as long as it takes something without memory.

    Attributes:
        mean: nanoseconds, the least included.
        least: nanoseconds.
    """

    mean: int
    least: int = 0

    @property
    def longest(self) -> int:
        """What it is below but for one draw in 10**17, nanoseconds: 40 times its mean."""
        return self.least + 40 * (self.mean - self.least)

    def draw(self, rng: random.Random) -> int:
        """Return a duration in nanoseconds.

        Args:
            rng: a stream.
        """
        return self.least + round((self.mean - self.least) * exponential(rng))


@final
@dataclass(frozen=True, slots=True)
class HeavyTail:
    """Mostly short and now and then very long: Pareto's distribution with exponent 2.

    Attributes:
        least: nanoseconds; the mean is twice as much.
        most: nanoseconds; what would be longer is this.
    """

    least: int
    most: int

    @property
    def longest(self) -> int:
        """The most that it can be, nanoseconds."""
        return self.most

    def draw(self, rng: random.Random) -> int:
        """Return a duration in nanoseconds.

        Args:
            rng: a stream.
        """
        return min(self.most, round(self.least / sqrt(1.0 - rng.random())))


Distribution: TypeAlias = Constant | Uniform | Normal | Exponential | HeavyTail
"""All that a duration can be."""

AT_ONCE: Final = Constant(0)
"""No time at all."""
