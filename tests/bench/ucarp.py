"""ucarp with the pair of scripts that its manual shows, and a process for each virtual host."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from tests.bench import settings as group
from tests.bench.carpd import DEAD_RATIO, ucarp_options
from tests.bench.implementation import program
from triocarp.core import timing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.settings import Settings
    from triocarp.lab import Host


@final
class Ucarp:
    """ucarp, told to run its down script on SIGTERM (`-z`)."""

    name = "ucarp"
    ready = "Switching to state: BACKUP"

    def installed(self) -> bool:
        """See `Implementation.installed`."""
        return program("ucarp") is not None and program("ip") is not None

    def supports(self, settings: Settings) -> bool:
        """See `Implementation.supports`.

        With advbase 0 its dead time is its interval, so that backups take over all the time.
        """
        return settings.advbase_s > 0 and not settings.sealed

    def interval(self, settings: Settings) -> int:
        """See `Implementation.interval`."""
        return timing.advertisement_interval(settings.advbase_s, settings.advskew)

    def dead_time(self, settings: Settings) -> int:
        """See `Implementation.dead_time`."""
        return timing.dead_time(settings.advbase_s, settings.advskew, DEAD_RATIO, multiplies_advskew=False)

    def commands(self, host: Host, settings: Settings, directory: Path) -> Sequence[Sequence[str]]:
        """See `Implementation.commands`."""
        scripts = {"upscript": "add", "downscript": "del"}
        for name, verb in scripts.items():
            script = directory / name
            script.write_text(
                f'#!/bin/sh\nexec {program("ip")} addr {verb} "$2/{group.PREFIX_LENGTH}" dev "$1"\n', "ascii"
            )
            script.chmod(0o755)
        return [
            [
                program("ucarp") or "ucarp",
                *ucarp_options(host.ip.ip, settings, directory, vhid),
                *(f"--{name}={directory / name}" for name in scripts),
                "--shutdown",
                "--facility=none",
            ]
            for vhid in settings.shares
        ]
