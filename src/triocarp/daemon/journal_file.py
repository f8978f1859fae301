"""Writes the journal of a running host to a file, without ever blocking the protocol.

The protocol's thread only puts objects into a bounded queue; they are immutable, so a thread can write them later.
That thread waits a little when it is woken, and again after each line: while it makes a line the protocol cannot
run, and what wakes it is often the beginning of a takeover.

Before each line the thread looks whether the file still has its name, so a journal that was renamed, as logrotate
does, goes on in a new file.

What cannot be written is lost, and counted: entries are numbered before they are queued, so the thread sees what
is missing, whether the queue was full or the disk, and says it in the place of the loss with a `Gap`. Where the
file never can be written again there is no such place, so how many are lost in all is told at the end, too.
"""

import contextlib
import fcntl
import math
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, final

from triocarp.core import Effect, Event
from triocarp.core.journal import Entry, Gap, Header, encode

_WAITING_MAX: Final = 4096
"""Entries that wait; a disk may be silent for 16 s with 255 virtual hosts of one advertisement a second."""

_SETTLE_S: Final = 0.02
"""How long the thread lets the protocol go on when it is woken. As much is lost if carpd is killed."""

_PAUSE_S: Final = 0.0001
"""The same after each line."""

_FLUSH_S: Final = 1.0
_RETRY_S: Final = 1.0
_NOTICE_S: Final = 10.0
_MODE: Final = 0o600
"""With the journal passwords can be guessed, as with a capture of the advertisements."""

_TOO_SLOW: Final = "the disk is too slow"


@final
@dataclass(frozen=True, slots=True)
class _Close:
    """Asks the thread to end.

    Attributes:
        following: number of the entry that does not come any more.
    """

    following: int


_Wish: TypeAlias = tuple[int, int, Event, tuple[Effect, ...]] | _Close


@final
class JournalFile:
    """The real `JournalPort`.

    Args:
        path: of the file; lines are appended to what is there. When it was renamed or removed, a new one is begun.
        header: makes the header in front of the entry with this number; is called by the thread.
        notice: is told, in a sentence, when the file cannot be written, each time that this begins; when it can be
            again, how many entries were lost, at most once in ten seconds; and when it is closed, how many in all.
            Is called by the thread, and by `close`; may neither wait nor raise.
        settle_s: how long the thread waits when it is woken.
        retry_s: how long it lets a file be that could not be written.
        flush_s: how long `close` waits.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        header: Callable[[int], Header],
        *,
        notice: Callable[[str], None],
        settle_s: float = _SETTLE_S,
        retry_s: float = _RETRY_S,
        flush_s: float = _FLUSH_S,
    ) -> None:
        self._flush_s = flush_s
        self._following = 1
        self._wishes: queue.SimpleQueue[_Wish] = queue.SimpleQueue()
        self._writer = _Writer(path, header, notice, retry_s=retry_s)
        self._hurrying = False
        # A daemon thread: a disk that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, args=(settle_s,), name="journal", daemon=True)
        self._thread.start()

    def record(self, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note; see `triocarp.core.ports.JournalPort`.

        Args:
            at: the instant that the node was told, in nanoseconds.
            event: what it was told.
            effects: what it answered.
        """
        number = self._following
        self._following = number + 1
        if self._wishes.qsize() < _WAITING_MAX:
            self._wishes.put((number, at, event, effects))

    def close(self) -> None:
        """Write what is waiting, for `flush_s` at most, and tell how many entries are lost, if any are."""
        self._hurrying = True
        self._wishes.put(_Close(self._following))
        self._thread.join(self._flush_s)
        self._writer.tell_all_that_is_lost(self._following)

    @property
    def lost(self) -> int:
        """How many entries are known to be missing from the journal: those before the last that is in it."""
        return self._writer.lost

    def _run(self, settle_s: float) -> None:
        while True:
            idle = self._wishes.empty()
            wish = self._wishes.get()
            if idle:
                self._let_the_protocol_run(settle_s)
            match wish:
                case _Close():
                    self._writer.finish(wish.following)
                    return
                case number, at, event, effects:
                    self._writer.write(Entry(n=number, at=at, event=event, effects=effects))
                    self._let_the_protocol_run(_PAUSE_S)

    def _let_the_protocol_run(self, duration_s: float) -> None:
        if not self._hurrying:
            time.sleep(duration_s)


@final
class _Writer:
    """The file, as the thread sees it.

    Args:
        path: of the file.
        header: makes a header.
        notice: is told what an operator should know.
        retry_s: how long a file is let be that could not be written.

    Attributes:
        lost: how many entries are missing so far.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(
        self, path: Path, header: Callable[[int], Header], notice: Callable[[str], None], *, retry_s: float
    ) -> None:
        self.lost = 0
        self._path = path
        self._header = header
        self._notice = notice
        self._retry_s = retry_s
        self._following = 1  # number of the entry that belongs next into the file
        self._descriptor: int | None = _open(path)
        self._headed = False  # whether there is a header of ours in the file
        self._trouble = ""  # why the file cannot be written, if so
        self._why = ""  # the last entries were lost
        self._untold = 0  # of the lost entries
        self._tell_at = -math.inf
        self._again_at = 0.0

    def write(self, entry: Entry) -> None:
        """Write an entry, after what has to stand before it.

        Args:
            entry: which; those between it and the one before are lost.
        """
        if time.monotonic() >= self._again_at:
            self._write(entry.n, entry)

    def finish(self, following: int) -> None:
        """Say what is lost at the end, and close the file.

        Args:
            following: number of the entry that does not come any more.
        """
        self._write(following, None)
        self.release()

    def release(self) -> None:
        """Close the file; it is opened again for the next line."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = None
        self._headed = False

    def _write(self, number: int, entry: Entry | None) -> None:
        missing = number - self._following
        try:
            if self._descriptor is not None and not _names(self._path, self._descriptor):
                self.release()
            if self._descriptor is None:
                self._descriptor = _open(self._path)
            lines = self._before(missing) + ("" if entry is None else encode(entry))
            _append(self._descriptor, lines, on_a_new_line=not self._headed)
        except Exception as error:  # noqa: BLE001 - whatever it is, the protocol goes on, and the loss is told
            self._fail(error, ending=entry is None)
            return
        if missing:
            self._why = self._trouble or _TOO_SLOW
            self.lost += missing
            self._untold += missing
        if entry is not None:
            self._tell_the_lost()
        self._headed = True
        self._trouble = ""
        self._following = number if entry is None else number + 1

    def _before(self, missing: int) -> str:
        """Return the lines that must stand before the next entry."""
        header = "" if self._headed else encode(self._header(self._following))
        if not missing:
            return header
        return header + encode(Gap(n=self._following, gap=missing, why=self._trouble or _TOO_SLOW))

    def tell_all_that_is_lost(self, following: int) -> None:
        """Say how many entries of the run are not in the file, if any.

        Args:
            following: number of the entry that does not come any more.
        """
        count = self.lost + following - self._following
        if count:
            why = self._trouble or self._why or _TOO_SLOW
            self._notice(f"journal {self._path}: {count} entries of this run could not be written: {why}")

    def _tell_the_lost(self) -> None:
        """Say how many were lost since this was said, unless that was just now."""
        now = time.monotonic()
        if self._untold and now >= self._tell_at:
            self._tell_at = now + _NOTICE_S
            self._notice(f"journal {self._path}: {self._untold} entries could not be written: {self._why}")
            self._untold = 0

    def _fail(self, error: Exception, *, ending: bool) -> None:
        words = error.strerror if isinstance(error, OSError) else None
        why = words or repr(error)
        if not self._trouble and not ending:
            self._notice(f"journal {self._path} cannot be written, and goes on later: {why}")
        self._trouble = why
        self._again_at = time.monotonic() + self._retry_s
        self.release()


def _open(path: Path) -> int:
    """Open a journal for appending, and keep other writers away.

    Raises:
        OSError: it cannot be opened, or another process writes it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _MODE)  # of a FIFO, O_WRONLY would wait
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise OSError(error.errno, "another process writes it", str(path)) from error
    return descriptor


def _names(path: Path, descriptor: int) -> bool:
    """Return whether a path is still that of an open file, and neither gone nor another file's.

    Raises:
        OSError: that cannot be seen.
    """
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _append(descriptor: int, lines: str, *, on_a_new_line: bool) -> None:
    """Append lines to a file: all of them, or nothing.

    Raises:
        OSError: they could not be written.
    """
    size = os.fstat(descriptor).st_size
    # Whoever wrote here before may have been killed in the middle of a line.
    torn = on_a_new_line and size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    rest = memoryview(("\n" * torn + lines).encode("ascii"))
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        with contextlib.suppress(OSError):  # what is no file cannot be cut
            os.ftruncate(descriptor, size)
        raise
