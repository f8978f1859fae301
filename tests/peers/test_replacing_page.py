"""The page on replacing ucarp does what it says, from two ucarps to two carpds without scripts."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import read
from tests.kernel.daemons import EXIT_S, PROGRAM, environment, wait_until
from tests.kernel.wire import VIP
from tests.peers.differential import pids_of
from triocarp.lab import clock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.daemons import Site
    from triocarp.lab import Host

pytestmark = pytest.mark.peers

BLOCK = re.compile(r"^```sh\n(.*)\n```$", re.MULTILINE)
UNTIL_MASTER_S = 30


class Page:
    """The commands of the page, as typed on the hosts of a site.

    Attributes:
        commands: in their order.
    """

    def __init__(self, site: Site, ucarp: str) -> None:
        """Write the files that the page takes for granted.

        Args:
            site: whose first two hosts are those of the page.
            ucarp: the path of the real one.
        """
        self.commands = BLOCK.findall(read("replacing-ucarp.md"))
        self._etc = site.directory
        # The syslog of the machine that tests is not told.
        self._programs = {"ucarp": f"{ucarp} -f none", "/opt/triocarp/bin/carpd": f"{shlex.join(PROGRAM)} -f none"}
        for name, action in (("vip-up.sh", "add"), ("vip-down.sh", "del")):
            script = self._etc / name
            lines = ("#!/bin/sh", "PATH=$PATH:/usr/sbin:/sbin", f'ip addr {action} "$2/24" dev "$1"', "")
            script.write_text("\n".join(lines), "ascii")
            script.chmod(0o755)
        (self._etc / "carp.password").write_text("a good secret\n", "ascii")

    def type(self, host: Host, command: str) -> str:
        """Type a command on a host, and return what it prints; its exit status is 0."""
        program, _, rest = command.replace("/etc/", f"{self._etc}/").partition(" ")
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        process = host.popen(
            ["/bin/sh", "-c", f"{self._programs.get(program, program)} {rest}"],
            stdout=subprocess.PIPE,
            env={**environment(), "PATH": path},
            cwd="/",
        )
        out, _ = process.communicate(timeout=EXIT_S)
        assert process.returncode == 0
        return out.decode()


def stop(host: Host, name: str) -> None:
    """Stop what runs on a host, and wait until it has."""
    for pid in pids_of(host, name):
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not pids_of(host, name), f"{name} ends")


@pytest.fixture
def page(site: Site, ucarp_program: str) -> Page:
    """Give the page."""
    return Page(site, ucarp_program)


def test_its_commands_replace_two_ucarps(site: Site, page: Page, ucarp_program: str, tmp_path: Path) -> None:
    """The address is where the page says after each step, and never on two hosts."""
    one, two = site.one, site.two
    before, second, first, show, without_scripts = page.commands
    page.type(one, before)
    site.holders.wait_until_holder(one, timeout_s=UNTIL_MASTER_S)
    page.type(two, before.replace("10.0.0.1 ", "10.0.0.2 "))
    began = clock.now()

    stop(two, ucarp_program)
    page.type(two, second)
    site.wire.wait_for_advertisement(one, since=clock.now(), count=4)
    assert site.holders.holders_now() == {"one"}

    stop(one, ucarp_program)
    page.type(one, first)
    site.holders.wait_until_holder(two, timeout_s=UNTIL_MASTER_S)
    assert f"{VIP}/24" in page.type(two, show)

    stop(two, PROGRAM[-1])
    taken = site.holders.wait_until_holder(one, timeout_s=UNTIL_MASTER_S)
    assert taken - site.wire.wait_for_goodbye(two, since=began).at < 2 * clock.SECOND
    page.type(two, without_scripts)
    stop(one, PROGRAM[-1])
    site.holders.wait_until_holder(two, timeout_s=UNTIL_MASTER_S)
    assert f"{VIP}/24" in page.type(two, show)
    assert site.holders.overlap_ns(began, clock.now()) == 0
    assert not [path for path in tmp_path.glob("*.log") if "Traceback" in path.read_text("utf-8")]
