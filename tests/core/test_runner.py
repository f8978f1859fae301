"""A runner does what a node decides, and turns what fails into events."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from triocarp.core import (
    Effect,
    EffectFailed,
    Event,
    Notice,
    Noticed,
    PortFailure,
    Runner,
    State,
    StopRequested,
    TimerExpired,
    Transport,
)
from triocarp.core.timing import SECOND

from .hosts import PLAIN, Machine, Peer

SECOND_HOST = replace(PLAIN, vhid=8, addresses=(IPv4Interface("10.0.0.101/24"),))
TIMED_OUT = "BACKUP -> MASTER: master timed out"
OF_OURS = (PortFailure.TOO_LATE, PortFailure.WITHHELD)
"""Failures that are no fault of the network's."""


def test_failed_hold_lets_no_announcement_out() -> None:
    """What follows a failed hold rests on it: the address is not announced."""
    machine = Machine.listening(PLAIN)
    machine.record.failing = {"hold"}
    assert "announce" not in machine.run_until(3 * SECOND)


def test_failed_release_lets_no_parting_word_out() -> None:
    """What follows a failed release rests on it: neither last advertisement nor goodbye is sent."""
    machine = Machine.master(replace(PLAIN, advskew=50))
    machine.record.failing = {"release"}
    done = machine.feed(Peer().advertises())
    assert done[1:] == ["release failed", "notice: RELEASE_FAILED"]
    machine.record.failing = set()
    machine.feed(Peer().advertises(), after=SECOND // 2)
    assert machine.run_for(SECOND // 2) == ["release", "advertise"]
    assert machine.statistics.advertisements_sent == 2


def test_failure_of_one_virtual_host_does_not_silence_another() -> None:
    """In the same instant one virtual host fails to hold and the next one becomes master."""
    machine = Machine.listening(PLAIN, SECOND_HOST)
    machine.record.failing = {"hold 7"}
    machine.run_until(3 * SECOND)
    states = [machine.host_statistics_and_state(config)[1] for config in machine.configs]
    assert states == [State.BACKUP, State.MASTER]
    announced = [deed.vhid for deed in machine.record.deeds if deed.what == "announce"]
    assert announced == [8]


def test_goodbye_does_not_overtake_the_news_of_a_failed_release() -> None:
    """Hold and up script fail in one instant, and then the release: its failure is told before the script's.

    Otherwise the end of the script would let the goodbye out while the address may still answer.
    """
    machine = Machine.listening(replace(PLAIN, up_hook=True))
    machine.record.failing = {"hold", "release", "run"}
    done = machine.run_until(3 * SECOND)
    assert "goodbye" not in done
    assert done.index("notice: RELEASE_FAILED") < done.index("notice: HOOK_FAILED")
    machine.record.failing = set()
    assert machine.run_for(SECOND) == ["release", "goodbye"]
    assert machine.statistics.advertisements_sent == 2


def test_announcement_does_not_overtake_the_news_of_a_failed_hold() -> None:
    """A master wakes up, steps down and takes over again; scripts and hold fail, and hold's failure is told first.

    Otherwise the end of the scripts would let an announcement out for an address that is not held.
    """
    machine = Machine.master(replace(PLAIN, up_hook=True, down_hook=True))
    machine.record.failing = {"hold", "run"}
    done = machine.feed(Peer().leaves(), after=3 * SECOND)
    assert done[:6] == [
        "MASTER -> BACKUP: slept past the dead time",
        "release",
        "run down failed",
        "BACKUP -> MASTER: master will time out",
        "advertise",
        "hold failed",
    ]
    assert "announce" not in done
    assert done[-1] == "goodbye"
    assert machine.statistics.announcements_sent == 1


@pytest.mark.parametrize("failure", [failure for failure in PortFailure if failure not in OF_OURS])
def test_failed_frame_is_reported_and_counted(failure: PortFailure) -> None:
    """A frame that was not sent counts as an error and not as sent, and the host goes on."""
    machine = Machine.listening(PLAIN)
    machine.record.failing = {"advertise", "announce"}
    machine.record.failure = failure
    done = machine.run_until(3 * SECOND)
    notices = ["notice: SEND_FAILED"] * 2
    assert done == [TIMED_OUT, "advertise failed", "hold", "announce failed", *notices]
    statistics = machine.statistics
    assert (statistics.advertisements_sent, statistics.announcements_sent, statistics.send_errors) == (0, 0, 2)
    assert isinstance(machine.record.reports[-1], Noticed)
    assert machine.record.reports[-1].failure is failure


def test_everything_may_fail_at_once() -> None:
    """With every port failing, feeding still ends, again and again, and the host waits longer each time."""
    machine = Machine.listening(replace(PLAIN, up_hook=True, down_hook=True))
    machine.record.failing = {"advertise", "goodbye", "announce", "hold", "release", "run"}
    machine.run_until(600 * SECOND)
    tries = [deed for deed in machine.record.deeds if deed.what == "hold failed"]
    assert len(tries) == 10
    machine.stop()
    assert machine.run_for(3 * SECOND)[-1] == "stopped"


def test_feeding_returns_the_deadline() -> None:
    """A driver sleeps until what `feed` returns."""
    machine = Machine.listening(PLAIN)
    assert machine.runner.feed(Peer().advertises(), SECOND) == machine.node.deadline == 4 * SECOND


def test_what_is_no_port_error_is_a_bug_and_is_not_hidden() -> None:
    """A port's bug reaches the driver's caller."""
    machine = Machine.listening(PLAIN)
    machine.record.failing = {"a bug in hold"}
    with pytest.raises(ZeroDivisionError):
        machine.run_until(3 * SECOND)


@pytest.mark.parametrize("request_", ["advertise", "hold", "announce"])
@pytest.mark.parametrize("dead_ratio", [1, 3])
def test_what_was_decided_a_dead_time_ago_is_not_done(request_: str, dead_ratio: int) -> None:
    """Frozen in the middle of a takeover, a host steps down when it wakes up, and what is left is not done."""
    machine = Machine.listening(replace(PLAIN, dead_ratio=dead_ratio))
    machine.record.slow = {request_: dead_ratio * SECOND}
    machine.record.held.clear()
    done = machine.run_until(dead_ratio * SECOND)
    asked = ["advertise", "hold", "announce"]
    last = asked.index(request_) + 1
    steps_down = ["MASTER -> BACKUP: slept past the dead time", "release"] if last < len(asked) else []
    assert done == [TIMED_OUT, *asked[:last], *steps_down]
    assert (machine.statistics.advertisements_sent, machine.statistics.send_errors) == (1, 0)
    assert machine.statistics.announcements_sent == (request_ == "announce")
    assert machine.node.failover_groups["7@eth0"].demotion.total == 0


def test_late_release_and_late_script_are_done() -> None:
    """What gives up an address is never too late; what would be said afterwards is."""
    machine = Machine.master(replace(PLAIN, down_hook=True))
    machine.record.slow = {"release": 3 * SECOND}
    assert machine.stop() == ["MASTER -> INIT: stopped by the operator", "release", "run down"]
    machine.record.slow = {}
    assert machine.end_hook() == ["goodbye"]
    machine = Machine.master()
    machine.record.slow = {"release": 3 * SECOND}
    assert machine.stop() == ["MASTER -> INIT: stopped by the operator", "release", "stopped"]
    assert machine.statistics.advertisements_sent == 1


def test_what_is_withheld_is_told() -> None:
    """The host learns of each frame that was not sent because the release before it failed, and counts right."""
    peers = (IPv4Address("10.0.0.9"), IPv4Address("10.0.0.10"))
    machine = Machine.master(replace(PLAIN, transport=Transport.UNICAST, peers=peers))
    machine.record.failing = {"release"}
    machine.stop()
    assert machine.statistics.advertisements_sent == 2
    machine.record.failing = {"goodbye 10.0.0.9"}
    assert machine.run_for(SECOND) == ["release", "goodbye failed", "goodbye", "notice: SEND_FAILED", "stopped"]
    assert (machine.statistics.advertisements_sent, machine.statistics.send_errors) == (3, 1)


class Told:
    """A journal that keeps the failures."""

    def __init__(self) -> None:
        self.failures: list[tuple[PortFailure, str]] = []

    def record(self, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note of one event."""
        del at, effects
        if isinstance(event, EffectFailed):
            self.failures.append((event.failure, event.detail))


def test_journal_tells_why_we_did_not_do_it() -> None:
    """These failures are ours, and no operator is told of them; who reads the journal finds the reason in it."""
    machine, told = Machine.master(), Told()
    ports = replace(machine.record.ports, journal=told)
    machine.record.failing = {"release"}
    Runner(machine.node, ports).feed(StopRequested(), machine.now)
    assert told.failures[1:] == [(PortFailure.WITHHELD, "not sent, because what it rests on has failed")]
    machine, told.failures = Machine.listening(PLAIN), []
    Runner(machine.node, ports, clock=lambda: 6_500_000_000).feed(TimerExpired(), 3 * SECOND)
    assert told.failures[0] == (PortFailure.TOO_LATE, "decided 3.500 s ago")


def test_with_a_clock_time_never_runs_backwards() -> None:
    """An instant before what was fed already counts as that: a driver may have looked at its clock too early."""
    machine = Machine.listening(PLAIN)
    machine.feed(Peer().advertises(), after=SECOND)
    machine.runner.feed(Peer(advskew=1).advertises(), SECOND - 1)
    assert machine.node.deadline == 4 * SECOND


def test_failing_group_counts_what_was_withheld_from_its_other_members() -> None:
    """Two members fail to hold in one instant: what the first brings about does not spoil the second's counts."""
    group = [replace(config, failover_group="G") for config in (PLAIN, SECOND_HOST)]
    machine = Machine.listening(*group)
    machine.record.failing = {"hold"}
    done = machine.run_until(3 * SECOND)
    assert "announce" not in done
    for config in group:
        assert machine.host_statistics_and_state(config)[0].announcements_sent == 0
    assert machine.states == [State.BACKUP, State.BACKUP]


@pytest.mark.parametrize(
    ("failing", "notice"),
    [
        ("advertise", Notice.SEND_FAILED),
        ("announce", Notice.SEND_FAILED),
        ("hold", Notice.RENEWAL_FAILED),
        ("release", Notice.RELEASE_FAILED),
    ],
)
def test_a_failed_ports_own_words_are_told(failing: str, notice: Notice) -> None:
    """The operator learns what kind of failure it was, and reads what the system said."""
    machine = Machine.master()
    machine.record.failing = {failing}
    machine.record.failure = PortFailure.NO_BUFFER
    machine.run_for(2 * SECOND)
    machine.stop()
    told = [report for report in machine.record.reports if isinstance(report, Noticed) and report.notice is notice]
    assert told
    assert all(
        (report.failure, "told to fail" in report.detail) == (PortFailure.NO_BUFFER, True) for report in told
    )


def test_a_hook_that_cannot_be_started_tells_why() -> None:
    """With the hook's name and the port's words."""
    machine = Machine.listening(replace(PLAIN, up_hook=True))
    machine.record.failing = {"run"}
    machine.run_until(3 * SECOND)
    (told,) = (report for report in machine.record.reports if isinstance(report, Noticed))
    assert (told.notice, told.interface, told.vhid) == (Notice.HOOK_FAILED, "eth0", 7)
    assert told.detail.startswith("up hook: ")
    assert "told to fail" in told.detail
