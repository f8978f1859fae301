"""How everything is at one moment, for the faces to show."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from triocarp.demo.cast import Member


@enum.unique
class Condition(enum.Enum):
    """How a host is."""

    OFF = "off"
    STARTING = "starting"
    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    CRASHED = "crashed"
    KILLED = "killed"
    STOPPED = "stopped"


RUNNING: Final = frozenset({Condition.STARTING, Condition.INIT, Condition.BACKUP, Condition.MASTER})
"""The conditions in which a daemon should be running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """How a host is at this moment.

    Attributes:
        member: which.
        condition: how.
        holds: whether its kernel has the virtual address.
        last: what its daemon said last.
    """

    member: Member
    condition: Condition
    holds: bool
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How everything is at this moment.

    Attributes:
        hosts: in order of preference.
        answered_by: who answered the client last; empty before anybody did.
        unanswered: since when the client has had no answer, in nanoseconds.
        advertiser: who advertised last; empty before anybody did.
        silence: since when nobody has advertised, in nanoseconds.
    """

    hosts: tuple[HostView, ...]
    answered_by: str
    unanswered: int
    advertiser: str
    silence: int
