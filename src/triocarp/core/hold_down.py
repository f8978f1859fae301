"""Until when a virtual host does not become master."""

from typing import final


@final
class HoldDown:
    """The latest of all instants up to which somebody asked the host to wait: start, hand-over, back-off."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: int | None = None

    def extend(self, until: int) -> None:
        """Wait until an instant, or longer if that was asked for before.

        Args:
            until: nanoseconds.
        """
        self._until = until if self._until is None else max(until, self._until)

    def not_before(self, instant: int) -> int:
        """Return an instant, or the end of the wait if that comes later.

        Args:
            instant: nanoseconds.
        """
        return instant if self._until is None else max(instant, self._until)

    def holds(self, now: int) -> bool:
        """Return whether the host must wait.

        Args:
            now: nanoseconds.
        """
        return self._until is not None and now < self._until
