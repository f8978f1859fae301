from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import PATIENT, virtual_host
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage, Setting, VirtualHost
    from tests.kernel.daemons import Carpd
    from triocarp.lab import Holders, Host

pytestmark = pytest.mark.kernel

INSIDE, OUTSIDE, ALONE = 7, 8, 9
"""Two virtual hosts of a failover group, on two segments; and one on the second segment that is alone."""

VIPS = {INSIDE: "10.0.0.100", OUTSIDE: "10.1.0.100", ALONE: "10.1.0.109"}


def gateway(**settings: int) -> list[VirtualHost]:
    """Return the virtual hosts of a host with two interfaces."""
    grouped: dict[str, Setting] = {"failover_group": "gateway", **settings}
    return [
        virtual_host(vhid=INSIDE, interface="eth0", addresses=[f"{VIPS[INSIDE]}/24"], **grouped),
        virtual_host(vhid=OUTSIDE, interface="eth1", addresses=[f"{VIPS[OUTSIDE]}/24"], **grouped),
        virtual_host(vhid=ALONE, interface="eth1", addresses=[f"{VIPS[ALONE]}/24"], **settings),
    ]


class Gateways:
    """Two hosts that are plugged into two segments.

    Attributes:
        one: master of everything.
        two: backup, whose dead time is 4 s: what it takes over before that was handed to it.
        outside: their interfaces on the second segment.
        holders: who has each address.
    """

    def __init__(self, stage: ConfiguredStage) -> None:
        """Start both.

        Args:
            stage: where; without hosts.
        """
        lan = stage.lan
        self.one, self.two = (lan.add_host(name, f"10.0.0.{n}/24") for n, name in enumerate(("one", "two"), 1))
        self.outside = {
            host: lan.add_interface(host, "eth1", f"10.1.0.{n}/24")
            for n, host in enumerate((self.one, self.two), 1)
        }
        lan.partition([self.one, self.two], list(self.outside.values()))
        stage.watch()
        self.stage = stage
        self.holders: dict[int, Holders] = {
            vhid: stage.holders(self.one, self.two, vip=vip) for vhid, vip in VIPS.items()
        }
        self.daemons: dict[Host, Carpd] = {self.one: stage.master(self.one, *gateway(preempt=True))}
        self.daemons[self.two] = stage.ready(self.two, *gateway(advskew=39, dead_ratio=PATIENT))
        self.settle()

    def settle(self) -> None:
        """Wait until the backup has heard every master."""
        for vhid, host in ((INSIDE, self.one), (OUTSIDE, self.outside[self.one]), (ALONE, self.outside[self.one])):
            self.stage.wire.wait_for_advertisement(host, since=clock.now(), vhid=vhid)


def test_a_lost_link_moves_the_whole_group(stage: ConfiguredStage) -> None:
    """The address on the sound segment goes along at once, by a goodbye; what is in no group stays where it is."""
    site = Gateways(stage)
    one, two = site.one, site.two
    lost = clock.now()
    site.outside[one].lose_carrier()
    # The link is the outside's: inside, everything works, and only the group makes the address go.
    moved = site.holders[INSIDE].wait_until_holder(two, timeout_s=20)
    goodbye = stage.wire.wait_for_goodbye(one, since=lost, vhid=INSIDE)
    for vhid in (OUTSIDE, ALONE):  # nobody could say goodbye there
        site.holders[vhid].wait_until_holder(two, timeout_s=20)
    # As long as the link is lost it does not take anything back, though it preempts and is better.
    stage.wire.wait_for_advertisement(two, since=clock.now(), vhid=INSIDE, count=10)
    assert not stage.wire.advertisements(one, since=goodbye.at + 1)
    restored = clock.now()
    site.outside[one].restore_carrier()
    for vhid in VIPS:
        site.holders[vhid].wait_until_holder(one, timeout_s=20)

    assert moved - lost < 3 * clock.SECOND
    site.daemons[one].wait_for_log(
        rf"{INSIDE}@eth0: Switching to state: BACKUP - another virtual host of the failover group .*: link lost"
    )
    site.daemons[one].wait_for_log(
        r"the host counts as worse than before \(demoted by \d+: link lost \(eth1\) \d+; sent as advskew 240\)"
    )
    site.daemons[two].wait_for_log(rf"{INSIDE}@eth0: Switching to state: MASTER - the master is leaving")
    assert site.holders[INSIDE].overlap_ns(0, restored) == 0
    assert site.daemons[one].stop() == 0


def test_what_is_in_no_group_stays_when_another_link_is_lost(stage: ConfiguredStage) -> None:
    """The inside link is lost: the outside member of the group moves, and one beside it that is alone stays."""
    site = Gateways(stage)
    one, two = site.one, site.two
    one.lose_carrier()
    site.holders[OUTSIDE].wait_until_holder(two, timeout_s=20)
    since = clock.now()
    for vhid, host in ((OUTSIDE, two), (ALONE, one)):
        stage.wire.wait_for_advertisement(site.outside[host], since=since, vhid=vhid, count=10)

    assert site.holders[ALONE].holders_now() == {"one"}
    assert not stage.wire.advertisements(site.outside[two], vhid=ALONE)
    # The host that it still serves from counts as it did: demotion is the group's.
    assert {heard.advertisement.advskew for heard in stage.wire.advertisements(vhid=ALONE)} == {26}
