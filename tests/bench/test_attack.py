from __future__ import annotations

import random
import struct
from ipaddress import IPv4Address

from tests.bench.attack import forged, raised
from tests.bench.group import ATTACKER
from tests.bench.libraries import dissect, receive
from triocarp.core.advertisement import Advertisement, checksum_holds
from triocarp.core.ipv4 import header

MEMBER = IPv4Address("10.0.0.1")
GROUP = IPv4Address("224.0.0.18")
ETHERNET = bytes.fromhex("01005e000012 00005e000001 0800")
CARP = Advertisement(vhid=1, advskew=100, advbase_s=1, counter=7, digest=bytes(range(20)))
VRRP = struct.pack("!BBBBBBH4s8s", 0x21, 1, 100, 1, 0, 1, 0, MEMBER.packed, bytes(8))


def frame(payload: bytes) -> bytes:
    """Return what a member of the group sends."""
    return ETHERNET + header(MEMBER, GROUP, tos=0, payload_length=len(payload)) + payload


def test_a_raised_advertisement_keeps_its_signature() -> None:
    """Only what nobody signs is another: the preference and the sender."""
    attack = raised(frame(CARP.build()))
    heard = dissect(attack[14:])

    assert attack[:14] == ETHERNET[:6] + ATTACKER + ETHERNET[12:]
    assert receive(attack[14:]).source != MEMBER
    assert (heard.advskew, heard.counter, heard.digest) == (0, CARP.counter, CARP.digest)


def test_a_forged_advertisement_is_well_formed() -> None:
    """Each has another counter and another digest, which nobody has signed."""
    rng = random.Random(1)  # noqa: S311 - any bytes will do
    first, second = (dissect(forged(frame(CARP.build()), rng)[14:]) for _ in range(2))

    assert first.advskew == second.advskew == 0
    assert len({CARP.digest, first.digest, second.digest}) == 3
    assert len({CARP.counter, first.counter, second.counter}) == 3


def test_vrrp_has_nothing_to_forge() -> None:
    """Its priority is raised, with a sound checksum; the addresses stay, or it would be dropped."""
    for attack in (raised(frame(VRRP)), forged(frame(VRRP), random.Random(1))):  # noqa: S311 - the same
        payload = attack[14 + 20 :]

        assert payload[2] == 255
        assert checksum_holds(payload)
        assert payload[8:] == VRRP[8:]
