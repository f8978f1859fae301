"""-B and -f: carpd in the background, and what it tells syslog."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import EXIT_S, PROGRAM, environment, options, prepared, wait_until
from tests.kernel.syslog import Syslog
from triocarp.lab import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.kernel.daemons import Site

pytestmark = pytest.mark.kernel

SLOWLY = prepared(
    """
import time
from triocarp.daemon import main
def slowly(*args, **kwargs):
    time.sleep(1)
    return kernel_host(*args, **kwargs)
kernel_host, main.KernelHost = main.KernelHost, slowly
"""
)
"""carpd that needs a second for its sockets."""
BROKEN = prepared("from triocarp.daemon import main\nmain.KernelHost = None\n")
"""carpd with a bug in its start."""
DYING = prepared(
    """
import os
from triocarp.daemon import main
main.KernelHost = lambda *args, **kwargs: os.kill(os.getpid(), 9)
"""
)
"""carpd that is killed while it starts."""
AS_UCARP = """#!{python}
import sys
from triocarp.daemon.main import main
sys.exit(main())
"""
"""What installers write, under the name that an administrator gave it."""


@pytest.fixture
def syslog(tmp_path: Path) -> Iterator[Syslog]:
    """Give a syslog."""
    listening = Syslog(tmp_path / "syslog")
    yield listening
    listening.close()


def call(
    site: Site, syslog: Syslog, *flags: str, program: Sequence[str] = PROGRAM, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run carpd with -B on the first host and return what the caller gets."""
    argv = syslog.argv(*program, *options(site.one, "-B", "-f", "daemon", *flags))
    process = site.one.popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=cwd or site.directory
    )
    out, err = process.communicate(timeout=EXIT_S)
    return subprocess.CompletedProcess(argv, process.returncode, out.decode(), err.decode())


def pid_of(syslog: Syslog, program: str = "carpd") -> int:
    """Return the process that tells syslog."""
    return int(syslog.wait_for(rf" {program}\[(\d+)\]: ")[1])


def gone(pid: int) -> bool:
    """Tell whether a process has ended; who has its exit status does not matter."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_caller_has_its_answer_when_the_daemon_runs(site: Site, syslog: Syslog) -> None:
    """Not before; then it is silent, of a session of its own, in the root directory, and without a terminal."""
    began = clock.now()
    caller = call(site, syslog, program=SLOWLY)
    answered = clock.now()
    site.wire.wait_for_announcement(site.one, timeout_s=EXIT_S)
    pid = pid_of(syslog)
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    session = int(fields[3])

    assert (caller.returncode, caller.stdout, caller.stderr) == (0, "", "")
    assert answered - began >= clock.SECOND
    assert session not in {os.getsid(0), pid}  # who leads a session can get a terminal
    assert str(Path(f"/proc/{pid}/cwd").readlink()) == "/"
    assert {str(Path(f"/proc/{pid}/fd/{stream}").readlink()) for stream in range(3)} == {os.devnull}
    syslog.wait_for(r"\[INFO\] ready: ")

    os.kill(pid, signal.SIGTERM)
    site.wire.wait_for_goodbye(site.one)
    wait_until(lambda: gone(pid), "it ends")
    syslog.wait_for(r"\[INFO\] stopped: ")


@pytest.mark.parametrize(
    ("flags", "program", "answer"),
    [
        (("-i", "eth7"), PROGRAM, (2, r"carpd: .*eth7: no such interface; there are: lo, eth0")),
        (("-s", "10.9.9.9"), PROGRAM, (2, r"carpd: .*10\.9\.9\.9 is not an address of eth0")),
        (("-p", "x" * 21), PROGRAM, (2, r"carpd: Password too long")),
        (("-r", "0"), PROGRAM, (1, r"carpd: Dead ratio can't be zero")),
        (("--journal", "/nowhere/j"), PROGRAM, (2, r"carpd: journal /nowhere/j: No such file or directory")),
        ((), BROKEN, (70, r"carpd: a bug in carpd, please report it:\nTraceback")),
        ((), DYING, (2, r"carpd: ended in the background before it ran")),
    ],
    ids=["interface", "source", "password", "ratio", "journal", "bug", "killed"],
)
def test_the_caller_is_told_of_a_failure(
    site: Site, syslog: Syslog, flags: tuple[str, ...], program: Sequence[str], answer: tuple[int, str]
) -> None:
    """By the exit status that it would have in the foreground, and by the same line on standard error."""
    status, told = answer
    caller = call(site, syslog, *flags, program=program)

    assert caller.returncode == status
    assert caller.stdout == ""
    assert re.match(told, caller.stderr)


def test_syslog_is_told_of_a_failure_as_well(site: Site, syslog: Syslog) -> None:
    """At boot nobody reads standard error."""
    call(site, syslog, "-i", "eth7")

    syslog.wait_for(r"^<27>.* carpd\[\d+\]: \[ERROR\] .*eth7: no such interface")


def test_a_second_daemon_for_the_same_group_is_refused(site: Site, syslog: Syslog) -> None:
    """The lock is the daemon's and not the caller's, who has ended."""
    assert call(site, syslog).returncode == 0
    again = call(site, syslog)

    assert again.returncode == 2
    assert "already" in again.stderr


def test_scripts_run_in_the_root_directory_and_paths_are_the_caller_s(site: Site, syslog: Syslog) -> None:
    """What was typed is looked for where it was typed; ucarp looks for it in the root directory."""
    up = site.directory / "up.sh"
    up.write_text('#!/bin/sh\npwd > "$3"\nreadlink /proc/self/fd/1 >> "$3"\n', encoding="ascii")
    up.chmod(0o755)
    caller = call(site, syslog, "-u", "up.sh", "-d", "/bin/true", "-x", f"{site.directory}/told")
    site.wire.wait_for_announcement(site.one, timeout_s=EXIT_S)

    assert caller.returncode == 0
    assert (site.directory / "told").read_text("ascii").splitlines()[0] == "/"
    syslog.wait_for(rf"\[WARNING\] Spawning \[{site.directory}/up\.sh eth0 10\.0\.0\.100 ")


@pytest.mark.parametrize(
    ("flags", "number"),
    [
        ((), 3),
        (("-f", "local7"), 23),
        (("--syslog=authpriv",), 10),
        (("--facility=USER",), 1),
        (("-f", "none"), None),
        (("-f", "console"), 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_syslog_has_the_lines_in_the_facility(
    site: Site, syslog: Syslog, flags: tuple[str, ...], number: int | None
) -> None:
    """Each with its severity, the program's name and its pid, and the level in front of the text, as ucarp's."""
    least = [word for word in options(site.one) if word not in {"-f", "none"}]
    daemon = site.run_carpd(site.one, [*least, *flags], program=syslog.argv(*PROGRAM))
    daemon.wait_for_log("Switching to state: MASTER")
    assert daemon.stop() == 0

    if number is None:
        assert not syslog.lines
        return
    syslog.wait_for(rf"^<{number * 8 + 6}>.* carpd\[{daemon.process.pid}\]: \[INFO\] stopped: ")
    syslog.wait_for(
        rf"^<{number * 8 + 4}>\w{{3}} [ \d]\d [\d:]{{8}} carpd\[\d+\]: \[WARNING\] Switching to state: M"
    )
    # The console has the same lines, as ucarp's has.
    assert [line.split(": ", 1)[1] for line in daemon.log.splitlines()] == syslog.texts()


def test_under_the_name_of_ucarp_syslog_knows_it_by_that(site: Site, syslog: Syslog) -> None:
    """Filters and people look for `ucarp[`."""
    ucarp = site.directory / "ucarp"
    ucarp.write_text(AS_UCARP.format(python=sys.executable), encoding="utf-8")
    ucarp.chmod(0o755)

    assert call(site, syslog, program=(str(ucarp),)).returncode == 0
    os.kill(pid_of(syslog, "ucarp"), signal.SIGUSR1)
    syslog.wait_for(r"ucarp\[\d+\]: \[INFO\] (BACKUP|MASTER) on eth0 id 7")


def test_a_syslog_that_hangs_does_not_block_the_protocol(site: Site, syslog: Syslog) -> None:
    """It takes no line any more: carpd goes on, and leaves in order."""
    daemon = site.run_carpd(site.one, options(site.one, "-D", "-f", "user"), program=syslog.argv(*PROGRAM))
    site.wire.wait_for_announcement(site.one, timeout_s=EXIT_S)
    syslog.stop_reading()
    site.wire.wait_for_advertisement(site.one, since=clock.now(), count=15, timeout_s=EXIT_S)
    asked = clock.now()

    assert daemon.stop() == 0
    site.wire.wait_for_goodbye(site.one, since=asked)
