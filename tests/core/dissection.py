"""A second opinion about frames: dpkt's, in our words."""

from dataclasses import dataclass
from ipaddress import IPv4Address
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
