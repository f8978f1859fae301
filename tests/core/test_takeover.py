"""A backup becomes master: when, in which order, and against whom."""

from dataclasses import replace

import pytest

from triocarp.core import (
    CARPD,
    FREEBSD,
    Advertisement,
    Dialect,
    Link,
    Started,
    State,
    StateChanged,
    TimerExpired,
    VirtualHostConfig,
)
from triocarp.core.advertisement import parse
from triocarp.core.hearing import STAGGER
from triocarp.core.timing import ADVSKEW_UNIT, SECOND

from .hosts import DUAL, PLAIN, Machine, Peer

TIMED_OUT = "BACKUP -> MASTER: master timed out"
WILL_TIME_OUT = "BACKUP -> MASTER: master will time out"
PREEMPTING = "BACKUP -> MASTER: preempting a slower master"
TAKES_OVER = ["advertise", "hold", "announce"]


def advertisements(machine: Machine) -> list[Advertisement]:
    """Return the advertisements that a machine has sent."""
    return [parse(frame[34:]) for _, frame in machine.record.frames if frame[12:14] == b"\x08\x00"]


@pytest.mark.parametrize(
    ("advbase_s", "advskew", "dead_ratio", "takeover"),
    [
        (1, 0, 3, 3 * SECOND),
        (1, 100, 3, 3_390_625_000),
        (2, 128, 3, 6 * SECOND + 128 * ADVSKEW_UNIT),
        (0, 64, 3, 3 * 64 * ADVSKEW_UNIT),
        (1, 0, 1, SECOND),
    ],
)
def test_starts_in_silence(advbase_s: int, advskew: int, dead_ratio: int, takeover: int) -> None:
    """A host that hears nobody is silent for the dead time, to the nanosecond, and then takes over (9.4 row 1)."""
    config = replace(PLAIN, advbase_s=advbase_s, advskew=advskew, dead_ratio=dead_ratio)
    machine = Machine(config)
    assert machine.feed(Started()) == ["release"]
    assert machine.link(Link.UP) == ["INIT -> BACKUP: initialization complete"]
    assert machine.node.deadline == takeover
    assert machine.run_until(takeover - 1) == []
    assert machine.run_until(takeover) == [TIMED_OUT, *TAKES_OVER]
    assert machine.holds


def test_announces_at_takeover_and_after_the_third_advertisement() -> None:
    """The second announcement follows the third advertisement, as in capture 01, and there is no other."""
    machine = Machine.listening(PLAIN)
    machine.run_until(3 * SECOND)
    regular = ["advertise", "hold"]
    assert machine.run_until(4 * SECOND) == regular
    assert machine.run_until(5 * SECOND) == [*regular, "announce"]
    assert machine.run_until(20 * SECOND) == regular * 15
    assert machine.statistics.announcements_sent == 2
    changes = {(State.INIT, State.BACKUP): 1, (State.BACKUP, State.MASTER): 1}
    assert changes == dict(machine.statistics.transitions)
    assert machine.statistics.advertisements_sent == 18


@pytest.mark.parametrize("repeats", [(), (1,), (1, 2, 3, 4, 5)])
def test_announces_as_often_as_configured(repeats: tuple[int, ...]) -> None:
    """The fork's ``--garp-timeout`` of n is an announcement after each of the next n advertisements."""
    machine = Machine.listening(replace(PLAIN, announce_after=repeats))
    done = machine.run_until(13 * SECOND)
    after = [done[: index + 1].count("advertise") - 1 for index, what in enumerate(done) if what == "announce"]
    assert after == [0, *repeats]


def test_advertises_at_its_interval() -> None:
    """A master's advertisements are exactly one interval apart, advskew included."""
    machine = Machine.listening(replace(PLAIN, advskew=100))
    machine.run_until(3_390_625_000)
    for number in range(1, 5):
        deadline = 3_390_625_000 + number * 1_390_625_000
        assert machine.node.deadline == deadline
        machine.run_until(deadline)
    assert machine.statistics.advertisements_sent == 5


def test_stays_backup_while_a_master_advertises() -> None:
    """A second host that joins says nothing (9.4 row 2)."""
    machine = Machine.listening(PLAIN)
    for _ in range(5):
        assert machine.feed(Peer().advertises(), after=SECOND) == []
    assert machine.node.deadline == 8 * SECOND
    assert not machine.holds


def test_takes_over_a_dead_time_after_the_last_advertisement() -> None:
    """The dead time counts from the last advertisement, and the report names the dead master (9.4 row 3)."""
    machine = Machine.listening(PLAIN)
    machine.feed(Peer().advertises(41), after=SECOND)
    machine.feed(Peer().advertises(42), after=SECOND)
    assert machine.run_until(5 * SECOND - 1) == []
    assert machine.run_until(5 * SECOND) == [TIMED_OUT, *TAKES_OVER]
    (report,) = [report for report in machine.record.reports if isinstance(report, StateChanged)][1:]
    assert (Peer().source, 3 * SECOND) == (report.peer, report.silence)
    assert [advertisement.counter for advertisement in advertisements(machine)] == [43]


def test_constant_counter_is_accepted_for_ever() -> None:
    """OpenBSD repeats one advertisement for the life of its interface; every repeat counts (9.4 row 9)."""
    machine = Machine.listening(PLAIN)
    payload = Peer().payload(0xA1B2C3D4E5F60718)
    for _ in range(20):
        assert machine.feed(Peer().packet(payload), after=SECOND) == []
    assert machine.state is State.BACKUP


def test_preempts_a_worse_master() -> None:
    """With preemption a better host takes over at the first advertisement that it hears (9.4 row 5)."""
    machine = Machine.listening(replace(PLAIN, preempt=True))
    assert machine.feed(Peer(advskew=50).advertises(), after=SECOND) == [PREEMPTING, *TAKES_OVER]
    assert machine.run_for(10 * SECOND).count("advertise") == 10


def test_does_not_preempt_unless_told_to() -> None:
    """Without preemption a better host lets the master be (9.4 row 6)."""
    machine = Machine.listening(PLAIN)
    assert machine.feed(Peer(advskew=50).advertises(), after=SECOND) == []
    assert machine.node.deadline == 4 * SECOND


@pytest.mark.parametrize("preempt", [False, True])
def test_does_not_preempt_an_equal_or_better_master(preempt: bool) -> None:
    """An equal or a better master is left alone, with preemption or without."""
    machine = Machine.listening(replace(PLAIN, advskew=50, preempt=preempt))
    assert machine.feed(Peer(advskew=50).advertises(), after=SECOND) == []
    assert machine.feed(Peer(advskew=49).advertises(), after=SECOND) == []


@pytest.mark.parametrize("preempt", [False, True])
@pytest.mark.parametrize("advskew", [0, 1, 100, 254])
def test_takes_over_at_a_goodbye_after_its_stagger(advskew: int, preempt: bool) -> None:
    """At a goodbye each backup waits 20 us for each unit of advskew, so that the preferred one goes first.

    That holds with preemption too: otherwise all preempting backups would hold the address for a moment.
    """
    machine = Machine.listening(replace(PLAIN, advskew=advskew, preempt=preempt))
    done = machine.feed(Peer().leaves(), after=SECOND)
    if advskew:
        assert done == []
        assert machine.run_until(SECOND + advskew * STAGGER - 1) == []
        done = machine.run_until(SECOND + advskew * STAGGER)
    assert done == [WILL_TIME_OUT, *TAKES_OVER]


def test_stagger_is_20_microseconds() -> None:
    """The slowest backup waits 5 ms."""
    assert STAGGER == 20_000


def test_a_new_master_ends_the_stagger() -> None:
    """A backup that hears the preferred one take over stays what it is."""
    machine = Machine.listening(replace(PLAIN, advskew=100))
    machine.feed(Peer().leaves(), after=SECOND)
    assert machine.feed(Peer(advskew=1).advertises(), after=STAGGER) == []
    assert machine.node.deadline == SECOND + STAGGER + PLAIN.dead_time + 100 * ADVSKEW_UNIT
    assert machine.run_for(SECOND) == []


@pytest.mark.parametrize(
    ("advbase_s", "advskew", "takes_over"),
    [(4, 0, True), (3, 1, True), (3, 0, False), (2, 255, False)],
)
def test_takes_over_from_a_master_that_will_time_out(advbase_s: int, advskew: int, takes_over: bool) -> None:
    """Who advertises less often than our dead time is as good as gone; the boundary is exact (3.3)."""
    machine = Machine.listening(PLAIN)
    done = machine.feed(Peer(advbase_s=advbase_s, advskew=advskew).advertises(), after=SECOND)
    assert done == ([WILL_TIME_OUT, *TAKES_OVER] if takes_over else [])


def test_goodbye_reaches_a_slow_backup() -> None:
    """A backup with advbase 86 or more understands it as well, which every other implementation does not (1.8)."""
    machine = Machine.listening(replace(PLAIN, advbase_s=86))
    assert machine.feed(Peer().leaves(), after=SECOND)[0] == "BACKUP -> MASTER: master will time out"


def test_early_and_repeated_timers_change_nothing() -> None:
    """A timer that nobody waits for has no effect and leaves the deadline alone."""
    machine = Machine.listening(PLAIN)
    assert machine.feed(TimerExpired(), after=2 * SECOND) == []
    assert machine.node.deadline == 3 * SECOND
    machine.run_until(3 * SECOND)
    assert machine.feed(TimerExpired()) == []
    assert machine.node.deadline == 4 * SECOND


def test_late_advertisement_is_not_made_up_for() -> None:
    """A master that is late advertises once, and goes on from there."""
    machine = Machine.master()
    assert machine.feed(TimerExpired(), after=2_900_000_000) == ["advertise", "hold"]
    assert machine.node.deadline == machine.now + SECOND


def test_late_takeover_is_one_takeover() -> None:
    """A backup that is late by less than an interval takes over at once."""
    machine = Machine.listening(PLAIN)
    assert machine.feed(TimerExpired(), after=4 * SECOND - 1) == [TIMED_OUT, *TAKES_OVER]


@pytest.mark.parametrize("late", [SECOND, 3 * SECOND - 1])
def test_thawed_backup_listens_for_an_interval(late: int) -> None:
    """It heard nothing because it slept: a master that lives has an interval, and a quarter, to say so."""
    machine = Machine.listening(PLAIN)
    assert machine.feed(TimerExpired(), after=3 * SECOND + late) == []
    assert machine.run_for(SECOND + SECOND // 4 - 1) == []
    assert machine.run_for(1) == [TIMED_OUT, *TAKES_OVER]


def test_thawed_backup_hears_the_living_master() -> None:
    """Then it is a backup like any other; a late timer of before is forgotten."""
    machine = Machine.listening(replace(PLAIN, advskew=100))
    machine.feed(Peer().advertises(), after=SECOND)
    assert machine.feed(TimerExpired(), after=machine.configs[0].dead_time + SECOND) == []
    machine.feed(Peer().advertises(), after=SECOND)
    assert machine.node.deadline == machine.now + machine.configs[0].dead_time


def test_interval_that_a_thawed_backup_waits_is_the_master_s() -> None:
    """A slow master, beside which we are better, is waited for as long as it takes."""
    machine = Machine.listening(PLAIN)
    machine.feed(Peer(advskew=128).advertises(), after=SECOND)
    assert machine.feed(TimerExpired(), after=3 * SECOND + 3 * SECOND // 2) == []
    assert machine.node.deadline == machine.now + 3 * SECOND // 2 * 5 // 4


@pytest.mark.parametrize("dialect", [CARPD, FREEBSD], ids=lambda dialect: dialect.name)
def test_thawed_backup_of_both_families_listens_over_both(dialect: Dialect) -> None:
    """Each dead timer that is late is set anew, whether one of them or both make a master."""
    machine = Machine.listening(replace(DUAL, dialect=dialect))
    assert machine.feed(TimerExpired(), after=4 * SECOND) == []
    assert machine.run_for(SECOND + SECOND // 4)[0].startswith(TIMED_OUT)


def test_late_takeover_from_a_leaving_master_is_one_takeover() -> None:
    """When the stagger and the dead time are both over, the host takes over once."""
    machine = Machine.listening(replace(PLAIN, advskew=100))
    machine.feed(Peer().leaves(), after=SECOND)
    assert machine.feed(TimerExpired(), after=SECOND) == [WILL_TIME_OUT, *TAKES_OVER]
    assert machine.node.deadline == machine.now + SECOND + 100 * ADVSKEW_UNIT


@pytest.mark.parametrize("slept", [2 * SECOND, 4 * SECOND])
@pytest.mark.parametrize("config", [PLAIN, DUAL], ids=["one family", "two"])
def test_backup_that_slept_since_a_goodbye_listens_for_a_successor(config: VirtualHostConfig, slept: int) -> None:
    """Another backup may have taken over; if it did not, an interval and a quarter are lost, and no more."""
    config = replace(config, advskew=100)
    machine = Machine.listening(config)
    machine.feed(Peer.of(config, Peer().source).leaves(), after=SECOND)
    woken = machine.now + slept
    assert TIMED_OUT not in machine.feed(TimerExpired(), after=slept) + machine.run_until(woken)
    assert not machine.holds
    machine.run_for(config.interval * 5 // 4 + 1)
    assert machine.holds


def test_oversleeping_backup_listens_again() -> None:
    """A backup that slept for a dead time past its deadline heard nothing because it slept."""
    machine = Machine.listening(PLAIN)
    assert machine.feed(TimerExpired(), after=6 * SECOND) == []
    assert machine.node.deadline == 9 * SECOND
    assert machine.run_until(9 * SECOND) == [TIMED_OUT, *TAKES_OVER]


def test_any_origin_of_the_clock_will_do() -> None:
    """Instants may be negative: only differences count."""
    machine = Machine(PLAIN)
    machine.now = -100 * SECOND
    machine.feed(Started())
    machine.link(Link.UP)
    assert machine.node.deadline == -97 * SECOND
    assert machine.run_until(-97 * SECOND) == [TIMED_OUT, *TAKES_OVER]
