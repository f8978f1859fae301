"""Keeps what is measured in one lane clear of what makes noise in another.

Several networks at a time make the benchmark as short as it is. Daemons that sleep disturb nobody; a Python
program that starts needs a core for a third of a second, and a takeover that needs one in the same
millisecond would be late for it. So each lane says in advance when it must not be disturbed, and when it is
going to make noise, and no two of these spans overlap.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from typing import TYPE_CHECKING, Final

from triocarp.lab import clock

if TYPE_CHECKING:
    from collections.abc import Generator

_CONTEXT: Final = multiprocessing.get_context("spawn")
_STEP_S: Final = 0.01
_PATIENCE_S: Final = 30


class Calm:
    """The spans that all lanes have reserved, one each; shared by their processes."""

    def __init__(self, lanes: int) -> None:
        """Begin with none.

        Args:
            lanes: How many lanes there are.
        """
        self._lock = _CONTEXT.Lock()
        self._spans = _CONTEXT.Array("q", 2 * lanes, lock=False)

    def reserve(self, lane: int, begin: int, end: int) -> bool:
        """Reserve a span for a lane, in the place of its earlier one, unless it overlaps another lane's.

        Args:
            lane: Its number, from 0.
            begin: In nanoseconds of the lab's clock.
            end: The same.

        Returns:
            Whether it is reserved.
        """
        with self._lock:
            others = [
                (self._spans[at], self._spans[at + 1]) for at in range(0, len(self._spans), 2) if at != 2 * lane
            ]
            if any(begin < other_end and other_begin < end for other_begin, other_end in others):
                return False
            self._spans[2 * lane], self._spans[2 * lane + 1] = begin, end
            return True

    def release(self, lane: int) -> None:
        """Give a lane's span back."""
        with self._lock:
            self._spans[2 * lane] = self._spans[2 * lane + 1] = 0

    @contextlib.contextmanager
    def span(self, lane: int, length: int) -> Generator[None]:
        """Wait for a span that begins now, and hold it inside the `with` block.

        Args:
            lane: The lane's number.
            length: How long it will be, in nanoseconds.
        """
        patience = time.monotonic() + _PATIENCE_S
        while not self.reserve(lane, now := clock.now(), now + length) and time.monotonic() < patience:
            time.sleep(_STEP_S)
        try:
            yield
        finally:
            self.release(lane)
