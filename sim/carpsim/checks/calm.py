"""When a group is left to itself, so that it must come to rest."""

from collections.abc import Iterable
from typing import final

from carpsim.checks.situation import Member, Situation, script_time
from carpsim.checks.verdict import Bound
from triocarp.core import Hook, TieRule
from triocarp.core.timing import SECOND


@final
class Calm:
    """Says since when nothing disturbs a group, and how long it may then take.

    Args:
        situation: of the world.
    """

    def __init__(self, situation: Situation) -> None:
        self._situation = situation

    def able(self, group: list[Member]) -> list[Member]:
        """Return who can be master: whose daemon runs and is to go on, and whose cable carries.

        Args:
            group: all of a virtual host.
        """
        return [member for member in group if member.active and member.carries and not member.leaving]

    def components(self, group: list[Member]) -> list[list[Member]] | None:
        """Return who hears whom; None if that is not clear: somebody is deaf, a cable loses frames.

        Args:
            group: all of a virtual host.
        """
        situation = self._situation
        key, now = (group[0].segment.name, group[0].config.vhid), situation.world.engine.now
        known = situation.components.get(key)
        if known is None or known[0] != now:
            known = situation.components[key] = now, self._find_components(group)
        return known[1]

    def _find_components(self, group: list[Member]) -> list[list[Member]] | None:
        situation = self._situation
        able = self.able(group)
        sound = {member for member in able if situation.sound(member)}
        if (len(sound) == len(able) and situation.all_meet(able)) or len(able) == 1:
            return [able] if able else []
        found: list[list[Member]] = []
        for member in able:
            heard = [
                other
                for other in able
                if other is member or (member in sound and other in sound and situation.meet(member, other))
            ]
            if heard not in found:
                found.append(heard)
        names = [member.host.name for component in found for member in component]
        if len(set(names)) != len(names):
            return None  # somebody is in two
        if any(self._half_hears(one, other) for one in found for other in found if one is not other):
            return None
        return found

    def since(self, group: list[Member]) -> int | None:
        """Return the instant from which nothing disturbs a group; None if something does.

        Args:
            group: all of a virtual host.
        """
        if self.components(group) is None or not all(
            self._has_margin(member, group) for member in self.able(group)
        ):
            return None
        if self._may_tie_for_ever(group) or any(member.config.routed_peers for member in group):
            return None  # who is behind a router is not of the group
        return self.disturbed_until(group)

    def disturbed_until(self, group: list[Member]) -> int:
        """Return the instant up to which something happened to a group.

        Args:
            group: all of a virtual host.
        """
        return max((self._situation.disturbed[member.host.name] for member in group), default=0)

    @property
    def first_look(self) -> int:
        """An instant soon after all disturbances, at which to find out when there is something to judge."""
        return max(self._situation.world.engine.now, *self._situation.disturbed.values()) + SECOND // 10

    def settling(self, group: list[Member]) -> Bound:
        """Return how long a group may take to have one master in each component.

        All may be backups that begin to wait at the end of the last disturbance: the first one is master after its
        patience. Or the last one to be heard has to be preempted or to yield, which takes an interval.

        Args:
            group: all of a virtual host.
        """
        situation = self._situation
        interval = max(member.interval for member in group)
        patience = max(situation.patience(member, interval) for member in group)
        return Bound(
            (
                ("dead time", patience),
                ("interval", interval),
                ("clock drift", situation.drift_of(patience + interval)),
                ("timer lateness", 2 * max(situation.lateness(member.host) for member in group)),
                ("latency", 2 * situation.latency(group[0])),
                *situation.resolving(group[0]),
                *slowness_of(group),
            )
        )

    def _half_hears(self, one: list[Member], other: list[Member]) -> bool:
        """Return whether two components hear each other though they do not do so for certain."""
        situation = self._situation
        return any(
            member.segment.connects(member.label, peer.label) or member.segment.connects(peer.label, member.label)
            for member in one
            for peer in other
            if not situation.connected(member, peer)
        )

    def _has_margin(self, member: Member, group: list[Member]) -> bool:
        """Return whether a host is heard in time: neither timers nor latencies eat up the dead time."""
        situation, interval, dead_time = self._situation, member.interval, member.dead_time
        late = (
            member.reading
            + situation.latency(member)
            + situation.lateness(member.host)
            + situation.drift_of(dead_time)
        )
        if any(other.runs_ucarp for other in group):
            # A ucarp is silent while a script runs, and does not wait longer for who is slower.
            scripts = max(
                script_time(other, Hook.UP) + script_time(other, Hook.DOWN) for other in group if other.runs_ucarp
            )
            late += scripts + max(situation.lateness(other.host) for other in group)
            return max(other.interval for other in group) + late < dead_time
        return interval + late < dead_time or interval >= dead_time

    def _may_tie_for_ever(self, group: list[Member]) -> bool:
        """Return whether equal hosts yield to each other for ever, as BSDs in perfect step do."""
        able = self.able(group)
        standings = [member.standing for member in able]
        yields = any(member.config.dialect.tie_rule is TieRule.RECEIVER_YIELDS for member in able)
        return yields and len(set(standings)) < len(standings)


def slowness_of(members: Iterable[Member]) -> tuple[tuple[str, int], ...]:
    """Return the term of a bound that ucarps add: none where there are none.

    Args:
        members: whom the bound is about.
    """
    slowness = max((member.slowness for member in members), default=0)
    return (("ucarp's slowness", slowness),) if slowness else ()
