from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import threading
from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import PATIENT, virtual_host
from tests.kernel.wire import checksum, open_sender
from triocarp.lab import clock

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator, Iterator

    from tests.kernel.configured import ConfiguredStage, VirtualHost
    from tests.kernel.daemons import Carpd
    from tests.kernel.wire import Heard
    from triocarp.lab import Holders, Host, Probe

pytestmark = pytest.mark.kernel

SEALED, UNSEALED = 7, 8
VIPS = {SEALED: "10.0.0.107", UNSEALED: "10.0.0.108"}
_IP, _SOURCE, _CARP = slice(14, 34), slice(26, 30), slice(34, 70)


def forged(heard: Heard, *, source: str = "", advbase_s: int | None = None, advskew: int | None = None) -> bytes:
    """Return a captured advertisement with fields altered that CARP's HMAC does not cover."""
    frame = bytearray(heard.frame.data)
    if source:
        frame[_SOURCE] = ipaddress.IPv4Address(source).packed
    if advskew is not None:
        frame[36] = advskew
    if advbase_s is not None:
        frame[39] = advbase_s
    for field, part in ((slice(24, 26), _IP), (slice(40, 42), _CARP)):
        frame[field] = bytes(2)
        frame[field] = checksum(frame[part])
    return bytes(frame)


@dataclasses.dataclass(kw_only=True)
class Target:
    """Two hosts that run a sealed group and an unsealed one, and somebody with a third host who listens.

    Attributes:
        stage: where.
        master: where the masters of both groups are.
        backup: where the backups are.
        one: carpd on the first.
        two: carpd on the second.
        attacker: sends whole frames.
        holders: who has each group's address.
        probes: a client of each address.
    """

    stage: ConfiguredStage
    master: Host
    backup: Host
    one: Carpd
    two: Carpd
    attacker: socket.socket
    holders: dict[int, Holders]
    probes: dict[int, Probe]

    def capture(self, vhid: int) -> Heard:
        """Return an advertisement of a group's master."""
        return self.stage.wire.wait_for_advertisement(self.master, since=clock.now(), vhid=vhid)

    def replay(self, make: Callable[[int], bytes], *, times: int = 8) -> None:
        """Send something to each group, after every second advertisement of the sealed group's master."""
        for _ in range(times):
            self.stage.wire.wait_for_advertisement(self.master, since=clock.now(), vhid=SEALED, count=2)
            for vhid in VIPS:
                self.attacker.send(make(vhid))

    @contextlib.contextmanager
    def replaying(self, frames: list[bytes]) -> Generator[None]:
        """Send frames over and over, ten times a second, whatever else happens on the segment."""
        enough = threading.Event()

        def replay() -> None:
            while not enough.wait(0.1):
                for frame in frames:
                    self.attacker.send(frame)

        thread = threading.Thread(target=replay)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()

    def assert_undisturbed(self, vhid: int) -> None:
        """Expect that a group's master, and nobody else, was that all the time, and that its clients saw it so."""
        assert self.holders[vhid].holders_now() == {self.master.name}
        assert len(self.holders[vhid].holdings) == 1
        assert not self.stage.wire.advertisements(self.backup, vhid=vhid)
        longest = max((outage.duration_ns for outage in self.probes[vhid].outages()), default=0)
        assert longest < clock.SECOND // 4


def both(**settings: int) -> list[VirtualHost]:
    """Return a group with sealed counters, and one without."""
    return [
        virtual_host(
            vhid=SEALED, addresses=[f"{VIPS[SEALED]}/32"], sealing="enforce", seal_window_s=0.5, **settings
        ),
        virtual_host(vhid=UNSEALED, addresses=[f"{VIPS[UNSEALED]}/32"], **settings),
    ]


def wait_until_believed(stage: ConfiguredStage, master: Host) -> None:
    """Wait until a backup that has just started believes what a master seals: a window, and more, has passed."""
    stage.wire.wait_for_advertisement(master, since=clock.now(), vhid=SEALED, count=10)


@pytest.fixture
def target(stage: ConfiguredStage) -> Iterator[Target]:
    """Give two groups with a master and a backup each. The master's host loses ties."""
    stranger, master, backup, client = stage.hosts("stranger", "master", "backup", "client")
    one = stage.master(master, *both())
    two = stage.ready(backup, *both(advskew=39, dead_ratio=20))
    wait_until_believed(stage, master)
    with open_sender(stranger) as attacker:
        yield Target(
            stage=stage,
            master=master,
            backup=backup,
            one=one,
            two=two,
            attacker=attacker,
            holders={vhid: stage.holders(master, backup, vip=vip) for vhid, vip in VIPS.items()},
            probes={vhid: stage.probe(client, vip) for vhid, vip in VIPS.items()},
        )


def test_a_captured_advertisement_with_a_better_skew_deposes_only_an_unsealed_master(target: Target) -> None:
    """The unsealed master yields to nobody, and its clients are cut off; the sealed one is told of a forgery."""
    captured = {vhid: target.capture(vhid) for vhid in VIPS}
    target.replay(lambda vhid: forged(captured[vhid], source="10.0.0.1", advskew=1))

    target.one.wait_for_log(rf"{UNSEALED}@eth0: Switching to state: BACKUP - a better master .*\(10\.0\.0\.1\)")
    target.one.wait_for_log(rf"{SEALED}@eth0: an advertisement was altered on its way")
    target.two.wait_for_log(rf"{SEALED}@eth0: an advertisement was altered on its way")
    assert [outage.lost > 100 for outage in target.probes[UNSEALED].outages()[-1:]] == [True]
    assert target.holders[UNSEALED].holders_now() == set()
    target.assert_undisturbed(SEALED)


def test_a_captured_advertisement_made_a_goodbye_makes_a_second_master_only_without_seals(target: Target) -> None:
    """The unsealed backup believes that the master leaves; the sealed one knows better."""
    captured = {vhid: target.capture(vhid) for vhid in VIPS}
    target.replay(lambda vhid: forged(captured[vhid], advbase_s=255, advskew=255))

    target.two.wait_for_log(rf"{UNSEALED}@eth0: Switching to state: MASTER - the master is leaving")
    target.two.wait_for_log(rf"{SEALED}@eth0: an advertisement was altered on its way")
    assert {holding.host for holding in target.holders[UNSEALED].holdings} == {"master", "backup"}
    target.assert_undisturbed(SEALED)


def test_a_captured_advertisement_from_another_address_wins_a_tie_only_without_seals(target: Target) -> None:
    """Nothing but the source address is altered: to one that wins ties."""
    captured = {vhid: target.capture(vhid) for vhid in VIPS}
    target.replay(lambda vhid: forged(captured[vhid], source="10.0.0.1"))

    target.one.wait_for_log(rf"{UNSEALED}@eth0: Switching to state: BACKUP - an equal master .*\(10\.0\.0\.1\)")
    target.one.wait_for_log(rf"{SEALED}@eth0: an advertisement was altered on its way")
    assert target.holders[UNSEALED].holders_now() == set()
    target.assert_undisturbed(SEALED)


def test_replayed_advertisements_keep_a_dead_master_alive_only_without_seals(target: Target) -> None:
    """Unaltered, the unsealed backup takes each for a sign of life; the sealed one takes over."""
    stage, two = target.stage, target.two
    captured = {vhid: target.capture(vhid) for vhid in VIPS}
    with target.replaying([heard.frame.data for heard in captured.values()]):
        target.master.crash(target.one.process)
        # Until the sealed group's new master has advertised for longer than the dead time is.
        stage.wire.wait_for_advertisement(target.backup, vhid=SEALED, count=20, timeout_s=20)
        deceived = stage.wire.advertisements(target.backup, vhid=UNSEALED)
    # And it was the replays that kept it from it.
    stage.wire.wait_for_advertisement(target.backup, vhid=UNSEALED, timeout_s=20)

    assert not deceived
    two.wait_for_log(rf"{SEALED}@eth0: Switching to state: MASTER - .* rejected in that time for being replayed")
    two.wait_for_log(rf"{SEALED}@eth0: an advertisement was replayed")


def test_what_was_sealed_before_a_restart_is_refused_after_it(target: Target) -> None:
    """A genuine goodbye of yesterday, unaltered: the restarted backup has forgotten it, and is not taken in."""
    stage = target.stage
    # The master leaves and comes back, while nobody else is there; its goodbyes are on record.
    assert target.two.stop() == 0
    assert target.one.stop() == 0
    goodbyes = {vhid: stage.wire.wait_for_goodbye(target.master, vhid=vhid) for vhid in VIPS}
    since = clock.now()
    stage.master(target.master, *both())
    backup = stage.ready(target.backup, *both(advskew=39, dead_ratio=PATIENT))
    for vhid in VIPS:
        target.probes[vhid].wait_for_reply(since=since, timeout_s=20)
    returned = clock.now()
    target.replay(lambda vhid: goodbyes[vhid].frame.data)

    backup.wait_for_log(rf"{UNSEALED}@eth0: Switching to state: MASTER - the master is leaving")
    backup.wait_for_log(rf"{SEALED}@eth0: an advertisement comes too late or too early")
    assert target.holders[SEALED].holders_now() == {"master"}
    assert not stage.wire.advertisements(target.backup, vhid=SEALED)
    assert not [outage for outage in target.probes[SEALED].outages(since=returned) if outage.lost > 50]
