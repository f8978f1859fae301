"""What a machine must never do, whatever happens to it: checked against what its ports were asked for."""

from dataclasses import dataclass, field

from triocarp.core import PacketDropped, State, StateChanged, TimerExpired, VirtualHostConfig
from triocarp.core.timing import SECOND

from .hosts import Machine
from .recording_ports import Deed

MUCH = 60
"""More deeds than one event can bring about."""


@dataclass
class Promises:
    """The promises of one virtual host, followed deed by deed.

    Attributes:
        config: of the virtual host.
        state: as reported.
        held: whether its address is on the interface.
        running: whether one of its hooks runs.
        excused: the address may be there though the host is not master: a release failed, or others put it there.
        parted: whether the host has said its last words since it was master.
        neutral: whether the host still lets the address be.
        takeover: what a takeover has brought so far, in order.
        sent: how many frames it has sent, and how many not, by kind.
        transitions: how many changes of state it has reported.
    """

    config: VirtualHostConfig
    state: State = State.INIT
    held: bool = False
    running: bool = False
    excused: bool = False
    parted: bool = True
    neutral: bool = field(init=False)
    takeover: list[str] | None = None
    sent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("advertise", "announce", "failed"), 0))
    transitions: int = 0

    def __post_init__(self) -> None:
        """Begin as neutral as the configuration says."""
        self.neutral = self.config.neutral

    def check(self, what: str) -> None:
        """Check one deed against what has been before."""
        if " -> " in what:
            self._change_state(State(what.split(" -> ")[1].split(":", maxsplit=1)[0]))
        request, _, failed = what.partition(" failed")
        worked = not failed and what == request
        match request.split():
            case ["advertise" | "goodbye"]:
                self._check_advertisement(goodbye=request == "goodbye")
                self.sent["advertise" if worked else "failed"] += 1
            case ["announce"]:
                assert self.state is State.MASTER, "announces though it is not master"
                assert self.held or not self.config.manages_addresses, "announces an address that it does not hold"
                assert not self.running, "announces before its script has ended"
                self.sent["announce" if worked else "failed"] += 1
            case ["hold"]:
                assert self.config.manages_addresses
                assert self.state is State.MASTER, "holds though it is not master"
                self.held |= worked
                self.excused &= not worked
            case ["release"]:
                assert self.config.manages_addresses
                assert self.state is not State.MASTER, "releases while it is master"
                self.held &= not worked
                self.excused = not worked and self.held
            case ["run", _]:
                assert not self.running, "runs two scripts at a time"
                self.running = worked
            case _:
                return
        if self.takeover is not None:
            self.takeover.append(request.split()[0])

    def _change_state(self, new: State) -> None:
        assert new is not self.state
        if State.MASTER in {self.state, new}:
            self.parted = False
        self.state = new
        self.neutral &= new is not State.MASTER
        self.takeover = [] if new is State.MASTER else None
        self.transitions += 1

    def _check_advertisement(self, *, goodbye: bool) -> None:
        if self.state is State.MASTER:
            assert not goodbye, "says goodbye while it is master"
            return
        assert not self.parted, "speaks though it is not master and has said its last words"
        assert not self.held or not self.config.manages_addresses, (
            "says its last words while it still holds the address"
        )
        assert not self.running, "says its last words before its script has ended"
        self.parted = True

    def check_afterwards(self, machine: Machine) -> None:
        """Check what must hold when an event has been dealt with."""
        if self.takeover is not None:
            order = ["advertise", "hold", "run", "announce"]
            ranks = [order.index(request) for request in self.takeover]
            assert ranks[0] == 0, "takes over without advertising first"
            assert ranks == sorted(ranks), f"takes over in the wrong order: {self.takeover}"
            assert self.config.manages_addresses == ("hold" in self.takeover)
            self.takeover = None
        statistics, state = machine.host_statistics_and_state(self.config)
        host = machine.node.virtual_hosts[self.config.interface, self.config.vhid]
        assert self.state is state
        assert self.transitions == statistics.transitions.total()
        assert self.sent["advertise"] == statistics.advertisements_sent
        assert self.sent["announce"] == statistics.announcements_sent
        assert self.sent["failed"] == statistics.send_errors
        if self.config.manages_addresses:
            assert self.held or self.state is not State.MASTER, "is master without its address"
            assert not self.held or self.state is State.MASTER or self.excused, "holds though it is not master"
        if self.state is State.MASTER:
            assert host.deadline is not None
            assert host.deadline <= machine.now + self.config.interval
        if self.state is State.BACKUP:
            assert host.deadline is not None, "is backup and waits for nothing"


@dataclass
class Watched:
    """A machine, a second one that must do the same, and the promises of their virtual hosts.

    Attributes:
        machine: the one that is driven.
        twin: has the same seed and is fed the same events.
        promises: by interface and VHID.
        received: how many packets were fed.
        stopping: whether a stop was asked for.
    """

    machine: Machine
    twin: Machine
    promises: dict[tuple[str, int], Promises]
    received: int = 0
    stopping: bool = False

    @classmethod
    def of(cls, *configs: VirtualHostConfig) -> "Watched":
        """Return a watched machine that has not started."""
        promises = {(config.interface, config.vhid): Promises(config) for config in configs}
        return cls(machine=Machine(*configs), twin=Machine(*configs), promises=promises)

    def check(self, deeds: list[Deed]) -> None:
        """Check what an event has brought about."""
        assert len(deeds) < MUCH, "does not come to rest"
        for deed in deeds:
            if deed.what == "stopped":
                self._check_stopped()
            elif deed.vhid is not None and (deed.interface, deed.vhid) in self.promises:
                self.promises[deed.interface, deed.vhid].check(deed.what)
        for promises in self.promises.values():
            promises.check_afterwards(self.machine)
        self._check_counters()
        assert self.machine.record.deeds == self.twin.record.deeds
        assert self.machine.record.frames == self.twin.record.frames
        assert self.machine.node.deadline == self.twin.node.deadline

    def _check_stopped(self) -> None:
        assert self.stopping
        assert [deed.what for deed in self.machine.record.deeds].count("stopped") == 1
        for promises in self.promises.values():
            assert promises.state is State.INIT
            assert not promises.running, "has stopped though a script runs"
            assert not promises.held or promises.excused, "has stopped and holds its address"

    def _check_counters(self) -> None:
        node = self.machine.node
        all_statistics = [node.statistics, *(host.statistics for host in node.virtual_hosts.values())]
        reports = self.machine.record.reports
        dropped = sum(isinstance(report, PacketDropped) for report in reports)
        assert dropped == sum(statistics.dropped.total() for statistics in all_statistics)
        assert self.received == sum(statistics.received for statistics in all_statistics)
        changes = sum(isinstance(report, StateChanged) for report in reports)
        assert changes == sum(statistics.transitions.total() for statistics in all_statistics)

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
            waiting = promises.excused and promises.held and promises.config.manages_addresses
            if waiting and not promises.neutral and promises.state is not State.MASTER and not self.stopping:
                deadline = self.machine.node.virtual_hosts[key].deadline
                assert deadline is not None
                assert deadline <= self.machine.now + SECOND
