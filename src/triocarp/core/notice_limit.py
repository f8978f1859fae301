"""How often the same thing is said about the same peer."""

from collections import OrderedDict
from typing import Final, final

from triocarp.core.family import IPAddress
from triocarp.core.reports import Notice
from triocarp.core.timing import SECOND

INTERVAL: Final = 60 * SECOND
"""Nanoseconds between two notices of one kind about one peer."""

REMEMBERED: Final = 64
"""How many peers are remembered for each notice: whoever forges source addresses shall not fill the memory."""


@final
class NoticeLimit:
    """Lets one notice of a kind pass a minute for each peer, and `REMEMBERED` of a kind in all.

    Each kind has its own room, so that what a forger makes us say hides nothing else.
    """

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[Notice, OrderedDict[IPAddress | None, int]] = {}

    def admits(self, notice: Notice, peer: IPAddress | None, now: int) -> bool:
        """Return whether to say it, and if so take note.

        Args:
            notice: what.
            peer: about whom.
            now: nanoseconds.
        """
        said = self._said.setdefault(notice, OrderedDict())
        while said and now - next(iter(said.values())) >= INTERVAL:
            said.popitem(last=False)
        if peer in said or len(said) >= REMEMBERED:
            return False
        said[peer] = now
        return True
