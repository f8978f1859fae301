"""When a master whose advertisements cannot be sent counts as worse: after three in a row, as in every CARP."""

from typing import Final, final

IN_A_ROW: Final = 3
"""So many failures begin it, and so many successes end it."""


@final
class SendErrors:
    """Counts the rounds of advertisements of one virtual host that could not be sent.

    A round is one advertisement to every destination. It failed when none of them got it: a dead unicast peer is
    no trouble of ours.

    Args:
        destinations: how many.
    """

    __slots__ = ("_destinations", "_failed", "_rounds_failed", "_rounds_sent", "_sending", "demoting")

    def __init__(self, destinations: int) -> None:
        self._destinations = destinations
        self._sending = False
        self._failed = 0
        self._rounds_failed = 0
        self._rounds_sent = 0
        self.demoting = False

    def begin_round(self) -> None:
        """Take note that a round is about to be sent, so that the one before it is over."""
        if self._sending and self._failed < self._destinations:
            self._rounds_failed = 0
            self._rounds_sent += 1
            if self._rounds_sent >= IN_A_ROW:
                self.demoting = False
        self._sending = True
        self._failed = 0

    def fail(self) -> None:
        """Take note that one advertisement of the round could not be sent."""
        self._failed += 1
        if self._failed == self._destinations:
            self._rounds_sent = 0
            self._rounds_failed += 1
            if self._rounds_failed >= IN_A_ROW:
                self.demoting = True

    def leave(self) -> None:
        """Take note that the host is no longer master, and sends no rounds."""
        self._sending = False

    def forget(self) -> None:
        """Take note that the link is lost: what could not be sent says nothing about the link that comes back."""
        self._rounds_failed = self._rounds_sent = 0
        self._sending = self.demoting = False
