"""What a cable does to the frames of one direction: delay, loss, duplication, reordering, corruption, a queue."""

import random
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from carpsim.distribution import AT_ONCE, Constant, Distribution
from carpsim.frame import FRAME_LENGTH_MAX
from carpsim.randomness import below, chance
from triocarp.core.timing import SECOND

_BITS: Final = 8
_REORDERED_BY: Final = Constant(1_000_000)
_FRAME_OVERHEAD: Final = 24  # bytes of preamble, checksum and gap, which take time on the wire, too


@final
@dataclass(frozen=True, slots=True)
class IndependentLoss:
    """Each frame is lost with the same probability.

    Attributes:
        probability: 0 to 1.
    """

    probability: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BurstLoss:
    """Loss in bursts: Gilbert's and Elliott's channel, which is good or bad and changes with each frame.

    Attributes:
        to_bad: probability that a good channel turns bad before a frame, 0 to 1.
        to_good: probability that a bad channel turns good before a frame, 0 to 1.
        loss_when_good: probability of loss, 0 to 1.
        loss_when_bad: probability of loss, 0 to 1.
    """

    to_bad: float
    to_good: float
    loss_when_good: float = 0.0
    loss_when_bad: float = 1.0


Loss: TypeAlias = IndependentLoss | BurstLoss
"""All that can lose frames by chance."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What happens to the frames of one direction of a cable. Nothing does, if nothing is said.

    Attributes:
        latency: how long a frame takes. Jitter is a distribution that is not constant; frames still arrive in the
            order in which they were sent, unless they are reordered.
        loss: which frames are lost.
        duplicate: probability that a frame arrives twice, 0 to 1.
        reorder: probability that a frame lets later ones pass, 0 to 1.
        reorder_by: how much longer it then takes.
        corrupt: probability that one bit of a frame is changed on the way, and the checksum of Ethernet does not
            show it, 0 to 1.
        bandwidth: bits in a second; 0 for no limit.
        queue: bytes that wait for the cable at most; what comes then is lost.
    """

    latency: Distribution = AT_ONCE
    loss: Loss | None = None
    duplicate: float = 0.0
    reorder: float = 0.0
    reorder_by: Distribution = _REORDERED_BY
    corrupt: float = 0.0
    bandwidth: int = 0
    queue: int = 1_000_000

    @property
    def is_lossless(self) -> bool:
        """Whether every frame arrives as it was sent, unless the queue is full."""
        return self.loss is None and self.corrupt == 0

    @property
    def longest(self) -> int:
        """The most time that a frame can take, nanoseconds."""
        waiting = (self.queue + FRAME_LENGTH_MAX) * _BITS * SECOND // self.bandwidth if self.bandwidth else 0
        return waiting + self.latency.longest + (self.reorder_by.longest if self.reorder else 0)


PERFECT: Final = Conditions()
"""A cable that takes no time and loses nothing."""


@final
class Cable:
    """One direction of a cable, with its memory.

    Args:
        conditions: what happens to frames.
        rng: its stream.

    Attributes:
        fixed_latency: nanoseconds, if a constant delay is all that happens to a frame; else None.
    """

    __slots__ = ("_conditions", "_free_at", "_is_bad", "_latest", "_rng", "fixed_latency")

    def __init__(self, conditions: Conditions, rng: random.Random) -> None:
        self._rng = rng
        self._is_bad = False
        self._free_at = 0
        self._latest = 0
        self.fixed_latency: int | None = None
        self.conditions = conditions

    @property
    def conditions(self) -> Conditions:
        """What happens to frames; may be set at any time."""
        return self._conditions

    @conditions.setter
    def conditions(self, conditions: Conditions) -> None:
        self._conditions = conditions
        latency = conditions.latency
        is_plain = isinstance(latency, Constant) and conditions == Conditions(latency=latency)
        self.fixed_latency = latency.value if is_plain and isinstance(latency, Constant) else None

    def carry(self, data: bytes, now: int) -> list[tuple[int, bytes]]:
        """Return when a frame arrives, and what then arrives: once, twice, or never.

        Args:
            data: from the destination MAC on.
            now: the instant at which it is sent.
        """
        conditions, rng = self._conditions, self._rng
        if self._loses(conditions.loss):
            return []
        sent = self._transmitted(len(data), now)
        if sent is None:
            return []
        if chance(rng, conditions.corrupt):
            data = _with_flipped_bit(data, below(rng, len(data) * _BITS))
        arrival = sent + conditions.latency.draw(rng)
        if chance(rng, conditions.reorder):
            arrival += conditions.reorder_by.draw(rng)
        else:
            arrival = self._latest = max(arrival, self._latest)
        copies = 2 if chance(rng, conditions.duplicate) else 1
        return [(arrival, data)] * copies

    def _loses(self, loss: Loss | None) -> bool:
        match loss:
            case None:
                return False
            case IndependentLoss():
                return chance(self._rng, loss.probability)
            case BurstLoss():
                if chance(self._rng, loss.to_good if self._is_bad else loss.to_bad):
                    self._is_bad = not self._is_bad
                return chance(self._rng, loss.loss_when_bad if self._is_bad else loss.loss_when_good)

    def _transmitted(self, length: int, now: int) -> int | None:
        """Return when the last bit of a frame is on the wire, or None if the queue is full."""
        conditions = self._conditions
        if not conditions.bandwidth:
            return now
        begin = max(now, self._free_at)
        if (begin - now) * conditions.bandwidth > conditions.queue * _BITS * SECOND:
            return None
        self._free_at = begin + (length + _FRAME_OVERHEAD) * _BITS * SECOND // conditions.bandwidth
        return self._free_at


def _with_flipped_bit(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // _BITS] ^= 1 << (bit % _BITS)
    return bytes(changed)
