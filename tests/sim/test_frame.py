"""What frames say, beside what dpkt reads; and the messages of simulated kernels, beside what dpkt builds."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import dpkt
from hypothesis import given
from hypothesis import strategies as st

from carpsim import neighbour_messages, probe
from carpsim.frame import Frame, NeighbourMessage
from triocarp.core import IPAddress, PacketReceived, PacketUnreadable
from triocarp.core.advertisement import checksum_holds
from triocarp.core.ethernet import BROADCAST, gratuitous_arp, multicast_mac
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement

macs = st.binary(min_size=6, max_size=6)
ipv4 = st.ip_addresses(v=4)
ipv6 = st.ip_addresses(v=6)
pairs = st.one_of(st.tuples(ipv4, ipv4), st.tuples(ipv6, ipv6))


def ethernet(data: bytes) -> Any:  # noqa: ANN401 - dpkt has no types
    """Return what dpkt reads."""
    return dpkt.ethernet.Ethernet(data)


@given(operation=st.integers(0, 3), sender=ipv4, sender_mac=macs, target=ipv4, target_mac=macs, same=st.booleans())
def test_arp_is_read_as_dpkt_reads_it(
    *, operation: int, sender: IPv4Address, sender_mac: bytes, target: IPv4Address, target_mac: bytes, same: bool
) -> None:
    """Requests and replies, announcements among them, with whatever addresses; and nothing else."""
    target = sender if same else target
    arp: Any = dpkt.arp.ARP(op=operation, sha=sender_mac, spa=sender.packed, tha=target_mac, tpa=target.packed)
    data = bytes(dpkt.ethernet.Ethernet(dst=BROADCAST, src=sender_mac, type=0x806, data=arp))
    message = Frame(data).neighbour_message

    if operation not in {1, 2}:
        assert message is None
        return
    assert message is not None
    assert message.sender == sender
    assert message.sender_mac == sender_mac
    assert message.is_request == (operation == 1 and sender != target)
    assert message.is_gratuitous == (sender == target and (operation == 1 or sender_mac == target_mac))
    if message.is_request:
        assert message.target == target
        assert not message.solicited


@given(addresses=pairs, mac=macs, known=st.none() | macs)
def test_questions_are_what_dpkt_understands(
    addresses: tuple[IPAddress, IPAddress], mac: bytes, known: bytes | None
) -> None:
    """To everybody or to one; with a checksum that holds; and read back they say the same."""
    target, sender = addresses
    data = neighbour_messages.question(target, sender, mac, known)
    frame = ethernet(data)
    message = Frame(data).neighbour_message

    assert message == NeighbourMessage(
        is_request=sender != target or sender.version == 6,
        sender=sender,
        sender_mac=mac,
        target=target,
        override=sender == target and sender.version == 4,
        solicited=False,
    )
    assert frame.src == mac
    if isinstance(target, IPv4Address):
        assert (frame.arp.op, frame.arp.spa, frame.arp.tpa, frame.arp.sha) == (
            1,
            sender.packed,
            target.packed,
            mac,
        )
        assert frame.dst == (known or BROADCAST)
    else:
        group = IPv6Address(bytes.fromhex("ff0200000000000000000001ff") + target.packed[-3:])
        assert frame.dst == (known or multicast_mac(group))
        assert (frame.ip6.src, frame.ip6.hlim, frame.ip6.nxt) == (sender.packed, 255, 58)
        assert frame.ip6.dst == (group if known is None else target).packed
        assert bytes(frame.ip6.data) == bytes(data[54:])
        assert (frame.ip6.data.type, data[62:78], data[78:80], data[80:86]) == (135, target.packed, b"\1\1", mac)
        assert icmpv6_checksum_holds(data)


@given(addresses=pairs, asker_mac=macs, mac=macs)
def test_answers_are_what_dpkt_understands(
    addresses: tuple[IPAddress, IPAddress], asker_mac: bytes, mac: bytes
) -> None:
    """To who has asked, solicited and overriding, with a checksum that holds."""
    target, sender = addresses
    if target == sender:
        return
    asked = Frame(neighbour_messages.question(target, sender, asker_mac)).neighbour_message
    assert asked is not None
    data = neighbour_messages.answer(asked, mac)
    frame, message = ethernet(data), Frame(data).neighbour_message

    assert message is not None
    assert (message.sender, message.sender_mac, message.is_request) == (target, mac, False)
    assert message.solicited
    assert (frame.dst, frame.src) == (asker_mac, mac)
    if isinstance(target, IPv4Address):
        arp = frame.arp
        assert (arp.op, arp.spa, arp.sha, arp.tpa, arp.tha) == (2, target.packed, mac, sender.packed, asker_mac)
    else:
        assert message.override
        assert (frame.ip6.src, frame.ip6.dst) == (target.packed, sender.packed)
        assert (frame.ip6.data.type, data[58], data[62:78]) == (136, 0x60, target.packed)
        assert icmpv6_checksum_holds(data)


def icmpv6_checksum_holds(data: bytes) -> bool:
    """Tell whether the checksum over an ICMPv6 message and its pseudo-header is right."""
    message = data[54:]
    return checksum_holds(data[22:54] + len(message).to_bytes(4) + bytes((0, 0, 0, 58)) + message)


@given(mac=macs, address=ipv4 | ipv6)
def test_announcements_are_gratuitous(mac: bytes, address: IPAddress) -> None:
    """Those of the core, of either family."""
    data = (
        gratuitous_arp(mac, address)
        if isinstance(address, IPv4Address)
        else unsolicited_neighbour_advertisement(mac, address, router=False)
    )
    message = Frame(data).neighbour_message

    assert message == NeighbourMessage(
        is_request=False, sender=address, sender_mac=mac, target=address, override=True, solicited=False
    )
    assert message is not None
    assert message.is_gratuitous


@given(
    addresses=pairs,
    client=st.integers(0, 2**32 - 1),
    sequence=st.integers(0, 2**32 - 1),
    source_mac=macs,
    mac=macs,
)
def test_probes_are_echoes_to_dpkt(
    *,
    addresses: tuple[IPAddress, IPAddress],
    client: int,
    sequence: int,
    source_mac: bytes,
    mac: bytes,
) -> None:
    """They are read as they were built, and the reply goes the way back, with the same numbers."""
    source, destination = addresses
    question = Frame(probe.Probes(source, destination, client).build(sequence, source_mac, mac))
    answer = Frame(probe.reply(question, mac))

    assert probe.is_question(question)
    assert probe.asked_address(question) == destination.packed
    assert probe.answered(question, client) is None
    assert not probe.is_question(answer)
    assert probe.answered(answer, client) == sequence
    assert probe.answered(answer, client ^ 1) is None
    assert answer.data[:12] == source_mac + mac
    kinds = (8, 0) if source.version == 4 else (128, 129)
    for sent, kind, ends in zip((question, answer), kinds, (addresses, addresses[::-1]), strict=True):
        frame = ethernet(sent.data)
        packet = frame.ip if source.version == 4 else frame.ip6
        assert (packet.src, packet.dst) == tuple(address.packed for address in ends)
        if source.version == 4:
            assert frame.ip.p == 1
            assert checksum_holds(sent.data[14:34])
            assert checksum_holds(sent.data[34:])
            assert frame.ip.icmp.type == kind
        else:
            assert frame.ip6.nxt == 58
            assert icmpv6_checksum_holds(sent.data)
            assert frame.ip6.data.type == kind


@given(data=st.binary(min_size=14, max_size=120), ethertype=st.sampled_from(["0800", "0806", "86dd", "8100"]))
def test_any_bytes_are_read_as_something(data: bytes, ethertype: str) -> None:
    """No frame that can be sent breaks who reads it."""
    frame = Frame(data[:12] + bytes.fromhex(ethertype) + data[14:])
    packet, message, echo = frame.advertisement("eth0"), frame.neighbour_message, probe.answered(frame, 0)

    assert packet is None or isinstance(packet, PacketReceived | PacketUnreadable)
    assert message is None or frame.ethertype in {b"\x08\x06", b"\x86\xdd"}
    assert not probe.is_question(frame) or frame.ethertype in {b"\x08\x00", b"\x86\xdd"}
    assert echo is None or frame.ethertype in {b"\x08\x00", b"\x86\xdd"}
