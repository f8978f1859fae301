"""Two masters hear each other: who yields, what it says, and what the other does."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from triocarp.core import OPENBSD, UCARP, DemotionRequested, State, StateChanged, TieRule, TimerExpired
from triocarp.core.advertisement import parse
from triocarp.core.timing import SECOND

from .hosts import DUAL, OWN_SOURCE, PLAIN, Machine, Peer

YIELDS = "MASTER -> BACKUP: more frequent advertisement received"
TIE_LOST = "MASTER -> BACKUP: equal advertisement received"
OVERSLEPT = "MASTER -> BACKUP: slept past the dead time"
BETTER = Peer(advskew=49)
EQUAL = Peer(advskew=50)
WORSE = Peer(advskew=51)
EQUAL_WINS = replace(EQUAL, source=IPv4Address("10.0.0.4"))
CONFIG = replace(PLAIN, advskew=50)
INTERVAL = CONFIG.interval


def test_yields_to_a_better_master_with_a_last_advertisement() -> None:
    """The address is released first; the last advertisement makes the winner announce once more (3.3)."""
    machine = Machine.master(CONFIG)
    assert machine.feed(BETTER.advertises(), after=1000) == [YIELDS, "release", "advertise"]
    last = parse(machine.record.frames[-1][1][34:])
    assert (last.advbase_s, last.advskew, last.counter) == (1, 50, 2)
    assert machine.node.deadline == machine.now + CONFIG.dead_time


def test_yields_in_silence_where_the_dialect_says_so() -> None:
    """A dialect without a last advertisement, such as the BSDs', says nothing on yielding."""
    machine = Machine.master(replace(CONFIG, dialect=replace(UCARP, last_advertisement_on_yield=False)))
    assert machine.feed(BETTER.advertises()) == [YIELDS, "release"]


def test_report_names_the_winner() -> None:
    """Whoever reads the report learns to whom the host has yielded."""
    machine = Machine.master(CONFIG)
    machine.feed(BETTER.advertises())
    report = next(report for report in reversed(machine.record.reports) if isinstance(report, StateChanged))
    assert BETTER.source == report.peer


def test_tie_is_lost_in_silence() -> None:
    """The host with the higher last octet yields and says nothing: a BSD would yield to an equal master."""
    machine = Machine.master(CONFIG)
    winner = replace(EQUAL, source=IPv4Address("10.0.0.4"))
    assert machine.feed(winner.advertises()) == [TIE_LOST, "release"]


def test_tie_is_won_by_the_lower_last_octet() -> None:
    """The host with the lower last octet stays master and announces (9.4 row 7)."""
    machine = Machine.master(CONFIG)
    assert machine.feed(EQUAL.advertises()) == ["notice: WORSE_MASTER", "announce"]
    assert machine.state is State.MASTER


def test_tie_is_lost_by_the_receiver_where_the_dialect_says_so() -> None:
    """In a BSD's dialect whoever hears the other yields, also with the lower address."""
    machine = Machine.master(replace(CONFIG, dialect=replace(UCARP, tie_rule=TieRule.RECEIVER_YIELDS)))
    assert machine.feed(EQUAL.advertises()) == [TIE_LOST, "release"]


def tied(own: str, *, down_hook: bool = False) -> Machine:
    """Return one of two equal masters of the dialect carpd."""
    source6 = IPv6Address(f"fe80::{own}")
    config = replace(DUAL, advskew=240, source=IPv4Address(f"10.0.0.{own}"), source6=source6, down_hook=down_hook)
    return Machine.master(config)


@pytest.mark.parametrize(("after", "preempts"), [(0, False), (INTERVAL - 1, False), (INTERVAL, True)])
def test_who_has_just_yielded_waits_before_it_preempts(after: int, preempts: bool) -> None:
    """The worse one that it hears may be leaving too, for the better one that is still to be heard."""
    machine = Machine.master(replace(CONFIG, preempt=True))
    machine.feed(EQUAL_WINS.advertises())
    machine.feed(replace(EQUAL_WINS, advskew=51).advertises(), after=after)
    assert (machine.state is State.MASTER) is preempts


def test_tie_is_conceded_where_all_hosts_are_ours() -> None:
    """The winner hears that there was another master, and announces: its clients have the address again."""
    loser = tied("9")
    winning = Peer.of(loser.configs[0], IPv4Address("10.0.0.4"), advskew=240)
    assert loser.feed(winning.advertises()) == [TIE_LOST, "release", "advertise", "advertise"]
    winner = tied("4")
    conceding = Peer.of(winner.configs[0], IPv4Address("10.0.0.9"))
    for _, frame in loser.record.frames[-2:]:
        said = parse(frame[34:] if frame[12:14] == b"\x08\x00" else frame[54:])
        assert (said.advbase_s, said.advskew) == (1, 241)
    done = winner.feed(conceding.packet(conceding.payload(advskew=241)))
    assert done == ["notice: WORSE_MASTER", "announce", "announce"]
    assert winner.state is State.MASTER


def test_concession_does_not_win_the_tie_of_the_other_family() -> None:
    """Who loses over IPv4 may have the lower IPv6 address: the winner hears a worse master over both."""
    winner = tied("4")
    conceding = Peer.of(winner.configs[0], IPv6Address("fe80::1"))
    assert "announce" in winner.feed(conceding.packet(conceding.payload(advskew=241)))
    assert winner.state is State.MASTER


@pytest.mark.parametrize(("advskew", "is_said"), [(239, True), (240, True), (241, False)])
def test_concession_waits_for_the_down_script(advskew: int, is_said: bool) -> None:
    """It is said to the winner, and not to a worse master that has come meanwhile, which would yield."""
    loser = tied("9", down_hook=True)
    winning = Peer.of(loser.configs[0], IPv4Address("10.0.0.4"), advskew=240)
    assert loser.feed(winning.advertises()) == [TIE_LOST, "release", "run down"]
    loser.feed(winning.packet(winning.payload(advskew=advskew)), after=1)
    assert loser.end_hook() == ["advertise"] * 2 * is_said


@pytest.mark.parametrize(
    ("own", "peer", "stays"),
    [("10.98.0.5", "10.100.0.0", False), ("10.98.0.5", "10.97.0.200", True)],
)
def test_tie_as_measured(own: str, peer: str, stays: bool) -> None:
    """The tie rule in place: the measured examples of the specification, section 3.3."""
    machine = Machine.master(replace(CONFIG, source=IPv4Address(own)))
    machine.feed(replace(EQUAL, source=IPv4Address(peer)).advertises())
    assert stays == (machine.state is State.MASTER)


def test_defends_against_a_worse_master() -> None:
    """A master announces when it hears a worse one, and again after its second next advertisement."""
    machine = Machine.master(CONFIG)
    machine.run_for(10 * SECOND)
    machine.record.deeds.clear()
    assert machine.feed(WORSE.advertises()) == ["notice: WORSE_MASTER", "announce"]
    regular = ["advertise", "hold"]
    assert machine.run_for(CONFIG.interval * 3) == [*regular, *regular, "announce", *regular]


def test_defends_at_most_once_a_second() -> None:
    """A misconfigured or hostile peer does not make a master flood the segment with announcements."""
    machine = Machine.master(CONFIG)
    assert machine.feed(WORSE.advertises(), after=1) == ["notice: WORSE_MASTER", "announce"]
    assert machine.feed(WORSE.advertises(), after=SECOND - 1) == ["two masters"]
    assert machine.feed(WORSE.advertises(), after=1) == ["notice: WORSE_MASTER", "announce"]


def test_defence_that_came_too_soon_is_made_up_for() -> None:
    """A rival announces after its advertisement, and so after our defence: a second later we do again."""
    machine = Machine.master(CONFIG)
    machine.run_for(10 * SECOND)
    machine.feed(WORSE.advertises(), after=SECOND // 10)
    begin = machine.now
    machine.feed(WORSE.advertises(), after=SECOND // 10)
    machine.feed(WORSE.leaves(), after=SECOND // 10)
    assert "announce" not in machine.run_until(begin + SECOND - 1)
    assert machine.run_until(begin + SECOND) == ["announce"]
    assert "announce" not in machine.run_for(SECOND)


def test_defence_that_is_due_is_said_once() -> None:
    """What is heard at the instant at which one is due brings one announcement, the next a second later."""
    machine = Machine.master(CONFIG)
    machine.run_for(10 * SECOND)
    for after in (SECOND // 10, SECOND // 2, SECOND // 2):
        machine.feed(WORSE.advertises(), after=after)
    machine.record.deeds.clear()
    assert "announce" not in machine.run_for(SECOND // 2)


def test_who_leaves_makes_up_for_nothing() -> None:
    """Never while leaving: another host has the address then."""
    machine = Machine.master(CONFIG)
    machine.run_for(10 * SECOND)
    machine.feed(WORSE.advertises(), after=SECOND // 10)
    machine.feed(WORSE.advertises(), after=SECOND // 10)
    machine.feed(BETTER.advertises(), after=SECOND // 10)
    assert machine.state is State.BACKUP
    assert "announce" not in machine.run_for(SECOND)


def test_goodbye_of_another_leaves_a_master_alone() -> None:
    """A master that hears a goodbye hears a worse master (1.8), that leaves: no reason to warn."""
    machine = Machine.master(CONFIG)
    assert machine.feed(BETTER.leaves()) == ["announce"]
    assert machine.state is State.MASTER


def test_demoted_master_does_not_yield_to_who_leaves() -> None:
    """An OpenBSD host would, when the goodbye's demotion byte is lower; then the address had nobody (1.8)."""
    config = replace(CONFIG, dialect=OPENBSD)
    machine = Machine.master(config)
    machine.feed(DemotionRequested(amount=5))
    machine.feed(Peer.of(config, BETTER.source).leaves())
    assert machine.state is State.MASTER


@pytest.mark.parametrize("demotion", [0, 9])
def test_ucarp_ignores_the_demotion_byte(demotion: int) -> None:
    """A faster but demoted peer is better, as capture 19 shows (9.4 row 10)."""
    machine = Machine.master(CONFIG)
    payload = replace(parse(BETTER.payload()), demotion=demotion).build()
    assert machine.feed(BETTER.packet(payload))[0] == YIELDS


def test_oversleeping_master_steps_down_in_silence() -> None:
    """Who could not say for a dead time that it is master releases, says nothing, and listens."""
    machine = Machine.master()
    assert machine.feed(TimerExpired(), after=3 * SECOND) == [OVERSLEPT, "release"]
    assert machine.node.deadline == machine.now + 3 * SECOND


def test_oversleeping_master_steps_down_before_it_compares() -> None:
    """An advertisement that is heard on waking up is heard as a backup, even a worse one."""
    machine = Machine.master()
    assert machine.feed(Peer(advskew=9).advertises(), after=3 * SECOND) == [OVERSLEPT, "release"]
    assert machine.state is State.BACKUP


def test_oversleeping_master_may_preempt_at_once() -> None:
    """With preemption it takes over again from a worse master, and announces: others had the address."""
    machine = Machine.master(replace(PLAIN, preempt=True))
    done = machine.feed(Peer(advskew=9).advertises(), after=3 * SECOND)
    preempts = ["BACKUP -> MASTER: preempting a slower master", "advertise", "hold", "announce"]
    assert done == [OVERSLEPT, "release", *preempts]


def test_a_failed_release_does_not_silence_the_takeover_that_follows() -> None:
    """On waking up, release may fail and hold succeed: then the frames of the new mastership are sent."""
    machine = Machine.master(replace(PLAIN, preempt=True))
    machine.record.failing = {"release"}
    done = machine.feed(Peer(advskew=9).advertises(), after=3 * SECOND)
    preempts = ["BACKUP -> MASTER: preempting a slower master", "advertise", "hold", "announce"]
    assert done == [OVERSLEPT, "release failed", *preempts]
    assert machine.holds
    assert machine.node.deadline == machine.now + SECOND


@pytest.mark.parametrize(("late", "steps_down"), [(1_250_000_000, True), (1_249_999_999, False)])
def test_dead_ratio_of_one_leaves_a_quarter_interval(late: int, steps_down: bool) -> None:
    """With dead ratio 1 the dead time is the interval itself; a master is not dead for being a little late."""
    machine = Machine.master(replace(PLAIN, dead_ratio=1))
    done = machine.feed(TimerExpired(), after=late)
    assert done == ([OVERSLEPT, "release"] if steps_down else ["advertise", "hold"])


def test_split_brain_heals_within_one_interval() -> None:
    """Two masters: the first advertisement that crosses ends it, and the winner announces (9.4 row 8)."""
    better, worse = Machine.master(PLAIN), Machine.master(replace(CONFIG, source=IPv4Address("10.0.0.9")))
    said = parse(better.record.frames[0][1][34:])
    assert worse.feed(Peer(source=OWN_SOURCE).packet(said.build())) == [YIELDS, "release", "advertise"]
    last = worse.record.frames[-1][1][34:]
    assert better.feed(Peer().packet(last)) == ["notice: WORSE_MASTER", "announce"]
    assert (better.holds, worse.holds) == (True, False)
