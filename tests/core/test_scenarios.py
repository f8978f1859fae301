"""Hosts on one segment, each a node of its own: the scenarios of the specification, section 9.4."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from triocarp.core import (
    CARPD,
    DIALECTS,
    FREEBSD,
    OPENBSD,
    UCARP,
    DemotionRequested,
    Dialect,
    HealthChanged,
    Link,
    LinkChanged,
    StopRequested,
    SwitchOverRequested,
    Transport,
    VirtualHostConfig,
    WallClockChanged,
)
from triocarp.core.timing import SECOND

from .wire import DUAL, MAC, PLAIN, Heard, Host, Segment, arrival, sent_in

DOWN = LinkChanged(interface="eth0", link=Link.DOWN)
UP = LinkChanged(interface="eth0", link=Link.UP, hardware_address=MAC)
every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)


def at(last: int, base: VirtualHostConfig = PLAIN, **more: object) -> VirtualHostConfig:
    """Return the configuration of the host with this last octet."""
    own: dict[str, object] = {"source": IPv4Address(f"10.0.0.{last}")}
    if base.source6 is not None:
        own["source6"] = base.source6 + last
    return replace(base, **(own | more))  # type: ignore[arg-type]


def segment(*configs: VirtualHostConfig, masters_max: int = 1) -> Segment:
    """Return hosts a, b, c on one segment, all started at once."""
    hosts = {
        name: Host.listening(config, counter=100 * index)
        for index, (name, config) in enumerate(zip("abc", configs, strict=False))
    }
    return Segment(hosts, masters_max=masters_max)


@every_dialect
def test_second_host_joins_and_stays_backup(dialect: Dialect) -> None:
    """Of two hosts one is master, and the other one never says a word (9.4 rows 1 and 2)."""
    pair = segment(at(5, dialect=dialect), at(9, dialect=dialect, advskew=100))
    pair.run_for(60 * SECOND)
    assert pair.masters == ["a"]
    assert pair.unserved == 3 * SECOND
    assert pair.hosts["b"].statistics.advertisements_sent == 0


@every_dialect
def test_killed_master_is_replaced(dialect: Dialect) -> None:
    """A master that is gone without a word is replaced a dead time after its last advertisement (9.4 row 3)."""
    pair = segment(at(5, dialect=dialect), at(9, dialect=dialect, advskew=25))
    pair.run_for(10 * SECOND)
    dead = pair.hosts["b"].config.dead_time
    del pair.hosts["a"]
    pair.unserved = 0
    pair.run_for(10 * SECOND)
    assert pair.masters == ["b"]
    assert pair.unserved == dead


@every_dialect
def test_orderly_stop_is_no_outage(dialect: Dialect) -> None:
    """A goodbye brings the preferred backup in at once, and the other one stays backup (9.4 row 4)."""
    trio = segment(*(at(last, dialect=dialect, advskew=10 * last) for last in (5, 6, 7)))
    trio.run_for(10 * SECOND)
    assert trio.masters == ["a"]
    trio.unserved = 0
    trio.feed("a", StopRequested())
    trio.run_for(SECOND)
    assert trio.masters == ["b"]
    assert trio.unserved == 60 * 20_000
    assert trio.hosts["c"].statistics.advertisements_sent == 0


@pytest.mark.parametrize("preempt", [True, False])
@every_dialect
def test_better_host_joins(dialect: Dialect, preempt: bool) -> None:
    """With preemption it takes over at the first advertisement heard, else nothing changes (9.4 rows 5, 6)."""
    pair = segment(at(9, dialect=dialect, advskew=100), masters_max=2)
    pair.run_for(10 * SECOND)
    pair.hosts["b"] = Host.listening(at(5, dialect=dialect, preempt=preempt), at=pair.now)
    pair.unserved = 0
    pair.run_for(10 * SECOND)
    assert pair.masters == ["b" if preempt else "a"]
    assert pair.unserved == 0


@pytest.mark.parametrize("base", [PLAIN, DUAL], ids=["ucarp", "carpd of both families"])
def test_equal_hosts_start_at_once(base: VirtualHostConfig) -> None:
    """Their first advertisements cross; the lower last octet wins, a concession may follow (9.4 row 7)."""
    hosts = {name: Host.master(at(last, base)) for name, last in (("a", 9), ("b", 5))}
    crossing = {name: [arrival(sent) for sent in sent_in(host.done)] for name, host in hosts.items()}
    pair = Segment(hosts, masters_max=2)
    pair.now = 3 * SECOND
    for name, other in (("a", "b"), ("b", "a")):
        for packet in crossing[other]:
            pair.feed(name, packet)
    assert pair.masters == ["b"]
    pair.run_for(20 * SECOND)
    assert pair.masters == ["b"]
    rounds = 2 if base.dialect.concedes_tie else 1
    assert hosts["a"].statistics.advertisements_sent == rounds * len(base.sources)


@every_dialect
def test_split_heals_within_an_interval(dialect: Dialect) -> None:
    """Two masters while it is split, one after it; the worse one has released by then (9.4 row 8)."""
    better, worse = segment(at(5, dialect=dialect)), segment(at(9, dialect=dialect, advskew=100))
    for half in (better, worse):
        half.run_for(20 * SECOND)
    healed = Segment({"a": better.hosts["a"], "b": worse.hosts["a"]}, masters_max=2)
    healed.now = 20 * SECOND
    healed.run_for(SECOND)
    assert healed.masters == ["a"]
    healed.run_for(20 * SECOND)
    assert healed.masters == ["a"]


def test_demoted_but_faster_openbsd_master_is_replaced_within_a_tenth_of_a_second() -> None:
    """Demote the master and the roles swap at once; end that and they swap back (9.4 row 10, 9.2)."""
    pair = segment(
        at(5, dialect=OPENBSD, preempt=True), at(9, dialect=OPENBSD, advskew=100, preempt=True), masters_max=2
    )
    pair.run_for(5 * SECOND)
    assert pair.masters == ["a"]
    pair.feed("a", DemotionRequested(amount=1))
    assert pair.masters == ["b"]
    pair.feed("a", DemotionRequested(amount=0))
    pair.run_for(2 * SECOND)
    assert pair.masters == ["a"]


@pytest.mark.parametrize("dialect", [FREEBSD, CARPD, UCARP], ids=lambda dialect: dialect.name)
def test_demotion_in_advskew_swaps_the_roles(dialect: Dialect) -> None:
    """A failed health check makes the better host worse; one that preempts takes over at once (9.4 row 10)."""
    pair = segment(at(5, dialect=dialect), at(9, dialect=dialect, advskew=100, preempt=True), masters_max=2)
    pair.run_for(5 * SECOND)
    pair.unserved = 0
    pair.feed("a", HealthChanged(check="web", healthy=False))
    assert pair.masters == ["b"]
    pair.run_for(20 * SECOND)
    assert (pair.masters, pair.unserved) == (["b"], 0)


@pytest.mark.parametrize("dialect", [FREEBSD, CARPD], ids=lambda dialect: dialect.name)
def test_negative_demotion_makes_no_second_master(dialect: Dialect) -> None:
    """Demotion -1 at skew 0 stays 0 on the wire, and nobody preempts the master (9.4 row 13)."""
    pair = segment(at(5, dialect=dialect, preempt=True), at(9, dialect=dialect, advskew=100, preempt=True))
    pair.run_for(5 * SECOND)
    pair.feed("a", DemotionRequested(amount=-1))
    pair.run_for(20 * SECOND)
    assert pair.masters == ["a"]


def test_unicast_peers_in_two_subnets() -> None:
    """Each names the other as its peer, and one address ends in .224: exactly one master (9.4 row 14)."""
    here, there = IPv4Address("10.1.0.224"), IPv4Address("10.2.0.5")
    unicast = replace(PLAIN, dialect=FREEBSD, transport=Transport.UNICAST, source=here, peers=(there,))
    pair = segment(unicast, replace(unicast, source=there, peers=(here,), advskew=100))
    pair.run_for(20 * SECOND)
    assert pair.masters == ["a"]
    pair.feed("a", StopRequested())
    pair.run_for(SECOND)
    assert pair.masters == ["b"]


@pytest.mark.parametrize("dialect", [CARPD, FREEBSD, OPENBSD], ids=lambda dialect: dialect.name)
def test_hosts_of_both_families(dialect: Dialect) -> None:
    """Two advertisements an interval are heard, one host is master, and two goodbyes bring one takeover."""
    pair = segment(at(5, DUAL, dialect=dialect), at(9, DUAL, dialect=dialect, advskew=50))
    pair.run_for(20 * SECOND)
    assert pair.masters == ["a"]
    assert pair.hosts["b"].statistics.heard.total() == 2 * 18
    pair.unserved = 0
    pair.feed("a", StopRequested())
    pair.run_for(SECOND)
    assert pair.masters == ["b"]
    assert pair.unserved <= 50 * 20_000


def test_lost_and_returned_carrier() -> None:
    """The master without carrier is replaced after a dead time, and comes back as a backup (9.4 row 16)."""
    pair = segment(at(5), at(9, advskew=50))
    pair.run_for(5 * SECOND)
    pair.feed("a", DOWN)
    pair.run_for(5 * SECOND)
    assert pair.masters == ["b"]
    pair.feed("a", UP)
    pair.run_for(20 * SECOND)
    assert pair.masters == ["b"]


@pytest.mark.parametrize("step", [3600 * SECOND, -3600 * SECOND])
def test_clock_step_changes_nothing(step: int) -> None:
    """The wall clock of both hosts jumps by an hour: nobody takes over, nobody yields (9.4 row 17)."""
    pair = segment(at(5), at(9, advskew=50))
    pair.run_for(5 * SECOND)
    for name in pair.hosts:
        pair.feed(name, WallClockChanged(offset=step))
    pair.unserved = 0
    pair.run_for(20 * SECOND)
    assert (pair.masters, pair.unserved) == (["a"], 0)


def test_switch_over_and_back() -> None:
    """State backup and state master, back and forth, crash nothing and leave nobody alone (9.1 `switch`)."""
    pair = segment(at(5), at(9, advskew=50))
    pair.run_for(5 * SECOND)
    pair.unserved = 0
    for _ in range(5):
        for name, other in (("a", "b"), ("b", "a")):
            assert pair.masters == [name]
            pair.feed(name, SwitchOverRequested(hold_down=SECOND))
            pair.run_for(2 * SECOND)
            assert pair.masters == [other]
    assert pair.unserved == 5 * 50 * 20_000


def test_sub_second_group_with_a_demoted_host_is_calm() -> None:
    """The demoted host's own dead time is shorter than its master's interval, and it stays backup all the same."""
    pair = segment(
        at(5, dialect=CARPD, advbase_s=0, advskew=10, preempt=True),
        at(9, dialect=CARPD, advbase_s=0, advskew=100, preempt=True),
        masters_max=2,
    )
    pair.run_for(SECOND)
    assert pair.masters == ["a"]
    pair.feed("a", HealthChanged(check="web", healthy=False))
    pair.run_for(60 * SECOND)
    assert pair.masters == ["b"]
    assert pair.hosts["a"].statistics.transitions.total() == 3


def test_goodbye_of_a_master_leaves_the_other_family_alone() -> None:
    """What a third host says goodbye for is not what a master is there for: it stays (1.8)."""
    pair = segment(at(5), at(9, advskew=50))
    pair.run_for(5 * SECOND)
    pair.feed("a", Heard(config=PLAIN, source=IPv4Address("10.0.0.7")).goodbye.packet)
    assert pair.masters == ["a"]
