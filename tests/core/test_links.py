"""What a host does when its interface loses carrier, goes down, vanishes, or changes its MAC."""

from dataclasses import replace

import pytest

from triocarp.core import Link, LinkChanged, Started, State
from triocarp.core.ethernet import gratuitous_arp
from triocarp.core.timing import SECOND

from .hosts import MAC, OTHER_MAC, PLAIN, VIRTUAL_ADDRESS, Machine, Peer

DOWN_AS_MASTER = "MASTER -> INIT: hardware interface down"
DOWN_AS_BACKUP = "BACKUP -> INIT: hardware interface down"
UP_AGAIN = "INIT -> BACKUP: initialization complete"
UNUSABLE = (Link.NO_CARRIER, Link.DOWN, Link.ABSENT)


@pytest.mark.parametrize("link", UNUSABLE)
def test_master_without_link_releases_in_silence(link: Link) -> None:
    """Without a link there is nobody to say goodbye to; the address goes at once (9.4 row 16)."""
    machine = Machine.master()
    assert machine.link(link) == [DOWN_AS_MASTER, "release"]
    assert machine.node.deadline is None
    assert machine.run_for(100 * SECOND) == []


@pytest.mark.parametrize("link", UNUSABLE)
def test_backup_without_link_waits(link: Link) -> None:
    """A backup without a link does not take its own deafness for silence."""
    machine = Machine.listening(PLAIN)
    assert machine.link(link) == [DOWN_AS_BACKUP]
    assert machine.node.deadline is None


def test_listens_for_a_dead_time_when_the_link_returns() -> None:
    """After a carrier loss the host is back after a normal master-down time."""
    machine = Machine.master()
    machine.link(Link.NO_CARRIER)
    machine.run_for(7 * SECOND)
    assert machine.link(Link.UP) == [UP_AGAIN]
    assert machine.node.deadline == machine.now + 3 * SECOND
    assert machine.run_for(3 * SECOND)[0] == "BACKUP -> MASTER: master timed out"


def test_repeated_link_reports_change_nothing() -> None:
    """A driver may report what is already so: as often as it likes, in every state."""
    machine = Machine(PLAIN)
    machine.feed(Started())
    assert machine.link(Link.DOWN) == machine.link(Link.DOWN, b"") == []
    machine.link(Link.UP)
    machine.run_for(SECOND)
    assert machine.link(Link.UP) == []
    assert machine.node.deadline == 3 * SECOND
    machine.run_until(3 * SECOND)
    assert machine.link(Link.UP) == []
    assert machine.node.deadline == 4 * SECOND


def test_carrier_is_ignored_where_told_to() -> None:
    """With ucarp's ``-S`` only an interface that is down or gone counts."""
    config = replace(PLAIN, ignore_carrier=True)
    machine = Machine(config)
    machine.feed(Started())
    assert machine.link(Link.NO_CARRIER) == [UP_AGAIN]
    machine.run_until(3 * SECOND)
    assert machine.link(Link.UP) == machine.link(Link.NO_CARRIER) == []
    assert machine.link(Link.DOWN) == [DOWN_AS_MASTER, "release"]


def test_hears_nothing_in_init() -> None:
    """An advertisement that arrives without a link is counted and changes nothing."""
    machine = Machine(PLAIN)
    machine.feed(Started())
    assert machine.feed(Peer().leaves()) == []
    assert (machine.state, machine.statistics.received, machine.node.deadline) == (State.INIT, 1, None)


def test_goodbye_to_a_leaving_master_is_forgotten_without_link() -> None:
    """A backup about to take over from a leaving master does not, once its link is gone."""
    machine = Machine.listening(replace(PLAIN, advskew=100))
    machine.feed(Peer().leaves())
    machine.link(Link.DOWN)
    assert machine.run_for(10 * SECOND) == []


def test_changed_mac_is_announced() -> None:
    """When the MAC of a master's interface changes, everybody must learn it; the same MAC is no news."""
    machine = Machine.master()
    assert machine.link(Link.UP, OTHER_MAC) == ["announce"]
    assert (PLAIN.interface, gratuitous_arp(OTHER_MAC, VIRTUAL_ADDRESS.ip)) == machine.record.frames[-1]
    assert machine.link(Link.UP, OTHER_MAC) == []
    done = machine.run_for(3 * SECOND)
    assert done == ["advertise", "hold", "advertise", "hold", "announce", "advertise", "hold"]


def test_changed_mac_of_a_backup_is_used_later() -> None:
    """A backup has nothing to announce; as master it announces the MAC that its interface has then."""
    machine = Machine.listening(PLAIN)
    assert machine.link(Link.UP, OTHER_MAC) == []
    machine.run_until(3 * SECOND)
    assert (PLAIN.interface, gratuitous_arp(OTHER_MAC, VIRTUAL_ADDRESS.ip)) == machine.record.frames[-1]


def test_unknown_mac_is_announced_when_it_becomes_known() -> None:
    """A master whose MAC nobody has told it announces nothing, and does so when it learns it."""
    machine = Machine(PLAIN)
    machine.feed(Started())
    machine.link(Link.UP, b"")
    assert machine.run_until(3 * SECOND) == ["BACKUP -> MASTER: master timed out", "advertise", "hold"]
    assert machine.statistics.announcements_sent == 0
    assert machine.link(Link.UP, MAC) == ["announce"]


def test_other_interfaces_are_none_of_its_business() -> None:
    """A link change on an interface without a virtual host has no effect."""
    machine = Machine.master()
    assert machine.feed(LinkChanged(interface="eth1", link=Link.DOWN)) == []
    assert machine.state is State.MASTER


def test_link_flap_does_not_shorten_a_back_off() -> None:
    """A host that could not hold its address waits out its back-off, whatever its link does meanwhile."""
    machine = Machine.listening(replace(PLAIN, advbase_s=0, advskew=1))
    machine.record.failing = {"hold"}
    machine.run_for(PLAIN.dead_time // 256)
    failed_at = machine.now
    assert machine.state is State.BACKUP
    machine.link(Link.DOWN)
    machine.link(Link.UP)
    assert machine.node.deadline == failed_at + SECOND
