from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import prepared, traces
from tests.kernel.wire import PASSWORD, VIP, Crafted, checksum, open_sender
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.kernel.daemons import Carpd, Site

pytestmark = pytest.mark.kernel

WITHOUT_CAPABILITIES = prepared(
    """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
assert libc.capset(header, (ctypes.c_uint32 * 6)()) == 0
"""
)
"""carpd of an ordinary user."""


def refusal(site: Site, daemon: Carpd, before: dict[str, list[str]]) -> str:
    """Expect that carpd refuses to start, with one line and nothing half-started, and return that line."""
    assert daemon.wait() == 2, daemon.log
    assert before == traces(daemon.host)
    assert not site.wire.capture.frames
    (line,) = daemon.log.splitlines()
    return line


def test_an_interface_that_does_not_exist_is_refused(site: Site) -> None:
    """The line says which there are."""
    before = traces(site.one)
    line = refusal(site, site.carpd(site.one, "-i", "eth7"), before)

    ours = "-i/--interface eth7: no such interface; there are: lo, eth0"
    assert line == f"carpd: Unable to find MAC address of [eth7] ({ours})"


@pytest.mark.parametrize(("name", "why"), [("none/journal", "No such file or directory"), (".", "Is a directory")])
def test_a_journal_that_cannot_be_written_is_refused(site: Site, name: str, why: str) -> None:
    """Before anything starts, with the path and the system's reason."""
    before = traces(site.one)
    journal = site.directory / name
    line = refusal(site, site.carpd(site.one, "--journal", journal), before)

    assert line == f"carpd: journal {journal}: {why}"


def test_a_source_address_of_another_host_is_refused(site: Site) -> None:
    """The line says which the interface has; with --nomcast it does not matter, as for ucarp."""
    before = traces(site.one)
    line = refusal(site, site.carpd(site.one, "-s", "10.0.0.9"), before)

    assert line == "carpd: -s/--srcip 10.0.0.9 is not an address of eth0, which has 10.0.0.1/24"
    site.carpd(site.one, "-s", "10.0.0.9", "--nomcast").wait_until_ready()


def test_the_group_is_joined_on_the_interface_whoever_has_the_source_address(site: Site) -> None:
    """A ucarp joins it where the source address is, and then the switch may not forward the advertisements."""
    site.one.run(["/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; ip addr add 10.9.0.1/32 dev lo"])
    daemon = site.carpd(site.one, "-s", "10.9.0.1")
    site.wire.wait_for_announcement(site.one, timeout_s=20)

    assert "10.9.0.1 is not an address of eth0, but of another interface of this host" in daemon.log
    assert str(site.wire.advertisements(site.one)[0].packet.source) == "10.9.0.1"
    members = site.one.call(lambda: Path("/proc/thread-self/net/igmp").read_text("ascii"))
    on_eth0 = members[members.index("eth0") :]
    assert "120000E0" in on_eth0
    assert "120000E0" not in members.removesuffix(on_eth0)


@pytest.mark.parametrize("flags", [(), ("-u", "/bin/true", "-d", "/bin/true")], ids=["carpd", "scripts"])
def test_an_ordinary_user_is_told_what_is_missing(site: Site, flags: tuple[str, ...]) -> None:
    """CAP_NET_RAW always, CAP_NET_ADMIN where carpd manages the address; and how to give them."""
    before = traces(site.one)
    line = refusal(site, site.carpd(site.one, *flags, program=WITHOUT_CAPABILITIES), before)

    assert "CAP_NET_RAW (to send and receive advertisements)" in line
    assert ("CAP_NET_ADMIN (to hold the virtual address)" in line) == (not flags)
    assert "AmbientCapabilities=" in line


def test_a_second_daemon_for_the_same_group_is_refused(site: Site) -> None:
    """The line says who is first, and that one is not disturbed; another group may start."""
    first = site.master(site.one)
    before = traces(site.one)
    second = site.carpd(site.one)
    status = second.wait()
    other = site.carpd(site.one, vhid=8, vip="10.0.0.101")
    other.wait_until_ready()

    assert status == 2
    assert second.log == f"carpd: process {first.process.pid} already runs VHID 7 on eth0\n"
    assert other.stop() == 0
    assert before == traces(site.one)
    assert [holding.until for holding in site.holders.holdings] == [None]
    # The lock goes with its owner, however that ends.
    first.kill()
    site.master(site.one)


def test_wrong_settings_are_told_all_at_once(site: Site) -> None:
    """One line for each mistake, status 1, and the password in none of them."""
    before = traces(site.one)
    argv = ["-i", "eth0", "-v", "300", "-p", "a password that is too long", "-k", "x", "-s", "10.0.0.1"]
    daemon = site.run_carpd(site.one, argv)
    status = daemon.wait()

    assert status == 1
    assert before == traces(site.one)
    lines = daemon.log.splitlines()
    assert len(lines) >= 4
    assert all(line.startswith("carpd: ") for line in lines)
    assert "a password that is too long" not in daemon.log


def test_the_password_is_never_logged(site: Site, tmp_path: Path) -> None:
    """Not with -D, not from a file, and not when a peer's is another."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\r\n", encoding="utf-8")
    argv = ["-i", "eth0", "-s", "10.0.0.1", "-v", "7", "-o", str(file), "-a", VIP, "-b", "0", "-k", "26", "-D"]
    daemon = site.run_carpd(site.one, argv)
    daemon.wait_for_log("MASTER")
    with open_sender(site.two) as sender:
        sender.send(Crafted(source="10.0.0.2", password="something else").frame())
        sender.send(Crafted(source="10.0.0.2", advskew=255).frame())
    daemon.wait_for_log("bad HMAC")
    daemon.wait_for_log("heard an advertisement worse than ours")
    cmdline = Path(f"/proc/{daemon.process.pid}/cmdline").read_bytes()
    assert daemon.stop() == 0

    assert "[DEBUG] " in daemon.log
    assert PASSWORD not in daemon.log
    assert PASSWORD.encode() not in cmdline


VRRPV2 = bytearray.fromhex("21 07 64 01 00 01 0000 0a000064 00000000 00000000")
VRRPV2[6:8] = checksum(VRRPV2)
VRRPV3 = bytes.fromhex("31 07 64 01 0064 0000 0a000064")


@pytest.mark.parametrize(
    ("crafted", "words"),
    [
        (Crafted(source="10.0.0.2", password="wrong"), "bad HMAC: check password, VHID and virtual addresses"),
        (
            Crafted(source="10.0.0.2", vip="10.0.0.101"),
            "bad HMAC: it has our password, but other virtual addresses",
        ),
        (Crafted(source="10.0.0.2", ttl=254), "wrong TTL: a router forwarded it"),
        (Crafted(source="10.0.0.2", version_and_type=0x31), "unknown version"),
        (Crafted(source="10.0.0.2", version_and_type=0x22), "it is not an advertisement"),
        (Crafted(source="10.0.0.2", spoil_checksum=True), "bad checksum"),
        (Crafted(source="10.0.0.2", length=35), "too short"),
        (Crafted(source="10.0.0.2", destination="224.0.0.19"), "sent to another address than our group"),
        (Crafted(source="10.0.0.2", payload=bytes(VRRPV2)), ""),
        (Crafted(source="10.0.0.2", payload=VRRPV3), ""),
        (Crafted(source="10.0.0.2", vhid=8), ""),
        (Crafted(source="10.0.0.1"), ""),
    ],
    ids=[
        "password",
        "address",
        "TTL",
        "version",
        "type",
        "checksum",
        "truncated",
        "group",
        "VRRPv2",
        "VRRPv3",
        "VHID",
        "own source",
    ],
)
def test_what_is_no_advertisement_for_us_is_dropped(site: Site, crafted: Crafted, words: str) -> None:
    """A better one would make us yield. Each is worth one line however many come; other groups' and VRRP none."""
    master = site.master(site.one)
    with open_sender(site.two) as sender:
        for _ in range(200):
            sender.send(crafted.frame())
        sent = clock.now()
    site.wire.wait_for_advertisement(site.one, since=sent, count=3)
    lines = [line for line in master.log.splitlines() if "dropped a packet" in line]

    assert len(lines) == bool(words)
    assert all(words in line and "from 10.0.0.2" in line for line in lines)
    assert site.holders.holders_now() == {"one"}
    assert master.log.count("Switching to state") == 2
    assert master.stop() == 0


def test_a_flood_of_forged_frames_changes_nothing(site: Site) -> None:
    """Thousands, of all kinds and from everywhere: the advertisements go on, and the log stays small."""
    master = site.master(site.one, advskew=64)
    backup = site.backup(site.two, advskew=128)
    kinds = itertools.cycle(
        [
            Crafted(source="10.0.0.9", password="wrong").frame(),
            Crafted(source="172.16.0.1", ttl=1).frame(),
            Crafted(source="10.0.0.10", spoil_checksum=True).frame(),
            Crafted(source="255.255.255.255", length=20).frame(),
            Crafted(source="10.0.0.2", version_and_type=0xFF).frame(),
            Crafted(source="10.0.0.100", payload=b"").frame(),
            Crafted(source="10.0.0.3", payload=bytes(1400)).frame(),
        ]
    )
    begin = clock.now()
    with open_sender(site.three) as sender:
        while clock.now() - begin < 1.5 * clock.SECOND:
            for frame in itertools.islice(kinds, 70):
                sender.send(frame)
            time.sleep(0.007)  # 10000 a second, and not the rest of the processor
    end = clock.now()
    heard = [one.at for one in site.wire.advertisements(site.one, since=begin, until=end)]
    gaps = [after - before for before, after in itertools.pairwise([begin, *heard, end])]

    assert max(gaps) < 3 * 64 * clock.SECOND // 256
    assert site.holders.holders_now() == {"one"}
    assert not site.wire.advertisements(site.two)
    for daemon in (master, backup):
        assert len(daemon.log) < 4096
        assert daemon.stop() == 0
