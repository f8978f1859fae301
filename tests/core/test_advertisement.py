"""Laws of the 36 bytes: what is built is read, and whatever arrives is read or refused with a reason."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triocarp.core import Advertisement, DropReason, MalformedAdvertisementError
from triocarp.core.advertisement import LENGTH, checksum_holds, internet_checksum, parse

from .hosts import Peer

ADVERTISEMENTS = st.builds(
    Advertisement,
    vhid=st.integers(1, 255),
    advskew=st.integers(0, 255),
    advbase_s=st.integers(0, 255),
    counter=st.integers(0, 2**64 - 1),
    digest=st.binary(min_size=20, max_size=20),
    demotion=st.integers(0, 255),
)
POSSIBLE_REASONS = {
    DropReason.FOREIGN,
    DropReason.BAD_LENGTH,
    DropReason.BAD_VERSION,
    DropReason.BAD_TYPE,
    DropReason.BAD_CHECKSUM,
    DropReason.BAD_VHID,
}
VRRP_V2, VRRP_V3 = 0x21, 0x31


def rfc_1071_checksum(data: bytes) -> int:
    """Return the Internet checksum as RFC 1071 describes it: add words, add the carries back in, complement."""
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def reason_to_refuse(payload: bytes) -> DropReason | None:
    """Return why a payload is no advertisement; None if it is one."""
    try:
        parse(payload)
    except MalformedAdvertisementError as error:
        return error.reason
    return None


def with_checksum(payload: bytes) -> bytes:
    """Return 36 bytes with the right checksum in its place."""
    unsummed = payload[:6] + bytes(2) + payload[8:]
    return payload[:6] + rfc_1071_checksum(unsummed).to_bytes(2, "big") + payload[8:]


def vrrp(version_and_type: int, addresses: list[bytes], *, authentication_data: bytes = b"") -> bytes:
    """Return a VRRP advertisement: VRRPv2 with its 8 bytes of authentication data, VRRPv3 without."""
    head = bytes((version_and_type, 7, 100, len(addresses), 0, 1, 0, 0))
    return with_checksum(head + b"".join(addresses) + authentication_data)


@given(ADVERTISEMENTS)
def test_what_is_built_is_read(advertisement: Advertisement) -> None:
    """parse(build(x)) == x, and what stands behind the 36 bytes is ignored."""
    built = advertisement.build()
    assert len(built) == LENGTH
    assert advertisement == parse(built)
    assert advertisement == parse(built + b"trailing")


@given(ADVERTISEMENTS)
def test_fields_stand_where_the_protocol_has_them(advertisement: Advertisement) -> None:
    """The layout is the one of every CARP implementation, written out literally."""
    expected = (
        bytes((0x21, advertisement.vhid, advertisement.advskew, 7, advertisement.demotion))
        + bytes((advertisement.advbase_s, 0, 0))
        + advertisement.counter.to_bytes(8, "big")
        + advertisement.digest
    )
    assert with_checksum(expected) == advertisement.build()


@given(ADVERTISEMENTS)
def test_interval_and_goodbye_follow_from_the_fields(advertisement: Advertisement) -> None:
    """The advertised interval is advbase seconds and advskew 1/256 seconds; 255 and 255 is a goodbye."""
    expected = advertisement.advbase_s * 1_000_000_000 + advertisement.advskew * 1_000_000_000 // 256
    assert expected == advertisement.interval
    is_goodbye = (advertisement.advbase_s, advertisement.advskew) == (255, 255)
    assert is_goodbye == advertisement.is_goodbye


@pytest.mark.parametrize(
    "fields", [{"vhid": 256}, {"advskew": -1}, {"advbase_s": 256}, {"counter": 2**64}, {"demotion": 256}]
)
def test_field_out_of_range_is_not_built(fields: dict[str, int]) -> None:
    """A field that does not fit on the wire raises instead of being cut."""
    values = {"vhid": 7, "advskew": 0, "advbase_s": 1, "counter": 1, "demotion": 0} | fields
    with pytest.raises(struct.error):
        Advertisement(
            vhid=values["vhid"],
            advskew=values["advskew"],
            advbase_s=values["advbase_s"],
            counter=values["counter"],
            demotion=values["demotion"],
            digest=bytes(20),
        ).build()


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    """Whatever the bytes are: an advertisement, or one of the reasons, and nothing else is raised."""
    assert reason_to_refuse(payload) in POSSIBLE_REASONS | {None}


@given(st.binary(min_size=LENGTH, max_size=60), st.integers(0, 255))
def test_any_plausible_bytes_are_read_or_refused(payload: bytes, vhid: int) -> None:
    """The same behind a right first word and checksum: only VHID 0, or VRRP's shape, is refused then."""
    plausible = with_checksum(bytes((0x21, vhid, payload[2], 7)) + payload[4:LENGTH]) + payload[LENGTH:]
    expected = {DropReason.BAD_VHID} if vhid == 0 else {None}
    assert reason_to_refuse(plausible) in expected | ({DropReason.FOREIGN} if len(plausible) == 44 else set())


@given(ADVERTISEMENTS, st.integers(0, LENGTH * 8 - 1))
def test_every_flipped_bit_is_noticed(advertisement: Advertisement, bit: int) -> None:
    """No single bit of an advertisement can change on its way without being refused."""
    damaged = bytearray(advertisement.build())
    damaged[bit // 8] ^= 1 << bit % 8
    assert reason_to_refuse(bytes(damaged)) in POSSIBLE_REASONS


@given(ADVERTISEMENTS, st.integers(0, LENGTH - 1))
def test_truncated_advertisement_is_too_short(advertisement: Advertisement, length: int) -> None:
    """A truncated advertisement is too short, and never taken for VRRP."""
    assert reason_to_refuse(advertisement.build()[:length]) is DropReason.BAD_LENGTH


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (0, 0x31, DropReason.BAD_VERSION),
        (0, 0x11, DropReason.BAD_VERSION),
        (0, 0x01, DropReason.BAD_VERSION),
        (0, 0x22, DropReason.BAD_TYPE),
        (3, 6, DropReason.BAD_TYPE),
        (1, 0, DropReason.BAD_VHID),
    ],
)
def test_refusal_says_why(position: int, value: int, reason: DropReason) -> None:
    """Each refusal has its reason and the VHID that is claimed, and its text is the counter's name."""
    changed = bytearray(Peer().payload())
    changed[position] = value
    with pytest.raises(MalformedAdvertisementError, match=reason.value) as caught:
        parse(with_checksum(bytes(changed)))
    assert (reason, changed[1]) == (caught.value.reason, caught.value.vhid)


@given(addresses=st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=20), has_password=st.booleans())
@example(addresses=[bytes((192, 0, 2, octet)) for octet in range(7)], has_password=False)
@example(addresses=[bytes((192, 0, 2, octet)) for octet in range(5)], has_password=False)
def test_vrrp_2_is_foreign(addresses: list[bytes], has_password: bool) -> None:
    """A VRRPv2 advertisement is foreign, also one of 36 bytes, and one whose first 36 look like CARP."""
    packet = vrrp(VRRP_V2, addresses, authentication_data=b"password" if has_password else bytes(8))
    assert reason_to_refuse(packet) is DropReason.FOREIGN


@given(st.integers(1, 20), st.sampled_from([4, 16]))
def test_vrrp_3_is_foreign(count: int, address_length: int) -> None:
    """A VRRPv3 advertisement is foreign; with seven IPv4 addresses it cannot be told from CARP of version 3."""
    packet = vrrp(VRRP_V3, [bytes(range(address_length))] * count)
    expected = DropReason.BAD_VERSION if len(packet) == LENGTH else DropReason.FOREIGN
    assert reason_to_refuse(packet) is expected


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(vrrp(VRRP_V2, [], authentication_data=bytes(8)), id="no address"),
        pytest.param(vrrp(VRRP_V2, [bytes(4)], authentication_data=bytes(6)), id="wrong length"),
        pytest.param(vrrp(VRRP_V3, [bytes(6)]), id="version 3 with a wrong length"),
        pytest.param(b"\x41" + vrrp(VRRP_V2, [bytes(4)], authentication_data=bytes(8))[1:], id="version 4"),
        pytest.param(b"", id="empty"),
    ],
)
def test_what_is_neither_carp_nor_vrrp_is_too_short(packet: bytes) -> None:
    """Short garbage is not called foreign: only the exact shape of VRRP is."""
    assert reason_to_refuse(packet) is DropReason.BAD_LENGTH


@given(st.binary(min_size=1, max_size=40).map(lambda half: half + bytes(len(half) % 2)).filter(any))
def test_checksum_is_rfc_1071s(data: bytes) -> None:
    """The modulus gives what the loop of RFC 1071 gives, and putting it in makes the sum hold."""
    checksum = internet_checksum(data)
    assert rfc_1071_checksum(data) == checksum
    assert checksum_holds(data + checksum.to_bytes(2, "big"))


@given(st.binary(min_size=2, max_size=40).map(lambda half: half + bytes(len(half) % 2)))
def test_checksum_holds_where_rfc_1071_says_so(data: bytes) -> None:
    """A sum holds exactly where the loop gives zero; only data of nothing but zeros sums to the other zero."""
    expected = rfc_1071_checksum(data) == 0 or not any(data)
    assert expected == checksum_holds(data)
