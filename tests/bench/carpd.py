"""carpd, which manages the address itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, final

from tests.bench import settings as group
from triocarp.core import timing
from triocarp.lab import INTERFACE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.settings import Settings
    from triocarp.core import IPAddress
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

    def commands(self, host: Host, settings: Settings, directory: Path) -> Sequence[Sequence[str]]:
        """See `Implementation.commands`: ucarp's options where they can say it, and a file for the rest."""
        program = [sys.executable, "-m", "triocarp.daemon"]
        if settings.virtual_hosts == 1 and not settings.sealed:
            options = ucarp_options(host.ip.ip, settings, directory, group.VHID)
            return [[*program, *options, f"--prefix-length={group.PREFIX_LENGTH}", "--facility=none"]]
        return [[*program, f"--config={_configuration(host, settings, directory)}"]]


def _configuration(host: Host, settings: Settings, directory: Path) -> Path:
    """Write a configuration file, and return its path."""
    values: dict[str, object] = {
        "interface": INTERFACE,
        "source": str(host.ip.ip),
        "password_file": str(_password(directory)),
        "advbase": settings.advbase_s,
        "advskew": settings.advskew,
        "preempt": settings.preempt,
        "sealing": "enforce" if settings.sealed else "off",
    }
    path = directory / "carpd.toml"
    with path.open("w", encoding="ascii") as file:
        for vhid, address in settings.shares.items():
            file.write("[[virtual_host]]\n")
            share = {**values, "vhid": vhid, "addresses": [f"{address}/{group.PREFIX_LENGTH}"]}
            # For what stands here TOML is JSON.
            file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in share.items())
    return path


def ucarp_options(source: IPAddress, settings: Settings, directory: Path, vhid: int) -> list[str]:
    """Return the options that ucarp and carpd have in common, and write the password that they name."""
    return [
        f"--interface={INTERFACE}",
        f"--srcip={source}",
        f"--vhid={vhid}",
        f"--passfile={_password(directory)}",
        f"--addr={settings.shares[vhid]}",
        f"--advbase={settings.advbase_s}",
        f"--advskew={settings.advskew}",
        *(["--preempt"] if settings.preempt else []),
    ]


def _password(directory: Path) -> Path:
    password = directory / "password"
    password.write_text("benchmark\n", encoding="ascii")
    return password
