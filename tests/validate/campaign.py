"""Plays scenes on both sides, several real networks at a time."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from tests.validate import real, simulated
from tests.validate.scenes import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.validate.scene import Measure, Phases, Scene

_SWITCH_INTERVAL_S: Final = 0.0005
"""A thread that plays must not wait for the 5 ms that another thread may keep the interpreter."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One repetition of a scene on one side.

    Attributes:
        scene: its name.
        repetition: its number, from 0.
        phases: of this repetition.
        seed: of what else is left to chance in the simulation; None on the real side.
        launches: how long the real daemons of this repetition took to start, for the simulation.
    """

    scene: str
    repetition: int
    phases: Phases
    seed: int | None
    launches: Mapping[str, int] = field(default_factory=dict[str, int])

    def __str__(self) -> str:
        return f"{self.scene}, repetition {self.repetition}, {'real' if self.seed is None else 'simulated'}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of a job.

    Attributes:
        figures: milliseconds by measure.
        launches: how long each daemon took to start, nanoseconds.
    """

    figures: dict[Measure, float]
    launches: dict[str, int]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One repetition on both sides.

    Attributes:
        phases: of it.
        real: milliseconds by measure.
        simulated: the same.
    """

    phases: Phases
    real: dict[Measure, float]
    simulated: dict[Measure, float]


@final
@dataclass(slots=True, kw_only=True)
class Results:
    """What came of it.

    Attributes:
        pairs: by scene, those that happened on both sides.
        failures: what did not happen, and why.
        seconds: how long it took.
        load: how much of the processors was busy meanwhile, 0 to 1.
    """

    pairs: dict[str, list[Pair]] = field(default_factory=dict[str, list[Pair]])
    failures: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    load: float = 0.0


def run(scenes: Sequence[Scene], *, repetitions: int, seed: int, lanes: int) -> Results:
    """Play scenes.

    Args:
        scenes: which.
        repetitions: of each, on each side.
        seed: of all phases.
        lanes: how many real networks at a time.
    """
    results = Results()
    phases = {scene.name: scene.phases(seed, repetitions) for scene in scenes}
    jobs = [
        Job(scene=scene.name, repetition=number, phases=phases[scene.name][number], seed=None)
        for number in range(repetitions)
        for scene in scenes
    ]
    # Where equal scenes begin together, their daemons would need the processors together.
    random.Random(seed).shuffle(jobs)  # noqa: S311 - it must repeat itself
    begun, busy = time.monotonic(), _busy()
    reality = _work(jobs, lanes, results)
    results.seconds = time.monotonic() - begun
    results.load = (_busy() - busy) / results.seconds / (os.cpu_count() or 1)
    twins = [
        replace(job, seed=seed + job.repetition, launches=reality[key].launches)
        for job in jobs
        if (key := (job.scene, job.repetition)) in reality
    ]
    simulation = _work(twins, len(os.sched_getaffinity(0)), results)
    for scene in scenes:
        results.pairs[scene.name] = [
            Pair(phases=phases[scene.name][number], real=reality[key].figures, simulated=simulation[key].figures)
            for number in range(repetitions)
            if (key := (scene.name, number)) in simulation
        ]
    return results


def _work(jobs: Iterable[Job], processes: int, results: Results) -> dict[tuple[str, int], Measured]:
    done: dict[tuple[str, int], Measured] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes, context, initializer=sys.setswitchinterval, initargs=(_SWITCH_INTERVAL_S,)
    ) as pool:
        futures = {pool.submit(_do, job): job for job in jobs}
        for number, future in enumerate(as_completed(futures), 1):
            job = futures[future]
            measured, failure = future.result()
            if measured is None:
                results.failures.append(f"{job}: {failure}")
            else:
                done[job.scene, job.repetition] = measured
            figures = measured.figures if measured is not None else {}
            told = ", ".join(f"{measure.value} {value:.1f} ms" for measure, value in figures.items())
            sys.stderr.write(f"{number}/{len(futures)} {job}: {failure or told}\n")
            sys.stderr.flush()
    return done


def _do(job: Job) -> tuple[Measured | None, str]:
    scene = BY_NAME[job.scene]
    try:
        with tempfile.TemporaryDirectory(prefix="carp-validate-") as name:
            directory = Path(name)
            if job.seed is None:
                seen = real.play(scene, job.phases, directory)
            else:
                seen = simulated.play(scene, job.phases, seed=job.seed, directory=directory, launches=job.launches)
            figures = {measure: seen.measured(measure) for measure in scene.measures}
            return Measured(figures=figures, launches=dict(seen.launches)), ""
    except Exception as error:  # noqa: BLE001 - one scene that did not happen shall not hide the others
        where = traceback.extract_tb(error.__traceback__)[-1].name
        return None, f"{type(error).__name__} in {where}: {error}"


def _busy() -> float:
    """Return for how many seconds the processors of this machine have been busy, all together (proc(5))."""
    user, nice, system, _idle, _waiting, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
