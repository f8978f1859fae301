"""Taking over from a living master: whether, after which delay, and what stops it."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from triocarp.core import FREEBSD, OPENBSD, UCARP, DemotionRequested, FlapDamping, Noticed, State, StateChanged
from triocarp.core.flap_damping import FlapDamper
from triocarp.core.listening import FOLLOWED_MAX
from triocarp.core.timing import SECOND

from .hosts import DUAL, PEER_SOURCE, PLAIN, Machine, Peer

PREEMPTS = "BACKUP -> MASTER: preempting a slower master"
FROM_DEMOTED = "BACKUP -> MASTER: preempting a demoted master"
TIMED_OUT = "BACKUP -> MASTER: master timed out"
YIELDS = "MASTER -> BACKUP: more frequent advertisement received"
WORSE = Peer(advskew=50)
BETTER = Peer(advbase_s=0, advskew=200)
DELAYED = replace(PLAIN, preempt=True, preempt_delay=5 * SECOND)
DAMPED = replace(
    PLAIN, preempt=True, flap_damping=FlapDamping(losses=3, within=60 * SECOND, hold_down=300 * SECOND)
)


def hear(machine: Machine, peer: Peer, seconds: int) -> list[str]:
    """Hear a peer once a second for a while."""
    return [deed for _ in range(seconds) for deed in machine.feed(peer.advertises(), after=SECOND)]


def test_worse_master_is_let_be_for_the_delay() -> None:
    """The delay counts from the first advertisement that was worse, and the next one after it is the last."""
    machine = Machine.listening(DELAYED)
    assert hear(machine, WORSE, 5) == []
    assert hear(machine, WORSE, 1)[0] == PREEMPTS


def test_delay_begins_anew_with_another_master() -> None:
    """A better master in between, or a time without link, begins the delay again."""
    machine = Machine.listening(DELAYED)
    hear(machine, WORSE, 4)
    hear(machine, replace(BETTER, advskew=200), 1)
    assert hear(machine, WORSE, 5) == []
    assert hear(machine, WORSE, 1)[0] == PREEMPTS


@pytest.mark.parametrize("says", ["last", "goodbye"])
def test_nobody_preempts_a_former_master_beside_a_better_one(says: str) -> None:
    """Who yields says one last word, and who leaves a goodbye: the better successor is heard already."""
    machine = Machine.listening(replace(PLAIN, advskew=20, preempt=True))
    successor, former = Peer(source=IPv4Address("10.0.0.7"), advskew=10), Peer(advskew=50)
    machine.feed(successor.advertises(), after=SECOND)
    assert machine.feed(former.advertises() if says == "last" else former.leaves()) == []
    assert machine.state is State.BACKUP


def test_a_better_master_counts_until_it_is_silent_or_worse() -> None:
    """A worse master is preempted when the better one has gone, and a better one that becomes worse."""
    config = replace(PLAIN, advskew=20, preempt=True)
    better, worse = Peer(source=IPv4Address("10.0.0.7"), advskew=10), Peer(advskew=50)
    machine = Machine.listening(config)
    machine.feed(better.advertises(), after=SECOND)
    assert hear(machine, worse, 2) == []
    assert hear(machine, worse, 1)[0] == PREEMPTS
    machine = Machine.listening(config)
    machine.feed(better.advertises(), after=SECOND)
    assert machine.feed(replace(better, advskew=50).advertises(), after=SECOND)[0] == PREEMPTS


def test_goodbye_of_a_successor_is_heeded_although_its_predecessor_has_not_timed_out_here() -> None:
    """Who died has missed advertisements when another one has taken over; a slow backup does not wait for it."""
    machine = Machine.listening(replace(PLAIN, advskew=200, dead_ratio=6))
    dead, successor = Peer(source=IPv4Address("10.0.0.7"), advskew=10), Peer(advskew=50)
    machine.feed(dead.advertises(), after=SECOND)
    machine.feed(successor.advertises(), after=3 * SECOND)
    machine.feed(successor.leaves(), after=SECOND // 2)
    assert machine.run_for(SECOND // 10)[0] == "BACKUP -> MASTER: master will time out"


def test_two_better_masters_count_both() -> None:
    """In a split group there may be two; when one of them becomes worse, the other one is master still."""
    machine = Machine.listening(replace(PLAIN, advskew=20, preempt=True))
    one, other = Peer(source=IPv4Address("10.0.0.7"), advskew=10), Peer(advskew=10)
    machine.feed(one.advertises(), after=SECOND)
    machine.feed(other.advertises(), after=SECOND // 2)
    assert machine.feed(replace(other, advskew=50).advertises()) == []


def test_a_few_better_masters_are_remembered() -> None:
    """More than can be real push out those that were heard first, so that nobody can fill the memory."""
    machine = Machine.listening(replace(PLAIN, advskew=20, preempt=True))
    for number in range(FOLLOWED_MAX + 1):
        machine.feed(Peer(source=IPv4Address(f"10.0.1.{number}"), advskew=10).advertises(), after=1)
    for number in range(1, FOLLOWED_MAX):
        assert machine.feed(Peer(source=IPv4Address(f"10.0.1.{number}"), advskew=50).advertises(), after=1) == []
    last = Peer(source=IPv4Address(f"10.0.1.{FOLLOWED_MAX}"), advskew=50)
    assert machine.feed(last.advertises(), after=1)[0] == PREEMPTS


def test_each_family_speaks_for_itself() -> None:
    """A better master over IPv6 says nothing about who is heard over IPv4: it may be one host, demoted."""
    config = replace(DUAL, advskew=20, preempt=True)
    machine = Machine.listening(config)
    machine.feed(Peer.of(config, IPv6Address("fe80::9"), advskew=10).advertises(), after=SECOND)
    assert machine.feed(Peer.of(config, PEER_SOURCE, advskew=50).advertises())[0] == PREEMPTS


def test_delay_does_not_hold_up_a_takeover_from_silence() -> None:
    """A master that is gone is replaced at once, as one that says goodbye is."""
    machine = Machine.listening(DELAYED)
    hear(machine, WORSE, 1)
    assert machine.run_for(3 * SECOND)[0] == TIMED_OUT
    machine = Machine.listening(DELAYED)
    hear(machine, WORSE, 1)
    assert machine.feed(WORSE.leaves())[0] == "BACKUP -> MASTER: master will time out"


@pytest.mark.parametrize("preempt", [False, True])
def test_openbsd_takes_over_from_a_demoted_master(preempt: bool) -> None:
    """A master with a higher demotion byte is replaced whatever preempt says, and however fast it is (3.3)."""
    config = replace(PLAIN, dialect=OPENBSD, advskew=100, preempt=preempt)
    machine = Machine.listening(config)
    peer = Peer.of(config, PEER_SOURCE)
    assert machine.feed(peer.advertises(), after=SECOND) == []
    assert machine.feed(replace(peer, demotion=1).advertises(), after=SECOND)[0] == FROM_DEMOTED


@pytest.mark.parametrize("dialect", [UCARP, FREEBSD], ids=lambda dialect: dialect.name)
def test_others_ignore_the_byte(dialect: object) -> None:
    """Where demotion is in advskew, the byte of a faster master means nothing (9.4 row 10)."""
    config = replace(PLAIN, dialect=dialect, advskew=100, preempt=True)  # type: ignore[arg-type]
    machine = Machine.listening(config)
    assert machine.feed(Peer.of(config, PEER_SOURCE, demotion=255).advertises(), after=SECOND) == []


def test_openbsd_does_not_take_over_from_one_that_is_as_demoted() -> None:
    """An equal byte leaves it to advskew and preempt; a lower one makes the other host better."""
    config = replace(PLAIN, dialect=OPENBSD, preempt=True)
    for own, demotion, preempts in ((3, 3, True), (3, 2, False), (0, 0, True)):
        machine = Machine.listening(config)
        machine.feed(DemotionRequested(amount=own))
        done = machine.feed(Peer.of(config, PEER_SOURCE, advskew=1, demotion=demotion).advertises(), after=SECOND)
        assert done[:1] == [PREEMPTS][:preempts]


def test_preempting_host_names_whom_it_preempts() -> None:
    """Whoever reads the log learns who was master before."""
    machine = Machine.listening(replace(PLAIN, preempt=True))
    assert hear(machine, WORSE, 1)[0] == PREEMPTS
    assert machine.reports(StateChanged)[-1].peer == WORSE.source


def lose_often(machine: Machine, times: int) -> list[str]:
    """Lose mastership to a better host and take it back, some times."""
    done: list[str] = []
    for _ in range(times):
        done += machine.feed(BETTER.advertises(), after=SECOND)
        if machine.state is State.BACKUP:
            done += machine.feed(WORSE.advertises(), after=SECOND)
    return done


def test_host_that_keeps_losing_stops_preempting() -> None:
    """The fourth loss within a minute is one too many: it is told, and for five minutes no master is preempted."""
    machine = Machine.master(DAMPED)
    assert lose_often(machine, 3).count(PREEMPTS) == 3
    done = machine.feed(BETTER.advertises(), after=SECOND)
    lost_at = machine.now
    assert done == [YIELDS, "release", "advertise", "notice: FLAPPING"]
    (told,) = machine.reports(Noticed)
    assert (told.peer, told.detail) == (BETTER.source, "300 s")
    while machine.now < lost_at + 299 * SECOND:
        assert hear(machine, WORSE, 1) == []
    assert hear(machine, WORSE, 1)[0] == PREEMPTS


def test_damped_host_takes_over_from_silence() -> None:
    """Damping never leaves an address alone: neither silence nor a goodbye is waited for any longer."""
    machine = Machine.master(DAMPED)
    lose_often(machine, 4)
    assert machine.run_for(3 * SECOND)[0] == TIMED_OUT
    machine.feed(BETTER.advertises())
    assert machine.feed(BETTER.leaves(), after=SECOND)[0] == "BACKUP -> MASTER: master will time out"


def test_damper_counts_to_the_nanosecond() -> None:
    """The loss too many must come within the time after the first of them; after that the count begins anew."""
    damping = FlapDamping(losses=1, within=10, hold_down=100)
    damper = FlapDamper(damping)
    assert [damper.lose(instant) for instant in (0, 11, 21)] == [None, None, 100]
    assert [damper.damps(instant) for instant in (21, 120, 121)] == [True, True, False]
    assert [damper.lose(instant) for instant in (22, 23)] == [None, 100]
    assert damper.damps(122)


def test_losses_far_apart_are_not_counted_together() -> None:
    """Three losses in a minute, again and again, are put up with."""
    machine = Machine.master(DAMPED)
    for _ in range(5):
        assert "notice: FLAPPING" not in lose_often(machine, 3)
        for _ in range(61):
            machine.run_for(SECOND)
    assert machine.state is State.MASTER


def test_ties_that_are_lost_count_too() -> None:
    """Losing a tie is losing; what a host gives up by itself is not."""
    loses_ties = replace(DAMPED, flap_damping=FlapDamping(losses=1), dialect=FREEBSD)
    machine = Machine.master(loses_ties)
    machine.feed(Peer.of(loses_ties, PEER_SOURCE).advertises())
    machine.run_for(3 * SECOND)
    assert machine.feed(Peer.of(loses_ties, PEER_SOURCE).advertises())[-1] == "notice: FLAPPING"


def test_host_without_damping_never_stops() -> None:
    """Damping is off unless it is configured."""
    machine = Machine.master(replace(PLAIN, preempt=True))
    assert lose_often(machine, 50).count(PREEMPTS) == 50
