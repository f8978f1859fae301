"""How near a takeover came: the least margin is kept, and a lost advertisement that led to it is told."""

from dataclasses import replace
from ipaddress import IPv6Address

from triocarp.core import CloseCall, SwitchOverRequested
from triocarp.core.timing import SECOND

from .hosts import DUAL, PEER_SOURCE, PLAIN, Machine, Peer

MASTER = Peer()


def hear(machine: Machine, *pauses: int, peer: Peer = MASTER) -> list[str]:
    """Hear a peer after each of some pauses."""
    return [deed for pause in pauses for deed in machine.feed(peer.advertises(), after=pause)]


def test_margin_is_what_the_dead_timer_had_left() -> None:
    """A master that is on time leaves two seconds of three; the least margin is kept."""
    machine = Machine.listening(PLAIN)
    hear(machine, SECOND)
    assert machine.statistics.closest_margin is None
    hear(machine, SECOND)
    assert machine.statistics.closest_margin == 2 * SECOND
    hear(machine, SECOND + 5, SECOND)
    assert machine.statistics.closest_margin == 2 * SECOND - 5


def test_lost_advertisement_that_led_closest_is_told() -> None:
    """From two intervals of silence on one has been lost; only what is closer than ever is told."""
    machine = Machine.listening(PLAIN)
    assert hear(machine, SECOND, SECOND, 2 * SECOND - 1) == []
    assert hear(machine, 2 * SECOND, 2 * SECOND) == ["close call"]
    assert hear(machine, 2_900_000_000) == ["close call"]
    assert hear(machine, 2_800_000_000) == []
    last = machine.reports(CloseCall)[-1]
    assert (last.peer, last.silence, last.margin) == (PEER_SOURCE, 2_900_000_000, 100_000_000)
    assert machine.explained(CloseCall)[-1] == (
        "10.0.0.9 was silent for 2.900 s, longer than ever; 0.100 s more and we would have taken over"
    )


def test_another_master_is_no_close_call() -> None:
    """A takeover in between takes its time; that is not the former master's silence."""
    machine = Machine.listening(PLAIN)
    hear(machine, SECOND)
    assert hear(machine, 2_900_000_000, peer=Peer(source=PEER_SOURCE + 1)) == []
    assert machine.statistics.closest_margin is None


def test_overdue_timer_leaves_no_margin() -> None:
    """An advertisement that is read before an overdue timer is served came in time, but only just."""
    machine = Machine.listening(PLAIN)
    hear(machine, SECOND, SECOND)
    assert hear(machine, 3 * SECOND + 1) == ["close call"]
    assert machine.statistics.closest_margin == 0
    assert machine.explained(CloseCall)[-1].endswith("0.000 s more and we would have taken over")


def test_sleep_is_no_close_call() -> None:
    """A host that was suspended does not know what was said meanwhile."""
    machine = Machine.listening(PLAIN)
    hear(machine, SECOND, SECOND)
    assert hear(machine, 3600 * SECOND) == []
    assert machine.statistics.closest_margin == 2 * SECOND


def test_margin_is_measured_over_each_family() -> None:
    """A master of both families has an address in each: each of them is compared with itself."""
    machine = Machine.listening(DUAL)
    peers = [Peer.of(DUAL, PEER_SOURCE), Peer.of(DUAL, IPv6Address("fe80::9"))]
    for _ in range(3):
        assert hear(machine, SECOND, peer=peers[0]) + hear(machine, 1, peer=peers[1]) == []
    assert machine.statistics.closest_margin == 2 * SECOND - 1
    assert hear(machine, 2_500_000_000, peer=peers[1]) == ["close call"]
    assert machine.reports(CloseCall)[-1].peer == peers[1].source


def test_first_advertisement_after_leaving_measures_nothing() -> None:
    """A host that has just yielded, or handed over, begins to measure with the second advertisement."""
    better = Peer(advbase_s=0, advskew=200)
    machine = Machine.master(replace(PLAIN, advskew=1))
    hear(machine, SECOND // 2, peer=better)
    assert machine.statistics.closest_margin is None
    hear(machine, SECOND, peer=better)
    assert machine.statistics.closest_margin == 2 * SECOND + SECOND // 256
    machine = Machine.master(PLAIN)
    machine.feed(SwitchOverRequested(hold_down=0))
    assert hear(machine, 2_900_000_000) == []
    assert machine.statistics.closest_margin is None
