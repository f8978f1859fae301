"""``carpsim list``: the scenarios that are delivered with the simulator."""

import argparse
import sys
from typing import Final

from carpsim.library import load_scenario, names

NAME: Final = "list"
HELP: Final = "list the scenarios that are delivered with the simulator"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told: nothing; see `carpsim.main.Command`.

    Args:
        parser: of the subcommand.
    """


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - it is told nothing
    """List them; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    all_names = names()
    width = max(map(len, all_names))
    for name in all_names:
        first, _, _ = " ".join(load_scenario(name).description.split()).partition(". ")
        sys.stdout.write(f"{name:{width}}  {first.rstrip('.')}\n")
    return 0
