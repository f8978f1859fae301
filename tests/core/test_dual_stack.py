"""A virtual host of both address families: what it says, which silence counts, and what it tells of it."""

from dataclasses import replace
from ipaddress import IPv6Address

import pytest

from triocarp.core import CARPD, FREEBSD, OPENBSD, Dialect, Noticed, PacketReceived, State, StateChanged
from triocarp.core.family import family_of
from triocarp.core.timing import SECOND

from .hosts import DUAL, PEER_SOURCE, Machine, Peer

PEER_SOURCE6 = IPv6Address("fe80::9")
TIMED_OUT = "BACKUP -> MASTER: master timed out"
TAKES_OVER = [TIMED_OUT, "advertise", "advertise", "hold", "announce", "announce"]
EITHER = replace(DUAL, dialect=FREEBSD)
OVER4 = Peer.of(DUAL, PEER_SOURCE)
OVER6 = Peer.of(DUAL, PEER_SOURCE6)


def hear_both(machine: Machine, *, after: int = SECOND) -> list[str]:
    """Hear a master over both families at once."""
    return machine.feed(OVER4.advertises(), after=after) + machine.feed(OVER6.advertises())


@pytest.mark.parametrize("dialect", [CARPD, FREEBSD, OPENBSD], ids=lambda dialect: dialect.name)
def test_takes_over_when_nothing_is_heard(dialect: Dialect) -> None:
    """Both dead timers expire at once and bring one takeover: two advertisements, and all addresses."""
    machine = Machine.listening(replace(DUAL, dialect=dialect))
    assert machine.run_until(3 * SECOND - 1) == []
    assert machine.run_until(3 * SECOND) == TAKES_OVER
    assert machine.record.held == {("eth0", address.ip) for address in DUAL.addresses}


@pytest.mark.parametrize(("heard", "silent"), [(OVER4, "IPv6"), (OVER6, "IPv4")])
def test_one_family_is_enough_to_stay_backup(heard: Peer, silent: str) -> None:
    """A carpd hears its master over one family: it tells once that the other one is silent, and whose it is."""
    machine = Machine.listening(DUAL)
    hear_both(machine)
    done: list[str] = []
    for _ in range(10):
        done += machine.run_for(SECOND)
        done += machine.feed(heard.advertises())
    assert done == ["notice: FAMILY_SILENT"]
    (notice,) = machine.reports(Noticed)
    assert (notice.peer, notice.detail) == (heard.source, silent)
    sentence = "nothing is heard any more over one address family, while the master is heard over the other"
    assert machine.explained(Noticed) == [f"{sentence} ({heard.source}, {silent})"]


def test_silent_family_that_is_heard_again_is_told() -> None:
    """It is told once, and from then on the family counts again."""
    machine = Machine.listening(DUAL)
    for _ in range(4):
        machine.run_for(SECOND)
        machine.feed(OVER4.advertises())
    assert hear_both(machine) == ["notice: FAMILY_HEARD"]
    assert (machine.reports(Noticed)[-1].peer, machine.reports(Noticed)[-1].detail) == (PEER_SOURCE6, "IPv6")
    assert hear_both(machine) == []
    assert machine.run_for(3 * SECOND) == TAKES_OVER


def test_silence_of_both_families_is_counted_from_what_was_heard_last() -> None:
    """IPv6 has been silent for long when IPv4 falls silent too: then the host takes over, and says since when."""
    machine = Machine.listening(DUAL)
    hear_both(machine)
    for _ in range(4):
        machine.run_for(SECOND)
        machine.feed(OVER4.advertises())
    machine.run_for(3 * SECOND - 1)
    assert machine.state is State.BACKUP
    assert machine.run_for(1) == TAKES_OVER
    assert machine.explained(StateChanged)[-1] == f"no valid advertisement for 3.000 s from {PEER_SOURCE}"


@pytest.mark.parametrize("apart", [0, 1, SECOND])
def test_families_that_fall_silent_one_after_the_other(apart: int) -> None:
    """The later of the two dead timers counts. Nothing is said about one family: the master is lost over both."""
    machine = Machine.listening(DUAL)
    machine.feed(OVER6.advertises(), after=SECOND)
    machine.feed(OVER4.advertises(), after=apart)
    done = machine.run_for(3 * SECOND)
    assert done == TAKES_OVER


def test_silence_that_was_not_told_needs_no_end() -> None:
    """A family that is heard again before the other one says that it was silent alone is as if it never was."""
    machine = Machine.listening(DUAL)
    machine.feed(OVER6.advertises(), after=SECOND)
    machine.feed(OVER4.advertises(), after=SECOND)
    machine.run_for(2 * SECOND + SECOND // 2)
    for peer in (OVER6, OVER4):
        machine.feed(peer.advertises())
    assert (machine.state, machine.reports(Noticed)) == (State.BACKUP, [])


@pytest.mark.parametrize("late", [0, SECOND // 4, SECOND // 2 - 1])
def test_late_timer_of_two_silent_families_is_one_takeover(late: int) -> None:
    """Both are overdue when the timer is served: no word about one family, one takeover."""
    machine = Machine.listening(DUAL)
    machine.feed(OVER6.advertises(), after=SECOND)
    machine.feed(OVER4.advertises(), after=SECOND // 2)
    machine.now = 4 * SECOND + SECOND // 2 + late
    assert machine.run_until(machine.now) == TAKES_OVER


def test_sleeping_host_of_both_families_listens_again() -> None:
    """A host that slept waits anew for both families, also for one that was silent before."""
    machine = Machine.listening(DUAL)
    for _ in range(4):
        machine.run_for(SECOND)
        machine.feed(OVER4.advertises())
    machine.now += 60 * SECOND
    assert machine.run_until(machine.now) == []
    woke = machine.now
    assert machine.node.deadline == woke + 3 * SECOND
    assert hear_both(machine) == []
    assert machine.run_for(3 * SECOND) == TAKES_OVER


@pytest.mark.parametrize("dialect", [FREEBSD, OPENBSD], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(("heard", "silent"), [(OVER4, OVER6), (OVER6, OVER4)])
def test_silence_of_either_family_is_enough(dialect: Dialect, heard: Peer, silent: Peer) -> None:
    """A BSD takes over when one family falls silent, and says over which nobody is heard (9.4 row 15)."""
    config = replace(DUAL, dialect=dialect)
    heard, silent = replace(heard, like=config), replace(silent, like=config)
    machine = Machine.listening(config)
    machine.feed(silent.advertises(), after=SECOND)
    for _ in range(2):
        machine.feed(replace(silent, password=b"wrong").advertises(), after=SECOND)
        assert machine.feed(heard.advertises())[1:] == []
    assert machine.run_until(4 * SECOND - 1) == []
    assert machine.run_until(4 * SECOND) == TAKES_OVER
    whose = f"{silent.source} over {family_of(silent.source)}"
    rejected = "2 rejected in that time for a bad HMAC"
    assert machine.explained(StateChanged)[-1] == f"no valid advertisement for 3.000 s from {whose}; {rejected}"


def test_rejected_packets_of_both_families_are_counted_together() -> None:
    """Where either family is enough, whatever was rejected since the master was heard is told."""
    machine = Machine.listening(DUAL)
    hear_both(machine)
    for peer in (OVER4, OVER6):
        machine.feed(replace(peer, password=b"wrong").advertises(), after=SECOND)
    machine.run_for(3 * SECOND)
    assert machine.explained(StateChanged)[-1].endswith("; 2 rejected in that time for a bad HMAC")


def test_what_was_heard_clears_what_was_rejected() -> None:
    """Once the master is heard again, over any family, the rejected packets of before explain nothing."""
    machine = Machine.listening(DUAL)
    machine.feed(replace(OVER6, password=b"wrong").advertises(), after=SECOND)
    machine.feed(OVER4.advertises())
    machine.run_for(4 * SECOND)
    assert machine.explained(StateChanged)[-1] == f"no valid advertisement for 3.000 s from {PEER_SOURCE}"


def test_master_that_is_heard_over_one_family_only_is_left_alone() -> None:
    """A master that never advertised over IPv6 is a master: the host stays backup and tells it once."""
    machine = Machine.listening(DUAL)
    done: list[str] = []
    for _ in range(5):
        done += machine.feed(OVER4.advertises(), after=SECOND)
        done += machine.run_for(0)
    assert done == ["notice: FAMILY_SILENT"]


@pytest.mark.parametrize("goodbyes", [(OVER4,), (OVER6,), (OVER4, OVER6)])
def test_goodbye_over_one_family_is_enough(goodbyes: tuple[Peer, ...]) -> None:
    """A leaving master's two goodbyes bring one takeover, and so does one of them alone."""
    machine = Machine.listening(replace(DUAL, advskew=10))
    hear_both(machine)
    done = [deed for peer in goodbyes for deed in machine.feed(peer.leaves(), after=1000)]
    done += machine.run_for(SECOND // 10)
    assert done == ["BACKUP -> MASTER: master will time out", *TAKES_OVER[1:]]


@pytest.mark.parametrize(
    "packet", [replace(OVER4, advbase_s=0).advertises(), replace(OVER6, advbase_s=0).advertises()]
)
def test_yields_to_a_better_master_over_either_family(packet: PacketReceived) -> None:
    """Whoever is better over one family has won; the last word goes out over both."""
    machine = Machine.master(DUAL)
    done = machine.feed(packet)
    assert done == ["MASTER -> BACKUP: more frequent advertisement received", "release", "advertise", "advertise"]
    assert not machine.record.held
    assert machine.node.deadline == machine.now + 3 * SECOND


def test_goodbye_goes_out_over_both_families() -> None:
    """Every backup hears it, whichever family reaches it; the addresses of both are released before."""
    machine = Machine.master(DUAL)
    assert machine.stop() == [
        "MASTER -> INIT: stopped by the operator",
        "release",
        "goodbye",
        "goodbye",
        "stopped",
    ]
    assert machine.statistics.advertisements_sent == 4
