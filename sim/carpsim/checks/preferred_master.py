"""Who preempts does not wait for ever."""

from typing import ClassVar, final

from carpsim.checks.calm import Calm
from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation
from carpsim.checks.verdict import Bound, OnUcarp
from carpsim.engine import Alarm
from triocarp.core import State


@final
class PreferredMaster(Check):
    """After a bound no host that preempts is better than the master of its component.

    There is one master after the bound of `one-master`. A better host hears it for the first time an ``interval +
    latency`` later, and preempts with the first advertisement that comes after its **preempt delay**: another
    interval. A host with flap damping may have lost mastership too often before, and waits for the damping's
    hold-down in addition.
    """

    NAME: ClassVar = "preferred-master"
    PROMISE: ClassVar = "no host that preempts is better than the master"
    FORMULA: ClassVar = "bound of one-master + preempt delay + 2 intervals + latency + flap damping"
    ON_UCARP: ClassVar = OnUcarp(judges=True, sentence="with its slowness in the bound")

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._calm = Calm(situation)
        self._alarm = Alarm(self.engine, self._look_at_all)
        self._preferred_at: dict[tuple[str, int], int] = {}

    def entered(self, member: Member, old: State) -> None:  # noqa: ARG002 - the new state counts
        """Take note of who is master; see `Check`."""
        if member.state is State.MASTER:
            self._preferred_at[member.segment.name, member.config.vhid] = self.engine.now

    def disturbed(self) -> None:
        """Begin to wait anew; see `Check`."""
        self._alarm.set(self._calm.first_look)

    def _bound(self, group: list[Member]) -> Bound:
        preempting = [member.config for member in group if member.config.preempt]
        delay = max((config.preempt_delay for config in preempting), default=0)
        damping = max((config.flap_damping.hold_down for config in preempting if config.flap_damping), default=0)
        intervals = 2 * max(member.interval for member in group)
        return self._calm.settling(group).plus(
            ("preempt delay", delay),
            ("2 intervals", intervals),
            ("flap damping", damping),
            ("clock drift", self.situation.drift_of(delay + damping + intervals)),
        )

    def _look_at_all(self) -> None:
        for key, group in self.situation.groups.items():
            since = self._calm.since(group)
            if since is None:
                continue
            bound = self._bound(group)
            deadline = since + bound.value
            if self.engine.now <= deadline:
                self._alarm.set(deadline + 1)
                continue
            for component in self._calm.components(group) or []:
                self._judge(component, bound, deadline - max(since, self._preferred_at.get(key, since)))

    def _judge(self, component: list[Member], bound: Bound, margin: int) -> None:
        masters = [member for member in component if member.state is State.MASTER]
        if len(masters) != 1:
            return  # `one-master` speaks of that
        master = masters[0]
        better = [member for member in component if member.config.preempt and member.standing < master.standing]
        if better:
            names = " and ".join(member.host.name for member in better)
            self.violate(bound, f"{master.host.name} is master, though {names} preempts and is better")
        else:
            self.judge(bound, margin)
