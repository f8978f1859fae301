"""How much worse a host counts than it is configured: the causes, how each dialect says so, and what follows."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    CARPD,
    DIALECTS,
    FREEBSD,
    NETBSD,
    OPENBSD,
    UCARP,
    Demotion,
    DemotionCause,
    DemotionRequested,
    Dialect,
    Event,
    HealthChanged,
    Link,
    MaintenanceChanged,
    Noticed,
    State,
    StateChanged,
)
from triocarp.core.demotion import expressed_advskew, expressed_byte
from triocarp.core.timing import SECOND

from .hosts import PEER_SOURCE, PLAIN, VIRTUAL_ADDRESS, Machine, Peer

NAME = "7@eth0"
SICK = HealthChanged(check="web", healthy=False)
WELL = HealthChanged(check="web", healthy=True)
CAUSES: list[tuple[Event, Event]] = [
    (SICK, WELL),
    (DemotionRequested(amount=300), DemotionRequested(amount=0)),
]
REGULAR = ["advertise", "hold"]
HANDS_OVER = ["MASTER -> BACKUP: maintenance requested", "release", "goodbye"]


def speaking(dialect: Dialect, **more: object) -> Machine:
    """Return a master that speaks a dialect."""
    return Machine.master(replace(PLAIN, dialect=dialect, **more))  # type: ignore[arg-type]


def total(machine: Machine) -> int:
    """Return the demotion of the first virtual host's group."""
    return machine.node.failover_groups[machine.configs[0].group_name].demotion.total


def said(machine: Machine) -> tuple[int, int]:
    """Return advskew and demotion byte of the last advertisement."""
    last = machine.record.said["eth0", 7]
    return last.advskew, last.demotion


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [(UCARP, (240, 0)), (NETBSD, (240, 0)), (FREEBSD, (240, 0)), (CARPD, (240, 0)), (OPENBSD, (100, 1))],
    ids=lambda value: value.name if isinstance(value, Dialect) else "",
)
def test_failed_health_check_is_said_at_once(dialect: Dialect, expected: tuple[int, int]) -> None:
    """A master whose check fails advertises at once what it counts for now, as its dialect says it; and back."""
    machine = speaking(dialect, advskew=100)
    assert machine.feed(SICK, after=SECOND // 2) == ["notice: DEMOTED", *REGULAR]
    assert said(machine) == expected
    assert machine.feed(SICK) == []
    # With the dialect's byte the interval is the same as before, and the lease need not be renewed again so soon.
    assert machine.feed(WELL, after=SECOND // 4) == ["notice: RECOVERED", *REGULAR[: 2 - expected[1]]]
    assert (said(machine), total(machine)) == ((100, 0), 0)


@pytest.mark.parametrize(("begins", "ends"), CAUSES)
def test_demoted_backup_says_nothing(begins: Event, ends: Event) -> None:
    """A backup has nothing to advertise; it tells its operator."""
    machine = Machine.listening(PLAIN)
    assert machine.feed(begins) == ["notice: DEMOTED"]
    assert machine.feed(ends) == ["notice: RECOVERED"]


def test_next_interval_is_the_demoted_one() -> None:
    """With demotion a master advertises less often, its lease follows, and both go back."""
    machine = speaking(FREEBSD, advskew=0, dead_ratio=1)
    where = ("eth0", VIRTUAL_ADDRESS.ip)
    assert machine.record.leases[where] == 2
    machine.feed(DemotionRequested(amount=200))
    assert machine.node.deadline == machine.now + SECOND + 200 * SECOND // 256
    assert machine.record.leases[where] == 3
    machine.feed(DemotionRequested(amount=0))
    assert machine.node.deadline == machine.now + SECOND
    assert machine.record.leases[where] == 2


@pytest.mark.parametrize(
    ("dialect", "amount", "words"),
    [
        (OPENBSD, -5, "preferred by 5: operator (operator) -5; sent as demotion 0"),
        (OPENBSD, 900, "demoted by 900: operator (operator) 900; sent as demotion 255"),
        (CARPD, 900, "demoted by 900: operator (operator) 900; sent as advskew 240"),
    ],
)
def test_what_is_told_is_what_others_hear(dialect: Dialect, amount: int, words: str) -> None:
    """Beside the sum stands what of it goes onto the wire: nobody sees the rest."""
    machine = speaking(dialect)
    machine.feed(DemotionRequested(amount=amount))
    assert machine.reports(Noticed)[-1].detail == words


def test_causes_add_up_and_each_takes_away_its_own() -> None:
    """Two checks and the operator count three times; what is told names them all."""
    machine = speaking(OPENBSD)
    machine.feed(SICK)
    machine.feed(HealthChanged(check="disk", healthy=False))
    machine.feed(DemotionRequested(amount=5))
    assert (total(machine), said(machine)) == (7, (0, 7))
    machine.feed(WELL)
    assert total(machine) == 6
    assert (
        machine.reports(Noticed)[-1].detail
        == "demoted by 6: health check failed (disk) 1, operator (operator) 5; sent as demotion 6"
    )
    machine.feed(HealthChanged(check="disk", healthy=True))
    machine.feed(DemotionRequested(amount=0))
    assert machine.reports(Noticed)[-1].detail == "not demoted"
    assert total(machine) == 0


@pytest.mark.parametrize("dialect", [CARPD, FREEBSD, UCARP, OPENBSD], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("amount", [-1, -(10**9)])
def test_negative_demotion_does_not_wrap(dialect: Dialect, amount: int) -> None:
    """PR 259528: demotion -1 at skew 0 is sent as 0, not as 255 (9.1 `negative_demotion`, 9.4 row 13)."""
    machine = speaking(dialect)
    machine.feed(DemotionRequested(amount=amount))
    machine.run_for(SECOND)
    assert (said(machine), total(machine)) == ((0, 0), amount)


def test_negative_demotion_makes_up_for_another_cause() -> None:
    """The operator may take back what a check has added; FreeBSD's demotion is a sum with a sign."""
    machine = speaking(FREEBSD, advskew=100)
    machine.feed(DemotionRequested(amount=-240))
    assert said(machine) == (0, 0)
    machine.feed(SICK)
    assert (said(machine), total(machine)) == ((100, 0), 0)


@given(
    st.sampled_from(list(DIALECTS.values())),
    st.integers(0, 255),
    st.one_of(st.integers(-300, 300), st.integers(-(10**12), 10**12)),
)
def test_demotion_is_never_expressed_outside_its_range(dialect: Dialect, advskew: int, demotion: int) -> None:
    """Whatever the causes add up to, both fields fit in their bytes, and more demotion is never better."""
    expressed = expressed_advskew(dialect, advskew, demotion), expressed_byte(dialect, demotion)
    more = expressed_advskew(dialect, advskew, demotion + 1), expressed_byte(dialect, demotion + 1)
    assert all(0 <= value <= 255 for value in expressed)
    assert expressed[0] <= more[0]
    assert expressed[1] <= more[1]


@pytest.mark.parametrize("dialect", list(DIALECTS.values()), ids=lambda dialect: dialect.name)
def test_maintenance_hands_over(dialect: Dialect) -> None:
    """A master taken out of service releases and says goodbye at once; put back, it counts as before."""
    machine = speaking(dialect)
    assert machine.feed(MaintenanceChanged(active=True)) == ["notice: DEMOTED", *HANDS_OVER]
    assert machine.explained(StateChanged)[-1] == "taken out of service: maintenance"
    assert machine.feed(MaintenanceChanged(active=True)) == []
    assert machine.feed(MaintenanceChanged(active=False)) == ["notice: RECOVERED"]
    assert total(machine) == 0


def test_host_in_maintenance_does_not_take_back_what_it_handed_over() -> None:
    """With preemption and the better advskew it stays backup, and takes over from silence only."""
    machine = speaking(UCARP, preempt=True)
    machine.feed(MaintenanceChanged(active=True))
    for _ in range(5):
        assert machine.feed(Peer(advskew=100).advertises(), after=SECOND) == []
    assert machine.run_for(3 * SECOND)[0] == "BACKUP -> MASTER: master timed out"


def test_master_by_necessity_stays_master_while_maintenance_goes_on() -> None:
    """Nobody else was there: the same cause told again, or a failed check, is no reason to leave once more."""
    machine = speaking(UCARP)
    machine.feed(MaintenanceChanged(active=True))
    machine.run_for(3 * SECOND)
    assert machine.state is State.MASTER
    machine.feed(MaintenanceChanged(active=True))
    machine.feed(SICK)
    assert machine.state is State.MASTER


@pytest.mark.parametrize("dialect", [UCARP, FREEBSD, OPENBSD], ids=lambda dialect: dialect.name)
def test_demoted_master_yields_to_a_host_that_was_worse(dialect: Dialect) -> None:
    """It compares itself with demotion: what was a worse master is a better one now (9.4 row 10)."""
    machine = speaking(dialect)
    worse = Peer.of(machine.configs[0], PEER_SOURCE, advskew=100)
    machine.feed(worse.advertises())
    assert machine.state is State.MASTER
    machine.feed(SICK)
    assert machine.feed(worse.advertises())[0] == "MASTER -> BACKUP: more frequent advertisement received"


def test_lost_link_demotes_and_the_returning_one_does_not() -> None:
    """While its link is lost a host counts as worse, once for each interface, and is no worse afterwards."""
    machine = speaking(UCARP)
    machine.link(Link.NO_CARRIER)
    machine.link(Link.DOWN)
    assert total(machine) == 240
    machine.link(Link.UP)
    assert total(machine) == 0
    assert machine.reports(Noticed) == []


def test_failure_to_hold_demotes_up_to_the_end_of_the_back_off() -> None:
    """The demotion ends with the wait, whether or not anybody is heard in that instant."""
    machine = Machine.listening(replace(PLAIN, preempt=True))
    machine.record.failing = {"hold"}
    machine.run_until(3 * SECOND)
    assert total(machine) == 240
    machine.record.failing.clear()
    machine.now = 4 * SECOND + 1
    packet = Peer(advskew=9).advertises()
    assert machine.feed(packet)[0] == "BACKUP -> MASTER: preempting a slower master"
    assert (total(machine), said(machine)) == (0, (0, 0))


def test_stopping_host_waits_for_no_back_off() -> None:
    """A stop in the middle of a back-off is complete at once, and no timer is left."""
    machine = Machine.listening(PLAIN)
    machine.record.failing = {"hold"}
    machine.run_until(3 * SECOND)
    machine.record.failing.clear()
    assert machine.stop()[-1] == "stopped"
    assert machine.node.deadline is None


def test_demotion_remembers_no_cause_that_has_ended() -> None:
    """Checks come and go; only what demotes now is kept, and taking a change twice gives it once."""
    demotion = Demotion(240)
    for number in range(1000):
        demotion.set(DemotionCause.HEALTH_CHECK, f"check {number}", 240)
        demotion.set(DemotionCause.HEALTH_CHECK, f"check {number}", 0)
    assert (demotion.causes, demotion.total) == ((), 0)
    change = demotion.take_change()
    assert change is not None
    assert change.hand_over_for is None
    assert change.causes == {DemotionCause.HEALTH_CHECK}
    assert (demotion.take_change(), demotion.changed) == (None, False)


def test_demoted_backup_lets_better_ones_go_first_at_a_goodbye() -> None:
    """All backups hear a goodbye at once; a demoted one waits as one with the advskew that it would advertise."""
    for dialect, units in ((UCARP, 240), (FREEBSD, 240), (OPENBSD, 1)):
        machine = Machine.listening(replace(PLAIN, dialect=dialect))
        machine.feed(SICK)
        machine.feed(Peer.of(machine.configs[0], PEER_SOURCE).leaves(), after=SECOND)
        assert machine.node.deadline == SECOND + units * 20_000


@pytest.mark.parametrize(
    ("dialect", "advbase_s", "advskew", "dead_ratio", "peer_advskew"),
    [(UCARP, 0, 10, 3, 50), (CARPD, 0, 10, 3, 200), (UCARP, 1, 0, 1, 100), (FREEBSD, 1, 0, 1, 200)],
)
def test_demoted_host_does_not_flap(
    dialect: Dialect, advbase_s: int, advskew: int, dead_ratio: int, peer_advskew: int
) -> None:
    """Its own dead time may be shorter than its master's interval; it waits for that one all the same."""
    config = replace(PLAIN, dialect=dialect, advbase_s=advbase_s, advskew=advskew, dead_ratio=dead_ratio)
    peer = Peer.of(config, PEER_SOURCE, advbase_s=advbase_s, advskew=peer_advskew)
    interval = advbase_s * SECOND + peer_advskew * SECOND // 256
    machine = Machine.master(config)
    machine.feed(SICK)
    machine.feed(peer.advertises())
    assert machine.state is State.BACKUP
    for _ in range(20):
        assert machine.run_for(interval) == []
        assert machine.feed(peer.advertises()) == []
    assert "BACKUP -> MASTER: master timed out" in machine.run_for(4 * interval)


@pytest.mark.parametrize(("ends_in_time", "is_said"), [(False, ["advertise"]), (True, [])])
def test_last_word_is_not_said_by_who_has_become_better(ends_in_time: bool, is_said: list[str]) -> None:
    """A demotion that ends while the down script runs: the last word would make the new master yield to nobody."""
    machine = Machine.master(replace(PLAIN, advskew=100, down_hook=True))
    machine.feed(SICK, after=SECOND)
    winner = Peer(advskew=120)
    assert machine.feed(winner.advertises())[-2:] == ["release", "run down"]
    if ends_in_time:
        machine.feed(WELL, after=1)
    assert machine.end_hook(after=1) == is_said
