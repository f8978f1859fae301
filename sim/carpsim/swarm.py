"""Many seeds, each with its own scenario and all checks on, over all processors.

A seed says everything: the scenario is drawn from a stream of it, and the world runs with it. What crosses between
processes is seeds there and outcomes back.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Final, TypeVar, final

from carpsim.checks import CHECKS, Checks, Verdict, violated
from carpsim.drawn_scenario import draw_scenario
from carpsim.randomness import stream
from carpsim.scenario import Scenario
from carpsim.trace import Digest, Trace
from carpsim.worker import workers as begin_workers
from carpsim.world import World

BATCH: Final = 20
"""Seeds that a process gets at a time: a quarter of a second's work."""

_WAITING: Final = 3  # batches for each process, so that none is idle

Result = TypeVar("Result")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one seed.

    Attributes:
        seed: it.
        violations: the verdicts of the checks that were violated.
        error: what the simulator itself failed with; empty if it did not.
    """

    seed: int
    violations: tuple[Verdict, ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations and not self.error


def scenario_of(seed: int) -> Scenario:
    """Return the scenario of a seed.

    Args:
        seed: 0 or more.
    """
    return draw_scenario(stream(seed, "swarm"))


def verdicts_on(scenario: Scenario, seed: int, checks: Iterable[str] = CHECKS) -> tuple[Verdict, ...]:
    """Run a scenario, and return what the checks say.

    Args:
        scenario: it.
        seed: of the run.
        checks: their names.
    """
    watcher = Checks(checks)
    World(scenario, seed=seed, watchers=(watcher,)).run()
    return watcher.verdicts()


def examine(seed: int) -> Outcome:
    """Run the scenario of a seed with all checks.

    Args:
        seed: 0 or more.
    """
    try:
        return Outcome(seed=seed, violations=violated(verdicts_on(scenario_of(seed), seed)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed that shows it must be told
        return Outcome(seed=seed, error=f"{type(error).__name__}: {error}")


def examine_all(seeds: Iterable[int], *, workers: int, until: float | None = None) -> Iterator[Outcome]:
    """Yield what came of each seed, in no particular order.

    Args:
        seeds: any number; they may be without end if there is a time.
        workers: number of processes.
        until: an instant of `time.monotonic` from which no further seeds are begun; None for never.
    """
    return _spread(examine, seeds, workers=workers, until=until)


def digest_of(seed: int) -> tuple[int, str]:
    """Return a seed and the digest of its trace.

    Args:
        seed: 0 or more.
    """
    digest = Digest()
    World(scenario_of(seed), seed=seed, watchers=(Trace(digest),)).run()
    return seed, digest.hexdigest()


def trace_of(seed: int) -> list[str]:
    """Return the trace of a seed's scenario.

    Args:
        seed: 0 or more.
    """
    lines: list[str] = []
    World(scenario_of(seed), seed=seed, watchers=(Trace(lines.append),)).run()
    return lines


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where two runs of one seed part.

    Attributes:
        seed: it.
        line: number of the first line that differs, from 1.
        first: the line in one run; empty if that ended before.
        second: the line in the other one.
    """

    seed: int
    line: int
    first: str
    second: str


def differences(seeds: Iterable[int], *, workers: int) -> Iterator[Difference]:
    """Run each seed in two processes, whose hashes are seeded differently, and yield where their traces part.

    Args:
        seeds: a number of them.
        workers: number of processes.
    """
    seeds = tuple(seeds)
    runs = [dict(_spread(digest_of, seeds, workers=workers)) for _ in range(2)]
    for seed in [seed for seed in seeds if runs[0][seed] != runs[1][seed]]:
        traces = [next(_spread(trace_of, (seed,), workers=1)) for _ in range(2)]
        found = first_difference(*traces)
        line, (first, second) = found if found is not None else (0, ("", ""))
        yield Difference(seed=seed, line=line, first=first, second=second)


def first_difference(one: list[str], other: list[str]) -> tuple[int, tuple[str, str]] | None:
    """Return the number of the first line that differs, and the lines; None if there is none.

    Args:
        one: a trace.
        other: a trace.
    """
    pairs = enumerate(zip_longest(one, other, fillvalue=""), start=1)
    return next((found for found in pairs if found[1][0] != found[1][1]), None)


def _spread(
    work: Callable[[int], Result], seeds: Iterable[int], *, workers: int, until: float | None = None
) -> Iterator[Result]:
    """Yield the results of some work on each seed, done by processes that share nothing."""
    left = iter(seeds)
    with begin_workers(workers) as pool:
        running: set[Future[list[Result]]] = set()
        while True:
            while len(running) < workers * _WAITING and (until is None or time.monotonic() < until):
                batch = tuple(islice(left, BATCH))
                if not batch:
                    break
                running.add(pool.submit(_work_on, work, batch))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()


def _work_on(work: Callable[[int], Result], seeds: tuple[int, ...]) -> list[Result]:
    return [work(seed) for seed in seeds]
