"""After the last fault exactly one host is master."""

from typing import ClassVar, final

from carpsim.checks.calm import Calm
from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation
from carpsim.checks.verdict import Bound, OnUcarp
from carpsim.engine import Alarm
from triocarp.core import State


@final
class OneMaster(Check):
    """Each connected component with a running daemon has exactly one master, from a bound after the last fault on.

    In the worst case the last fault leaves backups only, which have just begun to wait: the one with the shortest
    patience is master after that, ``dead time`` (or longer where the one to wait for advertises more rarely than
    that). Two masters after a healed partition become one with the better one's next advertisement, ``interval +
    latency``. Both on the slowest clock, each with its timer's lateness. Hold-downs, back-offs and the time in
    which nobody's seal is believed count as part of the fault.

    From then on there is no instant without a master. Two of them there are for as long as an advertisement
    travels, when one preempts (`one-holder` says for how long).
    """

    NAME: ClassVar = "one-master"
    PROMISE: ClassVar = "exactly one master, from a bound after the last fault on"
    FORMULA: ClassVar = "dead time + interval + clock drift + timer lateness + latency"
    ON_UCARP: ClassVar = OnUcarp(judges=True, sentence="with its slowness in the bound")

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._calm = Calm(situation)
        self._alarm = Alarm(self.engine, self._look_at_all)
        self._settled: dict[tuple[str, int], int | None] = {}

    def entered(self, member: Member, old: State) -> None:
        """Look whether there is exactly one master, if there must be; see `Check`."""
        key = member.segment.name, member.config.vhid
        if State.MASTER not in {member.state, old}:
            return
        group = self.situation.groups[key]
        since = self._calm.since(group)
        if since is None:
            return
        bound = self._calm.settling(group)
        if self.engine.now > since + bound.value:
            # Preempting takes a frame's way until there is one again.
            latency = self.situation.latency(member)
            self.engine.at(self.engine.now + latency + 1, self._look, key)
        elif self._count(group):
            self._settled[key] = since + bound.value - self.engine.now

    def disturbed(self) -> None:
        """Begin to wait anew; see `Check`."""
        self._alarm.set(self._calm.first_look)

    def _count(self, group: list[Member]) -> bool:
        """Return whether each component has exactly one master."""
        components = self._calm.components(group) or []
        return all([member.state for member in component].count(State.MASTER) == 1 for component in components)

    def _look_at_all(self) -> None:
        for key in self.situation.groups:
            self._look(key)

    def _look(self, key: tuple[str, int]) -> None:
        group = self.situation.groups[key]
        since = self._calm.since(group)
        if since is None:
            return
        bound = self._calm.settling(group)
        if self.engine.now <= since + bound.value:
            self._alarm.set(since + bound.value + 1)
            return
        for component in self._calm.components(group) or []:
            self._judge(component, bound, self._settled.get(key), since)

    def _judge(self, component: list[Member], bound: Bound, margin: int | None, since: int) -> None:
        masters = [member.host.name for member in component if member.state is State.MASTER]
        if len(masters) == 1:
            self.judge(bound, margin)
            return
        hosts = ", ".join(member.host.name for member in component)
        found = " and ".join(masters) + " are masters" if masters else "there is no master"
        self.violate(bound, f"among {hosts}: {found}, and nothing has happened since {since / 1e9:.9f} s")
