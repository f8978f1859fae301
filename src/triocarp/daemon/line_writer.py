"""Writes lines to a stream that may block, without ever blocking the protocol.

A pipe whose reader hangs blocks whoever writes into it. So a thread writes, and a bounded queue lies between;
when that is full, lines are lost and their number is told later.
"""

import contextlib
import queue
import threading
from typing import Final, TextIO, final

_WAITING_MAX: Final = 1000
_FLUSH_S: Final = 1.0


@final
class LineWriter:
    """A thread that writes.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(_WAITING_MAX)
        self._lost = 0
        # A daemon thread: a stream that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Have a line written, without waiting for it.

        Args:
            line: without its end.
        """
        try:
            if self._lost:
                self._lines.put_nowait(f"({self._lost} log lines lost: the log's reader is too slow)")
                self._lost = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what is waiting, for a second at most."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=_FLUSH_S)
            self._thread.join(_FLUSH_S)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            # A closed pipe is no reason to let the address go.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(f"{line}\n")
                self._stream.flush()
