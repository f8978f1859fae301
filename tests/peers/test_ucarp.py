from __future__ import annotations

import itertools
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.kernel.wire import PASSWORD, VHID, VIP, read
from tests.peers.ucarp import LATE_S
from triocarp.core import Authenticator, covered_addresses
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.daemons import Daemon, Site
    from tests.kernel.wire import Heard
    from tests.peers.ucarp import UcarpMaker
    from triocarp.lab import Host

pytestmark = pytest.mark.peers

UNTIL_MASTER_S = 15
"""For a ucarp, whose dead time is 3 s, on a busy machine."""

BACK_TO_BACKUP = "Preferred master advertised: going back to BACKUP state"


AFTERWARDS = ["advertisement"] * 3 + ["announcement", "advertisement"]


class Exact(NamedTuple):
    """What of a frame is the same in each advertisement of a host."""

    ethernet: str
    ip: str
    length: int
    checksum_of_ip_holds: bool
    first_bytes: str


def exact(heard: Heard, vhid: int) -> Exact:
    """Return the constant part of an advertisement, with the VHID and the source address taken out."""
    data = heard.frame.data
    header = data[14:34]
    words = sum(int.from_bytes(header[index : index + 2]) for index in range(0, 20, 2))
    return Exact(
        ethernet=(data[:11] + bytes([data[11] - vhid]) + data[12:14]).hex(),
        # Without identification, checksum and source.
        ip=(header[:4] + header[6:10] + header[16:]).hex(),
        length=len(data),
        checksum_of_ip_holds=words % 0xFFFF == 0,
        first_bytes=bytes([data[34], data[35] - vhid, *data[36:40]]).hex(),
    )


def verified(heard: Heard, *, vhid: int = VHID, vip: str = VIP, password: str = PASSWORD) -> bool:
    """Tell whether an advertisement is signed as it should be."""
    authenticator = Authenticator(password.encode(), vhid, covered_addresses([IPv4Address(vip)]))
    return authenticator.verifies(heard.advertisement.counter, heard.advertisement.digest)


def kinds(site: Site, host: Host) -> list[str]:
    """Return what a host sent, in words: advertisements and announcements."""
    sent = [frame for frame in site.wire.capture.frames if frame.host == host.name]
    return [
        "announcement" if frame.announces else "advertisement" for frame in sent if frame.announces or read(frame)
    ]


def mac_bytes(host: Host) -> bytes:
    """Return the MAC of a host as it stands in frames."""
    return bytes.fromhex(host.mac.replace(":", ""))


def ucarp_master(site: Site, ucarp: UcarpMaker, host: Host, *flags: str, advskew: int = 0) -> Daemon:
    """Start a ucarp alone and wait until it is master and has the address."""
    daemon = ucarp.start(host, *flags, advskew=advskew)
    site.holders.wait_until_holder(host, timeout_s=UNTIL_MASTER_S)
    site.wire.wait_for_advertisement(host)
    return daemon


def test_alone_both_do_the_same_at_the_same_times(site: Site, ucarp: UcarpMaker) -> None:
    """Silent for three seconds; an advertisement each second; announced at once and after the third of them."""
    begin = clock.now()
    ucarp.start(site.one, vhid=17, vip="10.0.0.117")
    site.carpd(site.two, vhid=18, vip="10.0.0.118", advbase_s=1, advskew=0)
    theirs = site.wire.wait_for_advertisement(site.one, count=4, timeout_s=UNTIL_MASTER_S)
    ours = site.wire.wait_for_advertisement(site.two, count=4, timeout_s=UNTIL_MASTER_S)
    (first_of_ours, *_) = site.wire.advertisements(site.two)
    announcements = [site.wire.announcements(host) for host in (site.one, site.two)]

    assert exact(ours, 18) == exact(theirs, 17)
    assert exact(ours, 18).ethernet == "01005e00001200005e0000000800"
    # Version 4, TOS 0x10, 56 bytes; not to be fragmented, TTL 255, protocol 112; to 224.0.0.18.
    assert exact(ours, 18).ip == "451000384000ff70e0000012"
    assert exact(ours, 18).first_bytes == "210000070001"
    assert exact(ours, 18).checksum_of_ip_holds
    assert verified(ours, vhid=18, vip="10.0.0.118")
    assert verified(theirs, vhid=17, vip="10.0.0.117")
    assert first_of_ours.at - begin >= 3 * clock.SECOND
    # A ucarp announces before it advertises, and we after it.
    assert kinds(site, site.one) == ["announcement", *AFTERWARDS]
    assert kinds(site, site.two) == [AFTERWARDS[0], "announcement", *AFTERWARDS[1:]]
    # The same ARP to the byte, but for the MAC and the address.
    for theirs_arp, ours_arp in zip(*announcements, strict=True):
        with_our_mac = theirs_arp.data.replace(mac_bytes(site.one), mac_bytes(site.two))
        assert (
            with_our_mac.replace(IPv4Address("10.0.0.117").packed, IPv4Address("10.0.0.118").packed)
            == ours_arp.data
        )


@pytest.mark.parametrize(
    ("flags", "password", "timing"),
    [
        ((), PASSWORD, (1, 0, 50)),
        (("-M",), PASSWORD, (1, 0, 50)),
        (("--mcastip=239.192.7.9",), PASSWORD, (1, 0, 50)),
        ((), "pässwörd Ω", (1, 0, 50)),
        ((), "0123456789abcdefghi", (2, 128, 200)),
    ],
    ids=["defaults", "nomcast", "mcastip", "UTF-8 password", "base 2, skew 128, 19 bytes"],
)
def test_each_takes_over_from_the_other_with_all_settings(
    site: Site, ucarp: UcarpMaker, flags: tuple[str, ...], password: str, timing: tuple[int, int, int]
) -> None:
    """A ucarp takes over at our goodbye, so it accepts what we send; we preempt it, so we accept what it sends."""
    advbase_s, preferred, other = timing
    ours = site.carpd(site.one, *flags, advbase_s=advbase_s, advskew=preferred, password=password)
    # It may not start earlier: reading our first advertisement a second late, it would have taken over itself.
    site.wire.wait_for_announcement(site.one, timeout_s=UNTIL_MASTER_S)
    theirs = ucarp.start(site.two, *flags, advbase_s=advbase_s, advskew=other, password=password)
    theirs.wait_for_log("Switching to state: BACKUP")
    site.wire.wait_for_advertisement(site.one, since=clock.now())
    assert ours.stop() == 0
    goodbye = site.wire.wait_for_goodbye(site.one)
    assert not site.wire.advertisements(site.two, until=goodbye.at)
    took_over = site.wire.wait_for_advertisement(site.two, timeout_s=UNTIL_MASTER_S)
    site.holders.wait_until_holder(site.two)
    again = site.carpd(site.one, *flags, "-P", advbase_s=advbase_s, advskew=preferred, password=password)
    again.wait_for_log("preempting a worse master")
    theirs.wait_for_log(BACK_TO_BACKUP)
    site.holders.wait_until_holder(site.one, timeout_s=UNTIL_MASTER_S)
    counters = [heard.advertisement.counter for heard in site.wire.advertisements() if heard.host == "one"]

    assert took_over.at - goodbye.at < (LATE_S + 1) * clock.SECOND
    assert took_over.advertisement.counter == (goodbye.advertisement.counter + 1) % 2**64
    assert len(counters) == len(set(counters))
    assert all(verified(heard, password=password) for heard in site.wire.advertisements())
    assert "Bad" not in theirs.log


def test_a_carpd_takes_over_from_a_killed_ucarp_after_the_dead_time(site: Site, ucarp: UcarpMaker) -> None:
    """A worse carpd joins and stays backup; then, without a rounding and without a delay, it is master."""
    master = ucarp_master(site, ucarp, site.two)
    backup = site.carpd(site.one, advbase_s=1, advskew=50)
    backup.wait_until_ready()
    # It goes on for more than a dead time.
    site.wire.wait_for_advertisement(site.two, since=clock.now(), count=4)
    assert not site.wire.advertisements(site.one)
    site.two.crash(master.process)
    first = site.wire.wait_for_advertisement(site.one, timeout_s=UNTIL_MASTER_S)
    site.wire.wait_for_announcement(site.one)
    last = site.wire.advertisements(site.two)[-1]
    dead_time = 3 * clock.SECOND + 50 * clock.SECOND // 256

    assert dead_time <= first.at - last.at < dead_time + clock.SECOND
    assert first.advertisement.counter == (last.advertisement.counter + 1) % 2**64
    assert [str(address.ip) for address in site.one.addresses()] == ["10.0.0.1/24", f"{VIP}/32"]


def test_a_ucarp_takes_over_from_a_killed_carpd(site: Site, ucarp: UcarpMaker) -> None:
    """A better ucarp without -P joins and nothing changes; a crash it notices in its own time."""
    master = site.carpd(site.one, advbase_s=1, advskew=50)
    master.wait_for_log("MASTER")
    backup = ucarp.start(site.two, advskew=0)
    backup.wait_for_log("Switching to state: BACKUP")
    site.wire.wait_for_advertisement(site.one, since=clock.now(), count=4)
    assert not site.wire.advertisements(site.two)
    site.one.crash(master.process)
    first = site.wire.wait_for_advertisement(site.two, timeout_s=UNTIL_MASTER_S)
    last = site.wire.advertisements(site.one)[-1]

    assert first.at - last.at > 2.9 * clock.SECOND
    assert first.advertisement.counter == (last.advertisement.counter + 1) % 2**64


def test_a_daemon_that_is_killed_leaves_no_address_to_fight_with_a_ucarp(site: Site, ucarp: UcarpMaker) -> None:
    """The host of the killed carpd lives on: its kernel has withdrawn the address when ucarp has it."""
    master = site.carpd(site.one, advbase_s=1)
    master.wait_for_log("MASTER")
    backup = ucarp.start(site.two, advskew=100)
    backup.wait_for_log("Switching to state: BACKUP")
    site.wire.wait_for_advertisement(site.one, since=clock.now(), count=2)
    killed = clock.now()
    master.kill()
    settled = site.holders.wait_until_holder(site.two, timeout_s=UNTIL_MASTER_S)

    # The dead time rounded up to whole seconds, one for the kernel, and some for a ucarp that is late.
    assert settled - killed < 8 * clock.SECOND


def test_a_ucarp_with_preempt_takes_over_from_a_worse_carpd(site: Site, ucarp: UcarpMaker) -> None:
    """We yield at its first advertisement, and say one last time that we are worse, but never goodbye."""
    ours = site.carpd(site.one, advbase_s=1, advskew=100)
    site.wire.wait_for_announcement(site.one, timeout_s=UNTIL_MASTER_S)
    ucarp.start(site.two, "-P", advskew=0)
    ours.wait_for_log(r"a better master is advertising \(10\.0\.0\.2\)")
    yielded = site.holders.wait_until_holder(site.two)
    first = site.wire.wait_for_advertisement(site.two)
    site.wire.wait_for_advertisement(site.two, since=yielded, count=3)

    assert yielded - first.at < clock.SECOND
    assert all(not heard.advertisement.is_goodbye for heard in site.wire.advertisements())
    assert not site.wire.advertisements(site.one, since=yielded + clock.SECOND)
    assert site.holders.holders_now() == {"two"}


def test_a_ucarp_that_leaves_without_a_goodbye_is_replaced_after_the_dead_time(
    site: Site, ucarp: UcarpMaker
) -> None:
    """It removes its address and is silent: nobody has it meanwhile, and then we have."""
    master = ucarp_master(site, ucarp, site.two)
    backup = site.carpd(site.one, advbase_s=1, advskew=20)
    backup.wait_until_ready()
    site.wire.wait_for_advertisement(site.two, since=clock.now())
    assert master.stop() == 0
    taken = site.holders.wait_until_holder(site.one, timeout_s=UNTIL_MASTER_S)
    last = site.wire.advertisements(site.two)[-1]

    assert taken - last.at >= 3 * clock.SECOND
    assert site.holders.overlap_ns(0, clock.now()) == 0


@pytest.mark.parametrize("ours", ["one", "two"])
def test_the_lower_last_octet_wins_a_tie(site: Site, ucarp: UcarpMaker, ours: str) -> None:
    """Equal settings and a split: both are masters. Healed, both sides agree that 10.0.0.1 stays."""
    site.lan.partition([site.one], [site.two])
    mine, other = (site.one, site.two) if ours == "one" else (site.two, site.one)
    carpd = site.carpd(mine, advbase_s=1, advskew=0)
    ucarp.start(other)
    site.holders.wait_until_holder(site.one, site.two, timeout_s=UNTIL_MASTER_S)
    site.wire.wait_for_advertisement(other)
    site.lan.heal()
    healed = clock.now()
    settled = site.holders.wait_until_holder(site.one, timeout_s=UNTIL_MASTER_S)
    last_of_loser = site.wire.advertisements(site.two)[-1]
    site.wire.wait_for_advertisement(site.one, since=settled, count=3)
    # Who stays announces again, for the clients of the other side.
    site.wire.wait_for_announcement(site.one, since=healed)

    # One interval until an advertisement crosses, and ucarp's lateness and its script.
    assert settled - healed < (2 + LATE_S) * clock.SECOND
    assert site.holders.holders_now() == {"one"}
    if ours == "two":
        # A ucarp that yields was seen to send one more, a second later; we do not.
        assert site.wire.advertisements(site.two)[-1].at <= last_of_loser.at
        carpd.wait_for_log("an equal master is advertising, and the tie goes to it")
        # A goodbye, or a last advertisement, would make BSDs and other backups restless.
        assert not last_of_loser.advertisement.is_goodbye


def test_a_split_heals_in_favour_of_the_better_host(site: Site, ucarp: UcarpMaker) -> None:
    """The worse ucarp yields to us, and we announce again."""
    site.lan.partition([site.two], [site.one])
    site.carpd(site.two, advbase_s=1, advskew=0)
    worse = ucarp.start(site.one, advskew=100)
    site.holders.wait_until_holder(site.one, site.two, timeout_s=UNTIL_MASTER_S)
    site.lan.heal()
    healed = clock.now()
    settled = site.holders.wait_until_holder(site.two, timeout_s=UNTIL_MASTER_S)
    worse.wait_for_log(BACK_TO_BACKUP)
    site.wire.wait_for_announcement(site.two, since=healed)

    assert settled - healed < (2 + LATE_S) * clock.SECOND


@pytest.mark.parametrize("ours", ["one", "two"])
def test_equal_hosts_that_start_together_settle_on_one_master(site: Site, ucarp: UcarpMaker, ours: str) -> None:
    """Whoever of them is faster, in the end one is master and the other knows."""
    mine, other = (site.one, site.two) if ours == "one" else (site.two, site.one)
    # Ready to listen; a ucarp is that as soon as it is started.
    site.carpd(mine, advbase_s=1, advskew=0).wait_until_ready()
    ucarp.start(other)

    site.holders.wait_until_holder(site.settle())


def test_a_trio_has_one_master_through_kill_and_goodbye(site: Site, ucarp: UcarpMaker) -> None:
    """A ucarp master is killed: of carpd and ucarp the better takes over; it leaves: the last one does."""
    master = ucarp_master(site, ucarp, site.one)
    second = site.carpd(site.two, advbase_s=1, advskew=50)
    third = ucarp.start(site.three, advskew=200)
    second.wait_until_ready()
    third.wait_for_log("Switching to state: BACKUP")
    site.wire.wait_for_advertisement(site.one, since=clock.now(), count=2)
    site.one.crash(master.process)
    died = clock.now()
    site.wire.wait_for_advertisement(site.two, count=3, timeout_s=UNTIL_MASTER_S)
    assert site.holders.holders_now() - {"one"} == {"two"}
    assert not site.wire.advertisements(site.three)
    assert second.stop() == 0
    goodbye = site.wire.wait_for_goodbye(site.two)
    taken = site.wire.wait_for_advertisement(site.three, timeout_s=UNTIL_MASTER_S)

    assert taken.at - goodbye.at < (LATE_S + 1) * clock.SECOND
    assert site.holders.overlap_ns(died, clock.now(), excluding=["one"]) == 0


def test_another_password_is_told_by_both(site: Site, ucarp: UcarpMaker) -> None:
    """Both become master, as they must; the logs say why, and how to mend it."""
    ours = site.carpd(site.one, advbase_s=1, advskew=0)
    theirs = ucarp.start(site.two, password="another one")
    theirs.wait_for_log("Bad digest")
    ours.wait_for_log(r"dropped a packet from 10\.0\.0\.2 for VHID 7: bad HMAC: check password, VHID")

    site.holders.wait_until_holder(site.one, site.two, timeout_s=UNTIL_MASTER_S)


def test_a_lost_carrier_hands_over_to_a_ucarp_for_good(site: Site, ucarp: UcarpMaker) -> None:
    """We are backup at once, ucarp takes over in its time, and with the cable back we listen to it."""
    ours = site.carpd(site.one, advbase_s=1, advskew=0)
    site.wire.wait_for_announcement(site.one, timeout_s=UNTIL_MASTER_S)
    backup = ucarp.start(site.two, advskew=50)
    backup.wait_for_log("Switching to state: BACKUP")
    lost = clock.now()
    site.one.lose_carrier()
    released = site.holders.wait_until_holder()
    site.holders.wait_until_holder(site.two, timeout_s=UNTIL_MASTER_S)
    site.one.restore_carrier()
    restored = clock.now()
    ours.wait_for_log("listening for a master", count=2)
    site.wire.wait_for_advertisement(site.two, since=restored, count=4)

    assert released - lost < clock.SECOND
    assert not site.wire.advertisements(site.one, since=restored)


def test_a_slow_up_script_does_not_make_a_ucarp_take_over(site: Site, ucarp: UcarpMaker) -> None:
    """For longer than a ucarp waits our script runs, and the advertisements keep their schedule."""
    up, down = site.directory / "slow", site.directory / "none"
    up.write_text("#!/bin/sh\nexec sleep 4.5\n", encoding="ascii")
    down.write_text("#!/bin/sh\n", encoding="ascii")
    for script in (up, down):
        script.chmod(0o755)
    site.carpd(site.one, "-u", up, "-d", down, advbase_s=1)
    site.wire.wait_for_advertisement(site.one, timeout_s=UNTIL_MASTER_S)
    backup = ucarp.start(site.two, advskew=50)
    backup.wait_for_log("Switching to state: BACKUP")
    announced = site.wire.wait_for_announcement(site.one, timeout_s=UNTIL_MASTER_S)
    before = site.wire.advertisements(site.one, until=announced.at)
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(before)]

    assert announced.at - before[0].at >= 4.5 * clock.SECOND
    assert len(before) == 5
    assert max(gaps) < 2 * clock.SECOND
    assert not site.wire.advertisements(site.two)
