import io
import struct
from ipaddress import IPv4Address
from typing import Any

import dpkt

from carpsim.conditions import Conditions
from carpsim.distribution import Constant
from carpsim.faults import CableConditions
from carpsim.pcap import Capture
from carpsim.scenario import ClientSettings, Scenario
from carpsim.world import World
from tests.sim.recorder import VIP, Recorder, carpd
from triocarp.core.advertisement import parse
from triocarp.core.timing import SECOND


def packets(file: io.BytesIO) -> list[tuple[int, bytes]]:
    """Return what dpkt reads: the instants in nanoseconds, and the frames."""
    file.seek(0)
    reader: Any = dpkt.pcap.Reader(file)
    return [(int(at * SECOND), data) for at, data in reader]


def test_a_capture_at_the_switch_has_every_frame_once_with_its_nanosecond() -> None:
    """What dpkt reads back is what a tap saw, and the file says that it has nanoseconds and Ethernet."""
    recorder = Recorder()
    scenario = Scenario(hosts=(carpd("a", 1), carpd("b", 2, advskew=50)), duration=10 * SECOND)
    world = World(scenario, watchers=(recorder,))
    file = io.BytesIO()
    capture = Capture(world.segments["lan"], file)
    world.run()
    capture.stop()
    read = packets(file)
    advertised = [(at, data) for at, data in read if data[12:14] == b"\x08\x00"]

    assert struct.unpack("=I", file.getvalue()[:4]) == (0xA1B23C4D,)
    assert struct.unpack("=I", file.getvalue()[20:24]) == (1,)
    assert len(read) == capture.count
    assert advertised == [(said.at, said.frame.data) for said in recorder.said]
    for _, data in advertised:
        frame: Any = dpkt.ethernet.Ethernet(data)
        assert parse(bytes(data[34:])).vhid == 7
        assert frame.data.p == 112


def test_a_capture_stops() -> None:
    """What comes later is not written; another one goes on."""
    world = World(Scenario(hosts=(carpd("a", 1),), duration=10 * SECOND))
    short, long = io.BytesIO(), io.BytesIO()
    first, second = Capture(world.segments["lan"], short), Capture(world.segments["lan"], long)
    world.run(5 * SECOND)
    first.stop()
    world.run()

    assert 0 < first.count < second.count


def test_a_capture_at_a_port_is_what_the_station_sees() -> None:
    """The client's own probes at once; what reaches it when it does; nothing that its cable has lost."""
    client = ClientSettings(name="client", address=IPv4Address("10.0.0.200"), target=VIP.ip)
    slow = CableConditions(at=0, stations=("client",), outward=Conditions(latency=Constant(7_000_000)))
    scenario = Scenario(hosts=(carpd("a", 1),), clients=(client,), faults=(slow,), duration=6 * SECOND)
    world = World(scenario)
    at_client, at_switch = io.BytesIO(), io.BytesIO()
    Capture(world.segments["lan"], at_client, station="client")
    Capture(world.segments["lan"], at_switch)
    world.run()
    seen = {data: at for at, data in reversed(packets(at_client))}
    switched = {data: at for at, data in reversed(packets(at_switch))}
    arrived = [data for data in switched if switched[data] + 7_000_000 <= world.engine.now]
    advertised = [data for data in arrived if data[12:14] == b"\x08\x00" and data[23] == 112]
    asked = [data for data in switched if data[12:14] == b"\x08\x00" and data[23] == 1 and data[34] == 8]

    assert advertised
    assert asked
    assert {seen[data] - switched[data] for data in advertised} == {7_000_000}
    assert {seen[data] - switched[data] for data in asked} == {0}


def test_the_epoch_is_added() -> None:
    """A capture may say when it was; the year 2100 is within what the format has."""
    world = World(Scenario(hosts=(carpd("a", 1),), duration=5 * SECOND))
    plain, dated = io.BytesIO(), io.BytesIO()
    Capture(world.segments["lan"], plain)
    epoch = 4_102_444_800 * SECOND + 5
    Capture(world.segments["lan"], dated, epoch=epoch)
    world.run()

    assert [at + epoch for at, _ in packets(plain)] == [at for at, _ in packets(dated)]
