"""How much worse a host is than it is configured, and how each dialect says so."""

import enum
from dataclasses import dataclass
from typing import Final, assert_never, final

from triocarp.core.dialect import DemotionStyle, Dialect

ADVSKEW_DEMOTED: Final = 240
"""A demoted host's advskew: the least in ucarp and NetBSD, the most in FreeBSD."""

BYTE_MAX: Final = 255
"""OpenBSD caps its count here."""


@enum.unique
class DemotionCause(enum.Enum):
    """Why a host counts as worse. Every cause adds its amount."""

    LINK = "link lost"
    SEND_ERRORS = "advertisements cannot be sent"
    HEALTH_CHECK = "health check failed"
    MAINTENANCE = "maintenance"
    ADDRESS_FAILURE = "address could not be held"
    OPERATOR = "operator"


HANDED_OVER_FOR: Final = frozenset({DemotionCause.LINK, DemotionCause.ADDRESS_FAILURE, DemotionCause.MAINTENANCE})
"""The causes for which the masters of a failover group hand over at once: they go together."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DemotionChange:
    """What has changed about a demotion.

    Attributes:
        causes: those whose amounts have changed.
        hand_over_for: the one for which masters hand over, if such a one has begun.
        is_better: whether the host counts as better than before.
    """

    causes: frozenset[DemotionCause]
    hand_over_for: DemotionCause | None
    is_better: bool


@final
class Demotion:
    """The demotion of one failover group: named amounts that add up.

    It is one number for all of the group's virtual hosts, as FreeBSD's is for the whole machine, so that they
    move together: who cannot serve on one side shall not be preferred on the other.

    Args:
        weight: how much one cause adds, where nothing else is asked for. The greatest of the members' dialects:
            what demotes an OpenBSD host, 1, would be nothing to a FreeBSD one.

    Attributes:
        weight: as given.
        total: the sum of all causes; may be negative.
    """

    __slots__ = ("_amounts", "_begun", "_causes", "_total_before", "total", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self._amounts: dict[tuple[DemotionCause, str], int] = {}
        self._causes: set[DemotionCause] = set()
        self._begun: DemotionCause | None = None
        self._total_before = 0
        self.total = 0

    @property
    def causes(self) -> tuple[tuple[DemotionCause, str, int], ...]:
        """What adds up now: cause, whose it is (an interface, a check, a virtual host), amount."""
        return tuple((cause, of, amount) for (cause, of), amount in self._amounts.items())

    @property
    def changed(self) -> bool:
        """Whether anything changed since the change was last taken."""
        return bool(self._causes)

    def set(self, cause: DemotionCause, of: str, amount: int) -> None:
        """Set the amount of a cause; 0 ends it.

        Args:
            cause: why.
            of: whose it is, so that two interfaces or two checks count as two.
            amount: may be negative.
        """
        before = self._amounts.get((cause, of), 0)
        if amount == before:
            return
        if amount:
            self._amounts[cause, of] = amount
        else:
            del self._amounts[cause, of]
        self._causes.add(cause)
        self.total += amount - before
        if cause in HANDED_OVER_FOR and not before:
            self._begun = cause

    def take_change(self) -> DemotionChange | None:
        """Return what has changed since this was last asked; None if nothing has."""
        if not self._causes:
            return None
        is_better = self.total < self._total_before
        change = DemotionChange(causes=frozenset(self._causes), hand_over_for=self._begun, is_better=is_better)
        self._total_before = self.total
        self._causes.clear()
        self._begun = None
        return change


def expressed_advskew(dialect: Dialect, advskew: int, demotion: int) -> int:
    """Return the advskew that a host compares and sends. It never wraps.

    Args:
        dialect: how demotion is expressed.
        advskew: as configured.
        demotion: the sum; may be negative.
    """
    match dialect.demotion_style:
        case DemotionStyle.BYTE:
            return advskew
        case DemotionStyle.SUPPRESSED:
            return max(advskew, ADVSKEW_DEMOTED) if demotion > 0 else advskew
        case DemotionStyle.ADDED:
            return max(0, min(advskew + demotion, ADVSKEW_DEMOTED))
        case _:
            assert_never(dialect.demotion_style)


def expressed_byte(dialect: Dialect, demotion: int) -> int:
    """Return the demotion byte that a host compares and sends; 0 where the dialect has none.

    Args:
        dialect: how demotion is expressed.
        demotion: the sum; may be negative.
    """
    return max(0, min(demotion, BYTE_MAX)) if dialect.demotion_style is DemotionStyle.BYTE else 0
