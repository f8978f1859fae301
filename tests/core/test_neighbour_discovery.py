"""The unsolicited neighbour advertisement: byte for byte what RFC 4861 says, and what dpkt reads."""

import struct
from ipaddress import IPv6Address

from hypothesis import example, given
from hypothesis import strategies as st

from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement

from . import dissection
from .vectors import mac

MACS = st.binary(min_size=6, max_size=6)
ALL_NODES = IPv6Address("ff02::1")
OVERRIDE, ROUTER = 0x2000_0000, 0x8000_0000


def model_of_checksum(source: IPv6Address, message: bytes) -> int:
    """Return the checksum of RFC 4443, section 2.3: RFC 1071's loop over the pseudo-header and the message."""
    pseudo_header = source.packed + ALL_NODES.packed + struct.pack("!I3xB", len(message), 58)
    words: list[int] = [word for (word,) in struct.iter_unpack("!H", pseudo_header + message)]
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_known_frame() -> None:
    """One frame, written out: Ethernet, IPv6, ICMPv6 type 136, flags, target, option 2."""
    frame = unsolicited_neighbour_advertisement(
        mac("02:00:00:00:00:05"), IPv6Address("2001:db8::100"), router=False
    )
    expected = (
        "333300000001 020000000005 86dd"
        "60000000 0020 3a ff 20010db8000000000000000000000100 ff020000000000000000000000000001"
        "88 00 cccc 20000000 20010db8000000000000000000000100 0201 020000000005"
    )
    message = bytes.fromhex(expected.replace("cccc", "0000"))[54:]
    checksum = model_of_checksum(IPv6Address("2001:db8::100"), message)
    assert bytes.fromhex(expected.replace("cccc", f"{checksum:04x}")) == frame
    assert len(frame) == 86


@given(MACS, st.ip_addresses(v=6), st.booleans())
@example(hardware_address=bytes(6), address=IPv6Address("::"), router=False)
def test_frame_is_the_specifications(hardware_address: bytes, address: IPv6Address, router: bool) -> None:
    """To all nodes, hop limit 255, Override set and Solicited clear, target and option as told (4.1)."""
    frame = unsolicited_neighbour_advertisement(hardware_address, address, router=router)
    read = dissection.neighbour_advertisement(frame)
    message = frame[54:56] + bytes(2) + frame[58:]
    assert read == dissection.NeighbourAdvertisement(
        macs=(mac("33:33:00:00:00:01"), hardware_address),
        ip=dissection.Ipv6Header(
            source=address,
            destination=ALL_NODES,
            traffic_class=0,
            flow_label=0,
            hop_limit=255,
            next_header=58,
            payload_length=32,
        ),
        kind=136,
        code=0,
        checksum=model_of_checksum(address, message),
        flags=OVERRIDE | (ROUTER if router else 0),
        target=address,
        option=b"\x02\x01" + hardware_address,
    )


@given(MACS, st.ip_addresses(v=6), st.booleans())
def test_checksum_is_dpkts(hardware_address: bytes, address: IPv6Address, router: bool) -> None:
    """A second implementation computes the same checksum."""
    frame = unsolicited_neighbour_advertisement(hardware_address, address, router=router)
    assert dissection.icmp6_checksum(frame) == int.from_bytes(frame[56:58], "big")
