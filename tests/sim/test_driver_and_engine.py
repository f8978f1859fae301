"""What the engine's loop tells a node is what the driver of the daemon tells it, event by event."""

import json

import pytest

from carpsim import virtual_time
from carpsim.scenario import Scenario
from carpsim.trace import Trace
from carpsim.world import World
from tests.sim import drawn_worlds

BATCHES = 20
SEEDS_IN_A_BATCH = 10


def lanes(lines: list[str]) -> dict[str, list[str]]:
    """Return the lines of a trace by whom they are about, each lane in its order."""
    found: dict[str, list[str]] = {}
    for line in lines:
        fields = json.loads(line)
        # A fault stands before what it makes a host do, or behind it.
        kinds = ("fault",) if "fault" in fields else ("host", "process", "holder", "client")
        about = next((fields[kind] for kind in kinds if kind in fields), "")
        found.setdefault(about.partition(":")[0], []).append(line)
    return found


def on_engine(scenario: Scenario, seed: int) -> dict[str, list[str]]:
    """Run a world on the engine alone, and return its trace."""
    lines: list[str] = []
    World(scenario, seed=seed, watchers=(Trace(lines.append),)).run()
    return lanes(lines)


def by_driver(scenario: Scenario, seed: int) -> dict[str, list[str]]:
    """Run a world by the driver of carpd, and return its trace."""
    lines: list[str] = []
    virtual_time.play(scenario, seed=seed, watchers=(Trace(lines.append),))
    return lanes(lines)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_driver_tells_each_node_what_the_engine_tells_it(batch: int) -> None:
    """The same journal, event by event with all effects, in 200 drawn scenarios; and the same addresses."""
    for seed in range(batch * SEEDS_IN_A_BATCH, (batch + 1) * SEEDS_IN_A_BATCH):
        scenario = drawn_worlds.attacked(seed)
        expected, found = on_engine(scenario, seed), by_driver(scenario, seed)
        assert expected.keys() == found.keys()
        for about, lines in expected.items():
            assert lines == found[about], f"seed {seed}, {about}"


def test_the_drawn_scenarios_have_every_kind_of_fault() -> None:
    """Or the law above would be about less than it says."""
    drawn = {
        type(fault) for seed in range(BATCHES * SEEDS_IN_A_BATCH) for fault in drawn_worlds.attacked(seed).faults
    }
    assert drawn == drawn_worlds.KINDS
