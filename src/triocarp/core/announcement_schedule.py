"""When a master announces its addresses."""

from typing import Final, final

from triocarp.core.timing import SECOND

DEFENCE_INTERVAL: Final = SECOND
"""Announcements because of a worse master come at most this often: a misconfigured peer would go on for ever."""


@final
class AnnouncementSchedule:
    """Counts advertisements from one announcement to its repetitions.

    Switches lose frames while their ports settle, so one announcement is not enough. ucarp and OpenBSD repeat
    it after the second further advertisement; ucarp's fork repeats it after each of the next ``--garp-timeout``.

    Args:
        repeated_after: after how many further advertisements an announcement is repeated.
        refresh: nanoseconds after which a master announces again; 0 for never.
    """

    __slots__ = ("_advertisements", "_announced_at", "_defended_at", "_refresh", "_repeated_after")

    def __init__(self, repeated_after: tuple[int, ...], refresh: int) -> None:
        self._repeated_after = repeated_after
        self._refresh = refresh
        self._advertisements: int | None = None
        self._announced_at = 0
        self._defended_at: int | None = None

    @property
    def begun(self) -> bool:
        """Whether the addresses have been announced since the host became master."""
        return self._advertisements is not None

    def begin(self, now: int) -> None:
        """Take note that the addresses are announced now.

        Args:
            now: nanoseconds.
        """
        self._advertisements = 0
        self._announced_at = now

    def end(self) -> None:
        """Take note that the host is no longer master. Nothing is announced while leaving."""
        self._advertisements = None

    def advertise(self, now: int) -> bool:
        """Take note of an advertisement, and return whether an announcement follows it.

        Args:
            now: nanoseconds.
        """
        if self._advertisements is None:
            return False
        self._advertisements += 1
        refreshes = bool(self._refresh) and now >= self._announced_at + self._refresh
        if self._advertisements not in self._repeated_after and not refreshes:
            return False
        self._announced_at = now
        return True

    def defend(self, now: int) -> int:
        """Take note of a worse master, and return when to announce against it: now, or as soon as may be.

        Args:
            now: nanoseconds.
        """
        if self._defended_at is not None and now < self._defended_at + DEFENCE_INTERVAL:
            return self._defended_at + DEFENCE_INTERVAL
        self._defended_at = now
        return now
