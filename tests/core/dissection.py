"""A second opinion about frames: dpkt's, in our words."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import dpkt

_ETHERNET_LENGTH = 14


@dataclass(frozen=True, kw_only=True)
class IpHeader:
    """What dpkt reads in an IPv4 header."""

    source: IPv4Address
    destination: IPv4Address
    tos: int
    ttl: int
    protocol: int
    length: int
    identification: int
    dont_fragment: bool


@dataclass(frozen=True, kw_only=True)
class Ipv6Header:
    """What dpkt reads in an IPv6 header."""

    source: IPv6Address
    destination: IPv6Address
    traffic_class: int
    flow_label: int
    hop_limit: int
    next_header: int
    payload_length: int


@dataclass(frozen=True, kw_only=True)
class NeighbourAdvertisement:
    """What dpkt reads in the frame of a neighbour advertisement: both Ethernet addresses, then ICMPv6."""

    macs: tuple[bytes, bytes]
    ip: Ipv6Header
    kind: int
    code: int
    checksum: int
    flags: int
    target: IPv6Address
    option: bytes


@dataclass(frozen=True, kw_only=True)
class Arp:
    """What dpkt reads in an ARP frame: operation, and MAC and address of both sides."""

    is_request: bool
    sender: tuple[bytes, IPv4Address]
    target: tuple[bytes, IPv4Address]


def ip_header(datagram: bytes) -> IpHeader:
    """Return what dpkt reads; never the payload, which dpkt takes for VRRP."""
    ip: Any = dpkt.ip.IP(datagram)
    return IpHeader(
        source=IPv4Address(ip.src),
        destination=IPv4Address(ip.dst),
        tos=ip.tos,
        ttl=ip.ttl,
        protocol=ip.p,
        length=ip.len,
        identification=ip.id,
        dont_fragment=bool(ip.df),
    )


def ipv6_header(datagram: bytes) -> Ipv6Header:
    """Return what dpkt reads; never the payload, which dpkt takes for VRRP."""
    ip: Any = dpkt.ip6.IP6(datagram)
    return Ipv6Header(
        source=IPv6Address(ip.src),
        destination=IPv6Address(ip.dst),
        traffic_class=ip.fc,
        flow_label=ip.flow,
        hop_limit=ip.hlim,
        next_header=ip.nxt,
        payload_length=ip.plen,
    )


def neighbour_advertisement(frame: bytes) -> NeighbourAdvertisement:
    """Return what dpkt reads in the frame of a neighbour advertisement."""
    ethernet: Any = dpkt.ethernet.Ethernet(frame)
    icmp: Any = ethernet.data.data
    body = bytes(icmp.data)
    return NeighbourAdvertisement(
        macs=(ethernet.dst, ethernet.src),
        ip=ipv6_header(frame[_ETHERNET_LENGTH:]),
        kind=icmp.type,
        code=icmp.code,
        checksum=icmp.sum,
        flags=int.from_bytes(body[:4], "big"),
        target=IPv6Address(body[4:20]),
        option=body[20:],
    )


def icmp6_checksum(frame: bytes) -> int:
    """Return the checksum that dpkt puts into an ICMPv6 message when it is asked to compute one."""
    ethernet: Any = dpkt.ethernet.Ethernet(frame)
    ethernet.data.data.sum = 0
    packed = bytes(ethernet)
    return int.from_bytes(packed[_ETHERNET_LENGTH + 42 : _ETHERNET_LENGTH + 44], "big")


def arp(frame: bytes) -> Arp | None:
    """Return what dpkt reads in a frame, if it is ARP."""
    ethernet: Any = dpkt.ethernet.Ethernet(frame)
    if ethernet.type != dpkt.ethernet.ETH_TYPE_ARP:
        return None
    read: Any = ethernet.data
    return Arp(
        is_request=read.op == dpkt.arp.ARP_OP_REQUEST,
        sender=(read.sha, IPv4Address(read.spa)),
        target=(read.tha, IPv4Address(read.tpa)),
    )


def frames_of(capture: Path) -> list[bytes]:
    """Return the frames of a pcap file."""
    with capture.open("rb") as file:
        reader: Any = dpkt.pcap.Reader(file)
        return [bytes(frame) for _, frame in reader]
