"""Laws of the digest: it is HMAC-SHA1 of what the specification says, and covers no more and no less."""

import hashlib
import hmac
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import Authenticator, covered_addresses
from triocarp.core.advertisement import parse

from .hosts import PASSWORD, PLAIN, VIRTUAL_ADDRESS, Peer

KEYS = st.binary(max_size=20)
VHIDS = st.integers(1, 255)
COUNTERS = st.integers(0, 2**64 - 1)
ADDRESSES = st.lists(st.ip_addresses(v=4), min_size=1, max_size=5)
COVERED = covered_addresses((VIRTUAL_ADDRESS.ip,))
AUTHENTICATOR = Authenticator(PASSWORD, PLAIN.vhid, COVERED)


@given(KEYS, VHIDS, ADDRESSES, COUNTERS)
def test_digest_is_hmac_sha1(key: bytes, vhid: int, addresses: list[IPv4Address], counter: int) -> None:
    """The digest is the standard library's HMAC-SHA1 over 02 01, VHID, each address once ascending, counter."""
    message = b"\x02\x01" + bytes((vhid,))
    for number in sorted({int(address) for address in addresses} - {0, 2**32 - 1}):
        message += number.to_bytes(4, "big")
    message += counter.to_bytes(8, "big")
    expected = hmac.new(key, message, hashlib.sha1).digest()
    assert expected == Authenticator(key, vhid, covered_addresses(addresses)).digest(counter)


@given(KEYS.map(lambda key: key[:15]), st.integers(0, 5), COUNTERS)
def test_zeros_behind_a_key_change_nothing(key: bytes, zeros: int, counter: int) -> None:
    """The BSDs' fixed field of 20 bytes and a shorter password give the same digest."""
    expected = Authenticator(key, 7, COVERED).digest(counter)
    assert expected == Authenticator(key + bytes(zeros), 7, COVERED).digest(counter)


@given(COUNTERS, st.integers(0, 255), st.integers(0, 255))
def test_genuine_advertisement_verifies(counter: int, advbase_s: int, advskew: int) -> None:
    """A peer with the same password, VHID and address verifies, whatever advbase and advskew it sends."""
    heard = parse(Peer(advbase_s=advbase_s, advskew=advskew).payload(counter))
    assert AUTHENTICATOR.verifies(heard.counter, heard.digest)


@given(COUNTERS, st.integers(0, 159))
def test_any_other_digest_does_not_verify(counter: int, bit: int) -> None:
    """A digest that differs in one bit does not verify."""
    genuine = parse(Peer().payload(counter))
    digest = bytearray(genuine.digest)
    digest[bit // 8] ^= 1 << bit % 8
    assert not AUTHENTICATOR.verifies(genuine.counter, bytes(digest))


def test_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes does not tell how much of a guess was right."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert AUTHENTICATOR.verifies(1, bytes(20))
    assert compared == [(AUTHENTICATOR.digest(1), bytes(20))]


def test_digest_covers_password_vhid_address_and_counter() -> None:
    """Another password, VHID, address or counter is another digest."""
    genuine = AUTHENTICATOR.digest(1)
    others = {
        Authenticator(b"other", PLAIN.vhid, COVERED).digest(1),
        Authenticator(PASSWORD, 8, COVERED).digest(1),
        Authenticator(PASSWORD, PLAIN.vhid, covered_addresses((IPv4Address("10.0.0.101"),))).digest(1),
        AUTHENTICATOR.digest(2),
    }
    assert len(others | {genuine}) == 5
