"""Without a cause nothing changes."""

from typing import ClassVar, Final, final

from carpsim.checks.calm import Calm
from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation
from carpsim.checks.verdict import OnUcarp
from carpsim.counted import ordinal
from triocarp.core import State

TRANSITIONS_MAX: Final = 2
"""Of one virtual host after the last cause: to MASTER, and to BACKUP for a better one."""


@final
class NoFlapping(Check):
    """A virtual host changes its state at most twice after the last cause.

    What it does in the very instant of the cause belongs to that: it starts, or wakes up, reads what came in
    the meantime, and finds that it overslept. After that a backup becomes master when it hears nobody, or
    preempts; and backup again for a better host that does so as well: two. A master of one part of a partition
    that has healed yields: one. Nothing is counted while something lasts that loses advertisements: a lossy
    cable, somebody deaf, timers or latencies that eat up the margin between dead time and interval.

    A ucarp reads what came in a second one by one, long after it was so, and believes each: with every host that
    was master in between it may change twice. Its start takes a while after its cause, and does not count.
    """

    NAME: ClassVar = "no-flapping"
    PROMISE: ClassVar = "at most 2 changes of state after the last cause"
    FORMULA: ClassVar = f"{TRANSITIONS_MAX} changes"
    ON_UCARP: ClassVar = OnUcarp(
        judges=True, sentence="2 changes for each host of the group; its start does not count"
    )

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._calm = Calm(situation)
        self._counted: dict[Member, tuple[int, int]] = {}

    def entered(self, member: Member, old: State) -> None:
        """Count a change; see `Check`."""
        if member.runs_ucarp and State.INIT in {member.state, old}:
            return
        group = self.situation.groups[member.segment.name, member.config.vhid]
        # When something is happening at present, and much does at once, nobody need look at everything.
        disturbed = self._calm.disturbed_until(group) >= self.engine.now
        since = None if disturbed else self._calm.since(group)
        if since is None:
            self._counted.pop(member, None)
            return
        counted_since, count = self._counted.get(member, (since, 0))
        count = count + 1 if counted_since == since else 1
        self._counted[member] = (since, count)
        allowed = TRANSITIONS_MAX * len(group) if member.runs_ucarp else TRANSITIONS_MAX
        if count > allowed:
            self.violate(
                f"{allowed} changes",
                f"{member.host.name} changes its state for the {ordinal(count)} time, and nothing has happened "
                f"since {since / 1e9:.9f} s",
            )
        else:
            self._judged += 1
