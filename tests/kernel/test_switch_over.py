from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import PATIENT, virtual_host
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage

pytestmark = pytest.mark.kernel

HOLD_DOWN = 3 * clock.SECOND


def test_a_master_hands_over_on_sigusr2_and_stays_away_for_three_seconds(stage: ConfiguredStage) -> None:
    """All its virtual hosts go at once, by goodbye; though it preempts and is better, it lets the other one be."""
    one, two, client = stage.hosts("one", "two", "client")
    groups = [virtual_host(vhid=vhid, addresses=[f"10.0.0.{100 + vhid}/32"], preempt=True) for vhid in (7, 8)]
    holders = [stage.holders(one, two, vip=vip) for vip in ("10.0.0.107", "10.0.0.108")]
    better = stage.master(one, *groups)
    # A backup with a dead time of 6 s takes over in less only because of a goodbye.
    stage.ready(two, *({**group, "advskew": 52, "dead_ratio": PATIENT} for group in groups))
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=3)
    probe = stage.probe(client, "10.0.0.107")
    probe.wait_for_reply(mac=one.mac, timeout_s=20)
    told = clock.now()
    better.process.send_signal(signal.SIGUSR2)
    for watch in holders:
        watch.wait_until_holder(two, timeout_s=20)
    goodbyes = [stage.wire.wait_for_goodbye(one, since=told, vhid=vhid) for vhid in (7, 8)]
    back = [stage.wire.wait_for_advertisement(one, since=goodbyes[-1].at + 1, vhid=vhid) for vhid in (7, 8)]
    for watch in holders:
        watch.wait_until_holder(one, timeout_s=20)

    better.wait_for_log(r"SIGUSR2: handing over, and not coming back for 3 s")
    better.wait_for_log(r"BACKUP - told to hand over", count=2)
    assert all(heard.at - told >= HOLD_DOWN for heard in back)
    better.wait_for_log(r"MASTER - preempting a worse master \(10\.0\.0\.2\)", count=2)
    assert all(outage.duration_ns < clock.SECOND for outage in probe.outages())


def test_sigusr2_means_nothing_to_a_backup(stage: ConfiguredStage) -> None:
    """It goes on as before, and may take over at once when it has to."""
    one, two = stage.hosts("one", "two")
    leaving = stage.master(one, virtual_host())
    backup = stage.ready(two, virtual_host(advskew=39, dead_ratio=PATIENT))
    stage.wire.wait_for_advertisement(one, since=clock.now())
    backup.process.send_signal(signal.SIGUSR2)
    backup.wait_for_log("SIGUSR2: there is nothing to hand over")
    assert leaving.stop() == 0
    goodbye = stage.wire.wait_for_goodbye(one)
    taken = stage.wire.wait_for_advertisement(two)

    assert taken.at - goodbye.at < clock.SECOND


def test_a_lone_master_that_hands_over_comes_back(stage: ConfiguredStage) -> None:
    """Nobody takes the address: after the three seconds it is there again."""
    (one,) = stage.hosts("one")
    holders = stage.holders(one)
    daemon = stage.master(one, virtual_host())
    told = clock.now()
    daemon.process.send_signal(signal.SIGUSR2)
    holders.wait_until_holder(timeout_s=20)
    taken = holders.wait_until_holder(one, timeout_s=20)

    assert taken - told >= HOLD_DOWN
