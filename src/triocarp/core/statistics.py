"""Counters of one virtual host, or of what reached a node and belongs to none."""

from collections import Counter
from dataclasses import dataclass, field
from typing import final

from triocarp.core.reasons import DropReason
from triocarp.core.transitions import State


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
    """

    received: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter[DropReason])
    advertisements_sent: int = 0
    announcements_sent: int = 0
    send_errors: int = 0
    transitions: Counter[tuple[State, State]] = field(default_factory=Counter[tuple[State, State]])
