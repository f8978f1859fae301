"""The command line of ``carpsim``."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Final, Protocol, TextIO, cast, final

from carpsim.commands import check, list_scenarios, replay, report, run, show, sweep, whatif
from carpsim.named_file import STANDARD_OUTPUT, NamedOutput


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


STATUS_INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the signal's number."""

STATUS_TERMINATED: Final = 143
"""The same after SIGTERM, as service managers and CI send it."""

STATUS_NO_READER: Final = 141
"""Exit status if whoever read the output has gone, such as ``head``: the same of a broken pipe."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand, and return the exit status.

    Args:
        argv: the arguments; those of the process if they are not given.
    """
    if sys.stdout is None:  # whoever began us has closed it
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    parser = argparse.ArgumentParser(
        prog="carpsim", description="Simulates groups of CARP hosts on virtual time; every run can be repeated."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.set_defaults(command=command)
    arguments = parser.parse_args(argv)
    return _carry_out(arguments.command, arguments)


def _carry_out(command: Command, arguments: argparse.Namespace) -> int:
    """Run a subcommand; what comes from outside and ends it is told in one line."""
    ahead = f"carpsim {command.NAME}: "
    try:
        with _sigterm_as_exception(), redirect_stdout(cast("TextIO", NamedOutput(sys.stdout))):
            status = command.run(arguments)
            sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is impatient types it twice
        sys.stderr.write(f"{ahead}interrupted\n")
        return STATUS_INTERRUPTED
    except _TerminatedError:
        sys.stderr.write(f"{ahead}terminated\n")
        return STATUS_TERMINATED
    except OSError as error:
        if error.filename == STANDARD_OUTPUT:
            _forget_output()  # nor can it be written once more at the end
            if isinstance(error, BrokenPipeError):
                return STATUS_NO_READER
        name = [] if error.filename is None else [str(error.filename)]
        words = error.strerror or " ".join(map(str, error.args)) or type(error).__name__
        raise SystemExit(ahead + ": ".join([*name, words])) from None
    return status


@final
class _TerminatedError(BaseException):
    """Raised by SIGTERM: like an interrupt, it is no failure of whatever it meets."""


@contextmanager
def _sigterm_as_exception() -> Generator[None]:
    """Have SIGTERM unwind what is under way, as Ctrl-C does: without that, workers would outlive this process."""
    of_main_thread = threading.current_thread() is threading.main_thread()
    if not of_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield  # whoever calls this has other ideas of it
        return

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - there is one signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # whoever is impatient sends it twice
        raise _TerminatedError

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _forget_output() -> None:
    """Send what is still to be written nowhere, lest Python complain of it when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
