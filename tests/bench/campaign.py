"""Plays all scenarios, in several lanes where that does not disturb them."""

from __future__ import annotations

import multiprocessing
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.bench.calm import Calm
from tests.bench.lane import Lane
from tests.bench.scenarios import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from multiprocessing.sharedctypes import Synchronized

    from tests.bench.figures import Figure
    from tests.bench.lane import Samples
    from tests.bench.scenarios import Scenario

_LANES: Final[list[Lane]] = []
"""The one lane of a process that is one; empty in the process that started them."""

_SWITCH_INTERVAL_S: Final = 0.0005
"""A thread that stamps must not wait for the 5 ms that another thread may keep the interpreter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a lane does in one go: one network, some repetitions.

    Attributes:
        scenario: Its name.
        names: Who is measured.
        repetitions: How many.
    """

    scenario: str
    names: tuple[str, ...]
    repetitions: int

    def __str__(self) -> str:
        return f"{self.scenario}, {' and '.join(self.names)}, {self.repetitions} times"


@dataclass(slots=True, kw_only=True)
class Results:
    """What came of it.

    Attributes:
        samples: Measurements by scenario, implementation and figure.
        failures: What did not happen, and why.
    """

    samples: dict[tuple[str, str, Figure], list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, scenario: str, samples: Samples) -> None:
        """Add what one job measured."""
        for (implementation, figure), values in samples.items():
            self.samples.setdefault((scenario, implementation, figure), []).extend(values)


def run(scenarios: Sequence[Scenario], *, repetitions: int, lanes: int) -> Results:
    """Play scenarios.

    Args:
        scenarios: Which.
        repetitions: Of each.
        lanes: How many networks at a time, where a scenario allows it.
    """
    results = Results()
    context = multiprocessing.get_context("spawn")
    number = context.Value("i", 0)
    with ProcessPoolExecutor(lanes, context, initializer=_begin, initargs=(number, Calm(lanes))) as pool:
        beside = [job for one in scenarios if not one.alone for job in _jobs(one, repetitions, lanes)]
        beside.sort(key=lambda job: job.repetitions * BY_NAME[job.scenario].seconds, reverse=True)
        alone = [job for one in scenarios if one.alone for job in _jobs(one, repetitions, 1)]
        for batch in (beside, *([job] for job in alone)):
            _work(pool, batch, results)
    return results


def _jobs(scenario: Scenario, repetitions: int, lanes: int) -> Iterable[Job]:
    """Divide a scenario, so that no lane is left with a long one at the end."""
    names, repetitions = tuple(scenario.players()), min(repetitions, scenario.most)
    if scenario.together:
        if names:
            yield Job(scenario=scenario.name, names=names, repetitions=repetitions)
        return
    parts = 2 if lanes > 1 and repetitions > 3 else 1
    for name in names:
        for part in range(parts):
            share = repetitions // parts + (part < repetitions % parts)
            yield Job(scenario=scenario.name, names=(name,), repetitions=share)


def _work(pool: ProcessPoolExecutor, jobs: Sequence[Job], results: Results) -> None:
    """Have jobs done, and collect their results."""
    futures = {pool.submit(_do, job): job for job in jobs}
    for future in as_completed(futures):
        job = futures[future]
        samples, failure, seconds = future.result()
        results.add(job.scenario, samples)
        if failure:
            results.failures.append(f"{job}: {failure}")
        sys.stderr.write(f"{job}: {failure or 'done'} ({seconds:.0f} s)\n")
        sys.stderr.flush()


def _begin(number: Synchronized[int], calm: Calm) -> None:
    """Make this process a lane."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    with number.get_lock():
        _LANES.append(Lane(number.value, calm))
        number.value += 1


def _do(job: Job) -> tuple[Samples, str, float]:
    """Do a job in this process's lane."""
    lane = _LANES[0]
    begun = time.monotonic()
    failure = ""
    lane.samples.clear()
    try:
        BY_NAME[job.scenario].play(lane, job.names, job.repetitions)
    except Exception as error:  # noqa: BLE001 - one scenario that did not happen shall not hide the others
        where = traceback.extract_tb(error.__traceback__)[-1].name
        failure = f"{type(error).__name__} in {where}: {error}"
    lane.release()
    return dict(lane.samples), failure, time.monotonic() - begun
