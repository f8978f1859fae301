"""CARP's HMAC-SHA1: what it covers and how it is verified.

The key is the password, padded with zeros. The message is version and type as two bytes, the VHID, every
virtual address in ascending order, and the counter. It does not cover advbase, advskew, demotion, or anything
of the IP header: who hears one advertisement can send it again with other values in those fields.
"""

import hashlib
import hmac
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final, final

from triocarp.core.advertisement import Advertisement

KEY_LENGTH_MAX: Final = 20
"""Longest key in bytes, in every BSD kernel. ucarp and BSD ``ifconfig`` stop at 19."""

_VERSION_AND_TYPE: Final = b"\x02\x01"
_BLOCK_LENGTH: Final = 64
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))


@final
class Authenticator:
    """Signs and verifies the advertisements of one virtual host.

    The two hashes of RFC 2104 are begun once and copied for each advertisement: only the counter is new.

    Args:
        key: the password, 0 to 20 bytes.
        vhid: virtual host, 1 to 255.
        addresses: every virtual address; the order does not matter and duplicates count once.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, vhid: int, addresses: Iterable[IPv4Address]) -> None:
        padded = key.ljust(_BLOCK_LENGTH, b"\0")
        self._inner = hashlib.sha1(padded.translate(_INNER_PAD), usedforsecurity=False)
        self._outer = hashlib.sha1(padded.translate(_OUTER_PAD), usedforsecurity=False)
        packed = b"".join(sorted({address.packed for address in addresses}))
        self._inner.update(_VERSION_AND_TYPE + bytes((vhid,)) + packed)

    def digest(self, counter: int) -> bytes:
        """Return the 20 bytes that sign an advertisement with this counter.

        Args:
            counter: 0 to 2**64 - 1.
        """
        inner = self._inner.copy()
        inner.update(counter.to_bytes(8, "big"))
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def verifies(self, advertisement: Advertisement) -> bool:
        """Return whether the advertisement carries the right digest, compared in constant time.

        Args:
            advertisement: as received.
        """
        return hmac.compare_digest(self.digest(advertisement.counter), advertisement.digest)
