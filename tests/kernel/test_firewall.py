"""What a host's own packet filter can keep from carpd, and what it cannot: the README says it to the operator."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import PATIENT, virtual_host
from triocarp.lab import INTERFACE, clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage, VirtualHost
    from triocarp.lab import Host

pytestmark = [pytest.mark.kernel, pytest.mark.programs("nft")]


def drop(host: Host, hook: str) -> None:
    """Drop everything in one of a host's hooks, as the strictest firewall there is would do."""
    family, device = ("netdev", f"device {INTERFACE} ") if hook == "ingress" else ("inet", "")
    rules = (
        f"add table {family} strict\n"
        f"add chain {family} strict to_{hook} {{ type filter hook {hook} {device}priority 0; policy drop; }}\n"
    )
    path = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin") or "nft"
    done = host.namespace.run([path, "-f", "-"], stdin=rules.encode())
    assert done.returncode == 0, done.stderr


def peered(other: Host, **settings: int) -> VirtualHost:
    """Return a virtual host with one peer."""
    return virtual_host(transport="unicast", peers=[str(other.ip.ip)], **settings)


def test_a_group_is_heard_and_spoken_to_past_any_firewall(stage: ConfiguredStage) -> None:
    """Packet sockets take and give frames outside of the IP layer's hooks."""
    one, two = stage.hosts("one", "two")
    for host in (one, two):
        for hook in ("input", "output"):
            drop(host, hook)
    master = stage.master(one, virtual_host())
    backup = stage.ready(two, virtual_host(advskew=39, dead_ratio=PATIENT))
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=10)
    assert not stage.wire.advertisements(two)
    assert master.stop() == 0

    backup.wait_for_log("MASTER - the master is leaving")


def test_a_firewall_may_keep_packets_to_peers_from_leaving_and_not_from_arriving(stage: ConfiguredStage) -> None:
    """The system's routes and neighbours decide their way, and so do its rules for what leaves."""
    one, two = stage.hosts("one", "two")
    for host in (one, two):
        drop(host, "input")
    first = stage.master(one, peered(two))
    second = stage.ready(two, peered(one, advskew=39, dead_ratio=PATIENT))
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=10)
    assert not stage.wire.advertisements(two)
    drop(one, "output")
    first.wait_for_log("Operation not permitted")

    second.wait_for_log("MASTER - no valid advertisement", timeout_s=20)


def test_what_is_dropped_at_the_interface_is_not_heard(stage: ConfiguredStage) -> None:
    """The hook of the device comes before the packet sockets."""
    one, two = stage.hosts("one", "two")
    stage.master(one, virtual_host())
    backup = stage.ready(two, virtual_host(advskew=39))
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=10)
    assert "MASTER" not in backup.log
    drop(two, "ingress")

    backup.wait_for_log("MASTER - no valid advertisement")
