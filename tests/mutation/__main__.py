"""`python -m tests.mutation --sample 400 --seed 8`: how many of the core's mutants its tests notice.

mutmut writes the mutants, and finds which tests run which function. We draw some, and judge each by the quickest
tests in a fork (`tests.mutation.forking`); and if it lives, by all but a few slow ones in a new process, for only
there is it in force from the first import on. A mutant has survived if it lives there too.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from math import inf, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Final

from tests.mutation.forking import KILLED, SURVIVED, TIMEOUT

TREE: Final = Path("mutants")
CONFIG: Final = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
PYTEST: Final = (
    *(sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "tests.mutation.forking"),
    *("-o", "timeout=0", "-o", "faulthandler_timeout=0"),  # of real time, which a busy machine lengthens
    *CONFIG["pytest_add_cli_args_test_selection"],
    *CONFIG["pytest_add_cli_args"],
)
ANY: Final = "triocarp.core.back_off.xǁBackOffǁfail__mutmut_1"
"""mutmut makes all mutants, and runs all tests once, whatever it is told to judge. This one is soon killed."""
QUICK_S: Final = 0.02
"""Tests that mutmut saw take no longer come first, in a fork. They are most, and kill most."""
SLOW_S: Final = 0.5
"""Tests that take longer are left out unless it shall be thorough: they are few, and need more than all others."""
LIMIT_S: Final = 600
"""Of processor time: many times what all tests need."""
NOTHING: Final = "no mutant"
"""Is judged as well, and has to survive: otherwise something else ends the tests."""


def main() -> None:
    """Make the mutants, draw, judge, and print what survived, and the share with its interval."""
    options = _options()
    subprocess.run(["mutmut", "run", ANY], check=True, stdout=subprocess.DEVNULL)
    everything = sorted(_mutants())
    names = [name for name in everything if any(fnmatchcase(name, wanted) for wanted in options.only)]
    if options.sample:
        names = random.Random(options.seed).sample(names, min(options.sample, len(names)))  # noqa: S311 - no secret
    verdicts = judge(names, options.jobs, thorough=options.thorough)
    for name in sorted(names):
        if verdicts[name] != KILLED:
            print(f"\n{verdicts[name]}: {name}")
            print(_difference(name))
    counts = Counter(verdicts[name] for name in names)
    least, most = interval(counts[KILLED], len(names))
    print(
        f"{len(names)} of {len(everything)} mutants (seed {options.seed}): {counts[KILLED]} killed, "
        f"{counts[SURVIVED]} survived, {counts[TIMEOUT]} ran out of time"
    )
    print(f"{counts[KILLED] / len(names):.1%} killed, 95 % interval {least:.1%} to {most:.1%}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Judge mutants of the core.")
    parser.add_argument("--sample", type=int, default=0, help="how many mutants are drawn (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many run at a time")
    parser.add_argument("--thorough", action="store_true", help="judge what lives by slow tests and all examples")
    parser.add_argument("only", nargs="*", default=["*"], help="patterns of the mutants' names")
    return parser.parse_args()


def interval(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share.

    Args:
        hits: how many of the drawn ones are such.
        of: how many were drawn.
    """
    z = NormalDist().inv_cdf(0.975)
    share = hits / of
    middle, width = share + z * z / (2 * of), z * sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2)
    return (middle - width) / (1 + z * z / of), (middle + width) / (1 + z * z / of)


def _mutants() -> Iterator[str]:
    for file in TREE.glob("src/triocarp/core/**/*.meta"):
        yield from json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]


def judge(names: list[str], jobs: int, *, thorough: bool = False) -> dict[str, str]:
    """Return what became of each mutant.

    Args:
        names: of the mutants.
        jobs: how many may run at a time.
        thorough: let what lives meet slow tests as well, with as many examples as CI has.

    Raises:
        RuntimeError: the tests fail without a mutant as well.
    """
    tests = Tests()
    verdicts = _hot({name: tests.quick(name) for name in (NOTHING, *names)}, jobs)
    if len(verdicts) <= len(names) or {verdicts[NOTHING], _cold(NOTHING, tests.quick(NOTHING))} != {SURVIVED}:
        raise RuntimeError(f"the tests fail without a mutant as well: see pytest tests/core in {TREE}")
    living = [name for name in names if verdicts[name] == SURVIVED]
    print(f"{len(living)} live in a fork, and are judged in a process of their own", flush=True)

    def judge_once_more(name: str) -> str:
        return _cold(name, tests.of(name, thorough=thorough), thorough=thorough)

    with ThreadPoolExecutor(jobs) as pool:
        for name, verdict in zip(living, pool.map(judge_once_more, living), strict=True):
            print(f"{verdict:8} {name}", flush=True)
            verdicts[name] = verdict
    return verdicts


class Tests:
    """Which tests run which function, as mutmut has found it."""

    def __init__(self) -> None:
        stats = json.loads((TREE / "mutmut-stats.json").read_text(encoding="utf-8"))
        self._seconds: Mapping[str, float] = stats["duration_by_test"]
        self._running: Mapping[str, list[str]] = stats["tests_by_mangled_function_name"]
        self._first = next(iter(self._seconds))

    def quick(self, name: str) -> list[str]:
        """Return the quick tests that run a mutant's function after import, the quickest first."""
        return self._sorted(self._running.get(_function(name), self._seconds), QUICK_S)

    def of(self, name: str, *, thorough: bool) -> list[str]:
        """Return all tests of what a mutant may change, the quickest first.

        What runs while tests are imported is counted to the first of all; so what that one runs may change any.

        Args:
            name: of the mutant.
            thorough: with the slow ones.
        """
        tests = self._running.get(_function(name), [])
        everywhere = self._first in tests or not tests
        return self._sorted(self._seconds if everywhere else tests, inf if thorough else SLOW_S)

    def _sorted(self, tests: Iterable[str], longest_s: float) -> list[str]:
        return sorted((it for it in tests if self._seconds[it] <= longest_s), key=self._seconds.__getitem__)


def _function(name: str) -> str:
    return name.rpartition("__mutmut_")[0]


def _difference(name: str) -> str:
    shown = subprocess.run(["mutmut", "show", name], check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in shown.splitlines() if line.startswith(("-", "+", "@@")))


def _environment(**changes: str) -> dict[str, str]:
    here = TREE.resolve()
    return {**os.environ, "CI": "", "PYTHONPATH": f"{here / 'src'}:{here / 'sim'}:{here}", **changes}


def _hot(tests: Mapping[str, list[str]], jobs: int) -> dict[str, str]:
    """Judge mutants in forks of one process; those are missing before which it ended."""
    return _run(tests, jobs=jobs, MUTANT_UNDER_TEST="")[1]


def _cold(name: str, tests: list[str], *, thorough: bool = False) -> str:
    """Judge one mutant that is in force before the core is imported, and with it the tests."""
    status, verdicts = _run({name: tests}, MUTANT_UNDER_TEST=name, CI="true" if thorough else "")
    return TIMEOUT if status == -signal.SIGXCPU else verdicts.get(name, KILLED)


def _run(tests: Mapping[str, list[str]], *, jobs: int = 1, **environment: str) -> tuple[int, dict[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        plan, verdicts = Path(directory, "plan"), Path(directory, "verdicts")
        plan.write_text(json.dumps(tests), encoding="utf-8")
        verdicts.touch()
        options = {"mutants": plan, "verdicts": verdicts, "jobs": jobs, "cpu-limit-s": LIMIT_S}
        ended = subprocess.run(
            [*PYTEST, *(f"--{name}={value}" for name, value in options.items())],
            cwd=TREE,
            env=_environment(**environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        lines = verdicts.read_text(encoding="utf-8").splitlines()
        return ended.returncode, dict(json.loads(line) for line in lines)


if __name__ == "__main__":
    main()
