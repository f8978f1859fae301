"""Debian's ucarp on the hosts of a lab, as its users run it: with scripts that add and delete the address."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tests.kernel.daemons import Daemon
from tests.kernel.wire import PASSWORD, VHID, VIP
from triocarp.lab import INTERFACE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.daemons import Stage
    from triocarp.lab import Host

LATE_S: Final = 1
"""How late ucarp may read a frame: its capture library hands them over once a second."""

_SCRIPT: Final = """#!/bin/sh
PATH=$PATH:/usr/sbin:/sbin
exec ip addr {action} "$2/32" dev "$1"
"""


class UcarpMaker:
    """Starts ucarps at a site."""

    def __init__(self, site: Stage, program: str) -> None:
        """Write the scripts.

        Args:
            site: where.
            program: the path of ucarp.
        """
        self._site = site
        self._program = program
        self._up = self._script("up", "add")
        self._down = self._script("down", "del")

    def start(
        self,
        host: Host,
        *flags: str,
        advbase_s: int = 1,
        advskew: int = 0,
        vhid: int = VHID,
        password: str = PASSWORD,
        vip: str = VIP,
    ) -> Daemon:
        """Start one on a host, without waiting for anything.

        What it logs as a warning, such as its changes of state, is in the daemon's log.

        Args:
            host: where.
            flags: further options.
            advbase_s: seconds between advertisements.
            advskew: 1/256 seconds more.
            vhid: virtual host.
            password: the shared secret.
            vip: the virtual address.
        """
        argv = [
            *(self._program, "-i", INTERFACE, "-s", str(host.ip.ip), "-v", str(vhid), "-p", password, "-a", vip),
            *("-b", str(advbase_s), "-k", str(advskew)),
            *("-u", str(self._up), "-d", str(self._down), "-z", "-f", "none"),
            *flags,
        ]
        log_file = self._site.log_file(host)
        with log_file.open("wb") as log:
            process = host.popen(argv, stdout=log, stderr=log, env=dict(os.environ))
        return Daemon(host, process, log_file)

    def _script(self, name: str, action: str) -> Path:
        path = self._site.directory / f"ucarp-{name}"
        path.write_text(_SCRIPT.format(action=action), encoding="ascii")
        path.chmod(0o755)
        return path
