"""``carpsim check``: a swarm of drawn scenarios, and what to do with one that fails."""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from carpsim.commands.arguments import count, seconds, seed
from carpsim.counted import counted
from carpsim.counterexample import write_counterexample
from carpsim.minimising import minimise
from carpsim.named_file import write_text
from carpsim.scenario import Scenario
from carpsim.swarm import Outcome, differences, examine, examine_all, scenario_of, verdicts_on
from carpsim.timeline import Timeline
from carpsim.trace import RELEASE
from carpsim.world import World

NAME: str = "check"
HELP: str = "run drawn scenarios with all checks on; a failure is minimised and drawn"

SEEDS: Final = 1000
"""How many seeds are run if nothing is said."""

_SHOWN_MAX: Final = 3
_LINES_EVERY_S: Final = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told.

    Args:
        parser: of the subcommand.
    """
    parser.add_argument("--first-seed", type=seed, default=0, metavar="N", help="the first seed (default 0)")
    parser.add_argument("--seeds", type=count, metavar="N", help=f"how many seeds (default {SEEDS})")
    parser.add_argument("--time", type=seconds, metavar="S", help="for so many seconds, in the place of --seeds")
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        default=os.cpu_count() or 1,
        help="processes (default: one per processor)",
    )
    parser.add_argument(
        "--check-determinism", action="store_true", help="run each seed twice, and show where the traces part"
    )
    parser.add_argument("--no-minimise", action="store_true", help="show failures as they were drawn")
    parser.add_argument(
        "--save", type=Path, metavar="DIRECTORY", help="write a scenario file for each failure that is shown"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it, and return the exit status: 1 if anything failed.

    Args:
        arguments: as they were read.

    Raises:
        SystemExit: both a number of seeds and a time were asked for, or what shall be written has no place.
    """
    if arguments.seeds is not None and arguments.time is not None:
        raise SystemExit("carpsim check: give --seeds or --time, not both")
    if arguments.save is not None:
        _refuse_no_directory(arguments.save)
    if arguments.check_determinism:
        return _check_determinism(arguments)
    return _check(arguments)


def _refuse_no_directory(path: Path) -> None:
    """Raise SystemExit if there can be no directory; hours later would be too late."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise SystemExit(f"carpsim check: --save {path}: expected a directory; {there} is none")


def _seeds(arguments: argparse.Namespace) -> tuple[Iterable[int], int | None]:
    """Return the seeds, and how many there are, if that is known."""
    first: int = arguments.first_seed
    if arguments.time is not None:
        return itertools.count(first), None
    number = SEEDS if arguments.seeds is None else int(arguments.seeds)
    return range(first, first + number), number


def _check(arguments: argparse.Namespace) -> int:
    seeds, number = _seeds(arguments)
    begin = time.monotonic()
    until = None if arguments.time is None else begin + float(arguments.time)
    failed: list[Outcome] = []
    done = 0
    outcomes = map(examine, seeds) if number == 1 else examine_all(seeds, workers=arguments.workers, until=until)
    with _progress(number, sys.stderr) as tell:
        for outcome in outcomes:
            done += 1
            if not outcome.passed:
                failed.append(outcome)
            tell(done, len(failed))
    for outcome in sorted(failed, key=lambda outcome: outcome.seed)[:_SHOWN_MAX]:
        _show(outcome, minimises=not arguments.no_minimise, directory=arguments.save)
    if len(failed) > _SHOWN_MAX:
        others = ", ".join(str(seed) for seed in sorted(outcome.seed for outcome in failed)[_SHOWN_MAX:])
        _say(f"Further seeds that failed: {others}")
    wall_s = time.monotonic() - begin
    _say(f"{counted(done, 'seed')} in {wall_s:.1f} s: {done - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def _check_determinism(arguments: argparse.Namespace) -> int:
    seeds, number = _seeds(arguments)
    if number is None:
        raise SystemExit("carpsim check: --check-determinism takes --seeds")
    found = 0
    for difference in differences(seeds, workers=arguments.workers):
        found += 1
        _say(f"seed {difference.seed}: two runs differ from line {difference.line} on")
        _say(f"  - {difference.first.rstrip()}\n  + {difference.second.rstrip()}")
    _say(f"{counted(number, 'seed')}, each run twice: {number - found} the same, {found} different")
    return 1 if found else 0


def _show(outcome: Outcome, *, minimises: bool, directory: Path | None) -> None:
    """Print a failure: its seed, how to have it again, what was violated, and the smallest scenario file."""
    _say(f"Seed {outcome.seed} of triocarp {RELEASE} failed. To have it again:")
    _say(f"    carpsim check --first-seed {outcome.seed} --seeds 1")
    if outcome.error:
        _say(f"  the simulator failed: {outcome.error}\n")
        return
    for verdict in outcome.violations:
        _say(f"  {verdict}")
    scenario = scenario_of(outcome.seed)
    check = outcome.violations[0].check
    if minimises:
        scenario = minimise(scenario, lambda candidate: fails(candidate, outcome.seed, check))
        for verdict in verdicts_on(scenario, outcome.seed, (check,)):
            _say(f"Minimised: {verdict}")
    timeline = Timeline()
    World(scenario, seed=outcome.seed, watchers=(timeline,)).run()
    text = write_counterexample(scenario, outcome.seed, (check,))
    _say(f"\n{timeline.draw()}\n\n{text}")
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"seed-{outcome.seed}.toml"
        write_text(path, text)
        _say(f"It is in {path}. To have it again:\n    carpsim replay {path}\n")


def fails(scenario: Scenario, seed: int, check: str) -> bool:
    """Return whether a check is violated. What cannot be run violates nothing.

    Args:
        scenario: it.
        seed: of the run.
        check: its name.
    """
    try:
        return not all(verdict.held for verdict in verdicts_on(scenario, seed, (check,)))
    except Exception:  # noqa: BLE001 - a candidate that makes no sense
        return False


@contextmanager
def _progress(total: int | None, stream: TextIO) -> Generator[Callable[[int, int], None]]:
    """Show how far it is: a bar on a terminal, else a line now and then."""
    if not stream.isatty():
        yield _lines(total, stream)
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream)) as progress:
        task = progress.add_task("no failure", total=total)

        def tell(done: int, failed: int) -> None:
            progress.update(task, completed=done, description=f"{failed} failed" if failed else "no failure")

        yield tell


def _lines(total: int | None, stream: TextIO) -> Callable[[int, int], None]:
    last = time.monotonic()

    def tell(done: int, failed: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINES_EVERY_S:
            last = time.monotonic()
            of = "" if total is None else f" of {total}"
            print(f"{done}{of} seeds, {failed} failed", file=stream, flush=True)

    return tell


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
