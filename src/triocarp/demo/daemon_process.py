"""A running carpd: its process, and what it says."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from triocarp.lab import Host

_LINE: Final = re.compile(r"(?P<stamp>\S+): \[(?P<level>[A-Z]+)\] (?P<text>.*)")
_TRANSITION: Final = re.compile(r"Switching to state: (?P<state>INIT|BACKUP|MASTER)(?: - (?P<sentence>.*))?")
_TAIL_LINES: Final = 12
_LAST_WORDS_S: Final = 2.0
_STEP_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line that a daemon wrote.

    Attributes:
        host: on which host.
        wall_ns: the line's own time stamp in nanoseconds of the wall clock; None if it has none.
        level: as written; empty for what is no log line.
        text: what follows.
    """

    host: str
    wall_ns: int | None
    level: str
    text: str

    @property
    def state(self) -> str | None:
        """The state that the daemon says to have entered."""
        found = _TRANSITION.fullmatch(self.text)
        return found["state"] if found else None

    @property
    def sentence(self) -> str:
        """The daemon's explanation of a transition, or the whole text."""
        found = _TRANSITION.fullmatch(self.text)
        return (found and found["sentence"]) or self.text


def read_line(host: str, text: str) -> LogLine:
    """Return what a line says.

    Args:
        host: on which host it was written, with the clock of `UTC`.
        text: the line without its end.
    """
    found = _LINE.fullmatch(text)
    if found is not None:
        with contextlib.suppress(ValueError):
            instant = datetime.fromisoformat(found["stamp"]).replace(tzinfo=UTC)
            wall_ns = round(instant.timestamp() * 1e6) * 1000
            return LogLine(host=host, wall_ns=wall_ns, level=found["level"], text=found["text"])
    return LogLine(host=host, wall_ns=None, level="", text=text)


class DaemonEnded(Exception):  # noqa: N818 - what happened; whether it is an error depends on the step
    """Raised when a daemon ended while something was expected of it."""


class DaemonProcess:
    """A carpd on a host of the lab, which kills it at the latest when it closes the host.

    Attributes:
        host: where it runs.
        process: its process.
    """

    def __init__(self, host: Host, argv: Sequence[str], *, heard: Callable[[LogLine], None]) -> None:
        """Start it.

        Args:
            host: where.
            argv: its command line.
            heard: is told each line, from a thread of ours.
        """
        self.host = host
        self._heard = heard
        self._lines: list[LogLine] = []
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._changed = threading.Condition()
        environment: Mapping[str, str] = {**os.environ, "TZ": "UTC"}
        # A pipe of our own: one of the lab's might be closed while the thread reads it.
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            self.process = host.popen(argv, stdout=writer, stderr=subprocess.STDOUT, env=environment)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self._thread = threading.Thread(target=self._follow, args=(reader,), name="daemon log", daemon=True)
        self._thread.start()

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines that it wrote."""
        with self._changed:
            return tuple(self._tail)

    def check(self) -> None:
        """Check that it runs.

        Raises:
            DaemonEnded: it does not.
        """
        status = self.process.poll()
        if status is not None:
            self.join(_LAST_WORDS_S)
            raise DaemonEnded(f"carpd on {self.host.name} ended by itself with exit status {status}")

    def wait_for_line(self, wanted: Callable[[LogLine], bool], *, timeout_s: float) -> LogLine:
        """Wait for a line and return the first, be it written before the call or after.

        Args:
            wanted: tells whether a line is the one.
            timeout_s: how long to wait.

        Raises:
            DaemonEnded: the daemon ended without writing it.
            TimeoutError: it was not written in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            with self._changed:
                self._changed.wait_for(lambda: any(map(wanted, self._lines)), _STEP_S)
                for line in self._lines:
                    if wanted(line):
                        return line
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"carpd on {self.host.name} did not say so in {timeout_s:g} s")

    def join(self, timeout_s: float) -> None:
        """Wait until all that the ended daemon wrote is known.

        Args:
            timeout_s: how long to wait.
        """
        self._thread.join(timeout_s)

    def _follow(self, descriptor: int) -> None:
        with open(descriptor, encoding="utf-8", errors="replace") as stream:
            for text in stream:
                line = read_line(self.host.name, text.rstrip("\n"))
                with self._changed:
                    self._lines.append(line)
                    self._tail.append(text.rstrip("\n"))
                    self._changed.notify_all()
                self._heard(line)
