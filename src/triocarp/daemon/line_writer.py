"""Writes lines to a stream that may block, without ever blocking the protocol.

A pipe whose reader hangs blocks whoever writes into it. So a thread writes, and a bounded queue lies between;
when that is full, lines are lost and their number is told later.
"""

import contextlib
import queue
import threading
import time
from typing import Final, Protocol, final

_WAITING_MAX: Final = 1000
_FLUSH_S: Final = 1.0


class Stream(Protocol):
    """Where lines go."""

    def write(self, line: str, /) -> object:
        """Write a line with its end. May take any time, and may raise `OSError` or `ValueError`."""
        ...

    def flush(self) -> object:
        """Let go of what waits."""
        ...


@final
class LineWriter:
    """A thread that writes.

    Args:
        stream: where to.
        flush_s: how long `close` waits for a stream that does not take what is waiting.
    """

    def __init__(self, stream: Stream, *, flush_s: float = _FLUSH_S) -> None:
        self._stream = stream
        self._flush_s = flush_s
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
                self._lines.put_nowait(self._loss())
                self._lost = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what is waiting, for `flush_s` at most."""
        limit = time.monotonic() + self._flush_s
        ending = [self._loss(), None] if self._lost else [None]
        with contextlib.suppress(queue.Full):
            for line in ending:
                self._lines.put(line, timeout=max(0.0, limit - time.monotonic()))
            self._thread.join(max(0.0, limit - time.monotonic()))

    def _loss(self) -> str:
        return f"({self._lost} log lines lost: the log's reader is too slow)"

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            # A closed pipe is no reason to let the address go.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(f"{line}\n")
                self._stream.flush()
