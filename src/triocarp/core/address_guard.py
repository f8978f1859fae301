"""How hard a virtual host insists when somebody else changes its addresses."""

from collections import deque
from typing import Final, final

from triocarp.core.family import IPAddress
from triocarp.core.timing import SECOND

RELEASE_INTERVAL: Final = SECOND
"""A release that failed, or that somebody undoes, is repeated at most this often."""

RELEASES_WHILE_STOPPING: Final = 3
"""How often a stopping host tries to release; after that the kernel lease has to do it."""

VANISHINGS_MAX: Final = 5
"""If one address is taken away more often than this within `VANISHINGS_WITHIN`, somebody else rules it."""

VANISHINGS_WITHIN: Final = 10 * SECOND
"""The time over which vanishings are counted, in nanoseconds."""


@final
class AddressGuard:
    """Paces the restoring of vanished addresses and the removing of unwanted ones.

    Another tool may undo within a millisecond whatever we do; without a limit both would do nothing else.
    """

    __slots__ = ("_released_at", "_releases_left", "_vanishings")

    def __init__(self) -> None:
        self._vanishings: dict[IPAddress, deque[int]] = {}
        self._released_at: int | None = None
        self._releases_left = RELEASES_WHILE_STOPPING

    def insists(self, address: IPAddress, now: int) -> bool:
        """Take note that an address vanished, and return whether to put it back.

        Each is counted by itself: who empties an interface once takes all of them away.

        Args:
            address: which of the virtual ones.
            now: nanoseconds.
        """
        vanishings = self._vanishings.setdefault(address, deque(maxlen=VANISHINGS_MAX))
        crowded = len(vanishings) == VANISHINGS_MAX and now - vanishings[0] < VANISHINGS_WITHIN
        if crowded:
            self._vanishings.clear()
        else:
            vanishings.append(now)
        return not crowded

    def released(self, now: int) -> None:
        """Take note that a release was asked for.

        Args:
            now: nanoseconds.
        """
        self._released_at = now

    def next_release(self, now: int) -> int:
        """Return the instant from which a further release is allowed, at the earliest now.

        Args:
            now: nanoseconds.
        """
        return now if self._released_at is None else max(now, self._released_at + RELEASE_INTERVAL)

    def gives_up_releasing(self) -> bool:
        """Take note that a release failed while stopping, and return whether that was the last try."""
        self._releases_left -= 1
        return self._releases_left <= 0
