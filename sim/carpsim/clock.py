"""The clocks of one host: when it began to count, how fast it counts, and what its wall clock says."""

from typing import Final, final

_MILLION: Final = 1_000_000


@final
class HostClock:
    """What a host reads where the world has an instant: CLOCK_BOOTTIME, which its state machine lives on.

    Args:
        origin: what it reads at the beginning of the world, nanoseconds.
        drift_ppm: how many millionths it is faster than the world; less than 0 for slower.

    Attributes:
        is_the_worlds: whether it reads what the world has.
    """

    __slots__ = ("_anchor", "_anchor_local", "_drift_ppm", "is_the_worlds")

    def __init__(self, origin: int = 0, drift_ppm: int = 0) -> None:
        self._anchor = 0
        self._anchor_local = origin
        self._drift_ppm = drift_ppm
        self.is_the_worlds = origin == 0 and drift_ppm == 0

    def read(self, instant: int) -> int:
        """Return what it reads at an instant of the world.

        Args:
            instant: nanoseconds from the beginning.
        """
        if self.is_the_worlds:
            return instant
        passed = instant - self._anchor
        return self._anchor_local + passed + passed * self._drift_ppm // _MILLION

    def instant(self, reading: int) -> int:
        """Return the first instant of the world at which it reads that much or more.

        Args:
            reading: nanoseconds.
        """
        if self.is_the_worlds:
            return reading
        rate = _MILLION + self._drift_ppm
        instant = self._anchor - (self._anchor_local - reading) * _MILLION // rate
        while self.read(instant) < reading:
            instant += 1
        return instant

    def set_drift(self, drift_ppm: int, now: int) -> None:
        """Let it go faster or slower from now on.

        Args:
            drift_ppm: millionths.
            now: the instant of the world.
        """
        self._rebase(now)
        self._drift_ppm = drift_ppm

    def stand_still(self, since: int, now: int) -> None:
        """Forget a time that passed while it stood still, as the clock of a frozen virtual machine may.

        Args:
            since: the instant at which it stopped.
            now: the instant at which it goes on.
        """
        stopped_at = self.read(since)
        self._rebase(now)
        self._anchor_local = stopped_at

    def _rebase(self, now: int) -> None:
        self._anchor_local = self.read(now)
        self._anchor = now
        self.is_the_worlds = False
