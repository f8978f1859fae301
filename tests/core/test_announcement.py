"""Gratuitous ARP and unsolicited neighbour advertisements are read, and nothing else is taken for one."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core.advertisement import internet_checksum
from triocarp.core.ethernet import gratuitous_arp
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement
from triocarp.core.observer.announcement import Announcement, read_announcement

MAC = bytes.fromhex("020000000001")
IPV4 = IPv4Address("10.0.0.100")
IPV6 = IPv6Address("2001:db8::100")
ARP = gratuitous_arp(MAC, IPV4)
NA = unsolicited_neighbour_advertisement(MAC, IPV6, router=True)
OPTIONS_AT = 14 + 40 + 24


def changed(frame: bytes, at: int, value: bytes) -> bytes:
    """Return a frame with some bytes changed."""
    return frame[:at] + value + frame[at + len(value) :]


def summed(frame: bytes) -> bytes:
    """Return a frame whose ICMPv6 message has the right length and checksum."""
    ip, message = changed(frame, 18, (len(frame) - 54).to_bytes(2, "big"))[:54], changed(frame[54:], 2, bytes(2))
    pseudo_header = ip[22:54] + len(message).to_bytes(4, "big") + bytes((0, 0, 0, 58))
    return ip + changed(message, 2, internet_checksum(pseudo_header + message).to_bytes(2, "big"))


def with_options(options: bytes) -> bytes:
    """Return a neighbour advertisement with other options, from a host with an Ethernet address of its own."""
    return summed(changed(NA[:OPTIONS_AT], 6, b"\x02\x00\x00\x00\x00\x09") + options)


@pytest.mark.parametrize("operation", [1, 2], ids=["request", "reply"])
def test_gratuitous_arp(operation: int) -> None:
    """A request or a reply; what stands behind it is padding."""
    frame = changed(ARP, 20, bytes((0, operation))) + bytes(18)
    assert Announcement(address=IPV4, hardware_address=MAC) == read_announcement(frame)


def test_neighbour_advertisement() -> None:
    """With or without the router flag, and with padding behind it."""
    for router in (False, True):
        frame = unsolicited_neighbour_advertisement(MAC, IPV6, router=router)
        assert Announcement(address=IPV6, hardware_address=MAC) == read_announcement(frame + bytes(4))


@pytest.mark.parametrize(
    ("options", "hardware_address"),
    [
        (b"", "020000000009"),
        (b"\x0e\x01" + bytes(6), "020000000009"),
        (b"\x02\x02" + bytes(14), "020000000009"),
        (b"\x0e\x00" + b"\x02\x01" + bytes(4), "020000000009"),
        (b"\x0e\x01" + bytes(6) + b"\x02\x01" + MAC, "020000000001"),
    ],
    ids=["none", "another", "of another length", "of no length", "behind another"],
)
def test_who_answers(options: bytes, hardware_address: str) -> None:
    """The MAC is the option's, or the sender's where there is none."""
    expected = Announcement(address=IPV6, hardware_address=bytes.fromhex(hardware_address))
    assert expected == read_announcement(with_options(options))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        changed(ARP, 12, b"\x08\x00"),
        ARP[:41],
        changed(ARP, 14, b"\x00\x06"),
        changed(ARP, 20, b"\x00\x03"),
        changed(ARP, 38, b"\x0a\x00\x00\x01"),
        NA[:50],
        NA[:80],
        changed(NA, 14, b"\x40"),
        changed(NA, 20, b"\x11"),
        changed(NA, 21, b"\x40"),
        changed(NA, 56, b"\xff\xff"),
        summed(NA[:70]),
        summed(NA + bytes(4)),
        summed(changed(NA, 54, b"\x87")),
        summed(changed(NA, 55, b"\x01")),
        summed(changed(NA, 58, b"\x60")),
    ],
    ids=[
        "nothing",
        "another Ethernet type",
        "ARP cut off",
        "ARP over something else",
        "another operation",
        "a question",
        "IPv6 header cut off",
        "message cut off",
        "not IPv6",
        "not ICMPv6",
        "from behind a router",
        "wrong checksum",
        "no target",
        "half an option",
        "a solicitation",
        "another code",
        "an answer",
    ],
)
def test_nothing_is_announced(frame: bytes) -> None:
    """A damaged frame, an ordinary question, and the answer to one announce nothing."""
    assert read_announcement(frame) is None


@given(st.sampled_from([ARP, NA]), st.integers(0, 90), st.binary(max_size=40))
def test_no_frame_raises(frame: bytes, at: int, value: bytes) -> None:
    """Whatever the bytes are, an announcement is read or not."""
    read_announcement(changed(frame, at, value))
    read_announcement(with_options(value * 8))
