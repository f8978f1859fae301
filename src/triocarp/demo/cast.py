"""Who plays: the hosts that share the address, and the arithmetic of their timers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from triocarp.core.hearing import STAGGER
from triocarp.core.timing import SECOND, advertisement_interval, dead_time, lease_seconds

VIRTUAL_ADDRESS: Final = "10.0.0.100"
VHID: Final = 1
CLIENT: Final = "client"
CLIENT_IP: Final = "10.0.0.9"
PREFIX_LENGTH: Final = 24

ADVBASE_S: Final = 1
DEAD_RATIO: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of the hosts that share the address; carpd's defaults hold for all that is not here.

    Attributes:
        name: what it is called.
        ip: its own address.
        advskew: its rank, in 1/256 s; the least is preferred.
        preempts: whether it takes over from a worse master.
    """

    name: str
    ip: str
    advskew: int
    preempts: bool = False

    @property
    def interval(self) -> int:
        """Nanoseconds between its advertisements."""
        return advertisement_interval(ADVBASE_S, self.advskew)

    @property
    def dead_time(self) -> int:
        """Nanoseconds of silence after which it takes over."""
        return dead_time(ADVBASE_S, self.advskew, DEAD_RATIO, multiplies_advskew=False)

    @property
    def dead_time_terms(self) -> str:
        """How the dead time is made up."""
        return f"{DEAD_RATIO} x {ADVBASE_S} s + {self.advskew}/256 s"

    @property
    def stagger(self) -> int:
        """Nanoseconds that it waits after a goodbye, so that the preferred of several hosts goes first."""
        return self.advskew * STAGGER

    @property
    def stagger_terms(self) -> str:
        """How the stagger is made up."""
        return f"{self.advskew} x {STAGGER // 1000} us"

    @property
    def lease_s(self) -> int:
        """Seconds for which its kernel keeps the address of a daemon that no longer renews it."""
        return lease_seconds(self.interval, self.dead_time)

    @property
    def longest_lease(self) -> int:
        """Nanoseconds after which the address is gone for certain: the kernel counts whole seconds."""
        return (self.lease_s + 1) * SECOND


ALPHA: Final = Member(name="alpha", ip="10.0.0.1", advskew=0, preempts=True)
BRAVO: Final = Member(name="bravo", ip="10.0.0.2", advskew=50)
CHARLIE: Final = Member(name="charlie", ip="10.0.0.3", advskew=100)
MEMBERS: Final = (ALPHA, BRAVO, CHARLIE)
