"""Of what time a virtual host knows nothing, because the machine slept, or was frozen or starved."""

from typing import Final, final

from triocarp.core.timing import SECOND

BACKLOG_MAX: Final = SECOND
"""Nanoseconds after a sleep in which what came meanwhile is heard: it waits in a socket, and comes at once."""


@final
class Wakefulness:
    """When the host ran, and its last sleep.

    A timer or a peer wakes a host often. A pause in which nothing was handled may be a sleep, and may be silence:
    what was sent in it came late because nobody was there to hear it, or did not come at all.

    Args:
        least: how long a pause is worth remembering, in nanoseconds.
    """

    __slots__ = ("_least", "_ran_at", "_slept_at", "_woke_at")

    def __init__(self, least: int) -> None:
        self._least = least
        self._ran_at = 0
        self._slept_at = 0
        self._woke_at = 0

    def run(self, now: int) -> None:
        """Take note that something is being handled.

        Args:
            now: nanoseconds.
        """
        if now - self._ran_at > self._least:
            self._slept_at, self._woke_at = self._ran_at, now
        self._ran_at = now

    def explains(self, sent: int, now: int) -> bool:
        """Return whether something that is heard late may have waited for the host to run.

        Args:
            sent: when it was sent, in nanoseconds; by a clock that may be off by as much as the least pause.
            now: nanoseconds.
        """
        return now - self._woke_at < BACKLOG_MAX and self._slept_at - self._least <= sent <= self._woke_at
