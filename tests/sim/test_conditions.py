"""What a cable does to frames."""

from itertools import groupby, pairwise

import pytest

from carpsim.conditions import BurstLoss, Cable, Conditions, IndependentLoss
from carpsim.distribution import Constant, Exponential, Uniform
from carpsim.randomness import stream
from triocarp.core.timing import SECOND

FRAMES = 20_000
FRAME = bytes(range(70))
APART = 1_000_000
"""Nanoseconds from one frame to the next."""


def arrivals(conditions: Conditions, frames: int = FRAMES) -> list[list[tuple[int, bytes]]]:
    """Return what becomes of each of many frames."""
    cable = Cable(conditions, stream(1, "cable"))
    return [cable.carry(FRAME, number * APART) for number in range(frames)]


def test_a_perfect_cable_takes_no_time() -> None:
    """And says so to whoever wants to be fast."""
    assert arrivals(Conditions(), 1) == [[(0, FRAME)]]
    assert Cable(Conditions(), stream(1)).fixed_latency == 0
    assert Cable(Conditions(latency=Constant(5)), stream(1)).fixed_latency == 5
    assert Cable(Conditions(latency=Uniform(5, 5)), stream(1)).fixed_latency is None
    assert Cable(Conditions(duplicate=0.1), stream(1)).fixed_latency is None


def test_independent_loss() -> None:
    """As many as it is said, within four standard deviations."""
    lost = sum(not arrived for arrived in arrivals(Conditions(loss=IndependentLoss(0.2))))
    assert abs(lost - FRAMES * 0.2) < 4 * (FRAMES * 0.16) ** 0.5


def test_burst_loss() -> None:
    """Bursts are as long and as rare as the channel's turning says: 1 / 0.25 frames, and 2 / 27 of all."""
    carried = arrivals(Conditions(loss=BurstLoss(to_bad=0.02, to_good=0.25)))
    bursts = [len(list(run)) for lost, run in groupby(carried, key=lambda arrived: not arrived) if lost]
    assert sum(bursts) / len(bursts) == pytest.approx(4, rel=0.15)
    assert sum(bursts) / FRAMES == pytest.approx(2 / 27, rel=0.15)


def test_jitter_reorders_nothing() -> None:
    """A frame that is slow holds up those behind it."""
    instants = [at for arrived in arrivals(Conditions(latency=Exponential(mean=3 * APART))) for at, _ in arrived]
    assert all(earlier <= later for earlier, later in pairwise(instants))
    assert all(at >= number * APART for number, at in enumerate(instants))


def test_reordering() -> None:
    """As many frames as it is said let later ones pass."""
    conditions = Conditions(reorder=0.1, reorder_by=Constant(5 * APART))
    late = sum(arrived[0][0] > number * APART for number, arrived in enumerate(arrivals(conditions)))
    assert abs(late - FRAMES * 0.1) < 4 * (FRAMES * 0.09) ** 0.5


def test_duplication() -> None:
    """As many as it is said arrive twice."""
    twice = sum(len(arrived) == 2 for arrived in arrivals(Conditions(duplicate=0.1)))
    assert abs(twice - FRAMES * 0.1) < 4 * (FRAMES * 0.09) ** 0.5


def test_corruption_changes_one_bit() -> None:
    """Any of the frame, and in as many frames as it is said."""
    carried = [arrived[0][1] for arrived in arrivals(Conditions(corrupt=1.0))]
    changed = [int.from_bytes(data) ^ int.from_bytes(FRAME) for data in carried]
    assert all(difference.bit_count() == 1 for difference in changed)
    assert len(set(changed)) == len(FRAME) * 8
    changed = [data != FRAME for ((_, data),) in arrivals(Conditions(corrupt=0.1))]
    assert abs(sum(changed) - FRAMES * 0.1) < 4 * (FRAMES * 0.09) ** 0.5


def test_bandwidth_and_queue() -> None:
    """Frames go one after the other, 24 bytes of overhead each; what no longer fits into the queue is lost."""
    cable = Cable(Conditions(bandwidth=1_000_000, queue=200), stream(1))
    on_wire = (len(FRAME) + 24) * 8 * SECOND // 1_000_000
    carried = [cable.carry(FRAME, 0) for _ in range(5)]
    assert [arrived[0][0] for arrived in carried if arrived] == [on_wire, 2 * on_wire, 3 * on_wire]
    assert carried[3:] == [[], []]
    assert cable.carry(FRAME, 3 * on_wire) == [(4 * on_wire, FRAME)]


def test_conditions_can_change_while_frames_are_on_the_way() -> None:
    """From then on they count."""
    cable = Cable(Conditions(), stream(1))
    cable.conditions = Conditions(latency=Constant(9))
    assert cable.fixed_latency == 9
    assert cable.carry(FRAME, 1) == [(10, FRAME)]
