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

_READY_S: Final = 40
_EXIT_S: Final = 30
_READ_BYTES: Final = 1 << 16
_LAST_WORDS_BYTES: Final = 500


class Daemon:
    """A running daemon, which may be several processes that were started one by one.

    Attributes:
        started_at: When it was started, in nanoseconds of the lab's clock.
    """

    started_at: int

    def __init__(self, host: Host, commands: Sequence[Sequence[str]], ready: str) -> None:
        """Start it.

        Args:
            host: Where.
            commands: What, a process each.
            ready: Words that each of them logs when it takes part.
        """
        self._name = f"{Path(commands[0][0]).name} on {host.name}"
        self._words = ready.encode()
        self._awaited = len(commands)
        self._last_words = b""
        self._logged = 0
        self._ready_at: int | None = None
        self._changed = threading.Condition()
        reader, writer = os.pipe2(os.O_CLOEXEC)
        # Before the first process, for what all of them say at the start is more than a pipe takes.
        threading.Thread(target=self._read_log, args=(reader,), name="log", daemon=True).start()
        self.started_at = clock.now()
        try:
            self._processes = [
                host.popen(command, stdout=writer, stderr=subprocess.STDOUT) for command in commands
            ]
        finally:
            os.close(writer)

    def wait_until_ready(self) -> int:
        """Wait until all of it takes part, and return since when, in nanoseconds of the lab's clock.

        Raises:
            TimeoutError: it does not come to that; with its last words.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._ready_at is not None, _READY_S):
                last_words = " | ".join(self._last_words.decode(errors="replace").splitlines())
                raise TimeoutError(f"{self._name} is not ready after {_READY_S} s: {last_words}")
            return self._ready_at or 0

    @property
    def logged(self) -> int:
        """How many bytes it has logged."""
        with self._changed:
            return self._logged

    def ask_to_end(self) -> int:
        """Send SIGTERM, and return when, in nanoseconds of the lab's clock."""
        at = clock.now()
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        return at

    def wait_until_ended(self) -> None:
        """Wait for its end."""
        for process in self._processes:
            process.wait(_EXIT_S)

    def kill(self) -> int:
        """Send SIGKILL to all its processes, and return when, in nanoseconds of the lab's clock.

        A supervisor whose child is killed would start another one, and a child that outlives its supervisor
        would end in good order: no crash looks like that.
        """
        numbers = self.processes()
        at = clock.now()
        for number in reversed(numbers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return at

    def processes(self) -> list[int]:
        """Return the numbers of its processes, parents before their children."""
        found = [process.pid for process in self._processes]
        for number in found:
            for children in Path(f"/proc/{number}/task").glob("*/children"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a script that has just ended
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

    def _read_log(self, reader: int) -> None:
        """Take note of what is logged, until nobody is left who could; only the last of it is kept."""
        count, rest = 0, b""
        with os.fdopen(reader, "rb", buffering=0) as stream:
            while chunk := stream.read(_READ_BYTES):
                at = clock.now()
                with self._changed:
                    self._logged += len(chunk)
                    self._last_words = (self._last_words + chunk)[-_LAST_WORDS_BYTES:]
                    if self._ready_at is None:
                        rest += chunk
                        count += rest.count(self._words)
                        rest = rest[1 - len(self._words) :]
                        if count >= self._awaited:
                            self._ready_at = at
                            self._changed.notify_all()
