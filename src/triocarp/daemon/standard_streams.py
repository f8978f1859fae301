"""Standard input, output and error, in whatever condition we are given them."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Final

STATUS_OUTPUT: Final = 74
"""Exit status where standard output cannot be written (EX_IOERR of sysexits(3))."""

STATUS_INTERRUPTED: Final = 130
"""Exit status after SIGINT, as a shell shows it (128 + 2)."""

STATUS_NO_READER: Final = 141
"""Exit status where nobody reads standard output any more, as a shell shows SIGPIPE (128 + 13)."""


def open_missing() -> None:
    """Open `/dev/null` for each standard stream that we were started without.

    Otherwise a socket of ours would take its place, and scripts would inherit that. And Python has nothing then
    where the stream should be.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # What is opened gets the least free number, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - it has no name
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, "w" if descriptor else "r", closefd=False, encoding="utf-8"))  # noqa: SIM115 - no path, and for good


def print_with(ahead: str, tell: Callable[[], int]) -> int:
    """Do what prints on standard output, and return its exit status, or that of an output that takes nothing.

    Args:
        ahead: stands before what is told on standard error.
        tell: prints, and returns an exit status. No `OSError` leaves it but those of its output.
    """
    try:
        status = tell()
        sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is impatient types it twice
        sys.stderr.write(f"{ahead}: interrupted\n")
        return STATUS_INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return STATUS_NO_READER
    except OSError as error:
        _forget_output()
        sys.stderr.write(f"{ahead}: standard output: {error.strerror}\n")
        return STATUS_OUTPUT
    return status


def _forget_output() -> None:
    """Send what is still to be written nowhere, lest Python complain of it when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
