from __future__ import annotations

import io
import ipaddress
import itertools
import socket
import struct
import sys
import threading
from typing import TYPE_CHECKING, Any

import dpkt
import pytest

from triocarp.lab import INTERFACE, Frame, Host, clock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.conftest import Network

pytestmark = pytest.mark.kernel


def announce(host: Host, address: str) -> bytes:
    """Send a gratuitous ARP request and return the frame."""
    mac, ip = bytes.fromhex(host.mac.replace(":", "")), ipaddress.IPv4Address(address).packed
    frame = b"\xff" * 6 + mac + struct.pack("!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1, mac, ip, b"", ip)
    with host.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((INTERFACE, 0))
        sender.send(frame)
    return frame


def test_the_clock_is_measured_to_a_microsecond() -> None:
    """The wall clock's stamps are turned into instants with an error that does not matter."""
    offset, error = min((clock.realtime_offset() for _ in range(20)), key=lambda pair: pair[1])
    again, _error = min((clock.realtime_offset() for _ in range(20)), key=lambda pair: pair[1])

    assert 0 < error < 10_000
    assert abs(offset - again) < 20_000


def test_a_frame_has_the_instant_at_which_it_was_sent(network: Network) -> None:
    """The kernel's stamp lies between the moments before and after sending, on the lab's clock."""
    with network.one.capture() as sent, network.two.capture() as received, network.lan.capture() as crossed:
        before = clock.now()
        data = announce(network.one, "10.0.0.100")
        after = clock.now()
        captures = (sent, crossed, received)
        frames = [capture.wait_for(lambda frame: frame.announces is not None) for capture in captures]
        error = max(capture.clock_error_ns for capture in captures)

    assert [data] * 3 == [frame.data for frame in frames]
    assert [(frame.host, frame.sent) for frame in frames] == [("one", True), ("one", True), ("two", False)]
    assert before - error <= frames[0].at
    assert all(earlier.at <= later.at + 2 * error for earlier, later in itertools.pairwise(frames))
    assert frames[0].at <= after + error


def test_a_frame_is_dissected(network: Network) -> None:
    """The record tells what the filters of tests and the demonstration ask for."""
    with network.lan.capture() as capture:
        announce(network.one, "10.0.0.100")
        arp = capture.wait_for(lambda frame: frame.announces is not None)
        with network.one.socket(socket.AF_INET, socket.SOCK_RAW, 112) as sender:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.0.0.1"))
            sender.sendto(b"advertisement", ("224.0.0.18", 0))
        carp = capture.wait_for(lambda frame: frame.ip_protocol == 112)

    assert (arp.destination, arp.source, arp.ethertype) == ("ff:ff:ff:ff:ff:ff", network.one.mac, 0x0806)
    assert (arp.announces, arp.ip_protocol) == (ipaddress.IPv4Address("10.0.0.100"), None)
    assert (carp.destination, carp.ethertype) == ("01:00:5e:00:00:12", 0x0800)
    assert carp.payload.endswith(b"advertisement")
    assert carp.announces is None


def test_an_unsolicited_neighbour_advertisement_is_an_announcement() -> None:
    """One that is sent to all nodes, that is; neither an answer to one host nor another message to all."""
    target = ipaddress.IPv6Address("2001:db8::100")

    def announced(destination: str, kind: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        addresses = ipaddress.IPv6Address("fe80::1").packed + ipaddress.IPv6Address(destination).packed
        packet = (
            struct.pack("!IHBB", 6 << 28, 24, 58, 255)
            + addresses
            + bytes((kind, 0, 0, 0))
            + bytes(4)
            + target.packed
        )
        return Frame(at=0, host="one", sent=True, data=bytes(12) + b"\x86\xdd" + packet).announces

    assert announced("ff02::1", 136) == target
    assert announced("fe80::2", 136) is None
    assert announced("ff02::1", 134) is None


def test_the_switch_records_each_frame_once_whatever_the_partition(network: Network) -> None:
    """Floods, unicasts and separate segments: each frame is there once, with its sender."""
    with network.lan.capture() as capture:
        network.send(network.one, b"first")
        network.lan.partition([network.one], [network.two, network.client])
        network.send(network.two, b"second")
        network.send(network.one, b"third")

    assert [(frame.host, frame.payload) for frame in capture.frames] == [
        ("one", b"first"),
        ("two", b"second"),
        ("one", b"third"),
    ]
    assert capture.dropped == 0


def test_a_capture_survives_the_interface(network: Network) -> None:
    """Links that go down, and interfaces that are made again, don't end a capture."""
    with network.two.capture() as capture:
        network.two.link_down()
        network.two.link_up()
        network.two.remove_interface()
        network.two.create_interface()
        network.send(network.one, b"later")
        frame = capture.wait_for(lambda frame: frame.payload == b"later")

    assert not frame.sent


def test_a_filter_picks_frames_inside_the_kernel(network: Network) -> None:
    """A classic BPF program decides; here it accepts ARP."""
    only_arp = ((0x28, 0, 0, 12), (0x15, 0, 1, 0x0806), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0))
    with network.lan.capture(bpf=only_arp) as capture:
        network.send(network.one, b"not ARP")
        announce(network.one, "10.0.0.100")

    assert [frame.ethertype for frame in capture.frames] == [0x0806]


def test_waiting_is_bounded_and_sees_frames_of_other_threads(network: Network) -> None:
    """A frame sent while one waits ends the wait; none at all ends in TimeoutError."""
    with network.two.capture() as capture:
        timer = threading.Timer(0.05, network.send, (network.one, b"now"))
        timer.start()
        frame = capture.wait_for(lambda frame: frame.payload == b"now")
        timer.join()
        with pytest.raises(TimeoutError, match="none of 1 frames"):
            capture.wait_for(lambda frame: frame.payload == b"now", since=frame.at + 1, timeout_s=0.02)


def test_a_thousand_frames_in_a_burst_are_all_recorded_in_order(network: Network) -> None:
    """The buffer holds more than a test can send before the collecting thread wakes up."""
    payloads = [b"%5d" % number for number in range(1000)]
    with network.two.capture() as capture, network.one.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((INTERFACE, 0))
        for payload in payloads:
            sender.send(b"\xff" * 6 + b"\2\0\0\0\0\1\x88\xb5" + payload)

    assert payloads == [frame.payload for frame in capture.frames]
    assert capture.dropped == 0
    assert list(capture.frames) == sorted(capture.frames, key=lambda frame: frame.at)


def test_a_written_capture_is_read_by_dpkt(network: Network, tmp_path: Path) -> None:
    """The file has the frames and their nanoseconds, as an independent reader sees them."""
    with network.lan.capture() as capture:
        announce(network.one, "10.0.0.100")
    capture.write_pcap(tmp_path / "lan.pcap")
    content = (tmp_path / "lan.pcap").read_bytes()
    assert content[:4] == (0xA1B23C4D).to_bytes(4, sys.byteorder)
    reader: Any = dpkt.pcap.Reader(io.BytesIO(content))
    ((stamp, data),) = reader
    arp: Any = dpkt.arp.ARP(data[14:])
    offset, error = clock.realtime_offset()

    assert capture.frames[0].data == data
    assert abs(int(stamp * 1_000_000_000) + offset - capture.frames[0].at) <= capture.clock_error_ns + error + 1000
    assert arp.spa == bytes([10, 0, 0, 100])


def test_frames_too_short_to_dissect_have_no_meaning() -> None:
    """A record of garbage answers None instead of raising."""
    frame = Frame(at=0, host="one", sent=True, data=bytes(12) + b"\x08\x06" + bytes(10))
    packet = Frame(at=0, host="one", sent=True, data=bytes(12) + b"\x08\x00" + bytes(5))

    assert (frame.announces, frame.ip_protocol, packet.ip_protocol) == (None, None, None)
