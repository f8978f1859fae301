"""Gives the same to the real ucarp and to carpd, each on a LAN of its own, and tells what each has done."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias, TypeVar

from tests.kernel.daemons import EXIT_S, PROGRAM, Daemon, Site, environment, wait_until
from tests.kernel.wire import PASSWORD, VHID, VIP, Crafted, open_sender, read
from triocarp.lab import INTERFACE, Lan, clock

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.kernel.wire import Heard
    from triocarp.lab import Host

_Case = TypeVar("_Case")
_Result = TypeVar("_Result")

TOGETHER: Final = 24
"""How many are played at once: they mostly wait."""

PATIENCE_S: Final = 30
"""For what takes ucarp up to five seconds, on a machine with other work."""

OWN: Final = "10.0.0.2"
"""The address of the host on which they run: of the others one is lower and one is higher."""

LEAST: Final = ("-i", INTERFACE, "-s", OWN, "-v", str(VHID), "-a", VIP, "-f", "none")
NEEDED: Final = (*LEAST, "-p", PASSWORD)

_AT_ONCE_S: Final = 1
_TALK_S: Final = 0.25

WORDS: Final = (
    "Switching to state: BACKUP",
    "Switching to state: MASTER",
    "Preferred master advertised: going back to BACKUP state",
    "Non-preferred master advertising: reasserting control of VIP with another gratuitous arp",
    "Putting MASTER down - preemption",
    "Putting MASTER DOWN (going to time out)",
    "Bad TTL: [254]",
    "Bad version",
    "Bad IP checksum",
    "Bad digest",
    "Check vhid, password and virtual IP address",
    "Password too long",
    "You must supply a valid virtual host id",
    "You must supply a persistent source address",
    "You must supply a virtual host address",
    "You must supply a password",
    "You must supply an advertisement time base",
    "Dead ratio can't be zero",
    "Invalid address: [",
    "vhid must be between 1 and 255.",
    "Unable to find MAC address of [nope0]",
    "Unknown syslog facility: [console]",
    "Warning: no script called when going up",
    "Warning: no script called when going down",
)
"""What people look for in the log."""

Script: TypeAlias = tuple[str, ...]


@dataclass
class Play:
    """One program on a LAN.

    Attributes:
        site: the LAN; the program is on the second host.
        program: what starts it.
        directory: for scripts and their notes.
        daemon: it, once it was started.
    """

    site: Site
    program: tuple[str, ...]
    directory: Path
    daemon: Daemon = field(init=False)

    @property
    def host(self) -> Host:
        """Where the program runs."""
        return self.site.two

    def start(self, *words: str) -> Daemon:
        """Start the program with a command line, in which `@` is the directory of the play."""
        log_file = self.site.log_file(self.host)
        argv = [*self.program, *(word.replace("@", str(self.directory)) for word in words)]
        with log_file.open("wb") as log:
            # What it tells shall be in the order in which it was told.
            process = self.host.popen(argv, stdout=log, stderr=log, env=environment(), cwd=self.directory)
        self.daemon = Daemon(self.host, process, log_file)
        return self.daemon

    def ended_with(self) -> int | None:
        """Wait until it has ended or listens, and return its exit status, or None if it listens."""
        process = self.daemon.process
        wait_until(
            lambda: process.poll() is not None or "Switching to state: BACKUP" in self.daemon.log,
            "it begins or ends",
            timeout_s=PATIENCE_S,
        )
        # A ucarp says so before it has joined its group, and ends if it cannot.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_AT_ONCE_S)
        return process.returncode

    def words(self) -> frozenset[str]:
        """Return what of `WORDS` it has told."""
        return frozenset(word for word in WORDS if word in self.daemon.log)

    def scripts(self) -> list[Script]:
        """Return the scripts that have run, with their arguments, in order."""
        notes = self.directory / "notes"
        lines = notes.read_text("utf-8").splitlines() if notes.exists() else []
        return [tuple(line.split("|")[:-1]) for line in lines]

    def wait_for_scripts(self, count: int) -> None:
        """Wait until a number of scripts have run."""
        wait_until(lambda: len(self.scripts()) >= count, f"{count} scripts", timeout_s=PATIENCE_S)

    def kinds(self, *, since: int = 0) -> list[str]:
        """Return what it has sent, in words."""
        frames = [frame for frame in self.site.wire.capture.frames if frame.host == "two" and frame.at >= since]
        found: list[str] = []
        for frame in frames:
            heard = read(frame)
            if frame.announces is not None:
                found.append("announcement")
            elif heard is not None:
                found.append("goodbye" if heard.advertisement.is_goodbye else "advertisement")
        return found

    def wait_for_advertisement(self, *, since: int = 0, count: int = 1) -> Heard:
        """Wait until it has advertised a number of times."""
        return self.site.wire.wait_for_advertisement(self.host, since=since, count=count, timeout_s=PATIENCE_S)

    def talk(self, frame: Crafted, *, of: Host | None = None) -> Talker:
        """Begin to send a frame again and again, from the first host or another one."""
        return Talker(of or self.site.one, frame.frame())

    def say(self, *frames: Crafted) -> None:
        """Send each of some frames once."""
        with open_sender(self.site.one) as sender:
            for frame in frames:
                sender.send(frame.frame())

    def catch_up(self) -> None:
        """Wait until all that has crossed the switch was captured."""
        marker = Crafted(source="10.0.0.1", payload=b"")
        said = clock.now()
        self.say(marker)
        self.site.wire.capture.wait_for(lambda frame: frame.host == "one", since=said, timeout_s=PATIENCE_S)

    def pids(self) -> list[int]:
        """Return the processes of the program on its host, wherever they were started."""
        return pids_of(self.host, self.program[-1])

    def stop(self, number: signal.Signals) -> None:
        """Ask all processes of the program to end, and wait until they have."""
        for pid in self.pids():
            os.kill(pid, number)
        wait_until(lambda: not self.pids(), "it ends", timeout_s=EXIT_S)


def pids_of(host: Host, word: str) -> list[int]:
    """Return the processes on a host that have a word on their command line."""
    here = host.call(lambda: Path("/proc/thread-self/ns/net").stat().st_ino)
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            words = (process / "cmdline").read_bytes().split(b"\0")
            if word.encode() in words and (process / "ns/net").stat().st_ino == here:
                found.append(int(process.name))
    return found


class Talker:
    """Sends one frame again and again; a context manager that stops it."""

    def __init__(self, host: Host, frame: bytes) -> None:
        """Begin.

        Args:
            host: who sends.
            frame: what.
        """
        self._frame = frame
        self._stop = threading.Event()
        self._socket = open_sender(host)
        self._thread = threading.Thread(target=self._talk)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _talk(self) -> None:
        while True:
            self._socket.send(self._frame)
            if self._stop.wait(_TALK_S):
                return


_SCRIPT: Final = """#!/bin/sh
(printf '%s|' {name} "$@"; echo) >> {notes}
"""


def _write_scripts(directory: Path) -> None:
    """Write an up and a down script that take note of their arguments."""
    for name in ("up", "down"):
        path = directory / name
        path.write_text(_SCRIPT.format(name=name, notes=directory / "notes"), encoding="ascii")
        path.chmod(0o755)
    (directory / "password").write_text(f"{PASSWORD}\n", encoding="ascii")


def play_all(
    cases: Iterable[_Case], play: Callable[[Play, _Case], _Result], ucarp: str, directory: Path
) -> Iterator[tuple[_Case, _Result, _Result]]:
    """Play each case with ucarp and with carpd, many at once, and return what came of each.

    Args:
        cases: what to play.
        play: plays one of them.
        ucarp: the path of the real one.
        directory: for what they write.
    """

    def play_one(case: _Case, program: tuple[str, ...], number: int) -> _Result:
        place = directory / f"{number}"
        place.mkdir()
        _write_scripts(place)
        with Lan() as lan:
            site = Site(lan, place)
            one = Play(site, program, place)
            try:
                return play(one, case)
            except Exception as error:
                error.add_note(f"{case}: {' '.join(program)}\n{_log_of(place)}")
                raise
            finally:
                site.resources.close()

    ordered = list(cases)
    programs: Sequence[tuple[str, ...]] = ((ucarp,), PROGRAM)
    with ThreadPoolExecutor(TOGETHER) as pool:
        jobs = [(case, program) for case in ordered for program in programs]
        results = list(pool.map(play_one, *zip(*jobs, strict=True), itertools.count()))
    yield from zip(ordered, results[::2], results[1::2], strict=True)


def _log_of(directory: Path) -> str:
    return "\n".join(
        re.sub(r"(?m)^", "  ", file.read_text("utf-8", "replace")) for file in directory.glob("*.log")
    )


def settle(seconds: float) -> int:
    """Let some time go by in which nothing shall happen, and return when it began."""
    began = clock.now()
    time.sleep(seconds)
    return began
