"""Real carpd processes on the hosts of a lab."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import triocarp
from tests.kernel.wire import PASSWORD, VHID, VIP, Wire, read
from triocarp.lab import INTERFACE, Holders, Lan, clock

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

    from triocarp.lab import Frame, Host

EXIT_S: Final = 20
"""How long to wait for the end of a process; only a failing test waits that long."""

PROGRAM: Final = (sys.executable, "-m", "triocarp.daemon")

_POLL_S: Final = 0.005
_RUN: Final = "\nimport runpy; runpy.run_module('triocarp.daemon', run_name='__main__', alter_sys=True)"
_numbers = itertools.count(1)


def prepared(prelude: str) -> tuple[str, ...]:
    """Return the program that is carpd, in whose process some Python was run before."""
    return (sys.executable, "-c", prelude + _RUN)


SLOW: Final = prepared(
    """
import socket, time
send = socket.socket.send
def slow(self, data, flags=0):
    time.sleep(0.04)
    return send(self, data, flags)
socket.socket.send = slow
"""
)
"""carpd on a machine on which each frame and each change of an address takes 40 ms.

So whoever watches from outside, and reads the kernel's news some milliseconds late, sees their order."""


def environment() -> dict[str, str]:
    """Return the environment in which a carpd finds the code that is tested."""
    source = str(Path(triocarp.__file__).parents[1])
    # Who tests may have switched off the buffers of Python's standard streams; who operates has not.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    path = [source, *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(path)}


def options(
    host: Host,
    *flags: str | os.PathLike[str],
    advbase_s: int = 0,
    advskew: int = 26,
    vhid: int = VHID,
    password: str = PASSWORD,
    vip: str = VIP,
) -> list[str]:
    """Return a command line for a host: by default it advertises every 0.1 s and takes over after 0.3 s.

    It does not tell the syslog of the machine that tests.
    """
    return [
        *("-i", INTERFACE, "-s", str(host.ip.ip), "-v", str(vhid), "-p", password, "-a", vip),
        *("-b", str(advbase_s), "-k", str(advskew), "-f", "none"),
        *map(str, flags),
    ]


class Daemon:
    """A daemon that was started on a host.

    Attributes:
        host: where it runs.
        process: its process.
        log_file: where its standard error goes, unless the test wanted it elsewhere.
    """

    def __init__(self, host: Host, process: subprocess.Popen[bytes], log_file: Path) -> None:
        """Take note of a process that runs.

        Args:
            host: where it runs.
            process: its process.
            log_file: where its standard error goes.
        """
        self.host = host
        self.process = process
        self.log_file = log_file

    @property
    def log(self) -> str:
        """What it has told so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_for_log(self, pattern: str, *, count: int = 1, timeout_s: float = EXIT_S) -> re.Match[str]:
        """Wait until the log holds a pattern a number of times, and return that match."""
        deadline = time.monotonic() + timeout_s
        while len(found := list(re.finditer(pattern, self.log))) < count:
            if time.monotonic() > deadline or self.process.poll() is not None:
                found = list(re.finditer(pattern, self.log))  # it may have been its last word
                if len(found) >= count:
                    break
                raise TimeoutError(f"{len(found)} of {count} times {pattern!r} in the log:\n{self.log}")
            time.sleep(_POLL_S)
        return found[count - 1]

    def wait(self) -> int:
        """Wait for its end and return its exit status."""
        return self.process.wait(EXIT_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and return its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        self.wait()

    def freeze(self) -> None:
        """Stop its process while it waits for something to do, as a hypervisor does; returns when it stands still.

        Stopped between two frames that belong together, it would send the second one when it goes on.
        """
        self._wait_for_state("SSS")
        self.process.send_signal(signal.SIGSTOP)
        self._wait_for_state("T")

    def resume(self) -> None:
        """Let a frozen process go on."""
        self.process.send_signal(signal.SIGCONT)

    def _wait_for_state(self, states: str) -> None:
        """Wait until the kernel has shown the main thread in these states, one after the other (proc(5))."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        seen = ""
        deadline = time.monotonic() + EXIT_S
        while not seen.endswith(states):
            assert time.monotonic() < deadline, f"not {states} but {seen[-20:]}"
            time.sleep(_POLL_S)
            seen += stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]


class Carpd(Daemon):
    """A carpd that was started on a host."""

    def wait_until_ready(self) -> None:
        """Wait until it takes part."""
        self.wait_for_log(r"\[INFO\] ready: ")


class Stage:
    """Where tests start daemons.

    Attributes:
        lan: whose hosts they run on.
        directory: for logs, scripts and settings.
    """

    def __init__(self, lan: Lan, directory: Path) -> None:
        """Set up nothing yet.

        Args:
            lan: whose hosts the daemons will run on.
            directory: for logs, scripts and settings.
        """
        self.lan = lan
        self.directory = directory
        self.resources = contextlib.ExitStack()

    def close(self) -> None:
        """Stop to watch, and print what the daemons have told, for the report of a test that failed."""
        self.resources.close()
        for log_file in sorted(self.directory.glob("*.log")):
            told = log_file.read_text(encoding="utf-8", errors="replace")
            sys.stdout.write(f"--- {log_file.stem}\n{told}")

    def run_carpd(
        self,
        host: Host,
        argv: Sequence[str],
        *,
        program: Sequence[str] = PROGRAM,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Carpd:
        """Start a carpd with a command line of one's own, without waiting for anything."""
        log_file = self.log_file(host)
        with log_file.open("wb") as log:
            process = host.popen(
                [*program, *argv], stderr=log if stderr is None else stderr, env=env or environment()
            )
        return Carpd(host, process, log_file)

    def log_file(self, host: Host) -> Path:
        """Return the name of a new log."""
        return self.directory / f"{host.name}-{next(_numbers)}.log"


class Site(Stage):
    """A LAN with three hosts, of which the tests watch every frame and every change of the virtual address.

    Attributes:
        lan: the LAN.
        one: 10.0.0.1, which wins every tie.
        two: 10.0.0.2.
        three: 10.0.0.3.
        wire: what crosses the switch.
        holders: who has the virtual address.
        directory: for logs and scripts.
    """

    def __init__(self, lan: Lan, directory: Path) -> None:
        """Add hosts to a LAN and begin to watch it.

        Args:
            lan: without hosts.
            directory: for logs and scripts.
        """
        super().__init__(lan, directory)
        self.one, self.two, self.three = (
            lan.add_host(name, f"10.0.0.{number}/24") for number, name in enumerate(("one", "two", "three"), 1)
        )
        self.wire = Wire(self.resources.enter_context(lan.capture()))
        self.holders = self.resources.enter_context(Holders(lan.hosts.values(), VIP))

    def carpd(
        self,
        host: Host,
        *flags: str | os.PathLike[str],
        advbase_s: int = 0,
        advskew: int = 26,
        vhid: int = VHID,
        password: str = PASSWORD,
        vip: str = VIP,
        program: Sequence[str] = PROGRAM,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Carpd:
        """Start a carpd on a host, without waiting for anything; see `options`."""
        argv = options(host, *flags, advbase_s=advbase_s, advskew=advskew, vhid=vhid, password=password, vip=vip)
        return self.run_carpd(host, argv, program=program, stderr=stderr, env=env)

    def master(self, host: Host, *flags: str | os.PathLike[str], advskew: int = 26) -> Carpd:
        """Start a carpd on a host and wait until it holds the virtual address and has announced it."""
        since = clock.now()
        daemon = self.carpd(host, *flags, advskew=advskew)
        daemon.wait_for_log("Switching to state: MASTER")
        self.holders.wait_until_holder(host)
        self.wire.wait_for_announcement(host, since=since)
        return daemon

    def backup(self, host: Host, *flags: str | os.PathLike[str], advskew: int = 52) -> Carpd:
        """Start a carpd on a host beside a master and wait until it listens."""
        daemon = self.carpd(host, *flags, advskew=advskew)
        daemon.wait_until_ready()
        return daemon

    def pair(self) -> tuple[Carpd, Carpd]:
        """Start a master on the first host, with a dead time of 0.6 s, and a backup on the second, with 0.75 s."""
        master = self.master(self.one, advskew=52)
        backup = self.backup(self.two, advskew=64)
        # The backup knows the master.
        self.wire.wait_for_advertisement(self.one, since=clock.now())
        return master, backup

    def settle(self, *, timeout_s: float = EXIT_S) -> Host:
        """Wait until four advertisements in a row, from now on, came from one host, and return it."""
        run: list[str] = []
        enough = 4

        def is_the_last(frame: Frame) -> bool:
            if read(frame) is not None:
                if run and run[-1] != frame.host:
                    run.clear()
                run.append(frame.host)
            return len(run) == enough

        self.wire.capture.wait_for(is_the_last, since=clock.now(), timeout_s=timeout_s)
        return self.lan.hosts[run[-1]]


def wait_until(true: Callable[[], bool], what: str, *, timeout_s: float = EXIT_S) -> None:
    """Wait until something holds that nobody sends news of."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not in {timeout_s} s: {what}"
        time.sleep(_POLL_S)


def traces(host: Host) -> dict[str, list[str]]:
    """Return what a daemon could leave behind in a host's kernel: addresses, memberships, sockets."""

    def fields(name: str) -> list[list[str]]:
        file = Path(f"/proc/thread-self/net/{name}")
        if not file.exists():  # a kernel without IPv6
            return []
        return [line.split() for line in file.read_text(encoding="ascii", errors="replace").splitlines()]

    return host.call(
        lambda: {
            "addresses": sorted(str(address.ip) for address in host.addresses()),
            "groups": sorted(line[0] for line in fields("igmp") if len(line[0]) == len("120000E0")),
            "groups of IPv6": sorted(line[2] for line in fields("igmp6")),
            "multicast MACs": sorted(line[4] for line in fields("dev_mcast")),
            "packet sockets": [line[3] for line in fields("packet")[1:]],
            "raw sockets": [line[1] for name in ("raw", "raw6") for line in fields(name)[1:]],
            "locks": sorted({line[-1] for line in fields("unix") if "triocarp" in line[-1]}),
        }
    )
