"""The state machine of a virtual host, as a table. Nothing else decides which state follows which.

`VirtualHost` finds the cause; this table says where it leads. A pair that is not in the table is a bug, and
raises. The diagram in the documentation is drawn from the table.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, final

from triocarp.core.reasons import Cause


@enum.unique
class State(enum.Enum):
    """The states of carp(4)."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"


@final
class ForbiddenTransitionError(RuntimeError):
    """Raised when the machine asks for a transition that the table does not have: a bug of ours."""

    def __init__(self, state: State, cause: Cause) -> None:
        super().__init__(f"no transition from {state.value} for the cause {cause.value!r}")


TRANSITIONS: Final[Mapping[tuple[State, Cause], State]] = MappingProxyType(
    {
        (State.INIT, Cause.LINK_UP): State.BACKUP,
        (State.BACKUP, Cause.MASTER_TIMED_OUT): State.MASTER,
        (State.BACKUP, Cause.MASTER_WILL_TIME_OUT): State.MASTER,
        (State.BACKUP, Cause.PREEMPTING): State.MASTER,
        (State.BACKUP, Cause.PEER_DEMOTED): State.MASTER,
        (State.BACKUP, Cause.LINK_DOWN): State.INIT,
        (State.BACKUP, Cause.STOPPED): State.INIT,
        (State.MASTER, Cause.BETTER_ADVERTISEMENT): State.BACKUP,
        (State.MASTER, Cause.TIE_LOST): State.BACKUP,
        (State.MASTER, Cause.OVERSLEPT): State.BACKUP,
        (State.MASTER, Cause.ADDRESS_FAILURE): State.BACKUP,
        (State.MASTER, Cause.SWITCHED_OVER): State.BACKUP,
        (State.MASTER, Cause.MAINTENANCE): State.BACKUP,
        (State.MASTER, Cause.GROUP_FAILED): State.BACKUP,
        (State.MASTER, Cause.LINK_DOWN): State.INIT,
        (State.MASTER, Cause.STOPPED): State.INIT,
    }
)
"""From a state, for a cause, to a state."""


def next_state(state: State, cause: Cause) -> State:
    """Return the state that follows.

    Args:
        state: the present one.
        cause: why it shall end.

    Raises:
        ForbiddenTransitionError: the table has no such pair.
    """
    try:
        return TRANSITIONS[state, cause]
    except KeyError:
        raise ForbiddenTransitionError(state, cause) from None
