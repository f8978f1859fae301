from __future__ import annotations

import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from carpsim import world as simulation
from carpsim.faults import Stop
from carpsim.pcap import Capture
from carpsim.scenario import Scenario
from tests.kernel.wire import VIP, Crafted, open_sender
from tests.sim.recorder import Recorder
from tests.sim.recorder import carpd as simulated_carpd
from tests.sim.recorder import ucarp as simulated_ucarp
from triocarp.core.timing import SECOND
from triocarp.lab import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.kernel.daemons import Site
    from tests.sim.recorder import Said

pytestmark = pytest.mark.kernel

TCPDUMP = ("tcpdump", "-Z", "root", "-T", "carp", "-vvv", "-n")


def output(argv: Sequence[str], *, stdin: Path | None = None) -> str:
    """Run a program and return what it prints."""
    with (stdin or Path(os.devnull)).open("rb") as file:
        path = (
            f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # an ordinary user's lacks root's directories
        )
        environment = os.environ | {"PATH": path}
        run = subprocess.run(argv, stdin=file, capture_output=True, check=True, timeout=60, env=environment)
        return run.stdout.decode()


def tcpdump() -> list[str]:
    """Return the command that reads a capture from standard input and stays who it is.

    Started by root, tcpdump wants to become somebody else, and in an ordinary user's private network it can't.
    """
    may_change_user = Path("/proc/self/setgroups").read_text(encoding="ascii").strip() == "allow"
    return [*(() if may_change_user else ("unshare", "--user")), *TCPDUMP, "-r", "-"]


@pytest.fixture
def recording(site: Site, tmp_path: Path) -> Path:
    """Give a capture of a carpd's whole life, and behind it one advertisement with a wrong checksum."""
    daemon = site.master(site.one)
    site.wire.wait_for_advertisement(site.one, count=4)
    assert daemon.stop() == 0
    site.wire.wait_for_goodbye(site.one)
    with open_sender(site.two) as sender:
        sent = clock.now()
        sender.send(Crafted(source="10.0.0.2", spoil_checksum=True).frame())
    site.wire.capture.wait_for(lambda frame: frame.host == "two" and frame.ip_protocol == 112, since=sent)
    file = tmp_path / "recording.pcap"
    site.wire.capture.write_pcap(file)
    return file


@pytest.fixture
def simulated(tmp_path: Path) -> tuple[Path, list[Said]]:
    """Give a capture of a simulated world in which a carpd leaves and a ucarp takes over, and what was said."""
    recorder = Recorder()
    hosts = simulated_carpd("a", 1), simulated_ucarp("b", 2, advskew=20)
    leaves = Stop(at=8 * SECOND, host="a")
    world = simulation.World(Scenario(hosts=hosts, faults=(leaves,), duration=14 * SECOND), watchers=(recorder,))
    file = tmp_path / "simulated.pcap"
    with file.open("wb") as opened:
        Capture(world.segments["lan"], opened)
        world.run()
    return file, recorder.said


@pytest.mark.programs("tcpdump")
def test_tcpdump_reads_what_is_simulated(simulated: tuple[Path, list[Said]]) -> None:
    """Every advertisement at its nanosecond, with its values, and all checksums right."""
    file, said = simulated
    lines = output([*tcpdump(), "-tt", "--nano", "proto", "112"], stdin=file)
    instants = [line.split()[0] for line in lines.splitlines() if "(112)" in line]
    found = [line.strip() for line in lines.splitlines() if "CARPv2-advertise" in line]

    assert len(found) == len(said) > 8
    assert instants == [f"{each.at // SECOND}.{each.at % SECOND:09}" for each in said]
    for line, each in zip(found, said, strict=True):
        heard = each.advertisement
        assert f"vhid={heard.vhid} advbase={heard.advbase_s} advskew={heard.advskew} " in line
        assert f"counter={heard.counter}" in line
    assert "bad" not in lines


@pytest.mark.programs("tshark")
def test_tshark_reads_what_is_simulated(simulated: tuple[Path, list[Said]]) -> None:
    """It agrees on instants, values and checksums."""
    file, said = simulated
    fields = ("frame.time_epoch", "carp.vhid", "carp.advskew", "carp.adver_int", "carp.counter")
    options = [option for field in (*fields, "carp.checksum.status") for option in ("-e", field)]
    tshark = ["tshark", "-n", "-r", str(file), "-d", "ip.proto==112,carp", "-Y", "carp", "-T", "fields", *options]
    found = [line.split("\t") for line in output(tshark).splitlines()]

    assert [line[1:] for line in found] == [
        [
            str(each.advertisement.vhid),
            str(each.advertisement.advskew),
            str(each.advertisement.advbase_s),
            str(each.advertisement.counter),
            "1",
        ]
        for each in said
    ]
    assert [round(Decimal(line[0]) * SECOND) for line in found] == [each.at for each in said]


@pytest.mark.programs("tcpdump")
def test_tcpdump_reads_what_carpd_sends(recording: Path) -> None:
    """It finds VHID, timers and counter where they belong, the checksums right, and the forged one wrong."""
    lines = output([*tcpdump(), "proto", "112"], stdin=recording)
    *ours, forged = [line.strip() for line in lines.splitlines() if "CARPv2-advertise" in line]

    assert len(ours) >= 5
    assert all("CARPv2-advertise 36: vhid=7" in line and "authlen=7" in line for line in ours)
    assert all("advbase=0 advskew=26" in line for line in ours[:-1])
    assert "advbase=255 advskew=255" in ours[-1]
    assert not any("bad" in line for line in ours)
    assert "bad" in forged
    assert lines.count("ttl 255") == len(ours) + 1
    assert lines.count("flags [DF]") == len(ours) + 1


@pytest.mark.programs("tshark")
def test_tshark_reads_what_carpd_sends(recording: Path) -> None:
    """It says of each checksum that it is good, but of the forged one; and of the ARP that it is gratuitous."""
    fields = ("carp.vhid", "carp.advskew", "carp.checksum.status", "ip.checksum.status")
    options = [option for field in fields for option in ("-e", field)]
    tshark = [
        "tshark",
        "-n",
        "-r",
        str(recording),
        "-d",
        "ip.proto==112,carp",
        "-o",
        "ip.check_checksum:TRUE",
    ]
    *ours, forged = [
        line.split("\t") for line in output([*tshark, "-Y", "carp", "-T", "fields", *options]).splitlines()
    ]
    arps = output([*tshark, "-Y", "arp.isgratuitous", "-T", "fields", "-e", "arp.src.proto_ipv4"]).split()

    assert len(ours) >= 5
    assert {tuple(fields) for fields in ours[:-1]} == {("7", "26", "1", "1")}
    assert ours[-1] == ["7", "255", "1", "1"]
    assert forged == ["7", "1", "0", "1"]
    assert set(arps) == {VIP}
