"""In the place of a captured ucarp, our host says what ucarp said: the same frames, with digests and counters."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from triocarp.core import Link, PacketReceived, Started, State, read_datagram
from triocarp.core.timing import SECOND

from .hosts import PLAIN, Machine
from .vectors import CAPTURES, Capture, mac

IP_BEGINS = 14
ENOUGH = 7 * SECOND  # the dead time, and the advertisements until the repeated announcement and one more


def in_the_place_of(capture: Capture, source: str, hardware_address: bytes) -> Machine:
    """Return a machine that starts as one of a capture's hosts."""
    machine = Machine(
        replace(
            PLAIN,
            vhid=capture.vhid,
            password=capture.password,
            addresses=(IPv4Interface(f"{capture.address}/24"),),
            source=IPv4Address(source),
        )
    )
    machine.feed(Started())
    machine.link(Link.UP, hardware_address)
    return machine


def comparable(frame: bytes) -> bytes:
    """Return a frame without its IP identification, and the checksum over it: ucarp's is random, ours is zero."""
    is_ip = frame[12:14] == b"\x08\x00"
    return frame[:18] + frame[20:24] + frame[26:] if is_ip else frame


@pytest.mark.parametrize(
    ("number", "source", "hardware_address", "started_s"),
    [
        pytest.param("09", "10.99.0.2", "02:00:00:00:00:02", 4.0, id="the master is killed"),
        pytest.param("17", "10.99.0.1", "02:00:00:00:00:01", 0.5, id="the master has a constant counter"),
        pytest.param("18", "10.99.0.1", "02:00:00:00:00:01", 0.3, id="the master says goodbye"),
    ],
)
def test_says_what_ucarp_said(number: str, source: str, hardware_address: str, started_s: float) -> None:
    """After the same master is gone, the same frames follow; only that we advertise before we announce."""
    capture = next(capture for capture in CAPTURES if capture.name.startswith(number))
    machine = in_the_place_of(capture, source, mac(hardware_address))
    heard = [
        frame for frame in capture.advertisements if frame.said["src"] != source and frame.instant_s >= started_s
    ]
    for frame in heard:
        machine.run_until(round((frame.instant_s - started_s) * SECOND))
        packet = read_datagram(PLAIN.interface, frame.ethernet[IP_BEGINS:])
        assert isinstance(packet, PacketReceived)
        machine.feed(packet)
    machine.run_for(ENOUGH)
    assert machine.state is State.MASTER

    of_ucarp = [frame for frame in capture.frames if frame.instant_s > heard[-1].instant_s]
    announcement, advertisement, *more = [comparable(frame.ethernet) for frame in of_ucarp]
    said = [comparable(frame) for _, frame in machine.record.frames]
    assert [advertisement, announcement, *more] == said[: len(of_ucarp)]
