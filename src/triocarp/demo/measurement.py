"""What one step measured, beside what the timers say: numbers only, made from what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triocarp.lab.holders import overlap_ns

if TYPE_CHECKING:
    from collections.abc import Collection

    from triocarp.demo.wire import Advertised, Announced
    from triocarp.lab import Holding, Outage, Reply


class RecordIncomplete(Exception):  # noqa: N818 - says what was not there
    """Raised when what should have happened is not among what was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What was recorded of one step; all instants are nanoseconds of the lab's clock.

    Attributes:
        since: when the step began.
        until: when it ended.
        advertised: what was advertised since the demonstration began.
        announced: what was announced since the demonstration began.
        replies: the client's replies since the step began.
        outages: the client's outages since the step began.
        holdings: who held the virtual address when.
    """

    since: int
    until: int
    advertised: tuple[Advertised, ...]
    announced: tuple[Announced, ...]
    replies: tuple[Reply, ...]
    outages: tuple[Outage, ...]
    holdings: tuple[Holding, ...]

    def last_advertised(self, host: str, before: int) -> Advertised:
        """Return a host's last advertisement before an instant.

        Args:
            host: its name.
            before: the instant.

        Raises:
            RecordIncomplete: there is none.
        """
        for one in reversed(self.advertised):
            if one.host == host and one.at < before:
                return one
        raise RecordIncomplete(f"no advertisement of {host}")

    def first_advertised(self, host: str, *, goodbye: bool = False) -> Advertised:
        """Return a host's first advertisement, or goodbye, of the step.

        Args:
            host: its name.
            goodbye: which of them.

        Raises:
            RecordIncomplete: there is none.
        """
        for one in self.advertised:
            if one.host == host and one.at >= self.since and one.goodbye == goodbye:
                return one
        raise RecordIncomplete(f"no {'goodbye' if goodbye else 'advertisement'} of {host}")

    def first_announced(self, host: str) -> Announced:
        """Return a host's first gratuitous ARP of the step.

        Args:
            host: its name.

        Raises:
            RecordIncomplete: there is none.
        """
        for one in self.announced:
            if one.host == host and one.at >= self.since:
                return one
        raise RecordIncomplete(f"no gratuitous ARP of {host}")

    def first_reply(self, mac: str) -> Reply:
        """Return a host's first reply of the step.

        Args:
            mac: its Ethernet address.

        Raises:
            RecordIncomplete: there is none.
        """
        for one in self.replies:
            if one.mac == mac and one.at >= self.since:
                return one
        raise RecordIncomplete(f"no answer from {mac}")

    def outage(self) -> tuple[int, int]:
        """Return how long the client was without an answer in all, in nanoseconds, and how many probes it lost.

        Probes that were answered late, on a busy machine, are not lost.
        """
        over = [one for one in self.outages if one.lost and one.end_ns is not None]
        return sum(one.duration_ns for one in over), sum(one.lost for one in over)

    def overlap(self, *, excluding: Collection[str] = ()) -> int:
        """Return for how long two hosts held the address, in nanoseconds.

        Args:
            excluding: hosts that nobody could reach.
        """
        reachable = [one for one in self.holdings if one.host not in excluding]
        return overlap_ns(reachable, self.since, self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """What made a host take over, and after how long.

    Attributes:
        origin: what it counts from, in words.
        since: when that was.
        length: how long it runs, in nanoseconds.
        terms: how that is made up; empty if there is no timer.
    """

    origin: str
    since: int
    length: int = 0
    terms: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the timers say about a step.

    Attributes:
        outage: of the client, in nanoseconds.
        reason: why that long, in words.
        overlap_limit: for how long two hosts may hold the address, in nanoseconds.
        overlap_reason: why that long, in words; empty where there is nothing to say.
    """

    outage: int
    reason: str
    overlap_limit: int = 0
    overlap_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured of one step; all durations are nanoseconds.

    Attributes:
        taker: who took the address over.
        timer: that made it do so.
        expected: what the timers say.
        announced_at: when its first gratuitous ARP was on the wire.
        answered_at: when its first reply reached the client.
        outage: for how long the client was without an answer.
        lost: how many probes were never answered.
        overlap: for how long two hosts held the address.
        ended_by: what ended the step's trouble.
    """

    taker: str
    timer: Timer
    expected: Expected
    announced_at: int
    answered_at: int
    outage: int
    lost: int
    overlap: int
    ended_by: str

    @property
    def elapsed(self) -> int:
        """From what the timer counts from to the announcement."""
        return self.announced_at - self.timer.since

    @property
    def overhead(self) -> int:
        """What came on top of the timer."""
        return self.elapsed - self.timer.length
