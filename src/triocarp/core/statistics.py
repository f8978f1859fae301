"""Counters of one virtual host, or of what reached a node and belongs to none."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, final

from triocarp.core.family import IPAddress
from triocarp.core.reasons import DropReason
from triocarp.core.transitions import State

PEERS_MAX: Final = 64
"""How many peers are counted by name. A sender can claim any source address, so there must be an end."""


@final
@dataclass(slots=True, kw_only=True)
class Statistics:
    """What has happened so far. The comments name the BSD counter where there is one.

    Attributes:
        received: packets of protocol 112 that arrived (``ipackets``).
        dropped: those of them that were dropped, by reason (``badttl``, ``badsum`` and so on).
        advertisements_sent: advertisements sent (``opackets``).
        announcements_sent: gratuitous ARPs sent.
        send_errors: frames that could not be sent.
        transitions: changes of state, by old and new state; those to MASTER are ``preempt``.
        heard: advertisements that were believed, by the sender's address.
        closest_margin: nanoseconds that the dead timer had left when an advertisement came, at its closest.
        two_masters: how often another master was seen beside the one that there shall be.
    """

    received: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter[DropReason])
    advertisements_sent: int = 0
    announcements_sent: int = 0
    send_errors: int = 0
    transitions: Counter[tuple[State, State]] = field(default_factory=Counter[tuple[State, State]])
    heard: Counter[IPAddress] = field(default_factory=Counter[IPAddress])
    closest_margin: int | None = None
    two_masters: int = 0

    def hear(self, peer: IPAddress) -> None:
        """Count an advertisement that was believed.

        Args:
            peer: its source address.
        """
        count = self.heard.get(peer)
        if count is not None or len(self.heard) < PEERS_MAX:
            self.heard[peer] = (count or 0) + 1
