"""``carpsim sweep``: one scenario under many settings, with tables, statistics and figures."""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from carpsim.library import find_scenario
from carpsim.mistakes import ScenarioError
from carpsim.sweep import Results, Run, SweepError, read_sweep, run_missing

if TYPE_CHECKING:
    from carpsim.summary import Group

NAME: Final = "sweep"
HELP: Final = "run one scenario under many settings, and write tables, statistics and figures"

_DASK: Final = "dask://"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told; see `carpsim.main.Command`.

    Args:
        parser: of the subcommand.
    """
    parser.add_argument("sweep", type=Path, metavar="FILE", help="TOML that says what shall be run")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIRECTORY", help="where tables go")
    parser.add_argument(
        "--executor",
        default="processes",
        metavar="WHERE",
        help="processes (of this machine, the default), or dask://HOST:PORT for a cluster's scheduler",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="number of processes")


def run(arguments: argparse.Namespace) -> int:
    """Run what is missing, and write everything; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    try:
        # Who runs one scenario has no need of them.
        from carpsim.figures import draw_heat_map, draw_outages  # noqa: PLC0415
        from carpsim.summary import summarise  # noqa: PLC0415
        from carpsim.tables import Manifest, write_tables  # noqa: PLC0415
    except ImportError as error:
        raise SystemExit(f"carpsim sweep: {error.name} is missing: pip install 'triocarp[sim]'") from None
    directory: Path = arguments.output
    try:
        sweep = read_sweep(arguments.sweep, find_scenario)
        runs = tuple(sweep.runs())
    except (SweepError, ScenarioError) as error:
        raise SystemExit(f"carpsim sweep: {error}") from None
    directory.mkdir(parents=True, exist_ok=True)
    results = Results(directory / "runs.jsonl")
    missing = sum(run not in results for run in runs)
    begin = time.monotonic()
    try:
        with _executor(arguments.executor, arguments.jobs) as executor:
            run_missing(runs, results, executor, _show_progress)
    except ScenarioError as error:
        raise SystemExit(f"carpsim sweep: {arguments.sweep}: {error}") from None
    found = [results[run] for run in runs]
    write_tables(found, directory)
    groups = summarise(found, tuple(sweep.parameters), seed=sweep.seed)
    draw_outages(groups, directory / "outages")
    draw_heat_map(groups, directory / "heat-map")
    manifest = Manifest(
        seed=sweep.seed,
        digest=_digest(runs),
        runs=len(runs),
        run_now=missing,
        wall_s=time.monotonic() - begin,
    )
    manifest.write(directory / "manifest.json")
    _print(groups)
    sys.stdout.write(f"\n{len(runs)} runs, {missing} of them now; tables and figures are in {directory}\n")
    return 0


@contextmanager
def _executor(where: str, jobs: int) -> Iterator[Executor]:
    if where.startswith(_DASK):
        try:
            from dask.distributed import Client  # noqa: PLC0415 - only who has a cluster has it
        except ImportError:
            raise SystemExit(
                f"carpsim sweep: --executor {where} needs dask: pip install 'triocarp[cluster]'"
            ) from None
        connect: Any = Client  # it has no types
        with connect("tcp://" + where.removeprefix(_DASK)) as client:
            yield client.get_executor()
    elif where == "processes":
        with ProcessPoolExecutor(max_workers=jobs) as executor:
            yield executor
    else:
        raise SystemExit(f"carpsim sweep: --executor {where}: expected processes, or dask://HOST:PORT")


def _digest(runs: tuple[Run, ...]) -> str:
    return hashlib.sha256("".join(run.key for run in runs).encode()).hexdigest()


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {total} runs" + ("\n" if done == total else ""))
        sys.stderr.flush()


def _print(groups: "tuple[Group, ...]") -> None:
    sys.stdout.write("the longest outage of a run at a client, s: median and 99th percentile [95 % interval]\n")
    for group in groups:
        settings = ", ".join(f"{path} = {value}" for path, value in group.settings) or "all runs"
        several = group.several_holders
        sys.stdout.write(
            f"  {settings}: {group.median}, p99 {group.p99}, "
            f"two holders at once in {several.value:.1%} [{several.low:.1%}, {several.high:.1%}] of {group.runs}\n"
        )
