"""What a side has seen of a scene, real or simulated, and the figures that are read off it in one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from tests.validate.scene import MILLISECOND, PROBE_INTERVAL, Measure
from triocarp.lab.holders import overlap_ns
from triocarp.lab.probe import find_outages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from triocarp.lab import Holding, Reply


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen, in nanoseconds of whatever clock.

    Attributes:
        sent: when the client sent each of its probes.
        replies: what it got, in the order of arrival.
        holdings: who held the address when.
        since: the instant from which on is measured.
        until: the end.
        launches: how long each daemon took from its start to when it took part.
    """

    sent: Sequence[int]
    replies: Sequence[Reply]
    holdings: Sequence[Holding]
    since: int
    until: int
    launches: Mapping[str, int]

    def measured(self, measure: Measure) -> float:
        """Return what came of it, in milliseconds.

        Args:
            measure: what.
        """
        if measure is Measure.TWO_HOLDERS:
            return overlap_ns(self.holdings, self.since, self.until) / MILLISECOND
        outages = find_outages(self.sent, self.replies, PROBE_INTERVAL, since=self.since)
        return max((outage.duration_ns for outage in outages), default=0) / MILLISECOND
