"""What a machine must never do, whatever happens to it: checked against what its ports were asked for."""

from collections import Counter
from dataclasses import dataclass, field

from triocarp.core import (
    Cause,
    DemotionCause,
    Event,
    FailoverGroup,
    IPAddress,
    PacketDropped,
    State,
    StateChanged,
    TimerExpired,
    VirtualHost,
    VirtualHostConfig,
)
from triocarp.core.demotion import HANDED_OVER_FOR
from triocarp.core.preference import Standing
from triocarp.core.statistics import PEERS_MAX
from triocarp.core.timing import SECOND, advertisement_interval

from .hosts import Machine
from .recording_ports import Deed

MUCH = 200
"""More deeds than one event can bring about."""

STALE_DEADLINES = 8
"""How many deadlines a node may keep for each virtual host, and some more."""

TAKEOVER = ("advertise", "hold", "run", "announce")
"""The order of a takeover."""


@dataclass
class Promises:
    """The promises of one virtual host, followed deed by deed.

    Attributes:
        config: of the virtual host.
        state: as reported.
        held: which of its addresses are on the interface.
        running: whether one of its hooks runs.
        excused: addresses that may be there though the host is not master: a release failed, or others put them.
        words: how many parting frames the host may still send.
        neutral: whether the host still lets the addresses be.
        held_down: until when the host must not become master.
        deaf_until: the instant until which it can believe nobody.
        takeover: what a takeover has brought so far, in order.
        sent: how many frames it has sent, and how many not, by kind.
        causes: of its changes of state, since the event began.
        transitions: how many changes of state it has reported.
    """

    config: VirtualHostConfig
    state: State = State.INIT
    held: set[IPAddress] = field(default_factory=set[IPAddress])
    running: bool = False
    excused: set[IPAddress] = field(default_factory=set[IPAddress])
    words: int = 0
    neutral: bool = field(init=False)
    held_down: int = 0
    deaf_until: int = 0
    takeover: list[str] | None = None
    sent: Counter[str] = field(default_factory=Counter[str])
    causes: list[Cause] = field(default_factory=list[Cause])
    transitions: int = 0

    def __post_init__(self) -> None:
        """Begin as neutral as the configuration says."""
        self.neutral = self.config.neutral

    @property
    def addresses(self) -> set[IPAddress]:
        """The virtual addresses."""
        return {address.ip for address in self.config.addresses}

    def judge_seals_anew(self, now: int) -> None:
        """Take note that for a window of the wall clock nothing is believed, nor makes the host master."""
        self.deaf_until = now + self.config.seal_window

    def hold_down(self, until: int) -> None:
        """Take note that the host must not become master up to an instant."""
        self.held_down = max(self.held_down, until)

    def check(self, deed: Deed) -> None:
        """Check one deed against what has been before."""
        if " -> " in deed.what:
            _, new, cause = deed.what.replace(" -> ", ": ").split(": ", maxsplit=2)
            self._change_state(State(new), Cause(cause))
        request, _, failed = deed.what.partition(" failed")
        worked = not failed and deed.what == request
        about = set(deed.about)
        match request.split():
            case ["advertise" | "goodbye"]:
                self._check_advertisement(goodbye=request == "goodbye")
                self.sent["advertise" if worked else "failed"] += 1
            case ["announce"]:
                assert self.state is State.MASTER, "announces though it is not master"
                assert about <= self.held or not self.config.manages_addresses, (
                    "announces an address that it does not hold"
                )
                assert not self.running, "announces before its script has ended"
                self.sent["announce" if worked else "failed"] += 1
            case ["hold"]:
                assert self.config.manages_addresses
                assert self.state is State.MASTER, "holds though it is not master"
                if worked:
                    self.held |= about
                    self.excused -= about
            case ["release"]:
                assert self.config.manages_addresses
                assert self.state is not State.MASTER, "releases while it is master"
                if worked:
                    self.held.clear()
                self.excused = set(self.held)
            case ["run", _]:
                assert not self.running, "runs two scripts at a time"
                self.running = worked
            case _:
                return
        if self.takeover is not None:
            self.takeover.append(request.split()[0])

    def _change_state(self, new: State, cause: Cause) -> None:
        assert new is not self.state
        # A host that wakes up, becomes master again and sleeps once more, before it has released, has slept twice.
        assert cause is Cause.OVERSLEPT or cause not in self.causes, f"changes its state twice for: {cause.value}"
        if cause is Cause.LINK_DOWN:
            assert set(self.causes) <= {Cause.OVERSLEPT}, "hands over on a link that it knows is lost"
        if self.state is State.MASTER:
            self.words = len(self.config.destinations)
        elif new is State.MASTER:
            self.words = 0
        self.state = new
        self.neutral &= new is not State.MASTER
        self.takeover = [] if new is State.MASTER else None
        self.causes.append(cause)
        self.transitions += 1

    def _check_advertisement(self, *, goodbye: bool) -> None:
        if self.state is State.MASTER:
            assert not goodbye, "says goodbye while it is master"
            return
        assert self.words, "speaks though it is not master and has said its last words"
        assert not self.held or not self.config.manages_addresses, "says its last words while it holds an address"
        assert not self.running, "says its last words before its script has ended"
        self.words -= 1

    def check_afterwards(self, machine: Machine, host: VirtualHost) -> None:
        """Check what must hold when an event has been dealt with."""
        if self.takeover:
            first = {request: self.takeover.index(request) for request in TAKEOVER if request in self.takeover}
            assert list(first.values()) == sorted(first.values()), f"takes over in a wrong order: {self.takeover}"
            assert first.get("advertise") == 0, "takes over without advertising first"
            assert self.config.manages_addresses == ("hold" in first)
        self.takeover = None
        if self.state is State.MASTER and self.causes:
            assert machine.now >= self.held_down, "is master before its hold-down has ended"
            assert machine.now >= self.deaf_until, "is master before it can believe anybody"
        self._check_counters(host)
        self._check_addresses()
        assert self.state is host.state
        if self.state is State.MASTER:
            assert host.deadline is not None
            assert host.deadline <= machine.now + (host.standing.interval or self.config.interval)
            assert self._standing_said(machine) == host.standing, "does not say at once that its demotion changed"
        if self.state is State.BACKUP:
            assert host.deadline is not None, "is backup and waits for nothing"

    def _check_counters(self, host: VirtualHost) -> None:
        statistics = host.statistics
        assert self.transitions == statistics.transitions.total()
        assert self.sent["advertise"] == statistics.advertisements_sent
        assert self.sent["announce"] == statistics.announcements_sent
        assert self.sent["failed"] == statistics.send_errors
        assert len(statistics.heard) <= PEERS_MAX
        assert statistics.closest_margin is None or statistics.closest_margin >= 0

    def _check_addresses(self) -> None:
        if not self.config.manages_addresses:
            return
        if self.state is State.MASTER:
            assert self.held == self.addresses, "is master without its addresses"
        else:
            assert self.held <= self.excused, "holds though it is not master"

    def _standing_said(self, machine: Machine) -> Standing:
        """Return what the last advertisement said, sent or not."""
        said = machine.record.said[self.config.interface, self.config.vhid]
        assert said.advbase_s == self.config.advbase_s
        return Standing(said.demotion, advertisement_interval(said.advbase_s, said.advskew))


@dataclass
class Watched:
    """A machine, a second one that must do the same, and the promises of their virtual hosts.

    Attributes:
        machine: the one that is driven.
        twin: has the same seed and is fed the same events.
        promises: by interface and VHID.
        asked: the amounts of demotion that events have asked for, by failover group and cause.
        received: how many packets were fed.
        stopping: whether a stop was asked for.
    """

    machine: Machine
    twin: Machine
    promises: dict[tuple[str, int], Promises]
    asked: dict[str, dict[tuple[DemotionCause, str], int]] = field(
        default_factory=dict[str, dict[tuple[DemotionCause, str], int]]
    )
    received: int = 0
    stopping: bool = False

    @classmethod
    def of(cls, *configs: VirtualHostConfig) -> "Watched":
        """Return a watched machine that has not started."""
        promises = {(config.interface, config.vhid): Promises(config) for config in configs}
        asked: dict[str, dict[tuple[DemotionCause, str], int]] = {config.group_name: {} for config in configs}
        return cls(machine=Machine(*configs), twin=Machine(*configs), promises=promises, asked=asked)

    @property
    def both(self) -> tuple[Machine, Machine]:
        """The machine and its twin."""
        return self.machine, self.twin

    def members(self, group: str | None) -> list[Promises]:
        """Return the virtual hosts of a failover group; of all, if it is None."""
        return [promises for promises in self.promises.values() if group in {None, promises.config.group_name}]

    def feed(self, event: Event) -> list[Deed]:
        """Feed both machines, check every promise, and return what was done."""
        for promises in self.promises.values():
            promises.causes.clear()
        masters = [promises for promises in self.promises.values() if promises.state is State.MASTER]
        troubles = {name: handed_over_for(group) for name, group in self.machine.node.failover_groups.items()}
        failing, quick = bool(self.machine.record.failing), not self.machine.record.slow
        begin, now = len(self.machine.record.deeds), self.machine.now
        for machine in self.both:
            machine.feed(event)
        deeds = self.machine.record.deeds[begin:]
        self._follow(deeds)
        self._check_twin()
        self._check_node()
        for name, group in self.machine.node.failover_groups.items():
            self._check_demotion(name, group)
            if handed_over_for(group) - troubles[name]:
                said_goodbye = {(deed.interface, deed.vhid) for deed in deeds if deed.what == "goodbye"}
                self._check_handed_over(name, masters, None if failing or not quick else said_goodbye)
        for deed in deeds:
            if deed.what.endswith(Cause.ADDRESS_FAILURE.value) and deed.vhid is not None:
                self.promises[deed.interface, deed.vhid].hold_down(now + SECOND)
        return deeds

    def _follow(self, deeds: list[Deed]) -> None:
        assert len(deeds) < MUCH, "does not come to rest"
        for deed in deeds:
            if deed.what == "stopped":
                self._check_stopped()
            elif deed.vhid is not None and (deed.interface, deed.vhid) in self.promises:
                self.promises[deed.interface, deed.vhid].check(deed)
        for key, promises in self.promises.items():
            promises.check_afterwards(self.machine, self.machine.node.virtual_hosts[key])

    def _check_twin(self) -> None:
        assert self.machine.record.deeds == self.twin.record.deeds
        assert self.machine.record.frames == self.twin.record.frames
        assert self.machine.record.reports == self.twin.record.reports
        assert self.machine.node.deadline == self.twin.node.deadline

    def _check_stopped(self) -> None:
        assert self.stopping
        assert [deed.what for deed in self.machine.record.deeds].count("stopped") == 1
        for promises in self.promises.values():
            assert promises.state is State.INIT
            assert not promises.running, "has stopped though a script runs"
            assert promises.held <= promises.excused, "has stopped and holds its addresses"

    def _check_node(self) -> None:
        node = self.machine.node
        hosts = list(node.virtual_hosts.values())
        all_statistics = [node.statistics, *(host.statistics for host in hosts)]
        reports = self.machine.record.reports
        dropped = sum(report.count for report in reports if isinstance(report, PacketDropped))
        assert dropped == sum(statistics.dropped.total() for statistics in all_statistics)
        assert self.received == sum(statistics.received for statistics in all_statistics)
        changes = sum(isinstance(report, StateChanged) for report in reports)
        assert changes == sum(statistics.transitions.total() for statistics in all_statistics)
        earliest = min((host.deadline for host in hosts if host.deadline is not None), default=None)
        waits_for_stopped = self.stopping and not node.stopped and all(host.stopped for host in hosts)
        assert waits_for_stopped or earliest == node.deadline, "does not know its earliest deadline"
        kept = len(node._deadlines)  # pyright: ignore[reportPrivateUsage]
        assert kept <= STALE_DEADLINES * (len(hosts) + STALE_DEADLINES), "deadlines pile up"

    def _check_demotion(self, name: str, group: FailoverGroup) -> None:
        """Check that a demotion is what its causes add up to, and that each of them goes when its reason does."""
        demotion = group.demotion
        assert demotion.total == sum(amount for _, _, amount in demotion.causes)
        asked = {(cause, of): amount for cause, of, amount in demotion.causes if cause not in OWN_CAUSES}
        assert self.asked[name] == asked
        for cause, of, _ in demotion.causes:
            if cause in OWN_CAUSES:
                (config,) = (host.config for host in group.members if host.config.name == of)
                if cause is DemotionCause.ADDRESS_FAILURE:
                    host = self.machine.node.virtual_hosts[config.interface, config.vhid]
                    assert host.deadline is not None or self.stopping, "is demoted for ever"

    def _check_handed_over(
        self, name: str, masters: list[Promises], said_goodbye: set[tuple[str, int | None]] | None
    ) -> None:
        for promises in self.members(name):
            assert promises.state is not State.MASTER, "stays master though its failover group hands over"
            config = promises.config
            late = promises.running or self.machine.node.virtual_hosts[config.interface, config.vhid].stopped
            silent = {Cause.LINK_DOWN, Cause.OVERSLEPT} & set(promises.causes)
            if promises in masters and said_goodbye is not None and not late and not silent:
                assert (config.interface, config.vhid) in said_goodbye, "hands over without a goodbye"

    def check_deadline_after_timer(self) -> None:
        """Check that a timer served in time leaves nothing that is due, except that the leaving is over."""
        deadline, now = self.machine.node.deadline, self.machine.now
        if deadline is None or deadline > now:
            return
        assert deadline == now, "has a deadline in the past"
        assert self.stopping
        assert not self.machine.node.stopped
        assert all(host.stopped for host in self.machine.node.virtual_hosts.values())

    def check_idle_timer(self) -> None:
        """Check that a timer that nobody waits for has no effect."""
        deadline = self.machine.node.deadline
        if deadline is None or deadline > self.machine.now:
            assert self.machine.feed(TimerExpired()) == self.twin.feed(TimerExpired()) == []
            assert deadline == self.machine.node.deadline

    def check_pending_release(self) -> None:
        """Check that an address that must go is tried again within a second, unless that was given up."""
        for key, promises in self.promises.items():
            waiting = promises.held and promises.config.manages_addresses
            if waiting and not promises.neutral and promises.state is not State.MASTER and not self.stopping:
                deadline = self.machine.node.virtual_hosts[key].deadline
                assert deadline is not None
                assert deadline <= self.machine.now + SECOND


OWN_CAUSES = frozenset({DemotionCause.SEND_ERRORS, DemotionCause.ADDRESS_FAILURE})
"""Causes of demotion that no event names: the host finds them itself."""


def handed_over_for(group: FailoverGroup) -> set[tuple[DemotionCause, str]]:
    """Return the causes that demote a group and for which masters hand over."""
    return {(cause, of) for cause, of, _ in group.demotion.causes if cause in HANDED_OVER_FOR}
