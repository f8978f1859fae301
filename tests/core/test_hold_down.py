"""Times in which a host does not become master, whatever it hears: after its start, and after a hand-over."""

from dataclasses import replace

import pytest

from triocarp.core import (
    OPENBSD,
    DemotionRequested,
    Event,
    Link,
    LinkChanged,
    Sealing,
    Started,
    State,
    StateChanged,
    SwitchOverRequested,
    WallClockChanged,
)
from triocarp.core.timing import SECOND

from .hosts import MAC, PEER_SOURCE, PLAIN, Machine, Peer

TIMED_OUT = "BACKUP -> MASTER: master timed out"
HANDS_OVER = ["MASTER -> BACKUP: user requested", "release", "goodbye"]
HELD = replace(PLAIN, hold_down=10 * SECOND, preempt=True)
WALL = 1_750_000_000 * SECOND
OTHERS = [
    Peer(advskew=50).advertises(),
    Peer(advskew=50).leaves(),
    Peer(advbase_s=9).advertises(),
    Peer(advbase_s=0, advskew=9).advertises(),
]


@pytest.mark.parametrize("packet", OTHERS)
def test_starting_host_only_listens(packet: Event) -> None:
    """Neither silence, nor a worse master, nor one that leaves makes the host master before its time."""
    machine = Machine.listening(HELD)
    assert machine.run_until(9 * SECOND) == []
    assert machine.feed(packet) == []
    assert machine.run_until(10 * SECOND - 1) == []
    machine.run_until(13 * SECOND)
    assert machine.state is State.MASTER


def test_silence_ends_with_the_hold_down() -> None:
    """A host that has heard nobody takes over when its hold-down ends, not a dead time later."""
    machine = Machine.listening(HELD)
    assert machine.node.takeover_due == 10 * SECOND
    assert machine.run_until(10 * SECOND)[0] == TIMED_OUT


def test_hold_down_is_no_shorter_than_the_dead_time() -> None:
    """A short hold-down changes nothing."""
    assert Machine.listening(replace(PLAIN, hold_down=SECOND)).node.deadline == 3 * SECOND


def test_openbsd_lets_a_demoted_master_be_in_its_hold_down() -> None:
    """Whatever preempt says, the hold-down says no."""
    config = replace(PLAIN, dialect=OPENBSD, hold_down=10 * SECOND)
    machine = Machine.listening(config)
    demoted = Peer.of(config, PEER_SOURCE, demotion=9)
    for _ in range(9):
        assert machine.feed(demoted.advertises(), after=SECOND) == []
    assert machine.feed(demoted.advertises(), after=SECOND)[0] == "BACKUP -> MASTER: preempting a demoted master"


def test_goodbye_in_a_hold_down_is_no_promise_to_come_back() -> None:
    """A goodbye announces no next advertisement: the host waits for a dead time, not for 255 seconds more.

    A demoted OpenBSD host, to which the one that leaves counts as better, must not be patient with it either.
    """
    config = replace(PLAIN, dialect=OPENBSD, advbase_s=0, advskew=100, hold_down=10 * SECOND)
    machine = Machine.listening(config)
    machine.feed(DemotionRequested(amount=5))
    assert machine.feed(Peer.of(config, PEER_SOURCE).leaves(), after=9_500_000_000) == []
    assert machine.node.takeover_due == machine.now + config.dead_time


def test_returning_link_begins_the_hold_down_again() -> None:
    """A link that flaps keeps the host listening; each return counts anew."""
    machine = Machine.listening(HELD)
    for _ in range(5):
        machine.run_for(8 * SECOND)
        machine.link(Link.NO_CARRIER)
        machine.link(Link.UP)
        assert machine.node.deadline == machine.now + 10 * SECOND
    machine.run_for(10 * SECOND)
    assert machine.state is State.MASTER


def test_switch_over_hands_over_and_stays_away() -> None:
    """SIGUSR2: the address goes, the goodbye is said, and for the time asked for the host is backup (3.7)."""
    machine = Machine.master(replace(PLAIN, preempt=True))
    assert machine.feed(SwitchOverRequested(hold_down=10 * SECOND)) == HANDS_OVER
    assert machine.explained(StateChanged)[-1] == "told to hand over"
    for _ in range(9):
        assert machine.feed(Peer(advskew=50).advertises(), after=SECOND) == []
    assert machine.feed(Peer(advskew=50).advertises(), after=SECOND)[0].endswith("preempting a slower master")


def test_switch_over_to_nobody_ends_with_the_hold_down() -> None:
    """When nobody takes the address, the host takes it back as soon as it may."""
    machine = Machine.master()
    machine.feed(SwitchOverRequested(hold_down=10 * SECOND))
    assert machine.node.takeover_due == machine.now + 10 * SECOND
    assert machine.run_for(10 * SECOND)[0] == TIMED_OUT


def test_backup_ignores_a_switch_over() -> None:
    """As ucarp does: there is nothing to hand over (3.7)."""
    machine = Machine.listening(PLAIN)
    assert machine.feed(SwitchOverRequested(hold_down=10 * SECOND)) == []
    assert machine.run_until(3 * SECOND)[0] == TIMED_OUT


def test_shorter_hold_down_does_not_end_a_longer_one() -> None:
    """The latest instant that anybody asked for counts: a start's, a hand-over's, a back-off's."""
    machine = Machine.master()
    machine.feed(SwitchOverRequested(hold_down=20 * SECOND))
    machine.link(Link.DOWN)
    machine.link(Link.UP)
    assert machine.node.deadline == machine.now + 20 * SECOND


@pytest.mark.parametrize("state", [State.INIT, State.BACKUP])
def test_set_clock_makes_a_sealed_host_listen(state: State) -> None:
    """While sealed counters are enforced nothing is believed for a window; so nobody's silence counts either."""
    config = replace(PLAIN, sealing=Sealing.ENFORCE, seal_window=2 * SECOND)
    machine = Machine(config)
    machine.feed(Started())
    up = LinkChanged(interface="eth0", link=Link.UP, hardware_address=MAC)
    clock = WallClockChanged(offset=WALL)
    for event in (clock, up) if state is State.INIT else (up, clock):
        machine.feed(event)
    assert machine.node.deadline == 7 * SECOND
    machine.feed(WallClockChanged(offset=WALL + SECOND), after=SECOND)
    assert machine.node.deadline == 7 * SECOND
    machine.feed(WallClockChanged(offset=WALL - 3600 * SECOND))
    assert machine.node.deadline == 8 * SECOND
    assert machine.run_until(8 * SECOND)[0] == TIMED_OUT
    assert machine.feed(WallClockChanged(offset=WALL)) == []
    assert machine.state is State.MASTER


def test_set_clock_changes_nothing_without_seals() -> None:
    """The wall clock may jump by an hour: nobody else looks at it (9.4 row 17)."""
    for sealing in (Sealing.OFF, Sealing.OBSERVE):
        machine = Machine.listening(replace(PLAIN, sealing=sealing))
        for step in (0, 3600, -3600):
            assert machine.feed(WallClockChanged(offset=WALL + step * SECOND), after=SECOND // 2) == []
        assert machine.node.deadline == 3 * SECOND
