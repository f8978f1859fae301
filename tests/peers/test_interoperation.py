"""A real ucarp beside every setting with which carpd can work with it, all of them at once.

Each setting is a group of its own, with a VHID and an address. One carpd runs all of them on one host, and on the
other there is a ucarp for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.kernel.configured import held_by, virtual_host, wait_until_held
from tests.kernel.daemons import traces, wait_until
from tests.peers.ucarp import LATE_S
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage, Setting, VirtualHost
    from tests.kernel.daemons import Daemon
    from tests.peers.ucarp import UcarpMaker
    from triocarp.lab import Host

pytestmark = pytest.mark.peers

UNTIL_MASTER_S = 20
"""For ucarps, whose dead time is 3 s, on a busy machine."""


class Beside(NamedTuple):
    """What carpd is set to beside a ucarp.

    Attributes:
        name: for a test that fails.
        settings: of the virtual host.
        flags: of the ucarp.
    """

    name: str
    settings: dict[str, Setting]
    flags: tuple[str, ...] = ()


DIALECTS = ("ucarp", "carpd", "freebsd", "freebsd-9", "netbsd", "dragonfly", "openbsd", "openbsd-7.3")
SETTINGS = [
    *(Beside(f"dialect {name}", {"dialect": name}) for name in DIALECTS),
    *(
        Beside(f"{dialect} from the {mac} MAC", {"dialect": dialect, "source_mac": mac})
        for dialect, mac in (("ucarp", "interface"), ("ucarp", "virtual"), ("freebsd", "ucarp"))
    ),
    Beside("broadcast", {"dialect": "ucarp", "transport": "broadcast"}, ("-M",)),
    # What a receiver looks at is the IP destination, and that is the same.
    Beside("broadcast to one that listens to the group", {"dialect": "ucarp", "transport": "broadcast"}),
    Beside("multicast to one that listens to all", {"dialect": "carpd"}, ("-M",)),
    Beside("another group", {"dialect": "ucarp", "group": "239.192.7.9"}, ("--mcastip=239.192.7.9",)),
    Beside(
        "another group, another dialect", {"dialect": "netbsd", "group": "239.1.2.3"}, ("--mcastip=239.1.2.3",)
    ),
    Beside("observed seals", {"dialect": "carpd", "sealing": "observe"}),
    Beside(
        "enforced seals",
        {"dialect": "ucarp", "sealing": "enforce", "seal_window_s": 0.3, "unsealed_peers": ["10.0.0.2"]},
    ),
]
FIRST_VHID = 101
AS_UCARP = {"advbase": 1, "dead_ratio": 3}


def groups(**settings: Setting) -> list[VirtualHost]:
    """Return a virtual host for each setting, with advertisements every second."""
    return [
        virtual_host(
            vhid=vhid, addresses=[f"10.0.0.{vhid}/32"], **AS_UCARP, **{"advskew": 0, **settings, **beside.settings}
        )
        for vhid, beside in enumerate(SETTINGS, FIRST_VHID)
    ]


def start_ucarps(ucarp: UcarpMaker, host: Host, *, advskew: int) -> list[Daemon]:
    """Start a ucarp for each setting."""
    return [
        ucarp.start(host, *beside.flags, advskew=advskew, vhid=vhid, vip=f"10.0.0.{vhid}")
        for vhid, beside in enumerate(SETTINGS, FIRST_VHID)
    ]


def silent(stage: ConfiguredStage, host: Host) -> list[str]:
    """Return the names of the settings in whose groups a host has never advertised."""
    heard = {one.advertisement.vhid for one in stage.wire.advertisements(host)}
    return [beside.name for vhid, beside in enumerate(SETTINGS, FIRST_VHID) if vhid not in heard]


ALL = [beside.name for beside in SETTINGS]


def test_a_ucarp_takes_over_from_every_setting_at_its_goodbye(
    stage: ConfiguredStage, staged_ucarp: UcarpMaker
) -> None:
    """It hears us for longer than its dead time, accepts every advertisement, and believes our goodbye."""
    one, two = stage.hosts("one", "two")
    before = traces(one)
    ours = stage.master(one, *groups())
    theirs = start_ucarps(staged_ucarp, two, advskew=50)
    for daemon in theirs:
        daemon.wait_for_log("Switching to state: BACKUP")
    stage.wire.wait_for_advertisement(one, since=clock.now(), count=6 * len(SETTINGS), timeout_s=UNTIL_MASTER_S)
    assert silent(stage, two) == ALL
    assert ours.stop() == 0
    goodbyes = {
        vhid: stage.wire.wait_for_goodbye(one, vhid=vhid).at for vhid, _ in enumerate(SETTINGS, FIRST_VHID)
    }
    taken = {
        vhid: stage.wire.wait_for_advertisement(two, vhid=vhid, timeout_s=UNTIL_MASTER_S).at for vhid in goodbyes
    }
    wait_until_held(two, *groups())

    assert before == traces(one)
    late = {ALL[vhid - FIRST_VHID]: taken[vhid] - at for vhid, at in goodbyes.items()}
    assert max(late.values()) < (LATE_S + 1) * clock.SECOND, late
    assert not [daemon.log for daemon in theirs if "Bad" in daemon.log]


def test_every_setting_takes_over_from_a_dead_ucarp(stage: ConfiguredStage, staged_ucarp: UcarpMaker) -> None:
    """We hear it for longer than our dead time, and then not: so every advertisement of it was accepted."""
    one, two = stage.hosts("one", "two")
    theirs = start_ucarps(staged_ucarp, two, advskew=0)
    wait_until_held(two, *groups())
    for vhid, _ in enumerate(SETTINGS, FIRST_VHID):
        stage.wire.wait_for_advertisement(two, vhid=vhid, timeout_s=UNTIL_MASTER_S)
    ours = stage.ready(one, *groups(advskew=20))
    stage.wire.wait_for_advertisement(two, since=clock.now(), count=6 * len(SETTINGS), timeout_s=UNTIL_MASTER_S)
    assert silent(stage, one) == ALL
    two.crash(*(daemon.process for daemon in theirs))
    wait_until_held(one, *groups())
    ours.wait_for_log(
        r"Switching to state: MASTER - no valid advertisement for [\d.]+ s from 10\.0\.0\.2", count=len(ALL)
    )

    assert "dropped" not in ours.log
    # Who seals says of whom it hears that it does not seal, unless that is known.
    told = ours.log.count("a host does not seal its counters (10.0.0.2)")
    assert told == 1


@pytest.mark.parametrize("stays", ["ours", "theirs"])
def test_both_settle_a_tie_alike(stage: ConfiguredStage, staged_ucarp: UcarpMaker, stays: str) -> None:
    """In the dialects with ucarp's rule: after a split, of two equal masters the lower last octet stays."""
    vhids = {FIRST_VHID: "ucarp", FIRST_VHID + 1: "carpd"}
    one, two = stage.hosts("one", "two")
    mine, other = (one, two) if stays == "ours" else (two, one)
    group = [
        virtual_host(vhid=vhid, addresses=[f"10.0.0.{vhid}/32"], **AS_UCARP, advskew=0, dialect=dialect)
        for vhid, dialect in vhids.items()
    ]
    stage.lan.partition([one], [two])
    carpd = stage.carpd(mine, *group)
    for vhid in vhids:
        staged_ucarp.start(other, vhid=vhid, vip=f"10.0.0.{vhid}")
    for host in (one, two):
        wait_until_held(host, *group)
        for vhid in vhids:
            stage.wire.wait_for_advertisement(host, vhid=vhid, timeout_s=UNTIL_MASTER_S)
    stage.lan.heal()
    wait_until(lambda: not held_by(two, *group), "the higher address yields")
    settled = clock.now()
    for vhid in vhids:
        stage.wire.wait_for_advertisement(one, since=settled, vhid=vhid, count=3)

    wait_until_held(one, *group)
    assert not held_by(two, *group)
    if stays == "theirs":
        carpd.wait_for_log("an equal master is advertising, and the tie goes to it", count=len(vhids))


def test_a_ucarp_is_not_heard_where_seals_are_enforced_and_it_is_not_listed(
    stage: ConfiguredStage, staged_ucarp: UcarpMaker
) -> None:
    """Two masters, then, and the log says why: so `unsealed_peers` is what makes the other tests work."""
    one, two = stage.hosts("one", "two")
    group = virtual_host(dialect="ucarp", **AS_UCARP, advskew=20, sealing="enforce", seal_window_s=0.3)
    holders = stage.holders(one, two)
    staged_ucarp.start(two)
    stage.wire.wait_for_advertisement(two, timeout_s=UNTIL_MASTER_S)
    ours = stage.ready(one, group)
    holders.wait_until_holder(one, two, timeout_s=UNTIL_MASTER_S)

    ours.wait_for_log(r"a host does not seal its counters \(10\.0\.0\.2\)")
    ours.wait_for_log(r"MASTER - no valid advertisement .* rejected in that time for not being sealed")
