"""Keeps the log readable when the same thing happens all the time."""

from collections.abc import Hashable
from typing import Final, final

from triocarp.core.timing import SECOND

INTERVAL: Final = 10 * SECOND
"""The same kind of line appears at most once in this time, in nanoseconds."""


@final
class RateLimit:
    """Lets the first of each kind through, and then one in each `INTERVAL` with the number of those held back.

    Kinds are never forgotten: there must be a bounded number of them, so never an address that a packet claims.
    """

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: dict[Hashable, tuple[int, int]] = {}

    def admit(self, kind: Hashable, now: int, count: int = 1) -> int | None:
        """Return how many of a kind were held back since the last one admitted, or None to hold this one back.

        Args:
            kind: what kind of line.
            now: nanoseconds that never go back.
            count: how many this one stands for.
        """
        last, held_back = self._kinds.get(kind, (None, 0))
        if last is not None and now < last + INTERVAL:
            self._kinds[kind] = (last, held_back + count)
            return None
        self._kinds[kind] = (now, 0)
        return held_back
