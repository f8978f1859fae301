"""Debian's way: the hooks of ifupdown start carpd for a stanza of interfaces(5), and end it in order."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.kernel.daemons import PROGRAM, environment, wait_until
from tests.kernel.wire import VIP
from triocarp.lab import INTERFACE, clock

if TYPE_CHECKING:
    from tests.kernel.daemons import Site
    from triocarp.lab import Host

HOOKS: Final = Path(__file__).parents[2] / "deploy" / "debian"
SECRET: Final = "correct horse"
OPTIONS: Final = {"VID": "7", "VIP": VIP, "PASSWORD": SECRET, "ADVBASE": "1", "ADVSKEW": "0"}

pytestmark = [pytest.mark.kernel, pytest.mark.programs("start-stop-daemon")]


class Ifupdown:
    """Runs the hooks on a host, as ifupdown does, with a carpd that keeps away from the machine's syslog."""

    def __init__(self, host: Host, directory: Path) -> None:
        self.host = host
        self.run_directory = directory / "run"
        programs = directory / "bin"
        programs.mkdir()
        carpd = programs / "carpd"
        carpd.write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} "$@" --facility none\n', encoding="utf-8")
        carpd.chmod(0o755)
        self.environ = {
            **environment(),
            "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "FILES_DIRECTORY": str(self.run_directory),
            "DEBIANS_HOOK": "/nonexistent",
            "IFACE": INTERFACE,
        }

    def up(self, **options: str) -> subprocess.CompletedProcess[bytes]:
        """Run the hook for an interface that is up, with options of its stanza that begin with ucarp-."""
        stanza = {f"IF_UCARP_{name}": value for name, value in options.items()}
        return self._run("if-up.d", {"IF_ADDRESS": f"{self.host.ip.ip}/24", **stanza})

    def down(self) -> subprocess.CompletedProcess[bytes]:
        """Run the hook for an interface that will go down."""
        return self._run("if-down.d", {})

    def command_line(self) -> list[str]:
        """Return the command line of the daemon that was started."""
        wait_until((self.run_directory / f"{INTERFACE}.pid").exists, "there is a file with the number")
        number = (self.run_directory / f"{INTERFACE}.pid").read_text(encoding="ascii").strip()
        process = Path("/proc", number, "cmdline")
        wait_until(lambda: b"--passfile" in process.read_bytes(), "carpd was started")
        return process.read_text(encoding="utf-8").split("\0")

    def _run(self, directory: str, more: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
        hook = HOOKS / directory / "carpd"
        environ = {**self.environ, **more}
        return self.host.namespace.call(
            lambda: subprocess.run([hook], env=environ, capture_output=True, check=False, timeout=80)
        )


@pytest.fixture
def ifupdown(site: Site, tmp_path: Path) -> Ifupdown:
    """Give the hooks on the first host of a LAN."""
    return Ifupdown(site.one, tmp_path)


def test_a_stanza_brings_the_address_up_and_down(site: Site, ifupdown: Ifupdown) -> None:
    """The daemon becomes master; it leaves with a goodbye, and nothing of it stays, its password neither."""
    done = ifupdown.up(**OPTIONS)
    assert (done.returncode, done.stderr) == (0, b"")
    site.holders.wait_until_holder(site.one)
    words = ifupdown.command_line()
    assert SECRET not in " ".join(words)
    since = clock.now()
    assert ifupdown.down().returncode == 0

    site.wire.wait_for_goodbye(site.one, since=since)
    assert not list(ifupdown.run_directory.iterdir())
    assert ifupdown.down().returncode == 0  # once more is no mistake


def test_the_options_of_a_stanza_become_ucarps(ifupdown: Ifupdown) -> None:
    """Each in its place; -P and -M unless the answer begins with a no. The password is in a file of root's."""
    more = {"UPSCRIPT": "/bin/true", "DOWNSCRIPT": "/bin/true", "XPARAM": "a b", "DEADRATIO": "4"}
    ifupdown.up(**OPTIONS, **more, MASTER="yes", NOMCAST="off")
    words = ifupdown.command_line()
    for word in ("--preempt", "--xparam=a b", "--deadratio=4", "--upscript=/bin/true", "--downscript=/bin/true"):
        assert word in words
    assert "--nomcast" not in words
    password = ifupdown.run_directory / f"{INTERFACE}.password"
    assert (password.read_text(encoding="utf-8"), password.stat().st_mode & 0o777) == (f"{SECRET}\n", 0o600)
    assert ifupdown.down().returncode == 0


def test_a_stanza_that_cannot_be_is_told_at_once(ifupdown: Ifupdown) -> None:
    """Whoever types ifup reads what is wrong, and gets its status; nothing runs, and nothing is left."""
    done = ifupdown.up(**{**OPTIONS, "VID": "300"})
    assert done.returncode == 1
    assert b"vhid must be between 1 and 255. (-v/--vhid 300: expected a number from 1 to 255)" in done.stderr
    assert not (ifupdown.run_directory / f"{INTERFACE}.pid").exists()
    assert ifupdown.down().returncode == 0


def test_a_stanza_that_is_not_ours_is_passed_over(ifupdown: Ifupdown) -> None:
    """Without one of the three options, and where Debian's ucarp would start as well."""
    assert ifupdown.up(VID="7", VIP=VIP).returncode == 0
    assert not ifupdown.run_directory.exists()
    ifupdown.environ["DEBIANS_HOOK"] = "/bin/true"
    if Path("/usr/sbin/ucarp").exists():
        assert b"is left to ucarp" in ifupdown.up(**OPTIONS).stderr
        assert not ifupdown.run_directory.exists()
