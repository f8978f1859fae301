"""The command line of ``carpsim``."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from carpsim.commands import check, list_scenarios, replay, report, run, show, sweep, whatif


class Command(Protocol):
    """A module of `carpsim.commands`."""

    NAME: str
    """What is typed."""

    HELP: str
    """One line that says what it does."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say what it can be told.

        Args:
            parser: of the subcommand.
        """
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit status.

        Args:
            arguments: as they were read.

        Raises:
            SystemExit: with one line that says what is wrong with what was asked.
        """
        ...


COMMANDS: Final[tuple[Command, ...]] = (run, list_scenarios, show, report, replay, check, sweep, whatif)
"""All subcommands, in the order in which they are shown."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand, and return the exit status.

    Args:
        argv: the arguments; those of the process if they are not given.
    """
    parser = argparse.ArgumentParser(
        prog="carpsim", description="Simulates groups of CARP hosts on virtual time; every run can be repeated."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.set_defaults(command=command)
    arguments = parser.parse_args(argv)
    chosen: Command = arguments.command
    return chosen.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
