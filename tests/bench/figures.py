"""What is measured, in which unit, and what carpd shall reach."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.bench.spread import Spread


@enum.unique
class Figure(enum.Enum):
    """What is measured. The values are what the table calls it, with the unit.

    An overhead is what comes on top of the protocol's own timer: it counts from the instant at which the
    backup's dead timer was due, which is the dead master's last advertisement plus the dead time. Among many
    virtual hosts, "of each" means that every one is a measurement, and "last" the last of all.
    """

    OUTAGE = "client's outage, ms"
    LONG_OUTAGE = "client's outage, s"
    TO_ADVERTISEMENT = "overhead to advertisement, ms"
    TO_ADDRESS = "overhead to VIP in kernel, ms"
    TO_ANNOUNCEMENT = "overhead to gratuitous ARP, ms"
    TO_ANSWER = "overhead to VIP's answer, ms"
    OVERLAP = "two hosts hold the VIP for, ms"
    BOTH_ANSWER = "two hosts answer for, s"
    CUT_OFF = "client then cut off for, ms"
    CUT_OFF_RUNS = "runs in which it was cut off"
    START = "start to ready, ms"
    RESIDENT_MASTER = "memory as master, RSS, MiB"
    RESIDENT_BACKUP = "memory as backup, RSS, MiB"
    SHARE_MASTER = "memory as master, PSS, MiB"
    SHARE_BACKUP = "memory as backup, PSS, MiB"
    PROCESSOR_MASTER = "CPU as master, % of a core"
    PROCESSOR_BACKUP = "CPU as backup, % of a core"
    FALSE_FAILOVERS = "false failovers"
    LATENESS = "advertisements late by, ms"
    START_ALL = "start to master of the last, ms"
    MOVED = "overhead to ARP, of each, ms"
    MOVED_ALL = "last timer due to last ARP, ms"
    LEFT_ALL = "SIGTERM to last ARP, ms"
    RATE = "forged ones sent, 1/s"
    LOSSES = "times the master gave up"
    LOGGED = "longer log, KiB"
    READ = "read an IP packet, us"
    DISSECT = "packet to fields, no HMAC, us"
    VERIFY = "parse and verify, us"
    BUILD = "build and sign, us"
    HEAR = "a backup hears its master, us"
    HEAR_FORGED = "it hears a forged one, us"
    SIEVE = "it sieves one in a flood, us"
    HEAR_SEALED = "hears its master, sealed, us"
    SEND = "a master's timer: it sends, us"
    SEND_SEALED = "a master's timer, sealed, us"
    SPEED_2 = "deliveries, 2 hosts, 1/s"
    SPEED_10 = "deliveries, 10 hosts, 1/s"
    SPEED_100 = "deliveries, 100 hosts, 1/s"
    SPEED_1000 = "deliveries, 1 000 hosts, 1/s"
    GROWTH_HOSTS = "one of 1 000 hosts : of 10"
    GROWTH_TIME = "10 times the time costs, times"
    MEMORY = "memory for 1 000 hosts, MiB"
    SWARM = "10 000 of a swarm on 2 cores, s"


COUNTED: Final = frozenset({Figure.CUT_OFF_RUNS})
"""Figures that are 1 in a run in which something happened, and 0 in others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a figure shall stay under, not exceed, or go beyond.

    Attributes:
        median: For the median; None for no target.
        greatest: For the greatest; None for no target.
        beyond: What the median shall be more than; None for no target.
        exclusive: Whether the limits themselves are too much.
    """

    median: float | None = None
    greatest: float | None = None
    beyond: float | None = None
    exclusive: bool = True

    def met(self, spread: Spread) -> bool:
        """Tell whether measurements meet it."""
        pairs = ((spread.median, self.median), (spread.greatest, self.greatest))
        if self.beyond is not None and spread.median <= self.beyond:
            return False
        return all(
            value < limit or (value == limit and not self.exclusive) for value, limit in pairs if limit is not None
        )

    def __str__(self) -> str:
        sign = "<" if self.exclusive else "<="
        parts = (("med", self.median), ("max", self.greatest))
        texts = [f"{name}{sign}{limit:g}" for name, limit in parts if limit is not None]
        return " ".join(texts if self.beyond is None else [*texts, f"med>{self.beyond:g}"])
