"""How long a host that could not hold its addresses waits before it tries again."""

from typing import Final, final

from triocarp.core.timing import SECOND

FIRST: Final = SECOND
"""The first wait, in nanoseconds; each further one is twice as long."""

LONGEST: Final = 300 * SECOND
"""The longest wait, in nanoseconds. A host that preempts disturbs a healthy master at each try."""

FORGIVEN_AFTER: Final = 60 * SECOND
"""A failure that comes this long after the last wait was over starts with the first wait again."""


@final
class BackOff:
    """Doubling waits after failures in a row."""

    __slots__ = ("_until", "_wait")

    def __init__(self) -> None:
        self._until: int | None = None
        self._wait = 0

    def fail(self, now: int) -> int:
        """Begin a wait after a failure and return its length in nanoseconds.

        Args:
            now: nanoseconds.
        """
        forgiven = self._until is None or now >= self._until + FORGIVEN_AFTER
        self._wait = FIRST if forgiven else min(2 * self._wait, LONGEST)
        self._until = now + self._wait
        return self._wait
