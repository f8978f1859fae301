"""Packets that no host of the scenario would send: advertisements wrong in one thing, and those of a VRRP router.

Who sends them knows the password, unlike a `carpsim.adversary.Forge`: what is wrong is what the file says, and all
else is right. They come from the adversary's station.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final, final

from carpsim.adversary import HARDWARE_ADDRESS, Adversary
from triocarp.core import CARP_GROUP, Advertisement, Authenticator, IPAddress, covered_addresses
from triocarp.core.advertisement import LENGTH, internet_checksum
from triocarp.core.ethernet import ETHERTYPE_IPV4, ethernet_header, multicast_mac
from triocarp.core.ipv4 import header
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from carpsim.world import World

_CHECKSUM: Final = slice(6, 8)
_IPV4_CHECKSUM: Final = slice(10, 12)
_TTL_AT: Final = 8
_TYPE: Final = 1
_VRRP_MAC: Final = bytes.fromhex("00005e0001")
_VRRP_2, _VRRP_3 = 2, 3
_PROTOCOL: Final = 112
_TOS: Final = 0x10
_VRRP_TOS: Final = 0xC0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CraftedAdvertisement:
    """Somebody sends advertisements that are right in all but what is told here.

    Attributes:
        at: when.
        vhid: of the virtual host.
        source: from which they seem to come.
        addresses: the virtual ones that the HMAC covers.
        password: with which they are signed.
        advbase_s: what they say.
        advskew: what they say.
        demotion: what they say in OpenBSD's byte for it.
        ttl: of the packet; what a router has forwarded has less than 255.
        version: of CARP; there is none but 2.
        sums_up: whether the checksum is right.
        length: bytes of the advertisement that are sent; a whole one has 36.
        interval: nanoseconds from one to the next.
        duration: how long, nanoseconds; None for ever. There is one at least.
        segment: where.
    """

    at: int
    vhid: int
    source: IPv4Address
    addresses: tuple[IPAddress, ...]
    password: str = field(default="carpsim", repr=False)
    advbase_s: int = 1
    advskew: int = 0
    demotion: int = 0
    ttl: int = 255
    version: int = 2
    sums_up: bool = True
    length: int = LENGTH
    interval: int = SECOND
    duration: int | None = SECOND
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `carpsim.faults.Fault`."""
        adversary = world.adversary(self.segment)
        authenticator = Authenticator(self.password.encode(), self.vhid, covered_addresses(self.addresses))

        def send() -> None:
            counter = adversary.rng.getrandbits(64)
            carp = Advertisement(
                vhid=self.vhid,
                advskew=self.advskew,
                advbase_s=self.advbase_s,
                demotion=self.demotion,
                counter=counter,
                digest=authenticator.digest(counter),
            ).build()
            _send(adversary, self.source, self._spoilt(carp), ttl=self.ttl)

        adversary.repeat(send, interval=self.interval, duration=self.duration)

    def _spoilt(self, advertisement: bytes) -> bytes:
        carp = bytearray(advertisement)
        carp[0] = self.version << 4 | _TYPE
        carp[_CHECKSUM] = bytes(2)
        checksum = internet_checksum(bytes(carp))
        carp[_CHECKSUM] = (checksum if self.sums_up else checksum ^ 1).to_bytes(2)
        return bytes(carp[: self.length])


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpRouter:
    """A VRRP router that is master: protocol and group are CARP's own, and its number may be a VHID (RFC 9568).

    Attributes:
        at: when it becomes master.
        vhid: its virtual router identifier, the same number as a VHID.
        source: its own address.
        address: its virtual one.
        priority: what it says, 1 to 255.
        vrrp: its version, 2 or 3.
        interval: nanoseconds from one advertisement to the next.
        duration: how long, nanoseconds; None for ever.
        segment: where.
    """

    at: int
    vhid: int
    source: IPv4Address
    address: IPv4Address
    priority: int = 100
    vrrp: int = _VRRP_3
    interval: int = SECOND
    duration: int | None = None
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `carpsim.faults.Fault`."""
        adversary = world.adversary(self.segment)
        packet = self._advertisement()
        mac = _VRRP_MAC + bytes((self.vhid,))
        adversary.repeat(
            lambda: _send(adversary, self.source, packet, mac=mac, tos=_VRRP_TOS),
            interval=self.interval,
            duration=self.duration,
        )

    def _advertisement(self) -> bytes:
        begin = bytes((self.vrrp << 4 | _TYPE, self.vhid, self.priority, 1))
        if self.vrrp == _VRRP_2:
            # No authentication, seconds, and eight bytes that nobody looks at (RFC 3768, section 5.3).
            told = bytes((0, max(1, self.interval // SECOND))) + bytes(2) + self.address.packed + bytes(8)
            covered = b""
        else:
            # Hundredths of a second, and a checksum that covers IPv4's pseudo-header (RFC 9568, section 5.2.8).
            told = (self.interval * 100 // SECOND).to_bytes(2) + bytes(2) + self.address.packed
            length = len(begin) + len(told)
            covered = self.source.packed + CARP_GROUP.packed + bytes((0, _PROTOCOL)) + length.to_bytes(2)
        packet = bytearray(begin + told)
        packet[_CHECKSUM] = internet_checksum(covered + bytes(packet)).to_bytes(2)
        return bytes(packet)


def _send(
    adversary: Adversary,
    source: IPv4Address,
    payload: bytes,
    *,
    mac: bytes = HARDWARE_ADDRESS,
    tos: int = _TOS,
    ttl: int = 255,
) -> None:
    ip = bytearray(header(source, CARP_GROUP, tos=tos, payload_length=len(payload)))
    ip[_TTL_AT] = ttl
    ip[_IPV4_CHECKSUM] = bytes(2)
    ip[_IPV4_CHECKSUM] = internet_checksum(bytes(ip)).to_bytes(2)
    adversary.send(ethernet_header(multicast_mac(CARP_GROUP), mac, ETHERTYPE_IPV4) + bytes(ip) + payload)
