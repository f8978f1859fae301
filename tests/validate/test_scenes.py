from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carpsim.faults import LinkLoss, Partition, Pause
from tests.validate import simulated
from tests.validate.observation import Observation
from tests.validate.scene import MILLISECOND, Measure
from tests.validate.scenes import BY_NAME, EVENTS, PAIRS, SCENES
from triocarp.core.timing import SECOND
from triocarp.lab import Holding, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.validate.scene import Scene


def test_each_event_has_all_pairs() -> None:
    """Pure and mixed, under a name of its own."""
    assert len(BY_NAME) == len(SCENES) == len(EVENTS) * len(PAIRS)


def test_phases_are_spread_evenly() -> None:
    """Of 20 repetitions each has a twentieth of the interval of its own, and the names are not in step."""
    phases = BY_NAME["split carpd/ucarp"].phases(1, 20)

    for name in ("start", "fault", "end"):
        assert sorted(int((one[name] - 0.03) / 0.94 * 20) for one in phases) == list(range(20))
    assert [one["start"] for one in phases] != [one["fault"] for one in phases]


def test_pairs_of_the_same_event_have_the_same_phases() -> None:
    """So that carpd and ucarp are compared in the same circumstances; another seed gives other ones."""
    crash = BY_NAME["crash carpd/carpd"].phases(1, 5)

    assert BY_NAME["crash ucarp/ucarp"].phases(1, 5) == crash
    assert BY_NAME["crash carpd/carpd"].phases(2, 5) != crash


def test_what_lasts_ends_at_another_phase() -> None:
    """Its duration is drawn as well; nothing else about it is."""
    (_, step) = BY_NAME["split carpd/carpd"].steps
    partition = step.happening({"end": 0.25}, SECOND)

    assert isinstance(partition, Partition)
    assert partition.duration == 6 * SECOND + SECOND // 4


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_every_scene_can_be_simulated(scene: Scene, tmp_path: Path) -> None:
    """It comes to its end, both sides of its measure are defined, and the same seed gives the same again."""
    (phases,) = scene.phases(3, 1)
    one, other = (simulated.play(scene, phases, seed=3, directory=tmp_path) for _ in range(2))

    assert one == other
    assert one.until - one.since <= scene.watch
    assert len(one.replies) > 1000
    for measure in scene.measures:
        assert 0 <= one.measured(measure) < scene.watch / MILLISECOND


def test_a_crash_happens_where_its_phase_says(tmp_path: Path) -> None:
    """The outage is carpd's dead time less what has passed since the master's last advertisement."""
    scene = BY_NAME["crash carpd/carpd"]
    for phases in scene.phases(4, 5):
        outage = simulated.play(scene, phases, seed=1, directory=tmp_path).measured(Measure.OUTAGE)

        assert outage == pytest.approx(3000 + 50_000 / 256 - 1000 * phases["fault"], abs=2)


def test_what_is_measured() -> None:
    """The longest outage that was not over before, and for how long two hosts held the address since."""
    seen = Observation(
        sent=[number * MILLISECOND for number in range(20)],
        replies=[
            Reply(sequence=number, at=number * MILLISECOND + 1, mac="")
            for number in (*range(2), *range(5, 11), 19)
        ],
        holdings=(Holding(host="a", since=0, until=12 * MILLISECOND), Holding(host="b", since=0, until=None)),
        since=6 * MILLISECOND,
        until=20 * MILLISECOND,
        launches={},
    )

    assert seen.measured(Measure.OUTAGE) == 8
    assert seen.measured(Measure.TWO_HOLDERS) == 6


def test_lasting_faults_are_measured_from_where_the_scene_says() -> None:
    """A split from its end on, a lost link from its beginning on."""
    for name, begins in (("split carpd/carpd", 7 * SECOND), ("link carpd/carpd", SECOND)):
        scene = BY_NAME[name]
        what = scene.steps[-1].what
        assert isinstance(what, LinkLoss | Partition | Pause)
        assert scene.measured_from(SECOND, what) == begins
