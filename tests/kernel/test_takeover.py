from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import SLOW
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.daemons import Site

pytestmark = pytest.mark.kernel

DEAD_TIME = 3 * 64 * clock.SECOND // 256


def test_a_takeover_advertises_then_takes_then_announces(site: Site) -> None:
    """The advertisement silences the other candidates, and an address is announced when it is there."""
    site.carpd(site.one, program=SLOW)
    taken = site.holders.wait_until_holder(site.one, timeout_s=20)
    announced = site.wire.wait_for_announcement(site.one)
    first = site.wire.advertisements(site.one)[0]

    assert first.at < taken < announced.at


def test_a_takeover_comes_after_the_dead_time_and_is_quick(site: Site) -> None:
    """After the last advertisement of a crashed host the backup waits its dead time, and hardly longer."""
    master, _backup = site.pair()
    site.one.crash(master.process)
    announced = site.wire.wait_for_announcement(site.two)
    last = site.wire.advertisements(site.one)[-1]
    first = site.wire.advertisements(site.two)[0]

    assert DEAD_TIME <= first.at - last.at < DEAD_TIME + clock.SECOND
    assert first.at <= announced.at < first.at + clock.SECOND
    # The counter goes on where the old master's ended.
    assert first.advertisement.counter == (last.advertisement.counter + 1) % 2**64


def test_the_announcement_is_repeated_after_the_second_further_advertisement(site: Site) -> None:
    """Switches lose frames while their ports settle; ucarp and OpenBSD repeat theirs at the same time."""
    site.carpd(site.one)
    third = site.wire.wait_for_advertisement(site.one, count=3)
    site.wire.wait_for_announcement(site.one, since=third.at)
    site.wire.wait_for_advertisement(site.one, count=6)
    first, again, *more = site.wire.announcements(site.one)

    assert first.at < third.at < again.at
    assert not more


def test_a_starting_host_beside_a_master_stays_backup(site: Site) -> None:
    """Neither a better nor an equal host takes over from a living master without -P."""
    site.master(site.one, advskew=52)
    for host, advskew in ((site.two, 39), (site.three, 52)):
        site.backup(host, advskew=advskew)
    since = clock.now()
    site.wire.wait_for_advertisement(site.one, since=since, count=4)

    assert not site.wire.advertisements(site.two)
    assert not site.wire.advertisements(site.three)
    assert [holding.host for holding in site.holders.holdings] == ["one"]


def test_a_better_host_with_preempt_takes_over_at_the_first_advertisement(site: Site) -> None:
    """It does not wait for its dead time; the old master yields, and is a backup from then on."""
    old = site.master(site.one, advskew=64)
    new = site.carpd(site.two, "-P", advskew=52)
    since = site.holders.wait_until_holder(site.two, timeout_s=20)
    site.wire.wait_for_advertisement(site.two, since=since, count=5)

    new.wait_for_log("Switching to state: MASTER - preempting a worse master")
    old.wait_for_log(r"Switching to state: BACKUP - a better master is advertising \(10\.0\.0\.2\)")
    assert not site.wire.advertisements(site.one, since=since + clock.SECOND)
    assert site.holders.holders_now() == {"two"}


def test_of_equal_survivors_exactly_one_remains_master(site: Site) -> None:
    """Their timers run out in the same instant; the tie is settled before either would advertise again."""
    interval = 64 * clock.SECOND // 256
    first = site.master(site.one, advskew=64)
    site.backup(site.two, advskew=64)
    site.backup(site.three, advskew=64)
    at = site.one.crash(first.process)
    # Who was held up for a moment hears the other one first, and that is fine as well.
    winner = site.settle()
    until = clock.now()

    assert site.holders.overlap_ns(at, until, excluding=["one"]) < interval
    assert site.holders.holders_now() - {"one"} == {winner.name}


def test_a_split_heals_into_one_master(site: Site) -> None:
    """While the LAN is split both sides have a master; healed, the worse one is gone within its interval."""
    site.pair()
    site.lan.partition([site.one], [site.two])
    site.holders.wait_until_holder(site.one, site.two)
    site.lan.heal()
    healed = clock.now()
    settled = site.holders.wait_until_holder(site.one)
    again = site.wire.wait_for_announcement(site.one, since=healed)

    assert settled - healed < clock.SECOND
    assert again.at - healed < clock.SECOND


@pytest.mark.programs("nft")
def test_a_one_way_cut_has_two_masters_until_it_heals(site: Site) -> None:
    """Who hears nobody is master, who hears a worse one stays it; carpd is alive and well afterwards."""
    site.pair()
    site.lan.block(site.one, site.two)
    site.holders.wait_until_holder(site.one, site.two)
    site.lan.heal()

    site.holders.wait_until_holder(site.one)


def test_groups_with_different_numbers_do_not_disturb_each_other(site: Site) -> None:
    """Two VHIDs with addresses of their own share a host and a segment."""
    site.master(site.one)
    other = site.carpd(site.two, "--prefix-length", "24", vhid=8, vip="10.0.0.101")
    other.wait_for_log("Switching to state: MASTER")
    heard = site.wire.wait_for_advertisement(site.two)

    assert heard.advertisement.vhid == 8
    assert "10.0.0.101/24" in [str(address.ip) for address in site.two.addresses()]
    assert site.holders.holders_now() == {"one"}
