from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import virtual_host
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage, VirtualHost
    from triocarp.lab import Host

pytestmark = pytest.mark.kernel

SKEWS = {"one": 26, "two": 39, "three": 52}
"""An advertisement every 0.1 s, 0.15 s and 0.2 s."""

TWO_SECONDS = {"one": 20, "two": 13, "three": 10}
"""How many advertisements of each that are."""


def preempting(host: Host, **settings: int) -> VirtualHost:
    """Return the virtual host of one of the three."""
    return virtual_host(preempt=True, advskew=SKEWS[host.name], **settings)


def wait_for_calm(stage: ConfiguredStage, master: Host) -> None:
    """Wait for two seconds of a master's advertisements, and expect that nobody else said anything meanwhile."""
    since = stage.wire.wait_for_advertisement(master, since=clock.now()).at
    last = stage.wire.wait_for_advertisement(master, since=since, count=TWO_SECONDS[master.name])
    assert {heard.host for heard in stage.wire.advertisements(since=since, until=last.at)} == {master.name}


def test_three_hosts_that_preempt_settle_after_each_event(stage: ConfiguredStage) -> None:
    """Crash, return of the preferred host, and goodbye: one change each, and then two seconds of peace."""
    one, two, three = hosts = stage.hosts("one", "two", "three")
    holders = stage.holders(*hosts)
    daemons = {host: stage.carpd(host, preempting(host)) for host in hosts}
    holders.wait_until_holder(one, timeout_s=20)
    wait_for_calm(stage, one)
    one.crash(daemons[one].process)
    holders.wait_until_holder(two, excluding=["one"], timeout_s=20)
    wait_for_calm(stage, two)
    one.boot()
    daemons[one] = stage.carpd(one, preempting(one))
    # The predecessor's address went with the crash, so this is the preemption.
    daemons[one].wait_for_log("MASTER - preempting a worse master")
    holders.wait_until_holder(one, timeout_s=20)
    wait_for_calm(stage, one)
    leaving = clock.now()
    assert daemons[one].stop() == 0
    # For a moment it may be the third, which waits a quarter of a millisecond longer.
    holders.wait_until_holder(two, timeout_s=20)
    wait_for_calm(stage, two)

    assert not stage.wire.advertisements(three, until=leaving)


def test_a_demoted_host_neither_flaps_nor_is_lost(stage: ConfiguredStage) -> None:
    """Its dead time is shorter than its master's interval, and it waits all the same; the last one serves."""
    one = stage.lan.add_host("one", "10.0.0.1/24")
    side = stage.lan.add_interface(one, "eth1", "10.1.0.1/24")
    three = stage.lan.add_host("three", "10.0.0.3/24")
    stage.lan.partition([one, three], [side])
    stage.watch()
    holders = stage.holders(one, three)
    # Best of all, with a dead time of 0.12 s; the link of a member of its failover group is lost.
    grouped = [
        virtual_host(preempt=True, advskew=10, dead_ratio=3, failover_group="gateway"),
        virtual_host(vhid=8, interface="eth1", addresses=["10.1.0.100/32"], failover_group="gateway"),
    ]
    demoted = stage.master(one, *grouped)
    master = stage.ready(three, preempting(three))
    stage.wire.wait_for_advertisement(one, since=clock.now(), vhid=7, count=5)
    side.lose_carrier()
    holders.wait_until_holder(three, timeout_s=20)
    wait_for_calm(stage, three)
    three.crash(master.process)
    holders.wait_until_holder(one, excluding=["three"], timeout_s=20)
    served = stage.wire.wait_for_advertisement(one, since=clock.now(), vhid=7)
    # Better again, and known for it at once.
    side.restore_carrier()
    demoted.wait_for_log("8@eth1: Switching to state: BACKUP", count=2)
    better = stage.wire.wait_for_advertisement(one, since=clock.now(), vhid=7)

    assert served.advertisement.advskew == 240
    assert better.advertisement.advskew == 10
