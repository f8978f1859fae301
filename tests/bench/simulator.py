"""What a delivery costs in carpsim, beside the same network on trio and in SimPy, on one core.

A delivery is an advertisement that one host hears, verifies and believes. One master says one a second to all
others; nothing else happens. What counts is the processor's time, the least of several goes: whatever else the
machine does makes a go longer, never shorter.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, final

from tests.bench.figures import Figure
from tests.bench.network_play import cost

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from tests.bench.lane import Lane
    from tests.bench.network_play import Play
    from tests.bench.settings import Settings

REPETITIONS_MOST: Final = 3
"""Each is the least of several goes already."""

_SIZES: Final = {2: Figure.SPEED_2, 10: Figure.SPEED_10, 100: Figure.SPEED_100, 1000: Figure.SPEED_1000}
_DELIVERIES: Final = 20_000
_GOES: Final = 3
_LONGER: Final = 10
_LARGEST: Final = max(_SIZES)
_SEEDS: Final = 300
_SWARM: Final = 10_000
_WORKERS: Final = 2


@final
@dataclass(frozen=True, slots=True)
class Simulator:
    """What simulates a network of hosts.

    Attributes:
        name: What the table calls it.
        package: What must be installed.
        module: Where its `tests.bench.network_play.Play` is.
    """

    name: str
    package: str
    module: str

    def installed(self) -> bool:
        """See `Contender.installed`."""
        return importlib.util.find_spec(self.package) is not None

    def supports(self, settings: Settings) -> bool:
        """See `Contender.supports`: there is nothing to set."""
        del settings
        return True

    def play(self) -> Play:
        """Return what simulates."""
        return cast("Play", importlib.import_module(self.module).play)


OURS: Final = Simulator("carpsim", "carpsim", "tests.bench.carpsim_network")
SIMULATORS: Final = {
    one.name: one
    for one in (
        OURS,
        Simulator("trio", "trio", "tests.bench.trio_network"),
        Simulator("SimPy", "simpy", "tests.bench.simpy_network"),
    )
}


def simulate(lane: Lane, names: Sequence[str], repetitions: int, /) -> None:
    """Measure every simulator, and what only ours has, as often as there are repetitions."""
    for _ in range(repetitions):
        for name in names:
            _measure_speed(lane, name)
            lane.record(name, Figure.MEMORY, _in_another_process(name))
        _measure_swarm(lane)


def resident_mib(name: str) -> float:
    """Return the memory of this process when it simulates many hosts, MiB.

    Args:
        name: Of the simulator.
    """
    cost(SIMULATORS[name].play(), _LARGEST, seconds=_GOES)
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):  # its most, the beginning among it
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel does not tell how much memory a process has had")


def _measure_speed(lane: Lane, name: str) -> None:
    play = SIMULATORS[name].play()
    with _one_core():
        each = {hosts: _nanoseconds(play, hosts, _DELIVERIES) for hosts in _SIZES}
        longer = _nanoseconds(play, 10, _DELIVERIES * _LONGER, goes=1)
    for hosts, figure in _SIZES.items():
        lane.record(name, figure, 1e9 / each[hosts])
    lane.record(name, Figure.GROWTH_HOSTS, each[_LARGEST] / each[10])
    lane.record(name, Figure.GROWTH_TIME, _LONGER * longer / each[10])


def _nanoseconds(play: Play, hosts: int, deliveries: int, *, goes: int = _GOES) -> float:
    """Return what a delivery costs."""
    seconds = -(-deliveries // (hosts - 1))
    costs = [cost(play, hosts, seconds) for _ in range(goes)]
    return min(spent / made for made, spent in costs)


def _in_another_process(name: str) -> float:
    """Return the memory that a simulator needs by itself, MiB."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(resident_mib, name).result()


def _measure_swarm(lane: Lane) -> None:
    """Measure some of the swarm's scenarios, with all checks; its processes share nothing, so two take half."""
    swarm = importlib.import_module("carpsim.swarm")
    with _one_core(), _as_a_worker():
        begun = time.process_time()
        wrong = [outcome for seed in range(_SEEDS) if not (outcome := swarm.examine(seed)).passed]
        spent = time.process_time() - begun
    if wrong:
        raise RuntimeError(f"the swarm has found something: {wrong[0]}")
    lane.record(OURS.name, Figure.SWARM, spent * _SWARM / _SEEDS / _WORKERS)


@contextmanager
def _as_a_worker() -> Generator[None]:
    """Be what the swarm's processes are inside the `with` block."""
    before = gc.get_threshold()
    importlib.import_module("carpsim.worker").prepare()
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _one_core() -> Generator[None]:
    """Stay on one core inside the `with` block, with no garbage left from before."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    gc.collect()
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
