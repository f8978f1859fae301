"""An observer beside hosts of our own, which know what they are: it says the same of them."""

import itertools
from collections import deque
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import Cause, Link, PacketReceived, Started, State, StateChanged, TimerExpired, read_datagram
from triocarp.core.observer.observed_group import ObservedGroup
from triocarp.core.observer.sightings import Failover, FailoverCause, Host, Role, TwoMastersSeen
from triocarp.core.timing import SECOND

from .hosts import PLAIN, VIRTUAL_ADDRESS, Machine
from .overheard import Ear

GROUP = ObservedGroup(vhid=PLAIN.vhid, passwords=(PLAIN.password,), addresses=(VIRTUAL_ADDRESS.ip,))
CAUSES = {
    # A host that was started after a goodbye does not know of it, and waits.
    Cause.MASTER_TIMED_OUT: {FailoverCause.FIRST_MASTER, FailoverCause.SILENCE, FailoverCause.GOODBYE},
    Cause.MASTER_WILL_TIME_OUT: {FailoverCause.GOODBYE},
    Cause.PREEMPTING: {FailoverCause.PREEMPTION},
}
HOSTS = 3


def name_of(machine: Machine) -> Host:
    """Return how an observer names a machine."""
    source = machine.configs[0].source
    assert source is not None
    return Host(address=source)


class Neighbours:
    """Hosts of one group on a segment that loses nothing, and an observer beside them.

    Args:
        preempt: whether they take over from a worse master.

    Attributes:
        ear: the observer.
        now: nanoseconds.
        takeovers: who became master by its own report and why, in order.
    """

    def __init__(self, *, preempt: bool) -> None:
        self.ear = Ear(GROUP)
        self.now = 0
        self.takeovers: list[tuple[Host, Cause]] = []
        self._preempt = preempt
        self._machines: dict[int, Machine] = {}
        self._heard: dict[int, int] = {}
        self._reported: dict[int, int] = {}

    def start(self, number: int) -> None:
        """Start a host, or nothing if it runs."""
        if number not in self._machines:
            source = IPv4Address(f"10.0.0.{number + 1}")
            config = replace(PLAIN, source=source, advskew=number * 40, preempt=self._preempt)
            machine = self._machines[number] = Machine(config, seed=number)
            machine.now = self.now
            machine.feed(Started())
            machine.link(Link.UP)
            self._heard[number] = self._reported[number] = 0

    def kill(self, number: int) -> None:
        """Let a host vanish."""
        self._machines.pop(number, None)

    def stop(self, number: int) -> None:
        """Ask a host to stop; it says goodbye if it is master."""
        if number in self._machines:
            self._machines[number].stop()
            self._spread()
            self.kill(number)

    def run_for(self, duration: int) -> None:
        """Serve every deadline of the next while."""
        end = self.now + duration
        while due := [
            (deadline, number)
            for number, machine in self._machines.items()
            if (deadline := machine.node.deadline) is not None and deadline <= end
        ]:
            deadline, number = min(due)
            self._let_time_pass(max(self.now, deadline))
            self._machines[number].feed(TimerExpired())
            self._spread()
        self._let_time_pass(end)
        self.ear.waits_until(end / SECOND)

    def masters(self) -> list[Host]:
        """Return who says of itself that it is master."""
        machines = self._machines.values()
        return [name_of(machine) for machine in machines if machine.state is State.MASTER]

    def _let_time_pass(self, instant: int) -> None:
        self.now = instant
        for machine in self._machines.values():
            machine.now = instant

    def _spread(self) -> None:
        """Bring what was said to everybody else, and what they answer, until nobody says more."""
        frames = deque(self._said())
        while frames:
            speaker, frame = frames.popleft()
            self.ear.takes_note_of(self.ear.observer.observe(frame, self.now))
            packet = read_datagram(PLAIN.interface, frame[14:])
            if isinstance(packet, PacketReceived):
                for number, machine in self._machines.items():
                    if number != speaker:
                        machine.feed(packet)
            frames.extend(self._said())

    def _said(self) -> list[tuple[int, bytes]]:
        said: list[tuple[int, bytes]] = []
        for number, machine in self._machines.items():
            frames, reports = machine.record.frames, machine.record.reports
            said += [(number, frame) for _, frame in frames[self._heard[number] :]]
            self.takeovers += [
                (name_of(machine), report.cause)
                for report in reports[self._reported[number] :]
                if isinstance(report, StateChanged) and report.new is State.MASTER
            ]
            self._heard[number], self._reported[number] = len(frames), len(reports)
        return said


PAUSES = st.one_of(st.sampled_from([0, 4 * SECOND, 4 * SECOND]), st.integers(0, 6 * SECOND))
DEEDS = st.lists(
    st.tuples(st.sampled_from(["start", "start", "kill", "stop"]), st.integers(0, HOSTS - 1), PAUSES),
    min_size=3,
    max_size=12,
)


@pytest.mark.parametrize("preempt", [False, True])
@given(deeds=DEEDS)
def test_observer_agrees_with_the_hosts(preempt: bool, deeds: list[tuple[str, int, int]]) -> None:
    """Takeovers are seen with their causes, two masters never, and in the end the master is who says so."""
    neighbours = Neighbours(preempt=preempt)
    for deed, number, pause in deeds:
        {"start": neighbours.start, "kill": neighbours.kill, "stop": neighbours.stop}[deed](number)
        neighbours.run_for(pause)
    neighbours.run_for(10 * SECOND)
    ear = neighbours.ear
    assert neighbours.masters() == [host for host, view in ear.observer.hosts.items() if view.role is Role.MASTER]
    assert not [sighting for sighting in ear.seen if isinstance(sighting, TwoMastersSeen)]
    takeovers = iter(neighbours.takeovers)
    for failover in (sighting for sighting in ear.seen if isinstance(sighting, Failover)):
        assert any(host == failover.new and failover.cause in CAUSES[cause] for host, cause in takeovers)
    if not preempt:
        # Two may preempt at the same instant, and one yields at once; but nobody else takes over in vain.
        moves = [host for host, _ in itertools.groupby(host for host, _ in neighbours.takeovers)]
        assert moves == [sighting.new for sighting in ear.seen if isinstance(sighting, Failover)]
