"""How a simulated network of one master and its backups is played, whoever simulates it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Sequence

_WARM_UP_S: Final = 10


@final
@dataclass(frozen=True, slots=True)
class Reading:
    """What a simulation has come to at an instant.

    Attributes:
        deliveries: Advertisements that a host has heard and believed.
        masters: The numbers of the hosts that are master.
        processor_ns: Nanoseconds that it has spent on a core; other programs stretch them less than a clock's.
    """

    deliveries: int
    masters: tuple[int, ...]
    processor_ns: int


class Play(Protocol):
    """Simulates a network."""

    def __call__(self, hosts: int, instants_s: Sequence[int], *, dies_at_s: float | None = None) -> list[Reading]:
        """Return what there is at some instants.

        Args:
            hosts: How many there are, each with a greater advskew than the first.
            instants_s: Virtual seconds, rising.
            dies_at_s: When the first host falls silent; None for never.
        """
        ...


def reading(deliveries: int, masters: Sequence[int]) -> Reading:
    """Return what there is now."""
    return Reading(deliveries, tuple(masters), time.process_time_ns())


def cost(play: Play, hosts: int, seconds: int) -> tuple[int, int]:
    """Return how many deliveries there are in virtual seconds with one master, and their nanoseconds on a core.

    Raises:
        RuntimeError: there was not one master all the time, or not everybody heard all that it said.
    """
    before, after = play(hosts, (_WARM_UP_S, _WARM_UP_S + seconds))
    made = after.deliveries - before.deliveries
    if before.masters != (0,) or after.masters != (0,) or made != seconds * (hosts - 1):
        raise RuntimeError(f"{made} deliveries in {seconds} s; masters {before.masters} and then {after.masters}")
    return made, after.processor_ns - before.processor_ns
