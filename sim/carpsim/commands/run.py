"""``carpsim run``: one scenario, what happened in it, and whether that was what its file expects."""

import argparse
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from carpsim.checks import violated
from carpsim.commands.arguments import seed
from carpsim.counted import counted
from carpsim.library import load_scenario
from carpsim.mistakes import ScenarioError
from carpsim.named_file import open_text, write_text
from carpsim.outcome import Outcome, first_difference, run_scenario, tell, trace_of
from carpsim.report import render
from carpsim.scenario import Scenario
from carpsim.trace import Digest, Trace

if TYPE_CHECKING:
    from carpsim.world import WorldWatcher

NAME: str = "run"
HELP: str = "run a scenario, and say what happened"

STATUS_UNEXPECTED: Final = 1
"""Exit status if something was not as the scenario expects, or a check was violated."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told; see `carpsim.main.Command`.

    Args:
        parser: of the subcommand.
    """
    parser.add_argument("scenario", metavar="SCENARIO", help="a name that `carpsim list` shows, or a file")
    parser.add_argument("--seed", type=seed, metavar="N", help="of all that is left to chance")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write everything that happens there")
    parser.add_argument(
        "--capture",
        type=Path,
        metavar="DIRECTORY",
        help="write a pcap of each segment there",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a page for a browser there")
    parser.add_argument(
        "--check-determinism", action="store_true", help="run it twice, and show the first line that differs"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run it, and tell; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    scenario = loaded(NAME, arguments.scenario, arguments.seed)
    if arguments.check_determinism:
        return _check_determinism(scenario)
    outcome = _run(scenario, arguments.trace, arguments.capture)
    if arguments.report is not None:
        write_text(arguments.report, render(outcome.recording, outcome.verdicts))
    for line in tell(outcome.recording):
        sys.stdout.write(f"{line}\n")
    return _judge(scenario, outcome)


def loaded(command: str, name_or_path: str, seed: int | None) -> Scenario:
    """Return a scenario.

    Args:
        command: who asks.
        name_or_path: as it was typed.
        seed: as it was typed; None for the scenario's own.

    Raises:
        SystemExit: there is none, or its file has mistakes.
    """
    try:
        return load_scenario(name_or_path, seed=seed)
    except ScenarioError as error:
        raise SystemExit(f"carpsim {command}: {error}") from None


def _run(scenario: Scenario, trace: Path | None, capture: Path | None) -> Outcome:
    with ExitStack() as files:
        watchers: list[WorldWatcher] = []
        if trace is not None:
            file = files.enter_context(open_text(trace))
            watchers.append(Trace(file.write))
        if capture is not None:
            if find_spec("dpkt") is None:
                raise SystemExit("carpsim run: captures need dpkt: pip install 'triocarp[sim]'")
            from carpsim.pcap import Captures  # noqa: PLC0415 - all else does without dpkt

            capture.mkdir(parents=True, exist_ok=True)
            watchers.append(Captures(capture, files))
        return run_scenario(scenario, *watchers)


def _judge(scenario: Scenario, outcome: Outcome) -> int:
    expected, missed = len(scenario.expectations), outcome.shortfalls
    of_them = f", {len(missed) or 'none'} of them not met" if expected else ""
    sys.stdout.write(f"\n{counted(expected, 'expectation')}{of_them}\n")
    for sentence in missed:
        sys.stdout.write(f"    {sentence}\n")
    broken = violated(outcome.verdicts)
    of_them = f", {len(broken) or 'none'} of them violated" if outcome.verdicts else ""
    idle = sum(verdict.held and not verdict.judged for verdict in outcome.verdicts)
    nothing = f", {idle} with nothing to judge" if idle else ""
    sys.stdout.write(f"{counted(len(outcome.verdicts), 'check')}{of_them}{nothing}\n")
    for verdict in broken:
        sys.stdout.write(f"    {verdict}\n")
    for verdict in outcome.verdicts:
        if verdict.on_ucarp is not None and not verdict.on_ucarp.judges:
            sys.stdout.write(f"    {verdict.check}: of hosts with ucarp {verdict.on_ucarp}\n")
    return 0 if outcome.is_as_expected else STATUS_UNEXPECTED


def _check_determinism(scenario: Scenario) -> int:
    lines = trace_of(scenario)
    found = first_difference(lines, trace_of(scenario))
    if found is not None:
        number, one, other = found
        sys.stdout.write(f"the traces of two runs differ in line {number}:\n  {one}\n  {other}\n")
        return STATUS_UNEXPECTED
    digest = Digest()
    for line in lines:
        digest(line)
    sys.stdout.write(f"two runs have the same trace of {len(lines)} lines, SHA-256 {digest.hexdigest()}\n")
    return 0
