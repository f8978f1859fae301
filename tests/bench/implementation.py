"""What the benchmark has to know about a daemon to measure it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.settings import Settings
    from triocarp.lab import Host

# An ordinary user's PATH lacks the directories in which distributions put daemons.
_PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


class Contender(Protocol):
    """What has a column of a table."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    def installed(self) -> bool:
        """Tell whether it is on this machine."""
        ...

    def supports(self, settings: Settings) -> bool:
        """Tell whether it can do its work with these settings."""
        ...


class Implementation(Contender, Protocol):
    """A daemon that keeps virtual addresses, each on one of several hosts."""

    @property
    def ready(self) -> str:
        """Words of its log from which on it takes part."""
        ...

    def interval(self, settings: Settings) -> int:
        """Return the time from one advertisement to the next, in nanoseconds."""
        ...

    def dead_time(self, settings: Settings) -> int:
        """Return how long a backup waits for an advertisement by the protocol's rules, in nanoseconds."""
        ...

    def commands(self, host: Host, settings: Settings, directory: Path) -> Sequence[Sequence[str]]:
        """Return the commands that together are it, each in the foreground, logging to its standard streams.

        Args:
            host: Where it will run.
            settings: What it shall do.
            directory: For its configuration, on the host alone.
        """
        ...


def program(name: str) -> str | None:
    """Return the path of a program, or None if it is not on this machine."""
    return shutil.which(name, path=_PATH)
