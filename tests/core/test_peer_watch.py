"""What nobody else notices: two masters, with whom and for how long, and a peer that seems deaf to us."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from triocarp.core import (
    CARPD,
    FREEBSD,
    NETBSD,
    OPENBSD,
    UCARP,
    Dialect,
    Link,
    Notice,
    Noticed,
    OneWaySuspected,
    State,
    TwoMasters,
)
from triocarp.core.outbox import Outbox
from triocarp.core.peer_watch import RIVALS_MAX, PeerWatch
from triocarp.core.statistics import PEERS_MAX, Statistics
from triocarp.core.timing import SECOND

from .hosts import DUAL, PLAIN, Machine, Peer
from .wire import DUAL as DUAL_HOST
from .wire import OWN, OWN6, PEER, PEER6, THIRD, Host, Segment

OURS = replace(PLAIN, advskew=50)
WORSE = Peer(advskew=100)
A = Peer(source=IPv4Address("10.0.0.1"))
B = Peer(source=IPv4Address("10.0.0.2"))
C = Peer(source=IPv4Address("10.0.0.3"))


def hear(machine: Machine, *peers: Peer, apart: int = SECOND // 2) -> list[str]:
    """Hear peers one after the other, while timers are served, and return what was observed."""
    done = [deed for peer in peers for deed in (*machine.run_for(apart), *machine.feed(peer.advertises()))]
    return [deed for deed in done if deed.startswith(("two masters", "one way"))]


def test_master_tells_with_whom_and_since_when_there_are_two() -> None:
    """The second advertisement of another master proves it; when it is silent, until when is told."""
    machine = Machine.master(OURS)
    first = machine.now + SECOND
    assert "two masters" not in machine.run_for(SECOND) + machine.feed(WORSE.advertises())
    assert "two masters" in machine.run_for(SECOND) + machine.feed(WORSE.advertises())
    (begun,) = machine.reports(TwoMasters)
    assert (begun.peer, begun.other, begun.since, begun.until) == (WORSE.source, None, first, None)
    done = machine.run_for(10 * SECOND)
    assert done.count("two masters no more") == 1
    assert machine.reports(TwoMasters)[-1] == replace(begun, until=first + SECOND)
    why = "the segment is split, or one does not hear the other"
    assert machine.explained(TwoMasters) == [
        f"two masters: 10.0.0.9 and we advertise at the same time; {why}",
        "two masters no more: 10.0.0.9 and we both advertised for 1.000 s",
    ]
    assert machine.statistics.two_masters == 1


def test_rival_counts_as_silent_after_its_dead_time() -> None:
    """Three of its own intervals, to the nanosecond."""
    machine = Machine.master(OURS)
    hear(machine, WORSE, WORSE, apart=SECOND)
    interval = SECOND + 100 * SECOND // 256
    assert "two masters no more" not in machine.run_for(3 * interval - 1)
    assert "two masters no more" in machine.run_for(1)


def test_one_last_word_is_no_second_master() -> None:
    """A ucarp that yields says one more advertisement: that is its way, and no trouble (3.4)."""
    machine = Machine.master(OURS)
    hear(machine, WORSE)
    machine.run_for(10 * SECOND)
    hear(machine, WORSE)
    machine.run_for(10 * SECOND)
    assert machine.reports(TwoMasters) == []
    assert machine.statistics.two_masters == 0


def test_words_that_come_together_prove_nothing() -> None:
    """Two hosts that take over at one goodbye speak at once, and then one yields; half an interval is a master."""
    machine = Machine.master(OURS)
    interval = SECOND + 100 * SECOND // 256
    hear(machine, *[WORSE] * 5, apart=SECOND // 1000)
    assert machine.reports(TwoMasters) == []
    assert machine.reports(OneWaySuspected) == []
    first = machine.now - 4 * SECOND // 1000
    machine.run_for(first + interval // 2 - machine.now - 1)
    assert "two masters" not in machine.feed(WORSE.advertises())
    done = machine.feed(WORSE.advertises(), after=1)
    assert (done.count("two masters"), done.count("one way")) == (1, 0)
    assert machine.reports(TwoMasters)[-1].since == first
    machine.run_for(interval)
    assert machine.feed(WORSE.advertises()).count("one way") == 1


def test_master_that_slept_calls_nobody_deaf() -> None:
    """Who took over in our sleep said much while we said nothing; a ucarp reads up to a second late and yields."""
    machine = Machine.master(OURS)
    machine.now += 2 * SECOND
    hear(machine, *[WORSE] * 5, apart=SECOND // 100_000)
    hear(machine, WORSE, apart=SECOND)
    assert machine.reports(OneWaySuspected) == []


def test_goodbye_ends_it() -> None:
    """A rival that leaves says so; a goodbye of one that was heard once, or never, ends nothing."""
    machine = Machine.master(OURS)
    machine.feed(WORSE.leaves())
    hear(machine, WORSE)
    machine.feed(WORSE.leaves())
    assert machine.reports(TwoMasters) == []
    hear(machine, WORSE, WORSE, apart=SECOND)
    heard = machine.now
    assert machine.feed(WORSE.leaves(), after=1)[0] == "two masters no more"
    assert machine.reports(TwoMasters)[-1].until == heard + 1


@pytest.mark.parametrize("link", [Link.UP, Link.DOWN])
def test_leaving_ends_it(link: Link) -> None:
    """When we are no longer master there are no two, whatever the other one does."""
    machine = Machine.master(OURS)
    hear(machine, WORSE, WORSE, apart=SECOND)
    done = machine.link(link) if link is Link.DOWN else machine.feed(Peer(advskew=1).advertises())
    assert "two masters no more" in done
    assert machine.reports(TwoMasters)[-1].until == machine.now
    assert "two masters no more" not in machine.run_for(60 * SECOND)


@pytest.mark.parametrize("dialect", [UCARP, CARPD, FREEBSD, NETBSD, OPENBSD], ids=lambda dialect: dialect.name)
def test_healed_split_is_told_once(dialect: Dialect) -> None:
    """For every two masters that begin there are two masters that end."""
    config = replace(OURS, dialect=dialect)
    worse = Peer.of(config, WORSE.source, advskew=100)
    machine = Machine.master(config)
    for _ in range(3):
        hear(machine, *[worse] * 9, apart=SECOND)
        machine.run_for(10 * SECOND)
    begun = [report for report in machine.reports(TwoMasters) if report.until is None]
    ended = [report for report in machine.reports(TwoMasters) if report.until is not None]
    assert (len(begun), len(ended), machine.statistics.two_masters) == (3, 3, 3)


def test_rival_that_goes_on_seems_deaf() -> None:
    """A worse master would yield if it heard us; after four advertisements that is told, once."""
    machine = Machine.master(OURS)
    first = machine.now + SECOND
    done = hear(machine, WORSE, WORSE, WORSE, apart=SECOND)
    assert "one way" not in done
    assert hear(machine, *[WORSE] * 10, apart=SECOND).count("one way") == 1
    (report,) = machine.reports(OneWaySuspected)
    assert (report.peer, report.advertisements, report.since) == (WORSE.source, 4, first)
    often = "4 advertisements since it must have heard us"
    sentence = f"10.0.0.9 goes on as master though we are better ({often}): it seems not to hear us"
    assert machine.explained(OneWaySuspected) == [sentence]


def test_equal_rival_is_not_called_deaf() -> None:
    """Who is as good as we are may go on where its dialect says so; two masters are told all the same."""
    machine = Machine.master(OURS)
    hear(machine, *[Peer(advskew=50)] * 10, apart=SECOND)
    assert machine.reports(OneWaySuspected) == []
    assert len(machine.reports(TwoMasters)) == 1


def test_backup_tells_of_two_masters_that_take_turns() -> None:
    """A, B, A, B and A again: both advertise; when one of them has been silent for its dead time it is over."""
    machine = Machine.listening(OURS)
    assert hear(machine, A, B, A, B) == []
    since = SECOND
    assert hear(machine, A) == ["two masters"]
    report = machine.reports(TwoMasters)[-1]
    assert (report.peer, report.other, report.since, report.until) == (A.source, B.source, since, None)
    assert hear(machine, B, A, B, A) == []
    last = machine.now - SECOND // 2
    done = [deed for _ in range(5) for deed in hear(machine, A, apart=SECOND)]
    assert done == ["two masters no more"]
    assert machine.reports(TwoMasters)[-1] == replace(report, until=last)
    assert machine.explained(TwoMasters)[-1].startswith("two masters no more: 10.0.0.1 and 10.0.0.2 both")


def test_backup_does_not_take_a_last_word_for_a_second_master() -> None:
    """B takes over from A, and A says its last word behind B's first: A, B, A, B and B for ever (3.4)."""
    machine = Machine.listening(OURS)
    assert hear(machine, A, A, B, A, *[B] * 9) == []


def test_takeovers_far_apart_are_no_turns() -> None:
    """Mastership may go back and forth all day long."""
    machine = Machine.listening(OURS)
    for _ in range(10):
        assert hear(machine, *[A] * 5, *[B] * 5, apart=SECOND) == []


@pytest.mark.parametrize("end", ["goodbye", "silence"])
def test_master_that_comes_back_and_goes_again_soon_takes_no_turns(end: str) -> None:
    """B stands in for A, A comes back for a moment and leaves or dies: nobody was master beside another."""
    machine = Machine.listening(OURS)
    done = hear(machine, A, A, A, *[B] * 2, apart=SECOND)
    done += hear(machine, A, B, apart=SECOND // 1000)  # it preempts, and B says its last word
    done += hear(machine, A, apart=SECOND)
    if end == "goodbye":
        done += machine.feed(A.leaves(), after=SECOND // 10)
        done += hear(machine, B, apart=SECOND // 1000)
    else:
        done += hear(machine, B, apart=3 * SECOND - 1)
    done += hear(machine, *[B] * 4, apart=SECOND)
    assert "two masters" not in done
    assert machine.reports(TwoMasters) == []


def test_third_master_begins_anew() -> None:
    """With a third one the turns of the two before are over; those that were told end."""
    machine = Machine.listening(OURS)
    assert hear(machine, A, B, A, B, A, C) == ["two masters", "two masters no more"]
    assert hear(machine, A, B, C, A, B, C, A, B, C) == []


def test_last_words_are_no_turns() -> None:
    """B preempts A, which has just taken over, and A says its last word: only B goes on."""
    machine = Machine.listening(OURS)
    assert hear(machine, B, A, apart=3 * SECOND) == []
    assert hear(machine, B, A, apart=SECOND // 1000) == []
    assert hear(machine, *[B] * 9, apart=SECOND) == []
    assert machine.statistics.two_masters == 0


def test_turns_of_two_that_go_on_are_told_however_close_they_are() -> None:
    """B speaks a millisecond after A, each time: it is no answer of B's when A speaks after it, as well."""
    machine = Machine.listening(OURS)
    done = [hear(machine, A, apart=SECOND) + hear(machine, B, apart=SECOND // 1000) for _ in range(4)]
    assert done[:2] == [[], []]
    assert done[2] == ["two masters"]
    assert done[3] == []


@pytest.mark.parametrize("link", [Link.UP, Link.DOWN])
def test_backup_that_hears_nobody_any_more_tells_the_end(link: Link) -> None:
    """When both fall silent, or the link is lost, the end is told with the instant of the last advertisement."""
    machine = Machine.listening(OURS)
    hear(machine, A, B, A, B, A)
    heard = machine.now - SECOND // 2
    done = machine.run_for(10 * SECOND) if link is Link.UP else machine.link(link)
    assert done.count("two masters no more") == 1
    assert machine.reports(TwoMasters)[-1].until == heard


def test_one_master_of_both_families_is_one_master() -> None:
    """Its two addresses take no turns: each family is followed by itself."""
    machine = Machine.listening(DUAL)
    a4, a6 = (Peer.of(DUAL, source) for source in (A.source, IPv6Address("fe80::1")))
    assert hear(machine, *[a4, a6] * 10) == []
    b6 = Peer.of(DUAL, IPv6Address("fe80::2"))
    assert hear(machine, *[a4, a6, b6] * 3) == ["two masters"]


def test_two_masters_over_ipv6_are_told_by_a_master() -> None:
    """A rival is named by the address over which it was heard."""
    machine = Machine.master(replace(DUAL, advskew=50))
    peer = Peer.of(machine.configs[0], IPv6Address("fe80::9"), advskew=100)
    hear(machine, peer, peer, apart=SECOND)
    assert [report.peer for report in machine.reports(TwoMasters)] == [peer.source]


def test_openbsd_rival_that_advertises_as_fast_as_can_be_is_followed() -> None:
    """Advbase 0 with advskew 0 means 1/256 s, not no time at all: a demoted rival of that pace is a rival."""
    config = replace(PLAIN, dialect=OPENBSD, advbase_s=0)
    machine = Machine.master(config)
    peer = Peer.of(config, WORSE.source, advbase_s=0, demotion=9)
    done = hear(machine, peer, peer, apart=SECOND // 256)
    assert "two masters" in done
    assert "two masters no more" not in done


INTERVAL = SECOND + 100 * SECOND // 256
"""From one advertisement to the next of a worse master."""


def preempting(*, dual: bool) -> tuple[Machine, list[Peer]]:
    """Return a host that has just preempted a worse master, at its first advertisement, and who that was."""
    config = replace(DUAL if dual else PLAIN, preempt=True)
    machine = Machine.listening(config)
    sources = (WORSE.source, IPv6Address("fe80::9"))[: 1 + dual]
    peers = [Peer.of(config, source, advskew=100) for source in sources]
    machine.feed(peers[0].advertises(), after=SECOND)
    assert machine.state is State.MASTER
    return machine, peers


def test_preempted_master_of_both_families_is_no_second_one() -> None:
    """The rest of its round was on its way, and it says a last word over both: neither is worth a word of ours."""
    machine, (over4, over6) = preempting(dual=True)
    for peer in (over6, over4, over6):
        machine.feed(peer.advertises(), after=SECOND // 1000)
    machine.run_for(10 * SECOND)
    assert (machine.reports(TwoMasters), machine.reports(Noticed)) == ([], [])
    assert machine.statistics.two_masters == 0


def test_preempted_ucarp_may_read_late() -> None:
    """It says one more advertisement before it looks, and then its last word."""
    machine, (ucarp,) = preempting(dual=False)
    machine.feed(ucarp.advertises(), after=INTERVAL)
    machine.feed(ucarp.advertises(), after=SECOND // 10)
    assert (machine.reports(TwoMasters), machine.reports(Noticed)) == ([], [])


@pytest.mark.parametrize("dual", [False, True])
def test_preempted_master_that_goes_on_is_told_once(dual: bool) -> None:
    """When it has said more than who yields, it is one rival, over however many families it is heard."""
    machine, peers = preempting(dual=dual)
    first = machine.now + INTERVAL
    for _ in range(9):
        machine.run_for(INTERVAL)
        for peer in peers:
            machine.feed(peer.advertises())
    last = machine.now
    machine.run_for(10 * SECOND)
    begun, ended = machine.reports(TwoMasters)
    assert (begun.peer, begun.since, begun.until) == (WORSE.source, first, None)
    assert ended == replace(begun, until=last)
    assert {notice.notice for notice in machine.reports(Noticed)} == {Notice.WORSE_MASTER}
    assert [report.peer for report in machine.reports(OneWaySuspected)] == [WORSE.source]
    assert machine.statistics.two_masters == 1


def test_each_rival_of_both_families_is_told_once() -> None:
    """Two rivals of four addresses are two."""
    machine = Machine.master(replace(DUAL, advskew=50))
    config = machine.configs[0]
    for _ in range(5):
        for octet, wait in ((1, SECOND // 2), (2, SECOND)):
            for source in (IPv6Address(f"fe80::{octet}"), IPv4Address(f"10.0.0.{octet}")):
                peer = Peer.of(config, source, advskew=100 + octet)
                machine.run_for(wait if source.version == 6 else 1)
                machine.feed(peer.advertises())
    assert [str(report.peer) for report in machine.reports(TwoMasters)] == ["fe80::1", "fe80::2"]
    machine.run_for(10 * SECOND)
    assert len(machine.reports(TwoMasters)) == 4


def test_who_comes_back_long_after_was_not_on_its_way() -> None:
    """A master that was replaced, and is heard after its dead time again, did not hear us."""
    machine, (peer,) = preempting(dual=False)
    machine.run_for(3 * INTERVAL)
    machine.feed(peer.advertises())
    assert "two masters" in machine.feed(peer.advertises(), after=INTERVAL)


def test_third_host_beside_a_new_master_was_not_on_its_way() -> None:
    """Only the one that was replaced may say a last word: two advertisements of anybody else are two masters."""
    machine, _ = preempting(dual=False)
    third = replace(WORSE, source=A.source)
    assert hear(machine, third, apart=SECOND // 10) + hear(machine, third, apart=SECOND) == ["two masters"]


def test_rival_that_left_wakes_nobody() -> None:
    """After its goodbye the host waits for its own next advertisements, and not for the rival's silence."""
    machine = Machine.master(OURS)
    hear(machine, WORSE)
    machine.feed(WORSE.leaves())
    machine.run_for(SECOND)
    woken: list[int] = []
    while len(woken) < 5:
        assert machine.node.deadline is not None
        woken.append(machine.node.deadline)
        machine.run_until(machine.node.deadline)
    assert woken == [woken[0] + count * OURS.interval for count in range(5)]


@pytest.mark.parametrize("yields", [False, True])
def test_end_is_when_the_rival_was_heard_last(yields: bool) -> None:
    """Not when we leave, or yield to a third: it may have yielded long before."""
    machine = Machine.master(OURS)
    hear(machine, WORSE, WORSE, apart=SECOND)
    heard = machine.now
    machine.run_for(SECOND)
    if yields:
        machine.feed(replace(A, advskew=1).advertises())
    else:
        machine.stop()
    assert machine.reports(TwoMasters)[-1].until == heard


@pytest.mark.parametrize("dual", [False, True])
def test_ordinary_preemption_is_quiet_everywhere(dual: bool) -> None:
    """Neither the old master, nor the new one, nor a backup has anything to say about it."""
    config = replace(DUAL_HOST, source6=OWN6 if dual else None, preempt=True)
    worse = replace(config, source=PEER, source6=PEER6 if dual else None, advskew=100)
    third = replace(config, source=THIRD, source6=IPv6Address("fe80::7") if dual else None, advskew=200)
    segment = Segment({"worse": Host.listening(worse), "third": Host.listening(third)}, masters_max=2)
    segment.run_for(10 * SECOND)
    segment.hosts["ours"] = Host.listening(config, at=segment.now)
    segment.run_for(10 * SECOND)
    assert segment.masters == ["ours"]
    for host in segment.hosts.values():
        assert host.noticed() == []
        assert not [effect for effect in host.done if isinstance(effect, TwoMasters)]
    assert segment.hosts["ours"].config.source == OWN


TURN = [Peer.of(DUAL, source) for source in (A.source, IPv6Address("fe80::1"), B.source, IPv6Address("fe80::2"))]


def test_backup_tells_once_of_two_masters_of_both_families() -> None:
    """They take turns over each; the end is told when neither family has them any more."""
    machine = Machine.listening(DUAL)
    assert hear(machine, *TURN * 5, apart=SECOND // 4) == ["two masters"]
    last = machine.now
    assert hear(machine, *TURN[:2] * 5, apart=SECOND) == ["two masters no more"]
    assert [report.until for report in machine.reports(TwoMasters)] == [None, last]
    assert machine.statistics.two_masters == 1


def test_backup_counts_how_often_there_were_two_masters() -> None:
    """Each time anew, and each report says of which virtual host it is."""
    machine = Machine.listening(OURS)
    for times in (1, 2):
        assert hear(machine, A, B, A, B, A) == ["two masters"]
        assert hear(machine, *[A] * 5, apart=SECOND) == ["two masters no more"]
        assert machine.statistics.two_masters == times
    assert {(report.interface, report.vhid) for report in machine.reports(TwoMasters)} == {("eth0", 7)}


def test_family_that_falls_silent_does_not_hide_the_end() -> None:
    """Turns of a family over which nothing is heard any more are over."""
    machine = Machine.listening(DUAL)
    assert hear(machine, *TURN * 5, apart=SECOND // 4) == ["two masters"]
    assert hear(machine, *[TURN[0]] * 5, apart=SECOND) == ["two masters no more"]


def test_memory_is_bounded() -> None:
    """Whoever has the password may claim any number of addresses: only so many are followed, or counted."""
    machine = Machine.master(OURS)
    for _ in range(2):
        machine.run_for(SECOND)
        for number in range(200):
            machine.feed(replace(WORSE, source=IPv4Address("10.9.0.0") + number).advertises())
    assert len(machine.reports(TwoMasters)) == RIVALS_MAX
    assert len(machine.statistics.heard) == PEERS_MAX
    machine.run_for(10 * SECOND)
    assert len(machine.reports(TwoMasters)) == 2 * RIVALS_MAX


def test_watch_by_itself_waits_for_the_first_that_falls_silent() -> None:
    """The deadline is the earliest; nobody is forgotten before."""
    outbox = Outbox(PLAIN)
    watch = PeerWatch(outbox, Statistics(), dead_ratio=3)
    assert watch.deadline is None
    assert watch.hear_beside_us(A.source, 2 * SECOND, 0, is_worse=True)
    assert watch.hear_beside_us(B.source, SECOND, 1, is_worse=True)
    assert watch.deadline == 3 * SECOND + 1
    watch.expire(3 * SECOND)
    assert watch.deadline == 3 * SECOND + 1
    watch.expire(3 * SECOND + 1)
    assert watch.deadline == 6 * SECOND
    assert outbox.drain() == ()
