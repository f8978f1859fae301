"""``carpsim sweep``: one scenario under many settings, with tables, statistics and figures."""

import argparse
import os
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from carpsim.commands.arguments import count
from carpsim.counted import counted
from carpsim.library import find_scenario
from carpsim.manifest import Manifest, Session
from carpsim.mistakes import ScenarioError
from carpsim.sweep import Result, Results, Sweep, SweepError, read_sweep, run_missing
from carpsim.worker import workers

NAME: str = "sweep"
HELP: str = "run one scenario under many settings, and write tables, statistics and figures"

_DASK: Final = "dask://"
_NEEDED: Final = ("matplotlib", "numpy", "pyarrow")


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
    parser.add_argument("--jobs", type=count, default=os.cpu_count() or 1, metavar="N", help="number of processes")


def run(arguments: argparse.Namespace) -> int:
    """Run what is missing, and write everything; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    for needed in _NEEDED:
        if find_spec(needed) is None:  # told before anything is run, and not when hours have passed
            raise SystemExit(f"carpsim sweep: {needed} is missing: pip install 'triocarp[sim]'")
    directory: Path = arguments.output
    try:
        sweep = read_sweep(arguments.sweep, find_scenario)
        runs = tuple(sweep.runs())
        directory.mkdir(parents=True, exist_ok=True)
        manifest = Manifest.begin(directory / "manifest.json", sweep)
    except SweepError as error:
        raise SystemExit(f"carpsim sweep: {error}") from None
    results = Results(directory / "runs.jsonl")
    missing = sum(run not in results for run in runs)
    begin = time.monotonic()
    try:
        with _executor(arguments.executor, arguments.jobs) as executor:
            run_missing(runs, results, executor, _show_progress)
    except ScenarioError as error:
        raise SystemExit(f"carpsim sweep: {arguments.sweep}: {error}") from None
    session = Session.here(runs=missing, wall_s=time.monotonic() - begin)
    _write(sweep, [results[run] for run in runs], directory)
    manifest.extended(runs, session).write(directory / "manifest.json")
    sys.stdout.write(
        f"\n{counted(len(runs), 'run')}, {missing} of them now; tables and figures are in {directory}\n"
    )
    return 0


def _write(sweep: Sweep, found: Sequence[Result], directory: Path) -> None:
    """Write tables and figures, and say what came out."""
    # They take half a second to import, and who runs one scenario has no need of them.
    from carpsim.figures import draw_heat_map, draw_outages  # noqa: PLC0415
    from carpsim.summary import summarise  # noqa: PLC0415
    from carpsim.tables import write_tables  # noqa: PLC0415

    write_tables(found, directory)
    groups = summarise(found, tuple(sweep.parameters), seed=sweep.seed)
    draw_outages(groups, directory / "outages")
    draw_heat_map(groups, directory / "heat-map")
    sys.stdout.write("the longest outage of a run at a client, s: median and 99th percentile [95 % interval]\n")
    for group in groups:
        sys.stdout.write(f"  {group}\n")


@contextmanager
def _executor(where: str, jobs: int) -> Generator[Executor]:
    if where.startswith(_DASK):
        try:
            from dask.distributed import Client  # noqa: PLC0415 - only who has a cluster has it
        except ImportError:
            raise SystemExit(
                f"carpsim sweep: --executor {where} needs dask: pip install 'triocarp[cluster]'"
            ) from None
        connect: Any = Client  # it has no types
        try:
            connected = connect("tcp://" + where.removeprefix(_DASK))
        except OSError as error:
            raise SystemExit(f"carpsim sweep: --executor {where}: no scheduler can be reached: {error}") from None
        with connected as client:
            yield client.get_executor()
    elif where == "processes":
        with workers(jobs) as executor:
            yield executor
    else:
        raise SystemExit(f"carpsim sweep: --executor {where}: expected processes, or dask://HOST:PORT")


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {total} runs" + ("\n" if done == total else ""))
        sys.stderr.flush()
