from __future__ import annotations

import itertools
import os
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.kernel.wire import PASSWORD, VIP
from triocarp.lab import clock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.daemons import Site

pytestmark = pytest.mark.kernel

INTERVAL = 26 * clock.SECOND // 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One event of a script.

    Attributes:
        script: its name.
        event: `begin` or `end`.
        at: when, in nanoseconds of the lab's clock.
        arguments: what it was called with.
    """

    script: str
    event: str
    at: int
    arguments: tuple[str, ...]


class Scripts:
    """Scripts that note when they begin and end."""

    def __init__(self, directory: Path) -> None:
        """Choose where.

        Args:
            directory: for the scripts and their notes.
        """
        self._directory = directory
        self._notes = directory / "notes"

    def make(self, name: str, body: str = "") -> Path:
        """Write a script that begins, does something in Python, and ends."""
        path = self._directory / name
        program = (
            f"#!{sys.executable} -ISs\n"
            "import os, pathlib, subprocess, sys, time\n"
            "def note(event):\n"
            f"    with open({str(self._notes)!r}, 'a') as notes:\n"
            "        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)\n"
            f"        print({name!r}, event, now, *sys.argv[1:], sep='|', file=notes, flush=True)\n"
            "note('begin')\n"
            f"{body}\n"
            "note('end')\n"
        )
        path.write_text(program, encoding="utf-8")
        path.chmod(0o755)
        return path

    @property
    def runs(self) -> list[Run]:
        """What the scripts have noted so far."""
        if not self._notes.exists():
            return []
        lines = [line.split("|") for line in self._notes.read_text(encoding="utf-8").splitlines()]
        return [Run(script=a, event=b, at=int(c), arguments=tuple(rest)) for a, b, c, *rest in lines]

    @property
    def order(self) -> list[str]:
        """What the scripts have noted so far, in words."""
        return [f"{run.script} {run.event}" for run in self.runs]

    def at(self, script: str, event: str, number: int = -1) -> int:
        """Return when a script began or ended; the last time by default."""
        return [run.at for run in self.runs if (run.script, run.event) == (script, event)][number]


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Give a workshop for scripts."""
    return Scripts(tmp_path)


def test_scripts_get_interface_address_and_parameter(site: Site, scripts: Scripts) -> None:
    """Down at the start, up before the announcement, down before the goodbye."""
    up, down = scripts.make("up"), scripts.make("down")
    daemon = site.carpd(site.one, "-u", up, "-d", down, "-x", "one parameter; with * and $HOME")
    announced = site.wire.wait_for_announcement(site.one, timeout_s=20)
    first = site.wire.advertisements(site.one)[0]
    assert daemon.stop() == 0
    goodbye = site.wire.wait_for_goodbye(site.one)

    assert {run.arguments for run in scripts.runs} == {("eth0", VIP, "one parameter; with * and $HOME")}
    assert scripts.order == [f"{name} {event}" for name in ("down", "up", "down") for event in ("begin", "end")]
    assert scripts.at("down", "end", 0) < first.at
    assert first.at < scripts.at("up", "begin") < scripts.at("up", "end") < announced.at
    assert scripts.at("down", "end") < goodbye.at
    # The address is the scripts' business, and these leave it alone.
    assert not site.holders.holdings
    assert daemon.log.count("[WARNING] Spawning [") == 3


def test_a_neutral_start_runs_no_down_script(site: Site, scripts: Scripts) -> None:
    """With -n, and without -x: the scripts get two arguments, and the first is the up script."""
    up, down = scripts.make("up"), scripts.make("down")
    daemon = site.carpd(site.one, "-n", "-u", up, "-d", down)
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    assert daemon.stop() == 0

    assert [run.arguments for run in scripts.runs] == [("eth0", VIP)] * 4
    assert scripts.order == ["up begin", "up end", "down begin", "down end"]


def test_a_slow_up_script_does_not_stop_the_advertisements(site: Site, scripts: Scripts) -> None:
    """They keep their schedule while it runs, no other host takes over, and the announcement comes after it."""
    up = scripts.make("up", "time.sleep(1.5)")
    site.carpd(site.one, "-u", up, "-d", scripts.make("down"))
    site.wire.wait_for_advertisement(site.one, timeout_s=20)
    site.carpd(site.two, advskew=52)
    announced = site.wire.wait_for_announcement(site.one)
    begin, end = scripts.at("up", "begin"), scripts.at("up", "end")
    heard = [one.at for one in site.wire.advertisements(site.one, since=begin, until=end)]

    assert announced.at > end
    assert end - begin >= 1.5 * clock.SECOND
    # A dead time of the other host, which is twice as long, must never pass; typically they are exact.
    assert max(after - before for before, after in itertools.pairwise(heard)) < 6 * INTERVAL
    assert len(heard) >= 10
    assert not site.wire.advertisements(site.two)
    assert len(site.wire.announcements(site.one)) == 1


def test_a_stop_while_a_script_runs_waits_for_it_and_undoes_it(site: Site, scripts: Scripts) -> None:
    """The up script ends, then the down script runs, then the goodbye is said, and nothing is announced."""
    up = scripts.make("up", "time.sleep(0.5)")
    daemon = site.carpd(site.one, "-n", "-u", up, "-d", scripts.make("down"))
    daemon.wait_for_log(r"Spawning \[\S*/up ")
    status = daemon.stop()
    goodbye = site.wire.wait_for_goodbye(site.one)

    assert status == 0
    assert scripts.order == ["up begin", "up end", "down begin", "down end"]
    assert scripts.at("down", "end") < goodbye.at
    assert not site.wire.announcements(site.one)


def test_a_stop_while_the_first_down_script_runs_is_a_stop(site: Site, scripts: Scripts) -> None:
    """It is not run twice, and nothing is said by a host that was never master."""
    down = scripts.make("down", "time.sleep(0.5)")
    daemon = site.carpd(site.one, "-u", scripts.make("up"), "-d", down)
    daemon.wait_for_log(r"Spawning \[\S*/down ")

    assert daemon.stop() == 0
    assert scripts.order == ["down begin", "down end"]
    assert not site.wire.advertisements(site.one)


def test_a_hanging_script_is_ended_with_its_children(site: Site, scripts: Scripts) -> None:
    """After --script-timeout seconds it is told to end; what it started goes with it; it is reported."""
    child = "child = subprocess.Popen(['sleep', '1000']); note(child.pid); time.sleep(1000)"
    up = scripts.make("up", child)
    daemon = site.carpd(site.one, "-n", "-u", up, "-d", scripts.make("down"), "--script-timeout", "1")
    daemon.wait_for_log(r"a script failed \(up hook: \S*/up eth0 10\.0\.0\.100: ended after 1 s\)")
    announced = site.wire.wait_for_announcement(site.one)
    grandchild = int(next(run.event for run in scripts.runs if run.event not in ("begin", "end")))

    assert announced.at - site.wire.advertisements(site.one)[0].at >= clock.SECOND
    deadline = clock.now() + 5 * clock.SECOND
    while alive(grandchild):
        assert clock.now() < deadline
    assert daemon.stop() == 0


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that waits to be buried does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_script_that_does_not_want_to_end_delays_the_stop_and_does_not_prevent_it(
    site: Site, scripts: Scripts
) -> None:
    """A down script that ignores SIGTERM is killed after a grace, and only then the goodbye is said."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); note('deaf'); time.sleep(1000)"
    down = scripts.make("down", deaf)
    daemon = site.carpd(site.one, "-n", "-u", scripts.make("up"), "-d", down, "--script-timeout", "1")
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    asked = clock.now()
    status = daemon.stop()
    goodbye = site.wire.wait_for_goodbye(site.one)

    assert status == 0
    assert "down deaf" in scripts.order
    # One second for the script, and two of grace.
    assert goodbye.at - asked >= 3 * clock.SECOND
    assert "a script failed (down hook" in daemon.log


@pytest.mark.parametrize(
    ("body", "reported"),
    [("sys.exit(3)", "exit status 3"), ("os.kill(os.getpid(), 9)", "killed by SIGKILL")],
    ids=["exit status", "signal"],
)
def test_a_failing_script_is_reported_and_the_protocol_goes_on(
    site: Site, scripts: Scripts, body: str, reported: str
) -> None:
    """As with ucarp the state changes all the same; the log says what became of the script."""
    daemon = site.carpd(site.one, "-n", "-u", scripts.make("up", body), "-d", scripts.make("down"))
    daemon.wait_for_log(rf"a script failed \(up hook: \S*/up eth0 10\.0\.0\.100: {reported}\)")

    site.wire.wait_for_announcement(site.one)
    assert daemon.stop() == 0


def test_a_missing_script_is_reported_and_the_protocol_goes_on(site: Site, tmp_path: Path) -> None:
    """Nobody checked it in time, and a host that advertises is better than none."""
    daemon = site.carpd(site.one, "-n", "-u", tmp_path / "missing", "-d", tmp_path / "gone")
    daemon.wait_for_log(r"a script failed \(up hook: \S*/missing eth0 10\.0\.0\.100: No such file or directory\)")

    site.wire.wait_for_announcement(site.one)
    assert daemon.stop() == 0
    assert "down hook: " in daemon.log


def test_scripts_inherit_neither_sockets_nor_secrets(site: Site, scripts: Scripts, tmp_path: Path) -> None:
    """No descriptor of ours but the standard streams, no password in arguments or environment, usual signals."""
    report = tmp_path / "report"
    look = (
        f"with open({str(report)!r}, 'w') as out:\n"
        "    for fd in sorted(os.listdir('/proc/self/fd'), key=int):\n"
        "        try: print('fd', fd, os.readlink(f'/proc/self/fd/{fd}'), file=out)\n"
        "        except OSError: pass\n"
        "    print('cmdline', pathlib.Path('/proc/self/cmdline').read_bytes(), file=out)\n"
        "    print('environ', pathlib.Path('/proc/self/environ').read_bytes(), file=out)\n"
        "    for line in open('/proc/self/status'):\n"
        "        if line.startswith(('SigIgn', 'SigBlk')): print(line.strip(), file=out)\n"
    )
    password_file = tmp_path / "secret"
    password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    argv = ["-i", "eth0", "-s", "10.0.0.1", "-v", "7", "-o", str(password_file), "-a", VIP, "-b", "0", "-k", "26"]
    scripts_given = ["-n", "-D", "-u", str(scripts.make("up", look)), "-d", str(scripts.make("down"))]
    daemon = site.run_carpd(site.one, [*argv, *scripts_given])
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    assert daemon.stop() == 0
    lines = report.read_text(encoding="utf-8").splitlines()
    descriptors = {line.split(" ", 2)[1]: line.split(" ", 2)[2] for line in lines if line.startswith("fd ")}
    ignored = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))
    blocked = next(int(line.split()[1], 16) for line in lines if line.startswith("SigBlk"))

    assert descriptors["0"] == os.devnull
    foreign = {link for link in descriptors.values() if link.startswith(("socket:", "anon_inode:"))}
    assert not foreign
    # The report itself is open, and the directory that is being listed.
    assert set(descriptors) - {"0", "1", "2"} <= {"3", "4"}
    assert PASSWORD not in report.read_text(encoding="utf-8")
    assert shlex.quote(PASSWORD) not in daemon.log
    assert PASSWORD not in daemon.log
    # What ends a program ends a script.
    for number in (1, 2, 3, 15):
        assert not (ignored | blocked) & 1 << (number - 1)
