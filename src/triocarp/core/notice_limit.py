"""How often the same thing is said about the same peer."""

from collections import OrderedDict
from typing import Final, final

from triocarp.core.family import IPAddress
from triocarp.core.reports import Notice
from triocarp.core.timing import SECOND

INTERVAL: Final = 60 * SECOND
"""Nanoseconds between two notices of one kind about one peer."""

REMEMBERED: Final = 64
"""How many pairs of notice and peer are remembered: whoever forges source addresses shall not fill the memory."""


@final
class NoticeLimit:
    """Lets one notice of a kind pass a minute for each peer, and `REMEMBERED` in all."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[Notice, IPAddress | None], int] = OrderedDict()

    def admits(self, notice: Notice, peer: IPAddress | None, now: int) -> bool:
        """Return whether to say it, and if so take note.

        Args:
            notice: what.
            peer: about whom.
            now: nanoseconds.
        """
        while self._said and now - next(iter(self._said.values())) >= INTERVAL:
            self._said.popitem(last=False)
        if (notice, peer) in self._said or len(self._said) >= REMEMBERED:
            return False
        self._said[notice, peer] = now
        return True
