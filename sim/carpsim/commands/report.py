"""``carpsim report``: one scenario as a page for a browser."""

import argparse
import sys
from pathlib import Path

from carpsim.commands.arguments import seed
from carpsim.commands.run import loaded
from carpsim.named_file import write_text
from carpsim.outcome import run_scenario
from carpsim.report import render

NAME: str = "report"
HELP: str = "run a scenario, and draw what happened on a page for a browser"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told; see `carpsim.main.Command`.

    Args:
        parser: of the subcommand.
    """
    parser.add_argument("scenario", metavar="SCENARIO", help="a name that `carpsim list` shows, or a file")
    parser.add_argument("--seed", type=seed, metavar="N", help="of all that is left to chance")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where the page goes")


def run(arguments: argparse.Namespace) -> int:
    """Run it, and draw; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    outcome = run_scenario(loaded(NAME, arguments.scenario, arguments.seed))
    write_text(arguments.output, render(outcome.recording, outcome.verdicts))
    sys.stdout.write(f"the page is in {arguments.output}\n")
    return 0
