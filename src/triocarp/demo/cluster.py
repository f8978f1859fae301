"""The hosts, the client, the daemons and all that is recorded about them."""

from __future__ import annotations

import contextlib
import secrets
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from triocarp.demo.cast import CLIENT, CLIENT_IP, MEMBERS, PREFIX_LENGTH, VHID, VIRTUAL_ADDRESS, Member
from triocarp.demo.daemon_process import DaemonProcess, LogLine
from triocarp.demo.measurement import Records
from triocarp.demo.view import RUNNING, Condition, HostView, View
from triocarp.demo.wire import CARP_AND_ARP, advertised, all_advertised, all_announced
from triocarp.lab import INTERFACE, Capture, Frame, Holders, Host, Lan, Probe, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import TracebackType

CARPD: Final = (sys.executable, "-m", "triocarp.daemon")
"""The command that starts carpd."""

_FRAME_STEP_S: Final = 0.2
_LAST_WORDS_S: Final = 2.0


class Cluster:
    """Three hosts, a client and a switch in private networks; a context manager that leaves nothing behind.

    Attributes:
        hosts: the three by name.
        daemons: the last daemon of each host by name.
        began: when this began, in nanoseconds of the lab's clock.
        holders: who holds the virtual address.
        probe: the client's probes.
        capture: advertisements and ARP, as they entered the switch.
        everything: all frames, if they are to be kept.
    """

    def __init__(self, *, carpd: Sequence[str] = CARPD, heard: Callable[[LogLine], None], keep: bool) -> None:
        """Build it; no daemon runs yet, and no host but the client has a carrier.

        Args:
            carpd: the command that starts carpd.
            heard: is told each line of the daemons' logs, from threads of ours.
            keep: record all frames, the client's probes too.
        """
        self._carpd = tuple(carpd)
        self._heard = heard
        self.began = clock.now()
        self._wall_offset, _ = clock.realtime_offset()
        self._lock = threading.Lock()
        self._condition = dict.fromkeys((member.name for member in MEMBERS), Condition.OFF)
        self._said = dict.fromkeys(self._condition, "")
        self.daemons: dict[str, DaemonProcess] = {}
        with contextlib.ExitStack() as stack:
            # The private network's /run is in memory, and nobody else sees it.
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="carpd-", dir="/run"))
            self._password = _write_password(Path(directory))
            stack.callback(self._join_daemons)
            lan = stack.enter_context(Lan())
            self.hosts = {one.name: lan.add_host(one.name, f"{one.ip}/{PREFIX_LENGTH}") for one in MEMBERS}
            self._client = lan.add_host(CLIENT, f"{CLIENT_IP}/{PREFIX_LENGTH}")
            self._names = {host.mac: host.name for host in self.hosts.values()}
            for host in self.hosts.values():
                host.lose_carrier()
            self.capture = stack.enter_context(lan.capture(CARP_AND_ARP))
            self.everything: Capture | None = stack.enter_context(lan.capture()) if keep else None
            self.holders = stack.enter_context(Holders(self.hosts.values(), VIRTUAL_ADDRESS))
            with _spared_from_interrupts():
                self.probe = stack.enter_context(Probe(self._client, VIRTUAL_ADDRESS))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    # The daemons

    def host(self, member: Member) -> Host:
        """Return a member's host."""
        return self.hosts[member.name]

    def start(self, member: Member) -> DaemonProcess:
        """Start carpd on a host."""
        options = [
            "-i",
            INTERFACE,
            "-v",
            str(VHID),
            "-o",
            str(self._password),
            "-a",
            VIRTUAL_ADDRESS,
            "-f",
            "none",
        ]
        options += ["-s", member.ip, "-k", str(member.advskew), *(["-P"] if member.preempts else [])]
        self._set(member, Condition.STARTING)
        with _spared_from_interrupts():
            daemon = DaemonProcess(self.host(member), [*self._carpd, *options], heard=self._take)
        self.daemons[member.name] = daemon
        return daemon

    def crash(self, member: Member) -> int:
        """Let a host die, and return when."""
        self._set(member, Condition.CRASHED)
        return self.host(member).crash(self.daemons[member.name].process)

    def kill(self, member: Member) -> int:
        """Kill the daemon of a host that lives on, and return when."""
        self._set(member, Condition.KILLED)
        process = self.daemons[member.name].process
        at = clock.now()
        process.kill()
        process.wait()
        return at

    def stop(self, member: Member, *, timeout_s: float) -> int:
        """Stop a daemon with SIGTERM and return its exit status.

        Raises:
            subprocess.TimeoutExpired: it did not end in time.
        """
        daemon = self.daemons[member.name]
        daemon.process.terminate()
        status = daemon.process.wait(timeout_s)
        daemon.join(_LAST_WORDS_S)
        self._set(member, Condition.STOPPED)
        return status

    def running(self) -> tuple[Member, ...]:
        """Return the hosts on which a daemon should be running."""
        with self._lock:
            return tuple(one for one in MEMBERS if self._condition[one.name] in RUNNING)

    def check_daemons(self) -> None:
        """Check that all daemons run that should.

        Raises:
            DaemonEnded: one does not.
        """
        for member in self.running():
            self.daemons[member.name].check()

    # What is recorded

    def wait_for_frame(self, wanted: Callable[[Frame], bool], *, since: int, timeout_s: float) -> Frame:
        """Wait for a frame and return the first.

        Args:
            wanted: tells whether a frame is the one.
            since: the earliest instant.
            timeout_s: how long to wait.

        Raises:
            DaemonEnded: a daemon ended meanwhile.
            TimeoutError: no such frame came in time.
        """
        deadline = clock.now() + int(timeout_s * clock.SECOND)
        while True:
            try:
                return self.capture.wait_for(wanted, since=since, timeout_s=_FRAME_STEP_S)
            except TimeoutError:
                self.check_daemons()
                if clock.now() > deadline:
                    raise

    def records(self, since: int) -> Records:
        """Return what was recorded of a step that ends now."""
        frames = self.capture.frames
        return Records(
            since=since,
            until=clock.now(),
            advertised=all_advertised(frames),
            announced=all_announced(frames),
            replies=self.probe.replies,
            outages=self.probe.outages(since=since),
            holdings=self.holders.holdings,
        )

    def instant_of(self, line: LogLine) -> int:
        """Return when a line was written, in nanoseconds of the lab's clock; now if it does not say so."""
        return clock.now() if line.wall_ns is None else line.wall_ns + self._wall_offset

    def view(self) -> View:
        """Return how everything is at this moment."""
        now = clock.now()
        holders = self.holders.holders_now()
        with self._lock:
            hosts = tuple(
                HostView(
                    member=one,
                    condition=self._condition[one.name],
                    holds=one.name in holders,
                    last=self._said[one.name],
                )
                for one in MEMBERS
            )
        replies = self.probe.replies
        last = replies[-1] if replies else None
        heard = next(filter(None, map(advertised, reversed(self.capture.frames))), None)
        return View(
            hosts=hosts,
            answered_by=self._names.get(last.mac, last.mac) if last else "",
            unanswered=now - (last.at if last else self.began),
            advertiser=heard.host if heard else "",
            silence=now - (heard.at if heard else self.began),
        )

    def _set(self, member: Member, condition: Condition) -> None:
        with self._lock:
            self._condition[member.name] = condition

    def _take(self, line: LogLine) -> None:
        with self._lock:
            # What a daemon said before it was killed may be read afterwards.
            if line.state is not None and self._condition[line.host] in RUNNING:
                self._condition[line.host] = Condition(line.state)
            self._said[line.host] = line.sentence
        self._heard(line)

    def _join_daemons(self) -> None:
        for daemon in self.daemons.values():
            daemon.join(_LAST_WORDS_S)


@contextlib.contextmanager
def _spared_from_interrupts() -> Generator[None]:
    """Start processes that a Ctrl-C does not reach: it is this process that ends them, in order."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _write_password(directory: Path) -> Path:
    file = directory / "password"
    file.touch(mode=0o600)
    file.write_text(secrets.token_hex(8) + "\n", encoding="ascii")
    return file
