"""Advertisements that cannot be sent: three in a row make a master count as worse, three that are sent end it."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from triocarp.core import (
    CARPD,
    FREEBSD,
    OPENBSD,
    UCARP,
    DemotionCause,
    Dialect,
    Link,
    Notice,
    Noticed,
    PortFailure,
    State,
    Transport,
)
from triocarp.core.send_errors import SendErrors
from triocarp.core.timing import SECOND

from .hosts import DUAL, ELSEWHERE, PLAIN, Machine, Peer

PEERS = (IPv4Address("10.0.0.9"), IPv4Address("10.0.0.10"))
UNICAST = replace(PLAIN, transport=Transport.UNICAST, peers=PEERS, dialect=CARPD)
BOTH_PEERS = {"advertise 10.0.0.9", "advertise 10.0.0.10"}


def causes(machine: Machine) -> list[tuple[DemotionCause, str]]:
    """Return why the first virtual host counts as worse."""
    group = machine.node.failover_groups[machine.configs[0].group_name]
    return [(cause, of) for cause, of, _ in group.demotion.causes]


@pytest.mark.parametrize(
    ("dialect", "advskew", "demotion"),
    [(UCARP, 240, 0), (FREEBSD, 240, 0), (OPENBSD, 0, 1)],
    ids=lambda value: value.name if isinstance(value, Dialect) else "",
)
def test_third_error_demotes_and_brings_one_more_advertisement(
    dialect: Dialect, advskew: int, demotion: int
) -> None:
    """As in every CARP the third failure in a row counts, and what the host counts for is said at once (3.5)."""
    machine = Machine.master(replace(PLAIN, dialect=dialect))
    machine.record.failing = {"advertise"}
    errors = ["advertise failed", "hold", "notice: SEND_FAILED"]
    assert machine.run_for(2 * SECOND) == [*errors, "advertise failed", "hold", "announce", "notice: SEND_FAILED"]
    assert causes(machine) == []
    done = machine.run_for(SECOND)
    # The lease is renewed again only where the interval has changed by the demotion.
    assert done == [*errors, "notice: DEMOTED", *(errors if demotion == 0 else [errors[0], errors[2]])]
    assert causes(machine) == [(DemotionCause.SEND_ERRORS, "7@eth0")]
    said = machine.record.said["eth0", 7]
    assert (said.advskew, said.demotion) == (advskew, demotion)
    assert machine.reports(Noticed)[-2].detail.startswith(
        f"demoted by {240 if demotion == 0 else 1}: advertisements cannot"
    )


def test_three_sent_advertisements_end_it() -> None:
    """Three in a row; a failure in between begins the count anew."""
    machine = Machine.master(replace(PLAIN, dialect=OPENBSD))
    machine.record.failing = {"advertise"}
    machine.run_for(3 * SECOND)
    machine.record.failing = set()
    machine.run_for(2 * SECOND)
    machine.record.failing = {"advertise"}
    machine.run_for(SECOND)
    machine.record.failing = set()
    machine.run_for(3 * SECOND)
    assert causes(machine) == [(DemotionCause.SEND_ERRORS, "7@eth0")]
    machine.run_for(SECOND)
    assert causes(machine) == []
    assert machine.record.said["eth0", 7].demotion == 0


def test_errors_that_are_not_in_a_row_do_not_count() -> None:
    """Two failures and a success, again and again, are no reason."""
    machine = Machine.master(PLAIN)
    for _ in range(10):
        machine.record.failing = {"advertise"}
        machine.run_for(2 * SECOND)
        machine.record.failing = set()
        machine.run_for(SECOND)
    assert causes(machine) == []


def test_dead_unicast_peer_is_no_error() -> None:
    """A peer that is down is no trouble of ours, however long; when none can be reached it is (3.5)."""
    machine = Machine.master(UNICAST)
    machine.record.failing = {"advertise 10.0.0.9"}
    machine.run_for(100 * SECOND)
    assert causes(machine) == []
    machine.record.failing = BOTH_PEERS
    machine.run_for(3 * SECOND)
    assert causes(machine) == [(DemotionCause.SEND_ERRORS, "7@eth0")]


def test_dead_unicast_peer_is_told_once_a_minute() -> None:
    """It stays dead for a while, and the operator knows; each peer is told for itself, and every error counted."""
    machine = Machine.master(UNICAST)
    before = len(machine.reports(Noticed))
    machine.record.failing = {"advertise 10.0.0.9"}
    machine.run_for(59 * SECOND)
    machine.record.failing = BOTH_PEERS
    machine.run_for(SECOND)
    told = [notice for notice in machine.reports(Noticed)[before:] if notice.notice is Notice.SEND_FAILED]
    assert [notice.peer for notice in told] == list(PEERS)
    assert "told to fail" in told[0].detail
    assert machine.statistics.send_errors == 61
    machine.record.failing = {"advertise 10.0.0.9"}
    machine.run_for(SECOND)
    assert machine.reports(Noticed)[-1].peer == PEERS[0]


def test_dead_peer_does_not_keep_a_host_demoted() -> None:
    """Three rounds that reach one of two peers are three successes."""
    machine = Machine.master(UNICAST)
    machine.record.failing = BOTH_PEERS
    machine.run_for(3 * SECOND)
    machine.record.failing = {"advertise 10.0.0.10"}
    machine.run_for(8 * SECOND)
    assert causes(machine) == []


def test_one_family_that_cannot_be_sent_is_no_error() -> None:
    """Over the other family the backups hear that there is a master."""
    machine = Machine.master(DUAL)
    machine.record.failing = {"advertise ff02::12"}
    machine.run_for(10 * SECOND)
    assert causes(machine) == []
    machine.record.failing = {"advertise"}
    machine.run_for(3 * SECOND)
    assert causes(machine) == [(DemotionCause.SEND_ERRORS, "7@eth0")]


def test_late_frames_are_no_errors() -> None:
    """What the host did not send because it slept says nothing about the network."""
    machine = Machine.master(replace(PLAIN, advbase_s=0, advskew=1))
    machine.record.slow = {"hold": SECOND}
    for _ in range(5):
        machine.run_for(SECOND)
    assert causes(machine) == []
    assert machine.statistics.send_errors == 0


def test_lost_link_is_forgotten_as_an_error() -> None:
    """Errors because the link went: when it is back they say nothing, and the host preempts as it did before."""
    machine = Machine.master(replace(PLAIN, preempt=True))
    machine.record.failing = {"advertise"}
    machine.record.failure = PortFailure.LINK_DOWN
    machine.run_for(3 * SECOND)
    machine.link(Link.NO_CARRIER)
    assert causes(machine) == [(DemotionCause.LINK, "eth0")]
    machine.record.failing = set()
    machine.link(Link.UP)
    assert causes(machine) == []
    assert machine.feed(Peer(advskew=100).advertises())[0] == "BACKUP -> MASTER: preempting a slower master"


def test_errors_of_one_mastership_end_with_it() -> None:
    """What became of the last advertisement before a host yields is not made up for when it is master again."""
    machine = Machine.master(PLAIN)
    machine.record.failing = {"advertise"}
    machine.run_for(2 * SECOND)
    machine.feed(Peer(advbase_s=0, advskew=9).advertises())
    machine.record.failing = set()
    machine.run_for(3 * SECOND)
    assert machine.state is State.MASTER
    assert causes(machine) == []


def test_end_of_one_members_errors_is_followed_by_all_at_once() -> None:
    """That a member can send again may turn out while its group follows another change: that is followed too."""
    group = [replace(config, failover_group="G", dialect=OPENBSD) for config in (PLAIN, ELSEWHERE)]
    machine = Machine.master(*group)
    machine.record.failing = {"advertise 8"}
    machine.run_for(3 * SECOND)
    demotion = machine.node.failover_groups["G"].demotion
    assert demotion.total == 1
    machine.record.failing = set()
    machine.run_for(3 * SECOND)
    assert demotion.total == 1
    machine.feed(Peer(password=b"wrong").advertises(), after=SECOND // 2)
    demotion.set(DemotionCause.OPERATOR, "operator", 5)
    machine.feed(Peer(password=b"wrong").advertises())
    assert demotion.total == 5
    assert [said.demotion for said in machine.record.said.values()] == [5, 5]


def test_round_that_leaving_cuts_short_counts_neither_way() -> None:
    """The counter by itself: what became of the last round before leaving is not known."""
    errors = SendErrors(destinations=1)
    for _ in range(2):
        errors.begin_round()
        errors.fail()
    errors.begin_round()
    errors.leave()
    errors.begin_round()
    assert not errors.demoting
    errors.fail()
    assert errors.demoting


def test_rounds_that_were_never_told_to_fail_have_been_sent() -> None:
    """The counter by itself: a round is over when the next one begins."""
    errors = SendErrors(destinations=1)
    for _ in range(3):
        errors.begin_round()
        errors.fail()
    assert errors.demoting
    for _ in range(3):
        errors.begin_round()
        assert errors.demoting
    errors.begin_round()
    assert not errors.demoting
