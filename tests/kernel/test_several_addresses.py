from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import held_by, vips_of, virtual_host, wait_until_held
from tests.kernel.daemons import wait_until
from triocarp.core.family import Family, family_of
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage
    from tests.kernel.wire import Heard

pytestmark = pytest.mark.kernel

GROUP = virtual_host(addresses=["10.0.0.100/24", "2001:db8::100/64", "10.0.0.101/32", "2001:db8::101/128"])
IPV6_ADVERTISEMENTS = "ip6 nexthdr 112"


def over(family: Family, heard: list[Heard]) -> list[Heard]:
    """Return those of some advertisements that came over one address family."""
    return [one for one in heard if family_of(one.packet.source) is family]


def test_all_addresses_of_both_families_move_together(stage: ConfiguredStage) -> None:
    """Advertised over both families, each address announced in its way, all taken from a dead host."""
    one, two = stage.hosts("one", "two")
    first = stage.master(one, GROUP)
    stage.ready(two, {**GROUP, "advskew": 39})
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=2)
    held, beside = held_by(one, GROUP), held_by(two, GROUP)
    one.crash(first.process)
    wait_until_held(two, GROUP)
    for vip in vips_of(GROUP):
        stage.wire.wait_for_announcement(two, vip=vip)

    assert (held, beside) == (set(vips_of(GROUP)), set())
    for host in (one, two):
        heard = stage.wire.advertisements(host)
        counts = [len(over(family, heard)) for family in Family]
        assert max(counts) - min(counts) <= 1  # the host may have died between the two
        announced = [str(frame.announces) for frame in stage.wire.announcements(host)][:4]
        assert announced == vips_of(GROUP)
        arps, others = announced[::2], announced[1::2]
        assert {ipaddress.ip_address(vip).version for vip in arps} == {4}
        assert {ipaddress.ip_address(vip).version for vip in others} == {6}


def test_addresses_are_held_all_or_none(stage: ConfiguredStage) -> None:
    """While one of them cannot be had, the host has none of the others either; afterwards it has all."""
    one = stage.lan.add_host("one", "10.0.0.1/24")
    side = stage.lan.add_interface(one, "eth1", "10.1.0.1/24")
    stage.watch()
    side.add_address("10.0.0.101/32")
    daemon = stage.ready(one, GROUP)
    daemon.wait_for_log("BACKUP - the virtual address could not be held: eth1 of this host has 10.0.0.101")
    goodbye = stage.wire.wait_for_goodbye(one)
    held = held_by(one, GROUP)
    announced = stage.wire.announcements(one)
    side.remove_address("10.0.0.101/32")
    wait_until_held(one, GROUP)
    again = stage.wire.wait_for_announcement(one)

    assert not held
    assert not announced
    assert goodbye.at < again.at


@pytest.mark.programs("nft")
def test_one_silent_family_is_told_and_no_reason_to_take_over(stage: ConfiguredStage) -> None:
    """In the dialect carpd a backup stays backup while it hears the master over the other family."""
    one, two = stage.hosts("one", "two")
    stage.master(one, GROUP)
    backup = stage.ready(two, {**GROUP, "advskew": 39})
    stage.lan.block(one, two, IPV6_ADVERTISEMENTS)
    backup.wait_for_log(r"nothing is heard any more over one address family.* \(10\.0\.0\.1, IPv6\)")
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=20)
    stage.lan.heal()
    backup.wait_for_log(r"the master is heard again over both address families")

    assert not stage.wire.advertisements(two)
    assert "MASTER" not in backup.log


@pytest.mark.programs("nft")
def test_one_silent_family_makes_a_host_that_speaks_freebsd_s_dialect_master(stage: ConfiguredStage) -> None:
    """As its peers would be, so that the two do not differ."""
    one, two = stage.hosts("one", "two")
    group = {**GROUP, "dialect": "freebsd", "advbase": 1, "dead_ratio": 2}
    stage.master(one, {**group, "advskew": 0})
    backup = stage.ready(two, {**group, "advskew": 10})
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=2)
    assert not stage.wire.advertisements(two)
    stage.lan.block(one, two, IPV6_ADVERTISEMENTS)
    stage.wire.wait_for_advertisement(two, timeout_s=20)

    backup.wait_for_log(r"MASTER - no valid advertisement for 2\.\d+ s from fe80::ff:fe00:1 over IPv6")
    wait_until(lambda: held_by(two, GROUP) == set(), "it yields to what it hears over IPv4")


def test_the_loss_of_an_address_of_either_family_is_made_up_for(stage: ConfiguredStage) -> None:
    """Whoever deletes one of them by hand finds it there again, announced, and the others undisturbed."""
    (one,) = stage.hosts("one")
    stage.master(one, GROUP)
    for vip in ("10.0.0.100/24", "2001:db8::100/64", "2001:db8::101/128"):
        deleted = clock.now()
        one.remove_address(vip)
        stage.wire.wait_for_announcement(one, since=deleted, vip=vip.partition("/")[0])
        wait_until_held(one, GROUP)
