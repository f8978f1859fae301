"""A daemon under measurement: its log, its processes, their memory and their processor time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from triocarp.lab import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triocarp.lab import Host

_READY_S: Final = 20
_EXIT_S: Final = 15
_LAST_WORDS: Final = 5


class Daemon:
    """A running daemon.

    Attributes:
        started_at: When it was started, in nanoseconds of the lab's clock.
    """

    started_at: int

    def __init__(self, host: Host, command: Sequence[str], ready: str) -> None:
        """Start it.

        Args:
            host: Where.
            command: What.
            ready: Words of its log from which on it takes part.
        """
        self._name = f"{Path(command[0]).name} on {host.name}"
        self._words = ready
        self._log: list[str] = []
        self._ready_at: int | None = None
        self._changed = threading.Condition()
        self.started_at = clock.now()
        self._process = host.popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self._read_log, name="log", daemon=True).start()

    def wait_until_ready(self) -> int:
        """Wait until it takes part, and return since when, in nanoseconds of the lab's clock.

        Raises:
            TimeoutError: it does not come to that; with its last words.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._ready_at is not None, _READY_S):
                last_words = " | ".join(self._log[-_LAST_WORDS:])
                raise TimeoutError(f"{self._name} is not ready after {_READY_S} s: {last_words}")
            return self._ready_at or 0

    def ask_to_end(self) -> int:
        """Send SIGTERM, and return when, in nanoseconds of the lab's clock."""
        at = clock.now()
        self._process.send_signal(signal.SIGTERM)
        return at

    def wait_until_ended(self) -> None:
        """Wait for its end."""
        self._process.wait(_EXIT_S)

    def kill(self) -> int:
        """Send SIGKILL to all its processes, and return when, in nanoseconds of the lab's clock.

        A supervisor whose child is killed would start another one, and a child that outlives its supervisor
        would end in good order: no crash looks like that.
        """
        at = clock.now()
        for number in reversed(self.processes()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return at

    def processes(self) -> list[int]:
        """Return the numbers of its processes, parents before their children."""
        found = [self._process.pid]
        for number in found:
            for children in Path(f"/proc/{number}/task").glob("*/children"):
                found += map(int, children.read_text(encoding="ascii").split())
        return found

    def memory_mib(self, kind: str) -> float:
        """Return how much memory it uses.

        Args:
            kind: `Rss` for all that is resident, `Pss` for its share where it shares it with others.
        """
        kib = 0
        for number in self.processes():
            for line in Path(f"/proc/{number}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith(f"{kind}:"):
                    kib += int(line.split()[1])
        return kib / 1024

    def processor_time(self) -> int:
        """Return how long its present processes have run on a core, in nanoseconds."""
        return sum(
            int(statistics.read_text(encoding="ascii").split()[0])
            for number in self.processes()
            for statistics in Path(f"/proc/{number}/task").glob("*/schedstat")
        )

    def _read_log(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        # The lab closes the stream when it dissolves the host.
        with contextlib.suppress(ValueError, OSError):
            for line in stream:
                at, text = clock.now(), line.decode(errors="replace").rstrip()
                with self._changed:
                    self._log.append(text)
                    if self._ready_at is None and self._words in text:
                        self._ready_at = at
                        self._changed.notify_all()
