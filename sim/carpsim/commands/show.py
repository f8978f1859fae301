"""``carpsim show``: the file of a scenario, to begin an own one with."""

import argparse
import sys
from typing import Final

from carpsim.library import names, text_of

NAME: Final = "show"
HELP: Final = "print the file of a scenario that is delivered with the simulator"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told; see `carpsim.main.Command`.

    Args:
        parser: of the subcommand.
    """
    parser.add_argument("scenario", metavar="NAME", choices=names(), help="a name that `carpsim list` shows")


def run(arguments: argparse.Namespace) -> int:
    """Print it; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    sys.stdout.write(text_of(arguments.scenario))
    return 0
