from __future__ import annotations

import pytest

from tests.bench.network_play import cost
from tests.bench.simulator import SIMULATORS, Simulator

pytestmark = pytest.mark.parametrize("simulator", SIMULATORS.values(), ids=SIMULATORS)


def _skip_unless_installed(simulator: Simulator) -> None:
    if not simulator.installed():
        pytest.skip(f"{simulator.package} is not installed")


def test_the_next_host_takes_over_from_a_dead_master(simulator: Simulator) -> None:
    """Every simulation that is measured can do what CARP is for, at the instants at which carpsim does it."""
    _skip_unless_installed(simulator)

    readings = simulator.play()(3, (2, 10, 17, 18, 30), dies_at_s=14.5)

    assert [reading.masters for reading in readings] == [(), (0,), (), (1,), (1,)]
    assert [reading.deliveries for reading in readings] == [0, 14, 24, 25, 34]


def test_all_hear_what_the_master_says(simulator: Simulator) -> None:
    """A second of one master is a delivery to each of its backups."""
    _skip_unless_installed(simulator)

    made, spent = cost(simulator.play(), 5, 20)

    assert made == 4 * 20
    assert spent > 0
