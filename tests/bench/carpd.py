"""carpd, which manages the address itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, final

from tests.bench import settings as group
from triocarp.core import timing
from triocarp.lab import INTERFACE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.settings import Settings
    from triocarp.lab import Host

DEAD_RATIO = 3


@final
class Carpd:
    """Our daemon, from the tree that this benchmark is in."""

    name = "carpd"
    ready = "ready:"

    def installed(self) -> bool:
        """See `Implementation.installed`."""
        return True

    def supports(self, settings: Settings) -> bool:
        """See `Implementation.supports`."""
        return settings.advbase_s > 0 or settings.advskew > 0

    def interval(self, settings: Settings) -> int:
        """See `Implementation.interval`."""
        return timing.advertisement_interval(settings.advbase_s, settings.advskew)

    def dead_time(self, settings: Settings) -> int:
        """See `Implementation.dead_time`."""
        return timing.dead_time(settings.advbase_s, settings.advskew, DEAD_RATIO, multiplies_advskew=False)

    def command(self, host: Host, settings: Settings, directory: Path) -> Sequence[str]:
        """See `Implementation.command`."""
        return [
            *(sys.executable, "-m", "triocarp.daemon"),
            *ucarp_options(host, settings, directory),
            f"--prefix-length={group.PREFIX_LENGTH}",
        ]


def ucarp_options(host: Host, settings: Settings, directory: Path) -> list[str]:
    """Return the options that ucarp and carpd have in common, and write the password that they name."""
    password = directory / "password"
    password.write_text("benchmark\n", encoding="ascii")
    return [
        f"--interface={INTERFACE}",
        f"--srcip={host.ip.ip}",
        f"--vhid={group.VHID}",
        f"--passfile={password}",
        f"--addr={group.VIRTUAL_ADDRESS}",
        f"--advbase={settings.advbase_s}",
        f"--advskew={settings.advskew}",
        *(["--preempt"] if settings.preempt else []),
    ]
