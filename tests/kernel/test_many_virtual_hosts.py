from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import held_by, vips_of, virtual_host, wait_until_held
from tests.kernel.daemons import traces, wait_until
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage, VirtualHost

pytestmark = pytest.mark.kernel

NUMBERS = range(1, 21)


def many(**settings: int) -> list[VirtualHost]:
    """Return twenty virtual hosts on one interface."""
    return [virtual_host(vhid=number, addresses=[f"10.0.0.{100 + number}/32"], **settings) for number in NUMBERS]


def test_twenty_virtual_hosts_of_one_process_fail_over(stage: ConfiguredStage) -> None:
    """All of a dead host's addresses are taken over; each answers SIGUSR1; all leave in order."""
    one, two = stage.hosts("one", "two")
    before = traces(two)
    first = stage.master(one, *many())
    backup = stage.ready(two, *many(advskew=39))
    for number in NUMBERS:
        stage.wire.wait_for_advertisement(one, since=clock.now(), vhid=number)
    assert not stage.wire.advertisements(two)
    for daemon, state in ((first, "MASTER"), (backup, "BACKUP")):
        daemon.process.send_signal(signal.SIGUSR1)
        for number in NUMBERS:
            daemon.wait_for_log(rf"\[INFO\] {state} on eth0 id {number}\n")
    one.crash(first.process)
    wait_until_held(two, *many())
    for number, vip in zip(NUMBERS, vips_of(*many()), strict=True):
        stage.wire.wait_for_announcement(two, vip=vip)
        backup.wait_for_log(f" {number}@eth0: Switching to state: MASTER")
        assert backup.log.count(f" {number}@eth0: Switching to state: MASTER") == 1
    leaving = clock.now()
    assert backup.stop() == 0

    for number in NUMBERS:
        stage.wire.wait_for_goodbye(two, since=leaving, vhid=number)
    assert before == traces(two)


def test_two_hosts_share_twenty_virtual_hosts_and_one_takes_them_all(stage: ConfiguredStage) -> None:
    """Each host is preferred for one half; when one leaves, the other has everything, and gives its half back."""
    one, two = stage.hosts("one", "two")

    def shared(mine: int) -> list[VirtualHost]:
        return [
            {**group, "preempt": True, "advskew": 26 if number % 2 == mine else 52}
            for number, group in zip(NUMBERS, many(), strict=True)
        ]

    halves = [[group for group in many() if int(str(group["vhid"])) % 2 == rest] for rest in (0, 1)]
    daemons = [stage.carpd(host, *shared(rest)) for rest, host in enumerate((one, two))]

    def halved() -> bool:
        return [held_by(host, *many()) for host in (one, two)] == [set(vips_of(*half)) for half in halves]

    wait_until(halved, "each has its half")
    assert daemons[1].stop() == 0
    wait_until_held(one, *many())
    stage.carpd(two, *shared(1))
    wait_until(halved, "each has its half again")
