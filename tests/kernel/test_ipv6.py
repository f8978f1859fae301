from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import PATIENT, VIP6, virtual_host
from tests.kernel.daemons import traces
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage
    from triocarp.lab import Host

pytestmark = pytest.mark.kernel

GROUP = virtual_host(addresses=[f"{VIP6}/64"])
LINK_LOCAL = "fe80::ff:fe00:{}"
"""What the kernel makes of the MACs of a LAN's hosts."""


def known_mac(client: Host, address: str) -> str:
    """Return which MAC a client believes to have an IPv6 address."""
    words = client.run(["ip", "-6", "neigh", "show", address]).stdout.decode().split()
    assert "lladdr" in words, words
    return words[words.index("lladdr") + 1]


@pytest.mark.programs("ip")
def test_an_ipv6_address_fails_over(stage: ConfiguredStage) -> None:
    """Advertised from link-local to ff02::12, answered for, taken over from a dead host and at a goodbye."""
    one, two, client = stage.hosts("one", "two", "client")
    before = traces(two)
    first = stage.master(one, GROUP)
    backup = stage.ready(two, {**GROUP, "advskew": 39})
    probe = stage.probe(client, VIP6)
    probe.wait_for_reply(mac=one.mac, timeout_s=20)
    known_first = known_mac(client, VIP6)
    heard = stage.wire.wait_for_advertisement(one, since=clock.now())
    assert not stage.wire.advertisements(two)
    one.crash(first.process)
    probe.wait_for_reply(mac=two.mac, timeout_s=20)
    announced = stage.wire.wait_for_announcement(two, vip=VIP6)

    assert f"from {LINK_LOCAL.format(2)} to ff02::12" in backup.log
    assert (str(heard.packet.source), str(heard.packet.destination)) == (LINK_LOCAL.format(1), "ff02::12")
    assert heard.packet.ttl == 255
    assert (heard.frame.source, heard.frame.destination) == ("00:00:5e:00:01:07", "33:33:00:00:00:12")
    assert not [other for other in stage.wire.advertisements() if other.frame.ethertype != heard.frame.ethertype]
    backup.wait_for_log(rf"MASTER - no valid advertisement for \d\.\d+ s from {LINK_LOCAL.format(1)}")
    # The neighbour advertisement has told the client, and a client that asks anew is told the same.
    assert (known_first, known_mac(client, VIP6)) == (one.mac, two.mac)
    assert announced.destination == "33:33:00:00:00:01"
    assert backup.stop() == 0
    assert before == traces(two)


def test_a_goodbye_hands_an_ipv6_address_over_at_once(stage: ConfiguredStage) -> None:
    """The client misses less than a dead time, nobody answers beside another, and nothing is left behind."""
    one, two, client = stage.hosts("one", "two", "client")
    before = traces(one)
    holders = stage.holders(one, two, vip=VIP6)
    leaving = stage.master(one, GROUP)
    backup = stage.ready(two, {**GROUP, "dead_ratio": PATIENT})
    stage.wire.wait_for_advertisement(one, since=clock.now())
    probe = stage.probe(client, VIP6)
    probe.wait_for_reply(mac=one.mac, timeout_s=20)
    assert leaving.stop() == 0
    holders.wait_until_holder(two, timeout_s=20)
    probe.wait_for_reply(mac=two.mac, timeout_s=20)
    goodbye = stage.wire.wait_for_goodbye(one)

    assert before == traces(one)
    assert stage.wire.advertisements(one)[-1] == goodbye
    backup.wait_for_log("MASTER - the master is leaving")
    assert sum(outage.duration_ns for outage in probe.outages()) < clock.SECOND
    assert holders.overlap_ns(0, clock.now()) == 0


def test_the_kernel_withdraws_the_ipv6_address_of_a_killed_daemon(stage: ConfiguredStage) -> None:
    """The host lives on, and its kernel answers for the address for the lease and a second at most."""
    one, two = stage.hosts("one", "two")
    holders = stage.holders(one, two, vip=VIP6)
    killed = stage.master(one, {**GROUP, "dead_ratio": 3})
    stage.ready(two, {**GROUP, "advskew": 39, "dead_ratio": 6})
    stage.wire.wait_for_advertisement(one, since=clock.now())
    (leased,) = [address for address in one.addresses() if str(address.ip.ip) == VIP6]
    at = clock.now()
    killed.kill()
    settled = holders.wait_until_holder(two, timeout_s=20)

    assert leased.valid_s == 1
    assert settled - at < 2.5 * clock.SECOND


def test_an_ipv6_address_put_on_a_backup_is_taken_off_again(stage: ConfiguredStage) -> None:
    """Whatever prefix length it was given by whoever meant well."""
    one, two = stage.hosts("one", "two")
    holders = stage.holders(one, two, vip=VIP6)
    stage.master(one, GROUP)
    backup = stage.ready(two, {**GROUP, "dead_ratio": PATIENT})
    for prefix_length in (64, 128):
        two.add_address(f"{VIP6}/{prefix_length}")
        holders.wait_until_holder(one, timeout_s=20)

    backup.wait_for_log("it is off again")
