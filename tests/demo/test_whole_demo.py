from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time
from typing import TYPE_CHECKING

import dpkt
import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.kernel

DEMO = [sys.executable, "-m", "triocarp.demo"]
LONGEST_S = 60
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
TITLES = [
    "election",
    "crash of the master",
    "return of the preferred host",
    "clean stop of the master",
    "daemon killed, host alive",
    "everything stopped",
]


def run(argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program in pipes."""
    return subprocess.run(
        argv, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False, cwd="/"
    )


def run_with_carpd(carpd: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the demonstration with another program in carpd's place."""
    program = f"import sys; from triocarp.demo.main import main; sys.exit(main([], carpd={list(carpd)!r}))"
    return run([sys.executable, "-c", program], environment)


def run_in_terminal(
    argv: Sequence[str], environment: Mapping[str, str], *, until: str = "", columns: int = 80, rows: int = 24
) -> tuple[int, str]:
    """Run a program in a terminal, interrupt it when it has shown `until`, and return status and output."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen(
        argv, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, cwd="/"
    ) as process:
        os.close(theirs)
        shown, interrupted = "", False
        deadline = time.monotonic() + LONGEST_S
        with contextlib.closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
            while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                data = b""
                with contextlib.suppress(OSError):  # EIO: nobody has the other end open any more
                    data = terminal.read(1 << 16)
                if not data:
                    break
                shown += data.decode(errors="replace")
                if until and until in shown and not interrupted:
                    interrupted = True
                    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        process.kill()
    return process.returncode, ESCAPE.sub("", shown)


def test_in_a_pipe_every_step_is_told_with_its_numbers(environment: dict[str, str], tmp_path: Path) -> None:
    """The demonstration succeeds within a minute, tells all facts of each step, and keeps its capture."""
    pcap = tmp_path / "switch.pcap"
    done = run([*DEMO, "--keep-pcap", str(pcap)], environment)

    assert (done.returncode, done.stderr) == (0, "")
    chapters = re.split(r"^.*step \d of 6 +", done.stdout, flags=re.MULTILINE)[1:]
    assert [chapter.partition(":")[0] for chapter in chapters] == TITLES
    for chapter in chapters[:5]:
        assert re.search(r"timer +\S", chapter)
        assert re.search(r"takeover +.+\+\d+\.\d+ m?s: (alpha|bravo|charlie) takes over", chapter)
        assert re.search(r"outage +\d+\.\d ms \(\d+ probes? lost\); \d+\.\d ms by the timers", chapter)
        assert re.search(r"arithmetic +\S", chapter)
        assert re.search(r"two holders +\d+\.\d ms", chapter)
        assert re.search(r"ended by +.*(gratuitous ARP|ARP request|lease expiry)", chapter)
        assert "carpd: Switching to state: MASTER - " in chapter
    summary = done.stdout.rpartition("\nstep ")[2]
    assert all(title in summary for title in TITLES)
    assert "All 6 steps happened; no address left behind; " in summary
    with pcap.open("rb") as file:
        protocols = {data[23] for _at, data in dpkt.pcap.Reader(file) if data[12:14] == b"\x08\x00"}
    assert protocols >= {1, 112}  # ICMP and CARP


def test_on_a_terminal_the_table_shows_hosts_and_steps(environment: dict[str, str]) -> None:
    """On a terminal of 80 columns the hosts, the client and the summary are there, and no line is longer."""
    status, shown = run_in_terminal(DEMO, environment)

    assert status == 0, shown
    assert "carpd's last words" in shown
    assert re.search(r"alpha +MASTER +● holds it", shown)
    assert re.search(r"client +answered by bravo", shown)
    assert re.search(r"client +no answer for \d\.\d\d s", shown)
    assert re.search(r"✓ 5 daemon killed, host alive +\d+\.\d ms +0\.0 ms +\d+\.\d ms", shown)
    assert "All 6 steps happened; no address left behind" in shown
    assert max(len(line.rstrip("\r")) for line in shown.split("\n")[-14:]) <= 80


def test_control_c_leaves_cleanly(environment: dict[str, str]) -> None:
    """An interrupt ends it at once, with the usual status, a sentence and no traceback."""
    status, shown = run_in_terminal(DEMO, environment, until="step 2")

    assert status == 130
    assert "interrupted" in shown
    assert "Traceback" not in shown


def test_without_rich_a_terminal_gets_lines_and_a_hint(environment: dict[str, str]) -> None:
    """`rich` is an extra: without it the lines of a pipe come, after how to get the table."""
    program = "import sys; sys.modules['rich'] = None; from triocarp.demo.main import main; sys.exit(main([]))"
    status, shown = run_in_terminal([sys.executable, "-c", program], environment, until="step 1 of 6")

    assert shown.startswith("For a live table: pip install 'triocarp[demo]'")
    assert (status, "Traceback" in shown) == (130, False)


def test_a_daemon_that_does_not_start_fails_the_first_step(environment: dict[str, str]) -> None:
    """Exit status 1, the step's name, what was expected and seen, and the daemon's own words."""
    done = run_with_carpd(["/bin/sh", "-c", "echo 'out of luck' >&2; exit 3"], environment)

    assert done.returncode == 1, done.stderr
    assert "FAILED: election" in done.stdout
    assert re.search(r"expected: carpd gets ready on all hosts", done.stdout)
    assert re.search(r"seen: +carpd on alpha ended by itself with exit status 3", done.stdout)
    assert "    out of luck" in done.stdout
    assert done.stdout.endswith(" s in all\n")


def test_a_daemon_that_just_dies_of_sigterm_fails_the_clean_stop(environment: dict[str, str]) -> None:
    """The steps before succeed; the address that it leaves behind is named."""
    # SIGTERM ends this wrapper, and the kernel then kills the carpd in it.
    wrapper = textwrap.dedent("""
        import ctypes, signal, subprocess, sys
        def die_with_parent():
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        argv = [sys.executable, "-m", "triocarp.daemon", *sys.argv[1:]]
        sys.exit(subprocess.run(argv, preexec_fn=die_with_parent).returncode)
    """)
    done = run_with_carpd([sys.executable, "-c", wrapper], environment)

    assert done.returncode == 1, done.stderr
    assert "FAILED: clean stop of the master" in done.stdout
    assert "expected: carpd on alpha ends within 5 s of SIGTERM, with exit status 0" in done.stdout
    assert "seen:     exit status -15" in done.stdout
    assert "the last lines of carpd on alpha:" in done.stdout
    assert "left behind: 10.0.0.100/32 on alpha" in done.stdout.splitlines()[-1]


def test_where_private_networks_are_forbidden_one_line_says_so(environment: dict[str, str]) -> None:
    """The line says what forbids them and what to type instead; the exit status is 1."""
    environment.pop("TRIOCARP_PRIVATE_NETWORK", None)
    program = textwrap.dedent("""
        import os, sys
        from triocarp.lab import syscalls
        uid = os.geteuid()
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        with open("/proc/self/uid_map", "w") as file:
            file.write(f"0 {uid} 1")
        with open("/proc/sys/user/max_net_namespaces", "w") as file:
            file.write("0")
        from triocarp.demo.main import main
        sys.exit(main([]))
    """)
    done = run([sys.executable, "-c", program], environment)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "user.max_net_namespaces=0" in done.stderr
    assert "type instead: sudo sysctl -w" in done.stderr


def test_a_capture_that_cannot_be_written_is_told_at_once(environment: dict[str, str]) -> None:
    """Nobody waits half a minute to hear that a directory does not exist."""
    done = run([*DEMO, "--keep-pcap", "/no/such/directory/x.pcap"], environment)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "carpd-demo: --keep-pcap /no/such/directory/x.pcap: No such file or directory\n"
