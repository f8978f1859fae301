"""What a check says: its bound as a formula with its numbers, and whether that was kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from carpsim.counted import times
from triocarp.core.timing import SECOND

_UNITS: Final = ((SECOND, "s"), (1_000_000, "ms"), (1_000, "us"))


def span(duration: int) -> str:
    """Return a duration as people read it: ``3 s``, ``1.5 ms``.

    Args:
        duration: nanoseconds.
    """
    for unit, name in _UNITS:
        if abs(duration) >= unit:
            whole, rest = divmod(abs(duration), unit)
            digits = f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0").rstrip(".")
            return f"{'-' if duration < 0 else ''}{digits} {name}"
    return f"{duration} ns" if duration else "0"


@final
@dataclass(frozen=True, slots=True)
class Bound:
    """A duration that is a sum of named ones.

    Attributes:
        terms: each with its name and nanoseconds.
    """

    terms: tuple[tuple[str, int], ...]

    @property
    def value(self) -> int:
        """The sum, nanoseconds."""
        total = 0
        for _, value in self.terms:
            total += value
        return total

    def plus(self, *terms: tuple[str, int]) -> "Bound":
        """Return it with further terms.

        Args:
            terms: each with its name and nanoseconds.
        """
        return Bound((*self.terms, *terms))

    def __str__(self) -> str:
        """The formula with its numbers filled in; terms that are 0 are named, too."""
        sum_of = " + ".join(f"{name} {span(value)}" for name, value in self.terms)
        return sum_of if len(self.terms) == 1 else f"{sum_of} = {span(self.value)}"


NOW: Final = Bound((("at once", 0),))
"""What must be so at the end of the very instant."""


@final
@dataclass(frozen=True, slots=True)
class OnUcarp:
    """What a check means for a host with ucarp, which has no node, no lease and no goodbye, and is slow.

    Attributes:
        judges: whether it judges such hosts at all.
        sentence: how, or why not.
    """

    judges: bool
    sentence: str

    def __str__(self) -> str:
        return self.sentence if self.judges else f"not applicable: {self.sentence}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check found in one run.

    Attributes:
        check: its name.
        held: whether its promise was kept; also where nothing happened that it is about.
        judged: how often there was something to judge.
        formula: the bound of the violation, or of the closest case, with its numbers.
        margin: nanoseconds that were left in the closest case; less than 0 for none, None if nothing was measured.
        at: the instant of the first violation, nanoseconds.
        sentence: says what was violated; empty if nothing was.
        on_ucarp: what the check means for the hosts with ucarp that there are; None if there are none.
    """

    check: str
    held: bool
    judged: int
    formula: str
    margin: int | None = None
    at: int | None = None
    sentence: str = ""
    on_ucarp: OnUcarp | None = None

    def __str__(self) -> str:
        """The verdict in one line."""
        if not self.held and self.at is not None:
            return f"{self.check}: violated at {self.at / SECOND:.9f} s: {self.sentence} (bound: {self.formula})"
        left = "" if self.margin is None else f", margin {span(self.margin)}"
        return f"{self.check}: held, {times(self.judged)} judged (bound: {self.formula}{left})"


def violated(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdicts about promises that were not kept.

    Args:
        verdicts: of one run.
    """
    return tuple(verdict for verdict in verdicts if not verdict.held)
