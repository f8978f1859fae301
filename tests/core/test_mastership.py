"""Who is master, who yielded, and what moved where: the stories that no capture tells."""

from dataclasses import replace

import pytest

from triocarp.core import OPENBSD
from triocarp.core.observer.sightings import (
    Failover,
    FailoverCause,
    Host,
    Role,
    RoleCause,
    RoleChanged,
    Sighting,
    TwoMastersOver,
    TwoMastersSeen,
)
from triocarp.core.timing import ADVSKEW_UNIT, SECOND

from .overheard import ALICE, BOB, CAROL, GROUP, SLOW_BOB, Ear, Talker, every, together

SLOWEST = replace(CAROL, advskew=200)


def brief(sighting: Sighting) -> tuple[object, ...]:
    """Return the instant in seconds and what is peculiar to a sighting."""
    at = sighting.at / SECOND
    match sighting:
        case RoleChanged():
            return (at, sighting.host, sighting.role, sighting.cause, sighting.peer)
        case Failover():
            return (at, sighting.old, sighting.new, sighting.cause, sighting.gap / SECOND)
        case TwoMastersSeen():
            return (at, "two masters", sighting.first, sighting.second, sighting.since / SECOND)
        case TwoMastersOver():
            return (at, "one master", sighting.remaining, sighting.since / SECOND)
        case _:
            raise AssertionError(sighting)


def told(ear: Ear, *, after: float = 0) -> list[tuple[object, ...]]:
    """Return what was seen after an instant in seconds."""
    return [brief(sighting) for sighting in ear.seen if sighting.at > after * SECOND]


def is_master(at: float, talker: Talker, *, again: bool = False) -> tuple[object, ...]:
    """Return that a host began to advertise."""
    return (at, talker.host, Role.MASTER, RoleCause.HEARD_AGAIN if again else RoleCause.FIRST_HEARD, None)


def is_silent(at: float, talker: Talker) -> tuple[object, ...]:
    """Return that a host was silent for its dead time."""
    return (at, talker.host, Role.SILENT, RoleCause.DEAD_TIME, None)


def has_yielded(at: float, talker: Talker, to: Talker, *, tie: bool = False) -> tuple[object, ...]:
    """Return that a host gave way."""
    cause = RoleCause.EQUAL_MASTER if tie else RoleCause.PREFERRED_MASTER
    return (at, talker.host, Role.YIELDED, cause, to.host)


def has_left(at: float, talker: Talker) -> tuple[object, ...]:
    """Return that a host said goodbye."""
    return (at, talker.host, Role.LEFT, RoleCause.GOODBYE, None)


def moves(at: float, old: Talker | None, new: Talker, cause: FailoverCause, gap: float = 0) -> tuple[object, ...]:
    """Return that the addresses moved."""
    return (at, None if old is None else old.host, new.host, cause, gap)


def test_preferred_master_that_the_old_one_obeys_without_a_word() -> None:
    """A BSD yields without a last advertisement: it has yielded when its next one is half an interval late."""
    ear = Ear().hears(*together(every(1.5, 0, 3, SLOW_BOB), every(1, 4, 6, ALICE)))
    assert told(ear, after=3) == [
        is_master(4, ALICE),
        moves(4, SLOW_BOB, ALICE, FailoverCause.PREEMPTION, 1),
        has_yielded(5.25, SLOW_BOB, ALICE),
    ]


def test_late_advertisements_do_not_make_two_masters() -> None:
    """A host that reads a second late sends its regular advertisements meanwhile, and a last one after that."""
    slow = replace(SLOW_BOB, advbase_s=0)  # an advertisement each half second
    frames = together(every(0.5, 0, 3.5, slow), every(0.25, 2.6, 6, replace(ALICE, advbase_s=0, advskew=64)))
    ear = Ear().hears(*together(frames, [(3.6, slow.ad())]))
    assert told(ear, after=3) == [has_yielded(4.35, slow, ALICE)]


def test_single_last_advertisement_may_come_at_any_time() -> None:
    """However long a host took to read, a single advertisement beside the preferred master's is its last one."""
    slow = replace(SLOW_BOB, advbase_s=5)
    ear = Ear().hears(*together([(0, slow.ad()), (4, slow.ad())], every(1, 0.5, 14, ALICE)))
    assert told(ear, after=1) == [has_yielded(12.25, slow, ALICE)]


def test_worse_newcomer_yields_and_nothing_moves() -> None:
    """A worse host that had not heard the master advertises once, hears it, and yields: no failover."""
    ear = Ear().hears(*together(every(1, 0, 5, ALICE), [(1.5, SLOW_BOB.ad()), (2.5, SLOW_BOB.ad())]))
    assert told(ear, after=1) == [is_master(1.5, SLOW_BOB), has_yielded(4.75, SLOW_BOB, ALICE)]


def test_tie_that_the_old_master_loses() -> None:
    """Of two equal masters the first one stops: the addresses move when that is certain, without a gap."""
    ear = Ear().hears(*together(every(1, 0, 2, BOB), every(1, 1.5, 5.5, ALICE)))
    assert told(ear, after=1) == [
        is_master(1.5, ALICE),
        has_yielded(3.5, BOB, ALICE, tie=True),
        moves(3.5, BOB, ALICE, FailoverCause.TIE),
    ]


def test_two_masters_until_one_falls_silent() -> None:
    """Two that do not hear each other are two masters; when one stops, it is given its whole dead time."""
    ear = Ear().hears(*together(every(1, 0, 8, ALICE), every(1.5, 0.5, 12.5, SLOW_BOB))).waits_until(12.5)
    assert told(ear, after=0.1) == [
        is_master(0.5, SLOW_BOB),
        (3.5, "two masters", ALICE.host, SLOW_BOB.host, 0.5),
        is_silent(11, ALICE),
        (11, "one master", SLOW_BOB.host, 0.5),
        moves(11, ALICE, SLOW_BOB, FailoverCause.SILENCE),
    ]


def test_two_masters_until_the_worse_one_stops() -> None:
    """When the network heals, the worse one yields, and nothing moves."""
    ear = Ear().hears(*together(every(1, 0, 12, ALICE), every(1.5, 0.5, 6.5, SLOW_BOB)))
    assert told(ear, after=4) == [has_yielded(10, SLOW_BOB, ALICE), (10, "one master", ALICE.host, 0.5)]


def test_two_masters_until_one_says_goodbye() -> None:
    """A goodbye ends it at once."""
    ear = Ear().hears(*together(every(1, 0, 5, ALICE), every(1.5, 0.5, 6.5, SLOW_BOB), [(5.2, ALICE.goodbye())]))
    assert told(ear, after=4) == [
        has_left(5.2, ALICE),
        (5.2, "one master", SLOW_BOB.host, 0.5),
        moves(5.2, ALICE, SLOW_BOB, FailoverCause.GOODBYE),
    ]


def test_master_that_should_yield_does_not_follow_unheard() -> None:
    """When a preferred master leaves again at once, the old one may have yielded: it follows once it is heard."""
    ear = Ear().hears(*together(every(1.5, 0, 3, SLOW_BOB), [(3.5, ALICE.ad()), (4, ALICE.goodbye())]))
    assert told(ear, after=3.5) == [has_left(4, ALICE)]
    assert told(ear.hears((4.5, SLOW_BOB.ad())), after=4) == [moves(4.5, ALICE, SLOW_BOB, FailoverCause.GOODBYE)]


def test_best_of_several_masters_follows() -> None:
    """Of those that go on when the holder leaves, the preferred one has the addresses."""
    frames = together(every(1, 0, 4, ALICE), every(1.78125, 0.1, 5, SLOWEST), every(1.5, 0.2, 5, SLOW_BOB))
    ear = Ear().hears(*(frame for frame in frames if frame[0] <= 4)).hears((4.1, ALICE.goodbye()))
    assert told(ear, after=4)[-1] == moves(4.1, ALICE, SLOW_BOB, FailoverCause.GOODBYE)


def test_master_that_is_itself_overdue_does_not_follow() -> None:
    """When the holder leaves, a master that may have stopped as well has the addresses once it is heard again."""
    ear = Ear().hears(*together(every(1, 0, 4, ALICE), every(1.5, 0.5, 3.5, SLOW_BOB)))
    ear.hears((4.1, replace(ALICE, advbase_s=2).ad()), (6, ALICE.goodbye()))
    assert told(ear, after=4.1) == [has_left(6, ALICE), (6, "one master", SLOW_BOB.host, 0.5)]
    assert told(ear.hears((6.5, SLOW_BOB.ad())), after=6) == [moves(6.5, ALICE, SLOW_BOB, FailoverCause.GOODBYE)]


def test_takeover_before_the_dead_time_is_over() -> None:
    """A backup with a shorter dead time than the master's takes over from an overdue master: that is silence."""
    slow = replace(SLOW_BOB, advskew=255)
    ear = Ear().hears((0, slow.ad()), (3, ALICE.ad()))
    assert told(ear, after=1) == [
        (3, slow.host, Role.SILENT, RoleCause.OVERDUE, ALICE.host),
        is_master(3, ALICE),
        moves(3, slow, ALICE, FailoverCause.SILENCE, 3),
    ]


def test_master_that_comes_back() -> None:
    """After a silence in which nobody followed, nothing moves."""
    ear = Ear().hears((0, ALICE.ad()), (5, ALICE.ad()))
    assert told(ear, after=1) == [is_silent(3, ALICE), is_master(5, ALICE, again=True)]


def test_master_that_changes_its_mind() -> None:
    """A worse master that becomes better, because its demotion has ended, has the addresses from then on."""
    better = replace(SLOW_BOB, advskew=0)
    ear = Ear().hears((0, CAROL.ad()), (1, SLOW_BOB.ad()), (1.25, CAROL.ad()), (2, better.ad()))
    assert told(ear, after=1) == [moves(2, CAROL, SLOW_BOB, FailoverCause.PREEMPTION)]


def test_better_master_whose_silence_is_yielding_after_all() -> None:
    """What looked like silence is yielding when the other turns out to be preferred."""
    ear = Ear().hears((0, ALICE.ad()), (1, SLOW_BOB.ad()), (1.8, replace(SLOW_BOB, advbase_s=0).ad()))
    assert told(ear, after=1.5) == [
        moves(1.8, ALICE, SLOW_BOB, FailoverCause.PREEMPTION, 1),
        has_yielded(1.8, ALICE, SLOW_BOB),
    ]


def test_demotion_counts_before_the_interval() -> None:
    """Among OpenBSD hosts a demoted master yields to a slower one that is not."""
    demoted = replace(ALICE, demotion=1)
    ear = Ear(replace(GROUP, dialect=OPENBSD))
    ear.hears(*together(every(1, 0, 2, demoted), every(1.5, 2.5, 7, SLOW_BOB)))
    assert told(ear, after=2) == [
        is_master(2.5, SLOW_BOB),
        moves(2.5, demoted, SLOW_BOB, FailoverCause.PREEMPTION, 0.5),
        has_yielded(3.5, demoted, SLOW_BOB),
    ]


def test_others_ignore_the_demotion() -> None:
    """Where the dialect has no demotion byte, equal intervals are equal."""
    ear = Ear().hears((0, replace(ALICE, demotion=1).ad()), (0.5, BOB.ad()))
    assert told(ear, after=0.1) == [is_master(0.5, BOB)]


def test_goodbye_of_a_host_that_was_never_heard() -> None:
    """Who says goodbye was master: the addresses move from it. A second copy says nothing new."""
    ear = Ear().hears((0, BOB.goodbye()), (0.001, BOB.goodbye()), (0.5, ALICE.ad()))
    assert told(ear) == [
        is_master(0.5, ALICE),
        moves(0.5, BOB, ALICE, FailoverCause.GOODBYE, 0.499),
    ]
    assert brief(ear.seen[0]) == has_left(0, BOB)


def test_goodbye_of_another_than_the_holder() -> None:
    """A goodbye of one that does not have the addresses moves nothing."""
    ear = Ear().hears((0, ALICE.ad()), (0.5, BOB.goodbye()))
    assert told(ear, after=0.1) == [has_left(0.5, BOB)]


@pytest.mark.parametrize("dead_ratio", [1, 3])
def test_shortest_intervals(dead_ratio: int) -> None:
    """Advbase and advskew 0 mean 1/256 s, and no ratio makes a host silent before it is overdue."""
    hasty = replace(ALICE, advbase_s=0, group=replace(GROUP, dead_ratio=dead_ratio))
    ear = Ear(hasty.group).hears((0, hasty.ad()))
    assert ear.observer.deadline == ADVSKEW_UNIT * 3 // 2
    ear.waits_for_the_end()
    assert [s.role for s in ear.seen if isinstance(s, RoleChanged)] == [Role.MASTER, Role.SILENT]
    assert Host(address=ALICE.source) in ear.observer.hosts
