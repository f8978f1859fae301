import random
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.conditions import PERFECT, BurstLoss, Cable, Conditions, IndependentLoss, Loss
from carpsim.distribution import Constant, Distribution, Exponential, HeavyTail, Normal, Uniform
from carpsim.faults import CableConditions
from carpsim.randomness import stream
from carpsim.scenario import Scenario
from tests.sim.recorder import carpd, run
from triocarp.core import DropReason
from triocarp.core.timing import SECOND

MILLISECOND = 1_000_000
FRAME = bytes(range(70))
COUNT = 20_000

durations = st.integers(0, 10 * MILLISECOND)
ranges = st.tuples(durations, durations).map(sorted)
distributions: st.SearchStrategy[Distribution] = st.one_of(
    durations.map(Constant),
    ranges.map(lambda ends: Uniform(*ends)),
    st.builds(Normal, durations, durations),
    ranges.map(lambda ends: Exponential(mean=ends[1], least=ends[0])),
    ranges.map(lambda ends: HeavyTail(*ends)),
)


def cable(conditions: Conditions, seed: int = 0) -> Cable:
    """Return one with a stream of its own."""
    return Cable(conditions, stream(seed, "cable"))


def carried(
    conditions: Conditions, *, count: int = COUNT, every: int = MILLISECOND
) -> list[list[tuple[int, bytes]]]:
    """Send frames at regular times, and return what arrives of each."""
    one = cable(conditions)
    return [one.carry(FRAME, number * every) for number in range(count)]


def is_within(found: int, count: int, probability: float) -> bool:
    """Tell whether a number of events is within 4.5 standard deviations: by chance it is not, once in 100 000."""
    return abs(found - count * probability) <= 4.5 * sqrt(count * probability * (1 - probability))


def test_a_perfect_cable_takes_no_time() -> None:
    """It neither draws random numbers nor changes a frame."""
    one = Cable(PERFECT, random.Random(1))  # noqa: S311 - it must repeat itself
    state = one._rng.getstate()  # pyright: ignore[reportPrivateUsage]

    assert one.fixed_latency == 0
    assert one.carry(FRAME, 5) == [(5, FRAME)]
    assert one._rng.getstate() == state  # pyright: ignore[reportPrivateUsage]


@given(
    distribution=distributions, gaps=st.lists(st.integers(0, MILLISECOND), max_size=50), seed=st.integers(0, 2**32)
)
def test_frames_arrive_in_the_order_in_which_they_were_sent(
    distribution: Distribution, gaps: list[int], seed: int
) -> None:
    """Whatever the latency does, no frame passes another, and none arrives before it was sent."""
    one = cable(Conditions(latency=distribution), seed)
    now, arrivals = 0, list[int]()
    for gap in gaps:
        now += gap
        ((arrival, data),) = one.carry(FRAME, now)
        assert arrival >= now
        assert data is FRAME
        arrivals.append(arrival)

    assert arrivals == sorted(arrivals)


def test_reordered_frames_let_later_ones_pass() -> None:
    """As many as was said are late by as much as was said, and only they are passed."""
    late = Conditions(latency=Constant(100), reorder=0.1, reorder_by=Constant(5 * MILLISECOND))
    arrivals = [arrival for ((arrival, _),) in carried(late)]
    delays = [arrival - number * MILLISECOND for number, arrival in enumerate(arrivals)]

    assert set(delays) == {100, 100 + 5 * MILLISECOND}
    assert is_within(delays.count(100 + 5 * MILLISECOND), COUNT, 0.1)
    assert arrivals != sorted(arrivals)


@pytest.mark.parametrize("probability", [0.0, 0.01, 0.3, 1.0])
def test_independent_loss(probability: float) -> None:
    """As many frames are lost as was said, within what chance allows."""
    lost = sum(not arrived for arrived in carried(Conditions(loss=IndependentLoss(probability))))

    assert is_within(lost, COUNT, probability)


def test_duplicates() -> None:
    """As many frames arrive twice, at the same instant."""
    arrived = carried(Conditions(duplicate=0.2))

    assert all(len(set(copies)) == 1 for copies in arrived)
    assert is_within(sum(len(copies) == 2 for copies in arrived), COUNT, 0.2)


@pytest.mark.parametrize(
    ("to_bad", "to_good", "loss_when_good", "loss_when_bad"),
    [(0.02, 0.2, 0.0, 1.0), (0.05, 0.5, 0.01, 0.7)],
)
def test_bursts_have_the_stationary_loss_and_length_of_gilbert_and_elliott(
    to_bad: float, to_good: float, loss_when_good: float, loss_when_bad: float
) -> None:
    """It is bad for to_bad / (to_bad + to_good) of the time; with total loss bursts last 1 / to_good frames."""
    loss: Loss = BurstLoss(
        to_bad=to_bad, to_good=to_good, loss_when_good=loss_when_good, loss_when_bad=loss_when_bad
    )
    lost = [not arrived for arrived in carried(Conditions(loss=loss), count=200_000)]
    bad = to_bad / (to_bad + to_good)
    expected = bad * loss_when_bad + (1 - bad) * loss_when_good
    bursts = [len(burst) for burst in "".join("x" if one else " " for one in lost).split()]

    # Neighbours are alike, so that the mean varies as that of fewer frames does.
    correlation = 1 - to_bad - to_good
    effective = len(lost) * (1 - correlation) / (1 + correlation)
    assert abs(sum(lost) / len(lost) - expected) < 4.5 * sqrt(expected * (1 - expected) / effective)
    if loss_when_bad == 1.0:
        assert sum(bursts) / len(bursts) == pytest.approx(1 / to_good, rel=0.1)


@given(data=st.binary(min_size=14, max_size=200), seed=st.integers(0, 2**32))
def test_corruption_changes_exactly_one_bit(data: bytes, seed: int) -> None:
    """Neither more nor less, and the length stays."""
    ((_, changed),) = cable(Conditions(corrupt=1.0), seed).carry(data, 0)
    difference = int.from_bytes(data) ^ int.from_bytes(changed)

    assert len(changed) == len(data)
    assert difference.bit_count() == 1


def test_corrupted_advertisements_are_dropped_and_do_nothing() -> None:
    """Each that the checksums show is dropped for that reason, and nobody moves."""
    spoil = CableConditions(at=5 * SECOND, stations=("b",), outward=Conditions(corrupt=0.05))
    hosts = carpd("a", 1), carpd("b", 2, advskew=100)
    world, recorder = run(Scenario(hosts=hosts, faults=(spoil,), duration=1000 * SECOND), seed=4)
    # With this seed no three in a row are changed, after which the backup would rightly take over.
    node = world.carpd("b").node
    assert node is not None
    (virtual_host,) = node.virtual_hosts.values()
    dropped = node.statistics.dropped + virtual_host.statistics.dropped

    # A bit of the version or the type is noticed as such before the checksum is looked at.
    assert dropped[DropReason.BAD_CHECKSUM] > 0.8 * sum(dropped.values())
    assert 25 < dropped[DropReason.BAD_CHECKSUM] < 60
    assert [(name, present) for _, name, present in recorder.holdings] == [("a", True)]


def test_bandwidth_spaces_frames() -> None:
    """94 bytes with preamble, checksum and gap at 1 Mbit/s: 752 us each, one after the other."""
    one = cable(Conditions(bandwidth=1_000_000))
    arrivals = [arrival for number in range(5) for arrival, _ in one.carry(FRAME, number)]

    assert arrivals == [752_000 * (number + 1) for number in range(5)]
    assert one.carry(FRAME, SECOND) == [(SECOND + 752_000, FRAME)]


def test_a_full_queue_loses_frames() -> None:
    """What would wait behind more bytes than the queue has is lost; and when it has drained, nothing is."""
    one = cable(Conditions(bandwidth=1_000_000, queue=3 * 94))
    arrived = [bool(one.carry(FRAME, 0)) for _ in range(10)]

    assert arrived == [True] * 4 + [False] * 6
    assert one.carry(FRAME, SECOND)


@given(
    bandwidth=st.integers(10_000, 1_000_000_000),
    queue=st.integers(0, 10_000),
    gaps=st.lists(st.integers(0, 2 * MILLISECOND), max_size=60),
)
def test_what_waits_is_never_more_than_the_queue(bandwidth: int, queue: int, gaps: list[int]) -> None:
    """A frame waits no longer than a full queue takes, and its own time comes on top."""
    one = cable(Conditions(bandwidth=bandwidth, queue=queue))
    own = 94 * 8 * SECOND // bandwidth
    now = 0
    for gap in gaps:
        now += gap
        for arrival, _ in one.carry(FRAME, now):
            assert now + own <= arrival <= now + queue * 8 * SECOND // bandwidth + own + 1
