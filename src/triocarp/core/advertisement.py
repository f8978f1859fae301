"""The CARP advertisement: 36 bytes after the IP header.

::

    0      version (high four bits, 2) and type (low four bits, 1)
    1      vhid, 1 to 255
    2      advskew, 1/256 seconds
    3      authlen: counter and digest in 32-bit words, 7
    4      demotion (OpenBSD; zero elsewhere)
    5      advbase, seconds
    6-7    Internet checksum over these 36 bytes, without a pseudo-header
    8-15   counter, big-endian
    16-35  HMAC-SHA1

There is no RFC; the layout imitates VRRPv2 (RFC 3768), whose protocol number and multicast group CARP shares.
What is here is exact about lengths and ranges; whether the digest is right is `authentication`'s matter.
"""

import struct
from dataclasses import dataclass
from typing import Final, final

from triocarp.core.reasons import DropReason
from triocarp.core.timing import advertisement_interval

PROTOCOL: Final = 112
"""IP protocol number, shared with VRRP."""

LENGTH: Final = 36
"""Length of an advertisement in bytes; what follows it in the datagram is ignored."""

DIGEST_LENGTH: Final = 20
"""Length of the HMAC-SHA1 in bytes."""

COUNTER_MODULUS: Final = 1 << 64
"""The counter wraps from all ones to zero."""

GOODBYE: Final = 255
"""advbase and advskew of an advertisement that says "I am leaving" (the BSDs' bow-out)."""

_VERSION_AND_TYPE: Final = 0x21
_VERSION: Final = 2
_AUTHLEN: Final = 7
_LAYOUT: Final = struct.Struct("!BBBBBBHQ20s")
_VRRP_VERSION_AND_TYPE_2: Final = 0x21
_VRRP_VERSION_AND_TYPE_3: Final = 0x31
_VRRP_AUTHENTICATION_DATA: Final = 8
_VRRP_LENGTH_MIN: Final = 8 + 4  # of version 3, with one IPv4 address


@final
class MalformedAdvertisementError(ValueError):
    """Raised when bytes from the network are no CARP advertisement.

    Attributes:
        reason: which check they failed.
        vhid: the VHID that they claim, or the virtual router's number in VRRP, if they are long enough for one.
    """

    def __init__(self, reason: DropReason, vhid: int | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.vhid = vhid


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Advertisement:
    """One CARP advertisement, as it stands on the wire.

    Attributes:
        vhid: virtual host, 1 to 255.
        advskew: 1/256 seconds, 0 to 255; includes the demotion of most implementations.
        advbase_s: seconds, 0 to 255.
        counter: 0 to 2**64 - 1.
        digest: HMAC-SHA1, 20 bytes.
        demotion: OpenBSD's demotion count, 0 to 255; zero elsewhere.
    """

    vhid: int
    advskew: int
    advbase_s: int
    counter: int
    digest: bytes
    demotion: int = 0

    @property
    def interval(self) -> int:
        """The advertised time until the next advertisement, in nanoseconds."""
        return advertisement_interval(self.advbase_s, self.advskew)

    @property
    def is_goodbye(self) -> bool:
        """Whether the sender says that it is leaving."""
        return self.advbase_s == GOODBYE and self.advskew == GOODBYE

    def build(self) -> bytes:
        """Return the 36 bytes, with their checksum.

        Raises:
            struct.error: a field is out of its range.
        """
        fields = (self.advskew, _AUTHLEN, self.demotion, self.advbase_s)
        unsummed = _LAYOUT.pack(_VERSION_AND_TYPE, self.vhid, *fields, 0, self.counter, self.digest)
        checksum = internet_checksum(unsummed)
        return b"%b%b%b" % (unsummed[:6], checksum.to_bytes(2, "big"), unsummed[8:])


def internet_checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of an even number of bytes that are not all zero.

    A ones' complement sum of 16-bit words is the number modulo 65535. That leaves two zeros to choose from;
    data that is not all zero sums to 0xffff, never to 0, so the complement is 0.

    Args:
        data: the bytes, with zeros where the checksum will stand.
    """
    return -int.from_bytes(data, "big") % 0xFFFF


def checksum_holds(data: bytes) -> bool:
    """Return whether an even number of bytes, the checksum among them, sums up as RFC 1071 wants.

    Args:
        data: the bytes as received.
    """
    return int.from_bytes(data, "big") % 0xFFFF == 0


def parse(payload: bytes) -> Advertisement:
    """Return the advertisement that an IP payload holds.

    The order of the checks, and what each failure is called, follow the BSDs and protocol practice: version,
    type, length, checksum. Whatever the bytes are, the only exception is the one named here.

    Args:
        payload: what follows the IP header; bytes behind the 36th are ignored, as every receiver does.

    Raises:
        MalformedAdvertisementError: with the reason: `FOREIGN` for a VRRP packet, `BAD_LENGTH`, `BAD_VERSION`,
            `BAD_TYPE`, `BAD_CHECKSUM`, or `BAD_VHID` for VHID 0.
    """
    if len(payload) != LENGTH and is_vrrp(payload):
        raise MalformedAdvertisementError(DropReason.FOREIGN, payload[1])
    if len(payload) < LENGTH:
        raise MalformedAdvertisementError(DropReason.BAD_LENGTH)
    version_and_type, vhid, advskew, authlen, demotion, advbase_s, _, counter, digest = _LAYOUT.unpack_from(
        payload
    )
    if version_and_type != _VERSION_AND_TYPE or authlen != _AUTHLEN:
        if is_vrrp(payload):
            raise MalformedAdvertisementError(DropReason.FOREIGN, vhid)
        reason = DropReason.BAD_TYPE if version_and_type >> 4 == _VERSION else DropReason.BAD_VERSION
        raise MalformedAdvertisementError(reason, vhid)
    if not checksum_holds(payload[:LENGTH]):
        raise MalformedAdvertisementError(DropReason.BAD_CHECKSUM, vhid)
    if vhid == 0:
        raise MalformedAdvertisementError(DropReason.BAD_VHID, vhid)
    return Advertisement(
        vhid=vhid, advskew=advskew, advbase_s=advbase_s, counter=counter, digest=digest, demotion=demotion
    )


def is_vrrp(payload: bytes) -> bool:
    """Return whether a payload has the exact shape of a VRRP advertisement.

    VRRP shares protocol 112 and 224.0.0.18. VRRPv2 (RFC 3768) is 8 bytes, 4 for each address, 8 of
    authentication data; VRRPv3 (RFC 5798) is 8 bytes and 4 for each IPv4 or 16 for each IPv6 address. A VRRPv3
    packet with seven IPv4 addresses is as long as a CARP header and is taken for CARP of a wrong version. A
    VRRPv2 packet with seven addresses and no password begins with 36 bytes that only their digest, and the 8
    zeros behind them, tell from CARP.

    Args:
        payload: what follows the IP header.
    """
    if len(payload) < _VRRP_LENGTH_MIN or payload[3] == 0:
        return False
    count = payload[3]
    if payload[0] == _VRRP_VERSION_AND_TYPE_2:
        return len(payload) == 8 + 4 * count + _VRRP_AUTHENTICATION_DATA and checksum_holds(payload)
    if payload[0] == _VRRP_VERSION_AND_TYPE_3:
        return len(payload) in {8 + 4 * count, 8 + 16 * count} and len(payload) != LENGTH
    return False
