"""A syslog that programs of a test find at `/dev/log`, wherever the machine's own may be."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LINE_MAX: Final = 65536
_POLL_S: Final = 0.005
_PATIENCE_S: Final = 0.05
_PRIVATE_DEV: Final = """
set -e
mount -t tmpfs none "$1/dev"
touch "$1/dev/null" "$1/dev/urandom" "$1/dev/log"
mount --bind /dev/null "$1/dev/null"
mount --bind /dev/urandom "$1/dev/urandom"
mount --bind "$1/log" "$1/dev/log"
mount --rbind "$1/dev" /dev
shift
exec "$@"
"""


class Syslog:
    """Listens until it is closed.

    Attributes:
        lines: what came, as it came.
    """

    def __init__(self, directory: Path) -> None:
        """Begin to listen.

        Args:
            directory: for the socket; of this syslog alone.
        """
        self.lines: list[str] = []
        self._directory = directory
        (directory / "dev").mkdir(parents=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        here = os.open(directory, os.O_PATH)
        self._socket.bind(f"/proc/self/fd/{here}/log")  # the whole path may be too long for a socket
        os.close(here)
        self._socket.settimeout(_PATIENCE_S)
        self._reading = True
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def close(self) -> None:
        """Stop to listen."""
        self.stop_reading()
        self._socket.close()

    def stop_reading(self) -> None:
        """Take no line any more, as a syslog that hangs, until it is closed."""
        self._reading = False
        self._thread.join()

    def argv(self, *command: str) -> list[str]:
        """Return what runs a command that finds this syslog."""
        return ["unshare", "--mount", "/bin/sh", "-c", _PRIVATE_DEV, "sh", str(self._directory), *command]

    def wait_for(self, pattern: str, timeout_s: float = 20) -> re.Match[str]:
        """Wait for a line that has a pattern."""
        deadline = time.monotonic() + timeout_s
        while True:
            for line in tuple(self.lines):
                if found := re.search(pattern, line):
                    return found
            assert time.monotonic() < deadline, f"no {pattern!r} among {self.lines}"
            time.sleep(_POLL_S)

    def texts(self, levels: Sequence[str] = ("INFO", "WARNING", "ERROR")) -> list[str]:
        """Return the words of the lines of some levels."""
        words = [re.sub(r"^.*?\[\d+\]: ", "", line) for line in self.lines]
        return [word for word in words if word.partition("]")[0][1:] in levels]

    def _listen(self) -> None:
        while self._reading:
            with contextlib.suppress(TimeoutError):
                self.lines.append(self._socket.recv(_LINE_MAX).decode("utf-8", "replace"))
