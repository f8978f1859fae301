from __future__ import annotations

import struct

from triocarp.core import Advertisement
from triocarp.demo.daemon_process import read_line
from triocarp.demo.wire import advertised, all_advertised, all_announced
from triocarp.lab import Frame

ARP = struct.Struct("!HHBBH6s4s6s4s")
VIRTUAL = bytes([10, 0, 0, 100])


def carp_frame(*, vhid: int = 1, advbase_s: int = 1, advskew: int = 50) -> Frame:
    """Return a frame with an advertisement, behind an IP header with an option."""
    advertisement = Advertisement(vhid=vhid, advskew=advskew, advbase_s=advbase_s, counter=7, digest=bytes(20))
    header = bytes([0x46, *bytes(8), 112, *bytes(14)])
    return Frame(at=5, host="bravo", sent=True, data=bytes(12) + b"\x08\x00" + header + advertisement.build())


def arp_frame(sender: bytes, target: bytes) -> Frame:
    """Return a frame with an ARP request."""
    packet = ARP.pack(1, 0x0800, 6, 4, 1, bytes(6), sender, bytes(6), target)
    return Frame(at=6, host="alpha", sent=True, data=bytes(12) + b"\x08\x06" + packet)


def test_advertisements_and_goodbyes_are_told_apart() -> None:
    """255/255 is a goodbye; other virtual hosts, and what is no CARP, are none of ours."""
    noise = Frame(at=1, host="alpha", sent=True, data=bytes(12) + b"\x08\x00\x45" + bytes(8) + b"\x70" + bytes(40))
    frames = (carp_frame(), carp_frame(advbase_s=255, advskew=255), carp_frame(vhid=2), noise)

    assert [(one.at, one.host, one.goodbye) for one in all_advertised(frames)] == [
        (5, "bravo", False),
        (5, "bravo", True),
    ]
    assert advertised(arp_frame(VIRTUAL, VIRTUAL)) is None


def test_only_the_virtual_address_is_announced() -> None:
    """A question about it, and an announcement of another address, are not."""
    other = bytes([10, 0, 0, 1])
    frames = (arp_frame(VIRTUAL, VIRTUAL), arp_frame(other, VIRTUAL), arp_frame(other, other), carp_frame())

    assert [(one.at, one.host) for one in all_announced(frames)] == [(6, "alpha")]


def test_a_transition_is_read_from_the_log() -> None:
    """State, explanation and the instant in UTC, to the microsecond."""
    text = "1970-01-01T00:00:02.000001: [WARNING] Switching to state: MASTER - the master is leaving (10.0.0.1)"
    line = read_line("bravo", text)

    assert (line.host, line.level, line.state) == ("bravo", "WARNING", "MASTER")
    assert line.sentence == "the master is leaving (10.0.0.1)"
    assert line.wall_ns == 2_000_001_000


def test_other_lines_are_kept_as_they_are() -> None:
    """Log lines that are no transitions, and what is no log line at all."""
    stopped = read_line("bravo", "1970-01-01T00:00:02.000001: [INFO] stopped: every virtual host has left")
    traceback = read_line("bravo", "Traceback (most recent call last):")
    odd = read_line("bravo", "yesterday: [INFO] ready")

    assert (stopped.level, stopped.state, stopped.sentence) == (
        "INFO",
        None,
        "stopped: every virtual host has left",
    )
    assert (traceback.level, traceback.state, traceback.wall_ns) == ("", None, None)
    assert traceback.text == "Traceback (most recent call last):"
    assert (odd.level, odd.text) == ("", "yesterday: [INFO] ready")
