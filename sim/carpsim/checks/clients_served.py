"""In the end every client is answered."""

from typing import ClassVar, final

from carpsim.checks.calm import Calm
from carpsim.checks.check import Check
from carpsim.checks.situation import Member, Situation, script_time
from carpsim.checks.verdict import Bound, OnUcarp
from carpsim.client import Answer, Client
from carpsim.scenario import ClientSettings
from triocarp.core import Hook, IPAddress, State


@final
class ClientsServed(Check):
    """From a bound after the last fault on, every probe of every client is answered.

    The last host to become master does so within the bound of `preferred-master`, whose formula begins this one,
    and announces when its scripts have ended: ``down script + up script``. A client that hears the announcement
    sends its next probe to the right host. One that was cut off then believes what it knew before, and its cache
    has to find out by itself, which takes `carpsim.neighbour_cache.NeighbourSettings.unlearning_time` and a
    **probe interval**, for it finds out only while it is used. The switch adds nothing: it floods what it
    does not know, and learns a host's MAC from each frame of it.

    The cache's part is waived for probes of a client which has certainly heard the present master announce, and
    nobody else who said that the address is theirs (`carpsim.adversary.ArpSpoof`).
    """

    NAME: ClassVar = "clients-served"
    PROMISE: ClassVar = "every client is answered, from a bound after the last fault on"
    FORMULA: ClassVar = "bound of one-master + preempting + scripts + neighbour cache"
    ON_UCARP: ClassVar = OnUcarp(
        judges=True,
        sentence="with its slowness in the bound; not if its scripts, or others, have left it without the address",
    )

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self._calm = Calm(situation)
        self._settings: dict[str, ClientSettings] = {
            settings.name: settings for settings in situation.world.scenario.clients
        }
        self._last: dict[str, Answer] = {}
        self._taught: dict[str, tuple[Member, int]] = {}

    def announced(self, member: Member, address: IPAddress) -> None:
        """Take note of the clients that certainly hear it; see `Check`."""
        for name, settings in self._settings.items():
            if settings.target == address and self._is_certain(settings, member):
                self._taught[name] = (member, self.engine.now)

    def entered(self, member: Member, old: State) -> None:  # noqa: ARG002 - the new state counts
        """Forget what clients were taught by who is not master any more; see `Check`."""
        for name in [name for name, (teacher, _) in self._taught.items() if teacher is not member]:
            if member.state is State.MASTER and self._settings[name].target in self._addresses(member):
                del self._taught[name]

    def answered(self, client: Client, answer: Answer) -> None:
        """Judge the probes between the last answer and this one; see `Check`."""
        last = self._last.get(client.name)
        self._last[client.name] = answer
        expected = 0 if last is None else last.sequence + 1
        if answer.sequence > expected:
            self._judge_lost(client, answer.sent - client.interval)
        else:
            self._judged += 1

    def finish(self) -> None:
        """Judge the probes that were never answered; see `Check`."""
        for name, client in self.situation.world.clients.items():
            last = self._last.get(name)
            settings = self._settings[name]
            unanswered_from = 0 if last is None else last.sequence + 1
            travelling = 4 * self.situation.transit(self.situation.world.segments[settings.segment])
            sent = [
                outage_at
                for number in range(unanswered_from, client.sent)
                if (outage_at := client.sent_at(number)) + travelling < self.engine.now
            ]
            if sent:
                self._judge_lost(client, sent[-1])

    def _judge_lost(self, client: Client, sent: int) -> None:
        """Judge a probe that was sent at an instant and not answered."""
        settings = self._settings[client.name]
        group = self._group(settings)
        since = None if group is None else self._calm.since(group)
        if group is None or since is None:
            return
        masters = [member for member in self._calm.able(group) if self._is_certain(settings, member)]
        if len(masters) < len(self._calm.able(group)) or not masters:
            return  # it is cut off from who may be master
        if any(
            one.runs_ucarp and one.state is State.MASTER and settings.target not in one.holds for one in masters
        ):
            return  # a ucarp does not look after its address
        bound = self._bound(settings, group, sent)
        since = max(since, *self.situation.disturbed.values())
        if sent > since + bound.value:
            self.violate(bound, f"a probe of {client.name} at {sent / 1e9:.9f} s is not answered")
        else:
            self.judge(bound, since + bound.value - sent)

    def _bound(self, settings: ClientSettings, group: list[Member], sent: int) -> Bound:
        situation = self.situation
        scripts = max(script_time(member, Hook.DOWN) + script_time(member, Hook.UP) for member in group)
        delay = max((member.config.preempt_delay for member in group if member.config.preempt), default=0)
        damping = max(
            (damping.hold_down for member in group if (damping := member.config.flap_damping)), default=0
        )
        intervals = 2 * max(member.interval for member in group)
        bound = self._calm.settling(group).plus(
            ("preempt delay", delay),
            ("2 intervals", intervals),
            ("flap damping", damping),
            ("clock drift", situation.drift_of(delay + damping + intervals)),
            ("scripts", scripts),
        )
        teacher = self._taught.get(settings.name)
        unlearned_at = situation.spoofed.get(settings.target, -1)
        if teacher is not None and teacher[0].state is State.MASTER and unlearned_at < teacher[1] < sent:
            return bound
        return bound.plus(
            ("neighbour cache", settings.neighbours.unlearning_time), ("probe interval", settings.interval)
        )

    def _group(self, settings: ClientSettings) -> list[Member] | None:
        for group in self.situation.groups.values():
            if group[0].segment.name == settings.segment and settings.target in self._addresses(group[0]):
                return group
        return None

    def _addresses(self, member: Member) -> list[IPAddress]:
        return [address.ip for address in member.config.addresses]

    def _is_certain(self, settings: ClientSettings, member: Member) -> bool:
        segment, situation = member.segment, self.situation
        return (
            segment.name == settings.segment
            and situation.hears(member.label, settings.name, segment)
            and situation.hears(settings.name, member.label, segment)
        )
