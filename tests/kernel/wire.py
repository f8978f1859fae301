"""What the tests see on the wire, and what they put there: advertisements read and built with `triocarp.core`."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from triocarp.core import Advertisement, Authenticator, PacketReceived, covered_addresses, read_datagram
from triocarp.core.advertisement import PROTOCOL, MalformedAdvertisementError, parse
from triocarp.core.configuration import CARP_GROUP
from triocarp.core.ethernet import ETHERTYPE_IPV4, ethernet_header, multicast_mac
from triocarp.core.ipv4 import header
from triocarp.lab import INTERFACE

if TYPE_CHECKING:
    from triocarp.lab import Capture, Frame, Host

VIP: Final = "10.0.0.100"
VHID: Final = 7
PASSWORD: Final = "correct horse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An advertisement that crossed the switch.

    Attributes:
        frame: as it was captured.
        packet: the IP packet in it.
        advertisement: the advertisement in that.
    """

    frame: Frame
    packet: PacketReceived
    advertisement: Advertisement

    @property
    def at(self) -> int:
        """When it crossed the switch, in nanoseconds of the lab's clock."""
        return self.frame.at

    @property
    def host(self) -> str:
        """The name of the host that sent it, whatever its addresses say."""
        return self.frame.host


def read(frame: Frame) -> Heard | None:
    """Return the advertisement in a frame, or None if there is none that is sound."""
    if frame.ip_protocol != PROTOCOL:
        return None
    packet = read_datagram(INTERFACE, frame.payload)
    if not isinstance(packet, PacketReceived):
        return None
    try:
        return Heard(frame=frame, packet=packet, advertisement=parse(packet.payload))
    except MalformedAdvertisementError:
        return None


class Wire:
    """The advertisements and announcements among the frames of a capture."""

    def __init__(self, capture: Capture) -> None:
        """Look at a capture.

        Args:
            capture: of the LAN; it stays the caller's.
        """
        self.capture = capture

    def advertisements(
        self, host: Host | None = None, *, since: int = 0, until: int | None = None, vhid: int | None = None
    ) -> list[Heard]:
        """Return the advertisements up to now, goodbyes too, of one host or of all, of one group or of all."""
        return [
            heard
            for frame in self.capture.frames
            if frame.at >= since
            and (until is None or frame.at <= until)
            and (host is None or frame.host == host.name)
            and (heard := read(frame)) is not None
            and vhid in (None, heard.advertisement.vhid)
        ]

    def announcements(self, host: Host | None = None, *, since: int = 0) -> list[Frame]:
        """Return the gratuitous ARPs and neighbour advertisements up to now, of one host or of all."""
        return [
            frame
            for frame in self.capture.frames
            if frame.at >= since and frame.announces is not None and (host is None or frame.host == host.name)
        ]

    def wait_for_advertisement(
        self, host: Host, *, since: int = 0, count: int = 1, vhid: int | None = None, timeout_s: float = 10
    ) -> Heard:
        """Wait until a host has advertised a number of times that it is master, and return the last of them."""
        left = count

        def is_the_last(frame: Frame) -> bool:
            nonlocal left
            heard = read(frame) if frame.host == host.name else None
            if heard is not None and not heard.advertisement.is_goodbye:
                left -= vhid in (None, heard.advertisement.vhid)
            return left == 0

        found = read(self.capture.wait_for(is_the_last, since=since, timeout_s=timeout_s))
        assert found is not None
        return found

    def wait_for_goodbye(
        self, host: Host, *, since: int = 0, vhid: int | None = None, timeout_s: float = 10
    ) -> Heard:
        """Wait until a host says goodbye."""

        def is_goodbye(frame: Frame) -> bool:
            heard = read(frame) if frame.host == host.name else None
            if heard is None or vhid not in (None, heard.advertisement.vhid):
                return False
            return heard.advertisement.is_goodbye

        found = read(self.capture.wait_for(is_goodbye, since=since, timeout_s=timeout_s))
        assert found is not None
        return found

    def wait_for_announcement(self, host: Host, *, since: int = 0, vip: str = VIP, timeout_s: float = 10) -> Frame:
        """Wait until a host announces the virtual address."""
        wanted = ipaddress.ip_address(vip)
        return self.capture.wait_for(
            lambda frame: frame.host == host.name and frame.announces == wanted,
            since=since,
            timeout_s=timeout_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crafted:
    """A frame that claims to be an advertisement: sound unless a field is given another value.

    Attributes:
        source: IP source address.
        destination: IP destination address.
        mac: Ethernet destination address; that of the group when empty.
        ttl: time to live.
        vhid: virtual host.
        advbase_s: seconds.
        advskew: 1/256 seconds.
        counter: any.
        password: which signs.
        vip: which is signed.
        version_and_type: first byte.
        spoil_checksum: whether one bit of the counter is turned afterwards.
        length: how many bytes of the 36 to send.
        payload: what follows the IP header, instead of an advertisement.
    """

    source: str
    destination: str = str(CARP_GROUP)
    mac: str = ""
    ttl: int = 255
    vhid: int = VHID
    advbase_s: int = 0
    advskew: int = 1
    counter: int = 1
    password: str = PASSWORD
    vip: str = VIP
    version_and_type: int = 0x21
    spoil_checksum: bool = False
    length: int = 36
    payload: bytes | None = None

    def frame(self) -> bytes:
        """Return the whole Ethernet frame."""
        payload = self.payload if self.payload is not None else self._advertisement()
        source, destination = IPv4Address(self.source), IPv4Address(self.destination)
        ip_header = bytearray(header(source, destination, tos=0x10, payload_length=len(payload)))
        ip_header[8] = self.ttl
        ip_header[10:12] = bytes(2)
        ip_header[10:12] = checksum(ip_header)
        to = bytes.fromhex(self.mac.replace(":", "")) or multicast_mac(destination)
        ethernet = ethernet_header(to, bytes.fromhex("00005e0000") + bytes((self.vhid,)), ETHERTYPE_IPV4)
        return ethernet + bytes(ip_header) + payload

    def _advertisement(self) -> bytes:
        signer = Authenticator(
            self.password.encode(), self.vhid, covered_addresses([ipaddress.IPv4Address(self.vip)])
        )
        built = bytearray(
            Advertisement(
                vhid=self.vhid,
                advskew=self.advskew,
                advbase_s=self.advbase_s,
                counter=self.counter,
                digest=signer.digest(self.counter),
            ).build()
        )
        built[0] = self.version_and_type
        built[6:8] = bytes(2)
        built[6:8] = checksum(built)
        if self.spoil_checksum:
            built[15] ^= 1
        return bytes(built[: self.length])


def checksum(data: bytes | bytearray) -> bytes:
    """Return the Internet checksum, added up word by word: not as the core does it."""
    total = sum(int.from_bytes(data[index : index + 2]) for index in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return (0xFFFF - total).to_bytes(2)


def open_sender(host: Host) -> socket.socket:
    """Open a socket that sends whole frames through a host's `eth0`."""
    sender = host.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((INTERFACE, 0))
    return sender
