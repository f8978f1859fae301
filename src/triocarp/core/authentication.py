"""CARP's HMAC-SHA1: what it covers and how it is verified.

The key is the password, padded with zeros. The message is version and type as two bytes, the VHID, every
virtual address (IPv4 before IPv6), and the counter. It does not cover advbase, advskew, demotion, or anything
of the IP header: who hears one advertisement can send it again with other values in those fields. `sealed_counter`
is the answer to that.
"""

import hashlib
import hmac
import itertools
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address
from typing import Final, final

from triocarp.core.dialect import AddressOrder, Dialect, LinkLocalRule
from triocarp.core.family import IPAddress

KEY_LENGTH_MAX: Final = 20
"""Longest key in bytes, in every BSD kernel. ucarp and BSD ``ifconfig`` stop at 19."""

SUBSETS_MAX: Final = 64
"""How many other sets of addresses `Keyring.has_other_addresses` tries at most: 100 us of work."""

SLIPS_AT_ONCE: Final = 32
"""How many sets with a slip of the pen it tries in one call: 150 us of work at most."""

SLIPS_MAX: Final = 2048
"""How many of them it tries in all, and remembers: those of four addresses."""

_VERSION_AND_TYPE: Final = b"\x02\x01"
_BLOCK_LENGTH: Final = 64
_IPV4_LENGTH: Final = 4
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))
_NOT_COVERED: Final = frozenset({bytes(4), b"\xff" * 4, bytes(16), b"\xff" * 16})


@final
class Authenticator:
    """Signs and verifies with one key and one set of addresses.

    The two hashes of RFC 2104 are begun once and copied for each advertisement: only the counter is new.

    Args:
        key: the password, 0 to 20 bytes.
        vhid: virtual host, 1 to 255.
        covered: what the HMAC covers of the addresses, as `covered_addresses` gives it.
        link_layer_address: of an OpenBSD group with a custom one, 6 bytes; else empty.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, vhid: int, covered: bytes, link_layer_address: bytes = b"") -> None:
        padded = key.ljust(_BLOCK_LENGTH, b"\0")
        self._inner = hashlib.sha1(padded.translate(_INNER_PAD), usedforsecurity=False)
        self._outer = hashlib.sha1(padded.translate(_OUTER_PAD), usedforsecurity=False)
        self._inner.update(_VERSION_AND_TYPE + link_layer_address + bytes((vhid,)) + covered)

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

    def verifies(self, counter: int, digest: bytes) -> bool:
        """Return whether a digest is right, compared in constant time.

        Args:
            counter: as received.
            digest: as received, 20 bytes.
        """
        return hmac.compare_digest(self.digest(counter), digest)


def covered_addresses(addresses: Iterable[IPAddress], order: AddressOrder = AddressOrder.ASCENDING) -> bytes:
    """Return what the HMAC covers of a set of virtual addresses.

    In ascending order duplicates count once, and the addresses of all zeros and of all ones do not count: the BSDs
    look for the least address that is greater than the last one, from zero on. The scope bytes of link-local
    addresses, in which a BSD kernel keeps the interface's number, count as zero.

    Args:
        addresses: all of them, in the order of the configuration.
        order: of the dialect.
    """
    packed = [_without_scope(address) for address in addresses]
    ipv4 = [octets for octets in packed if len(octets) == _IPV4_LENGTH]
    ipv6 = [octets for octets in packed if len(octets) != _IPV4_LENGTH]
    if order is not AddressOrder.AS_CONFIGURED:
        ipv4 = sorted(set(ipv4) - _NOT_COVERED)
    if order is AddressOrder.ASCENDING:
        ipv6 = sorted(set(ipv6) - _NOT_COVERED)
    return b"".join(ipv4 + ipv6)


@final
class Keyring:
    """The passwords of one virtual host: signs with the first, accepts all.

    With two of them a group changes its password without an outage: first every host accepts the new one as well,
    then every host signs with it, then the old one is dropped.

    Args:
        passwords: the one to sign with, then those that are accepted as well.
        vhid: virtual host.
        addresses: every virtual address, in the order of the configuration.
        dialect: what the HMAC covers.
        link_layer_address: of an OpenBSD group with a custom one, 6 bytes; else empty.
    """

    __slots__ = (
        "_accepted",
        "_addresses",
        "_dialect",
        "_link_layer_address",
        "_mistaken",
        "_passwords",
        "_signer",
        "_slips",
        "_vhid",
    )

    def __init__(
        self,
        passwords: tuple[bytes, ...],
        vhid: int,
        addresses: tuple[IPAddress, ...],
        dialect: Dialect,
        link_layer_address: bytes = b"",
    ) -> None:
        self._passwords = passwords
        self._vhid = vhid
        self._addresses = addresses
        self._dialect = dialect
        self._link_layer_address = link_layer_address
        self._accepted = [
            (index, self._authenticator(password, covered))
            for index, password in enumerate(passwords)
            for covered in self._variants()
        ]
        self._signer = self._accepted[0][1]
        self._mistaken: tuple[bytes, ...] | None = None
        self._slips = itertools.cycle(itertools.islice(self._slipped_sets(), SLIPS_MAX))

    def digest(self, counter: int) -> bytes:
        """Return the 20 bytes that sign our advertisement with this counter.

        Args:
            counter: 0 to 2**64 - 1.
        """
        return self._signer.digest(counter)

    def key_of(self, counter: int, digest: bytes) -> int | None:
        """Return which password signed an advertisement: 0 for the one that we sign with, None if none did.

        Args:
            counter: as received.
            digest: as received, 20 bytes.
        """
        for index, authenticator in self._accepted:
            if authenticator.verifies(counter, digest):
                return index
        return None

    def has_other_addresses(self, counter: int, digest: bytes, source: IPAddress) -> bool:
        """Return whether an advertisement that did not verify has our password, but other virtual addresses.

        That is the usual mistake, and CARP cannot tell it from a wrong password. Tried are the sets that somebody
        arrives at by mistake: the sender's own address among them, none at all, some of ours missing; and, a few
        with each call, so that who goes on is found out, those with another last byte in one of ours, or with one
        more that differs from one of ours in the last byte. Anything else that the sender has and we do not know
        cannot be found, nor everything where there are very many addresses.

        Args:
            counter: as received.
            digest: as received, 20 bytes.
            source: the IP source address.
        """
        if self._mistaken is None:
            self._mistaken = tuple(itertools.islice(self._mistaken_sets(), SUBSETS_MAX - 1))
        with_its_own = covered_addresses((*self._addresses, source), self._dialect.address_order)
        if self._covering((with_its_own, *self._mistaken), counter, digest) is not None:
            return True
        slip = self._covering(itertools.islice(self._slips, SLIPS_AT_ONCE), counter, digest)
        if slip is not None:
            self._mistaken = (slip, *self._mistaken)[:SUBSETS_MAX]
        return slip is not None

    def _covering(self, sets: Iterable[bytes], counter: int, digest: bytes) -> bytes | None:
        """Return the set of addresses with which a digest is one of our passwords'; None if none is."""
        return next(
            (
                covered
                for covered in sets
                for password in self._passwords
                if self._authenticator(password, covered).verifies(counter, digest)
            ),
            None,
        )

    def _authenticator(self, password: bytes, covered: bytes) -> Authenticator:
        return Authenticator(password, self._vhid, covered, self._link_layer_address)

    def _variants(self) -> Iterator[bytes]:
        """Yield what the HMAC may cover; the first is what we sign."""
        order = self._dialect.address_order
        everything = covered_addresses(self._addresses, order)
        if self._dialect.link_local is LinkLocalRule.LEFT_OUT:
            without = covered_addresses((a for a in self._addresses if not _has_scope(a)), order)
            if without != everything:
                yield without
        yield everything

    def _mistaken_sets(self) -> Iterator[bytes]:
        """Yield what the HMAC covers where some of our addresses are missing, the likeliest first."""
        ours = self._addresses
        order = self._dialect.address_order
        yield b""
        counts = dict.fromkeys((len(ours) - 1, 1, *range(len(ours) - 2, 1, -1)))
        for count in counts:
            if 0 < count < len(ours):
                for some in itertools.combinations(ours, count):
                    yield covered_addresses(some, order)

    def _slipped_sets(self) -> Iterator[bytes]:
        """Yield what the HMAC covers if one has another last byte, or one more such is there; nearest first."""
        order = self._dialect.address_order
        for distance, index in itertools.product(range(1, 0x100), range(len(self._addresses))):
            address = self._addresses[index]
            before, after = self._addresses[:index], self._addresses[index + 1 :]
            for number in (int(address) + distance, int(address) - distance):
                if number | 0xFF != int(address) | 0xFF:
                    continue  # that is no other last byte
                slipped = type(address)(number)
                yield covered_addresses((*self._addresses, slipped), order)
                if slipped not in self._addresses:  # else one of ours is missing, and that was tried
                    yield covered_addresses((*before, slipped, *after), order)


def _has_scope(address: IPAddress) -> bool:
    """Return whether an address is a link-local one of IPv6; those of IPv4 are like any other."""
    return isinstance(address, IPv6Address) and address.is_link_local


def _without_scope(address: IPAddress) -> bytes:
    if _has_scope(address):
        return address.packed[:2] + bytes(2) + address.packed[4:]
    return address.packed
