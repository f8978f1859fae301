"""Without a cause nothing changes."""

from typing import ClassVar, Final, final

from carpsim.checks.calm import Calm
from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation
from triocarp.core import State

TRANSITIONS_MAX: Final = 3
"""Of one virtual host after the last cause: INIT to BACKUP to MASTER, and to BACKUP for a better one."""


@final
class NoFlapping(Check):
    """A virtual host changes its state at most 3 times after the last cause.

    After a start it becomes backup, master when it hears nobody, and backup again for a better host that
    preempts: three. After anything else that is over, two of these are what is left: a master of one part of a
    partition yields (one), or a host that overslept yields and preempts (two). Nothing is counted while something
    lasts that loses advertisements: a lossy cable, somebody deaf, timers or latencies that eat up the margin
    between dead time and interval.
    """

    NAME: ClassVar = "no-flapping"
    PROMISE: ClassVar = "at most 3 changes of state after the last cause"
    FORMULA: ClassVar = f"{TRANSITIONS_MAX} changes"

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._calm = Calm(situation)
        self._counted: dict[Member, tuple[int, int]] = {}

    def entered(self, member: Member, old: State) -> None:  # noqa: ARG002 - any change counts
        """Count a change; see `Check`."""
        group = self.situation.groups[member.segment.name, member.config.vhid]
        since = self._calm.since(group)
        if since is None or since > self.engine.now:
            self._counted.pop(member, None)
            return
        counted_since, count = self._counted.get(member, (since, 0))
        count = count + 1 if counted_since == since else 1
        self._counted[member] = (since, count)
        if count > TRANSITIONS_MAX:
            self.violate(
                self.FORMULA,
                f"{member.host.name} changes its state for the {count}th time, and nothing has happened "
                f"since {since / 1e9:.9f} s",
            )
        else:
            self._judged += 1
