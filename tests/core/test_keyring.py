"""Passwords: what each dialect covers, how a group changes them without an outage, how mistakes look."""

import hmac
import itertools
import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from typing import Final

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from triocarp.core import (
    CARPD,
    DIALECTS,
    FREEBSD_9,
    OPENBSD,
    UCARP,
    AddressOrder,
    Dialect,
    DropReason,
    IPAddress,
    Keyring,
    LinkLocalRule,
    Notice,
    Sealing,
    State,
    StopRequested,
    VirtualHostConfig,
)
from triocarp.core.authentication import KEY_LENGTH_MAX, SLIPS_AT_ONCE, SLIPS_MAX, SUBSETS_MAX
from triocarp.core.timing import SECOND

from .wire import (
    DUAL,
    OWN,
    PASSWORD,
    PEER,
    PEER6,
    PLAIN,
    THIRD,
    VIRTUAL,
    Heard,
    Host,
    Segment,
    keyring_of,
)

NEW: Final = b"brand new"
MINUTE: Final = 60 * SECOND
KEYS: Final = st.binary(max_size=KEY_LENGTH_MAX)
COUNTERS: Final = st.integers(0, 2**64 - 1)
ADDRESSES: Final = st.lists(
    st.ip_addresses(v=4) | st.ip_addresses(v=6) | st.ip_addresses(v=6, network="fe80::/10"),
    min_size=1,
    max_size=6,
    unique=True,
).map(tuple)
DIALECT: Final = st.sampled_from(list(DIALECTS.values()))


def keyring(addresses: tuple[IPAddress, ...], dialect: Dialect = CARPD, *passwords: bytes) -> Keyring:
    """Return the passwords of VHID 7; the usual one if none is named."""
    return Keyring(passwords or (PASSWORD,), 7, addresses, dialect)


def model_of_message(addresses: tuple[IPAddress, ...], dialect: Dialect, *, link_local: bool) -> bytes:
    """Return what the specification's section 2.2 says about the order: 4-byte addresses, then 16-byte ones."""

    def wanted(address: IPAddress) -> bool:
        return link_local or not (isinstance(address, IPv6Address) and address.is_link_local)

    def octets(address: IPAddress) -> bytes:
        packed = address.packed
        scoped = len(packed) == 16 and packed[0] == 0xFE and packed[1] & 0xC0 == 0x80
        return packed[:2] + b"\0\0" + packed[4:] if scoped else packed

    covered = [octets(address) for address in addresses if wanted(address)]
    families = [[it for it in covered if len(it) == length] for length in (4, 16)]
    sorts = {
        AddressOrder.ASCENDING: (True, True),
        AddressOrder.IPV6_AS_CONFIGURED: (True, False),
        AddressOrder.AS_CONFIGURED: (False, False),
    }[dialect.address_order]
    for family, is_sorted in zip(families, sorts, strict=True):
        if is_sorted:
            # Looking for the least that is greater than the last: no duplicates, not all zeros, not all ones.
            family[:] = sorted({it for it in family if any(it) and it.strip(b"\xff")})
    return b"".join(families[0] + families[1])


@given(DIALECT, ADDRESSES, KEYS, COUNTERS)
def test_digest_covers_the_models_message(
    dialect: Dialect, addresses: tuple[IPAddress, ...], key: bytes, counter: int
) -> None:
    """In every dialect the digest is HMAC-SHA1 over 02 01, the VHID, the addresses in its order, the counter."""
    covered = model_of_message(addresses, dialect, link_local=dialect.link_local is LinkLocalRule.COVERED)
    message = b"\x02\x01\x07" + covered + counter.to_bytes(8, "big")
    assert hmac.digest(key, message, "sha1") == keyring(addresses, dialect, key).digest(counter)


@given(DIALECT, ADDRESSES, COUNTERS, st.randoms(use_true_random=False))
def test_order_of_configuration_matters_only_where_it_is_covered(
    dialect: Dialect, addresses: tuple[IPAddress, ...], counter: int, shuffler: random.Random
) -> None:
    """Hosts with the same addresses in another order understand each other, but not FreeBSD 9 and DragonFly."""
    shuffled = list(addresses)
    shuffler.shuffle(shuffled)
    first, second = keyring(addresses, dialect), keyring(tuple(shuffled), dialect)
    verifies = second.key_of(counter, first.digest(counter)) == 0
    in_order = model_of_message(addresses, dialect, link_local=True) == model_of_message(
        tuple(shuffled), dialect, link_local=True
    )
    assert verifies == in_order
    if dialect.address_order is AddressOrder.ASCENDING:
        assert verifies


@given(ADDRESSES, COUNTERS)
@example((IPv6Address("fe80::107"),), 1).via("nothing is covered then")
@example((IPv4Address("169.254.1.1"), IPv6Address("fe80::107")), 1).via("IPv4's are like any other")
def test_openbsd_signs_without_link_local_and_accepts_both(addresses: tuple[IPAddress, ...], counter: int) -> None:
    """OpenBSD sends its second context and accepts either; nobody else knows two (2.3)."""
    without = tuple(it for it in addresses if not (isinstance(it, IPv6Address) and it.is_link_local))
    ours = keyring(addresses, OPENBSD)
    assert ours.digest(counter) == keyring(without, OPENBSD).digest(counter)
    for covered in (addresses, without):
        assert ours.key_of(counter, keyring(covered, CARPD).digest(counter)) == 0
    if without != addresses:
        assert keyring(addresses, CARPD).key_of(counter, ours.digest(counter)) is None


@given(st.binary(min_size=6, max_size=6), st.sampled_from([b"", bytes(6), b"\x02\xaa\xbb\xcc\xdd\xee"]), COUNTERS)
def test_custom_link_layer_address_must_be_the_same(ours: bytes, theirs: bytes, counter: int) -> None:
    """An OpenBSD group with a custom address speaks only to hosts with the same one (2.4)."""
    first = Keyring((PASSWORD,), 7, (VIRTUAL.ip,), OPENBSD, ours)
    second = Keyring((PASSWORD,), 7, (VIRTUAL.ip,), OPENBSD, theirs)
    expected = 0 if ours == theirs else None
    assert expected == first.key_of(counter, second.digest(counter))


@given(KEYS, KEYS, KEYS, COUNTERS)
def test_either_password_is_accepted_and_told_apart(
    first: bytes, second: bytes, third: bytes, counter: int
) -> None:
    """The first password signs; both are accepted, each by its number; a third one is not."""
    assume(len({key.rstrip(b"\0") for key in (first, second, third)}) == 3)
    addresses = (VIRTUAL.ip,)
    ours = keyring(addresses, UCARP, first, second)
    assert ours.digest(counter) == keyring(addresses, UCARP, first).digest(counter)
    found = [
        ours.key_of(counter, keyring(addresses, UCARP, key).digest(counter)) for key in (first, second, third)
    ]
    assert found == [0, 1, None]


# Changing the password.


def rotating(
    name: str, password: bytes, other: bytes | None = None, *, sealing: Sealing = Sealing.OFF
) -> VirtualHostConfig:
    """Return a host of the group that signs with the first password and accepts the second as well."""
    sources = {"a": (OWN, 0), "b": (THIRD, 50), "c": (PEER, 100)}
    source, advskew = sources[name]
    return replace(
        PLAIN,
        dialect=CARPD,
        source=source,
        advskew=advskew,
        password=password,
        other_password=other,
        sealing=sealing,
    )


STEPS: Final = ((PASSWORD, NEW), (NEW, PASSWORD), (NEW,))
"""Accept the new one as well; sign with the new one; drop the old one."""


@given(
    st.lists(st.permutations("abc"), min_size=3, max_size=3),
    st.lists(st.integers(0, 5), min_size=9, max_size=9),
    st.sampled_from(list(Sealing)),
    st.integers(4, 15),
)
@example([list("abc")] * 3, [5] * 9, Sealing.ENFORCE, 4)
def test_password_is_changed_without_an_outage(
    orders: list[list[str]], pauses: list[int], sealing: Sealing, patience: int
) -> None:
    """In each of three steps every host is restarted, in any order: never two masters, hardly ever none.

    The next host may follow as soon as the restarted one believes the master: a window and an interval later.
    """
    segment = Segment({name: Host.listening(rotating(name, PASSWORD, sealing=sealing)) for name in "abc"})
    segment.run_for(20 * SECOND)
    (first,) = segment.masters
    assert first == "a"
    segment.unserved = 0
    wait = iter(pauses)
    for passwords, order in zip(STEPS, orders, strict=True):
        for name in order:
            segment.feed(name, StopRequested())
            segment.run_for(next(wait) * SECOND)
            segment.hosts[name] = Host.listening(rotating(name, *passwords, sealing=sealing), at=segment.now)
            segment.run_for(patience * SECOND)
            assert len(segment.masters) == 1
    # For a window nothing is believed that may have been sent before the start.
    harmless = {DropReason.UNPROVEN} if sealing is Sealing.ENFORCE else set()
    assert {reason for host in segment.hosts.values() for reason in host.statistics.dropped} <= harmless
    assert segment.unserved <= 9 * SECOND // 100
    assert {host.state for host in segment.hosts.values()} == {State.MASTER, State.BACKUP}


def test_password_changed_in_one_step_makes_two_masters() -> None:
    """What the three steps are for: a host with another password hears nobody, and takes over."""
    segment = Segment(
        {"a": Host.listening(rotating("a", PASSWORD)), "b": Host.listening(rotating("b", NEW))}, masters_max=2
    )
    segment.run_for(5 * SECOND)
    assert segment.masters == ["a", "b"]
    assert (Notice.WRONG_PASSWORD, OWN) in segment.hosts["b"].noticed()


def test_change_that_is_not_complete_is_told_of() -> None:
    """A host that still signs with the other password is named, once a minute, and believed all the same."""
    config = replace(PLAIN, password=NEW, other_password=PASSWORD)
    host = Host.listening(config)
    for peer, family_peer in itertools.product(range(125), (PEER, THIRD)):
        host.hear(Heard(config=PLAIN, source=family_peer, counter=peer), after=SECOND // 2)
    assert host.statistics.heard == {PEER: 125, THIRD: 125}
    told = [(notice, peer) for notice, peer in host.noticed() if notice is Notice.OTHER_PASSWORD]
    assert told == [(Notice.OTHER_PASSWORD, PEER), (Notice.OTHER_PASSWORD, THIRD)] * 3


def test_nothing_is_told_of_who_signs_as_we_do() -> None:
    """Hosts that sign with our own first password are nothing to speak of."""
    host = Host.listening(replace(PLAIN, password=NEW, other_password=PASSWORD))
    host.hear(Heard(config=replace(PLAIN, password=NEW)), after=SECOND)
    assert not host.noticed()


# Mistakes.


def mistaken(config: VirtualHostConfig, addresses: tuple[IPAddress, ...], source: IPAddress = PEER) -> Heard:
    """Return an advertisement of a host with our password and other virtual addresses."""
    prefixes = {4: 24, 6: 64}
    interfaces = tuple(
        type(config.addresses[0])(f"{it}/{prefixes[it.version]}") for it in addresses if it.version == 4
    )
    assert len(interfaces) == len(addresses)
    return Heard(config=replace(config, addresses=interfaces), source=source)


@given(st.integers(1, 20), st.integers(0, 19), st.sampled_from(["missing", "own", "none", "only"]))
def test_usual_mistakes_are_found(count: int, which: int, mistake: str) -> None:
    """One address missing, the sender's own among them, none at all, one only: it is not the password (2.5)."""
    ours: tuple[IPAddress, ...] = tuple(IPv4Address("10.0.0.100") + index for index in range(count))
    one = ours[which % count]
    theirs = {
        "missing": tuple(it for it in ours if it != one),
        "own": (*ours, PEER),
        "none": (),
        "only": (one,),
    }[mistake]
    assume(theirs != ours)
    digest = keyring(theirs).digest(1)
    assert keyring(ours).key_of(1, digest) is None
    assert keyring(ours).has_other_addresses(1, digest, PEER)
    assert keyring(ours, CARPD, NEW, PASSWORD).has_other_addresses(1, digest, PEER)
    assert not keyring(ours, CARPD, NEW).has_other_addresses(1, digest, PEER)


@given(DIALECT, ADDRESSES, st.data())
def test_missing_address_is_found_in_every_dialect(
    dialect: Dialect, addresses: tuple[IPAddress, ...], data: st.DataObject
) -> None:
    """Whatever a dialect covers: when one address is missing on the other side, that is what is found."""
    missing = data.draw(st.sampled_from(addresses))
    theirs = tuple(it for it in addresses if it != missing)
    digest = keyring(theirs, dialect).digest(1)
    ours = keyring(addresses, dialect)
    assert ours.key_of(1, digest) == 0 or ours.has_other_addresses(1, digest, PEER)


def test_openbsd_with_a_link_local_more_is_understood_or_found() -> None:
    """NetBSD covers an automatic link-local address; OpenBSD hosts that have another set are recognised too."""
    ours = (VIRTUAL.ip, IPv6Address("2001:db8::1"), IPv6Address("fe80::1"))
    theirs = keyring((VIRTUAL.ip, IPv6Address("fe80::1")), CARPD).digest(1)
    assert keyring(ours, OPENBSD).has_other_addresses(1, theirs, PEER6)


def test_order_of_freebsd_9_is_kept_in_the_search() -> None:
    """What is missing leaves the rest in the order of the configuration."""
    ours = tuple(IPv4Address(it) for it in ("10.0.0.9", "10.0.0.1", "10.0.0.5"))
    digest = keyring((ours[0], ours[2]), FREEBSD_9).digest(1)
    assert keyring(ours, FREEBSD_9).has_other_addresses(1, digest, PEER)


@given(ADDRESSES, st.integers(0, 255), st.booleans(), st.data())
def test_slip_of_the_pen_is_found_by_and_by(
    addresses: tuple[IPAddress, ...], last: int, more: bool, data: st.DataObject
) -> None:
    """Another last byte in one address, or one more such address: after a few packets it is not the password."""
    meant = data.draw(st.sampled_from(addresses))
    slipped = type(meant)((int(meant) & ~0xFF) + last)
    assume(slipped not in addresses)
    assume(
        len(addresses) <= SLIPS_MAX // 512 or abs(int(slipped) - int(meant)) <= SLIPS_MAX // 4 // len(addresses)
    )
    theirs = (*addresses, slipped) if more else tuple(slipped if it == meant else it for it in addresses)
    peer, ours = keyring(theirs), keyring(addresses)
    assume(ours.key_of(1, peer.digest(1)) is None)
    calls = -(-2 * 256 * len(addresses) // SLIPS_AT_ONCE)
    found = [ours.has_other_addresses(counter, peer.digest(counter), PEER) for counter in range(calls + 2)]
    assert any(found)
    assert found == sorted(found)  # once found, at once
    stranger = keyring(theirs, CARPD, NEW)
    assert not any(ours.has_other_addresses(counter, stranger.digest(counter), PEER) for counter in range(calls))


@pytest.mark.parametrize("slipped", ["10.0.0.99", "10.0.0.101", "10.0.0.108"])
def test_near_slip_of_the_pen_is_found_at_once(slipped: str) -> None:
    """A near number is the likeliest slip: the first packet is enough, so that the log has one account."""
    ours, peer = keyring((IPv4Address("10.0.0.100"),)), keyring((IPv4Address(slipped),))
    assert ours.has_other_addresses(1, peer.digest(1), PEER)


def test_search_for_slips_goes_on_where_every_neighbour_is_ours() -> None:
    """A whole /24 of virtual addresses has no address to slip to, and the search is as long as ever."""
    ours = keyring(tuple(IPv4Address("10.0.0.0") + last for last in range(256)))
    assert not ours.has_other_addresses(1, bytes(20), PEER)


def test_search_for_slips_of_no_address_ends() -> None:
    """Where there is no virtual address there is nothing to slip from."""
    assert not keyring(()).has_other_addresses(1, bytes(20), PEER)


@given(st.integers(SUBSETS_MAX, 255), st.data())
def test_search_has_an_end(count: int, data: st.DataObject) -> None:
    """Of very many addresses not every one is tried: a stranger's packet is not worth the time."""
    ours = tuple(IPv4Address("10.0.1.0") + index for index in range(count))
    missing = data.draw(st.integers(1, count))
    theirs = tuple(it for it in ours if it != ours[-missing])
    # What has the sender's own address in it, and what has none, come first.
    found = keyring(ours).has_other_addresses(1, keyring(theirs).digest(1), PEER)
    assert found == (missing <= SUBSETS_MAX - 2)


def test_mistake_is_told_with_the_peer() -> None:
    """A host with other addresses is counted as such, and named; one with another password is told from it."""
    config = replace(DUAL, addresses=(VIRTUAL, IPv4Interface("10.0.0.101/24")))
    host = Host.listening(config)
    host.hear(mistaken(config, (VIRTUAL.ip,)))
    host.hear(Heard(config=replace(config, password=b"wrong"), source=THIRD))
    assert host.statistics.dropped == {DropReason.BAD_ADDRESSES: 1, DropReason.BAD_AUTHENTICATION: 1}
    assert host.noticed() == [(Notice.OTHER_ADDRESSES, PEER), (Notice.WRONG_PASSWORD, THIRD)]


def test_few_packets_a_second_get_the_closer_look() -> None:
    """Ten a second are looked at twice; the rest is called a wrong password, which costs nothing to say."""
    config = replace(DUAL, addresses=(VIRTUAL, IPv4Interface("10.0.0.101/24")))
    host = Host.listening(config)
    forged = Heard(config=replace(config, password=b"wrong"), source=THIRD)
    for second in range(2):
        for heard in [forged] * 9 + [mistaken(config, (VIRTUAL.ip,))] + [forged] * 15:
            host.hear(heard, after=SECOND // 1000)
        assert {
            DropReason.BAD_ADDRESSES: second + 1,
            DropReason.BAD_AUTHENTICATION: 24 * (second + 1),
        } == host.statistics.dropped
        host.run_for(SECOND)


def test_burst_of_one_mistaken_peer_has_one_account() -> None:
    """What it sends beyond the ten that are looked at is more of the same, not suddenly another password."""
    config = replace(DUAL, addresses=(VIRTUAL, IPv4Interface("10.0.0.101/24")))
    host = Host.listening(config)
    for _ in range(25):
        host.hear(mistaken(config, (VIRTUAL.ip,)), after=SECOND // 1000)
    assert host.statistics.dropped == {DropReason.BAD_ADDRESSES: 25}
    assert host.noticed() == [(Notice.OTHER_ADDRESSES, PEER)]
    host.run_for(SECOND)
    for _ in range(11):
        host.hear(Heard(config=replace(config, password=b"wrong"), source=PEER))
    assert host.statistics.dropped == {DropReason.BAD_ADDRESSES: 25, DropReason.BAD_AUTHENTICATION: 11}


# Secrets.


def test_no_object_of_the_core_shows_a_password() -> None:
    """Neither a keyring nor a host nor anything that a host says shows either password."""
    config = replace(PLAIN, password=b"hush-one", other_password=b"hush-two", sealing=Sealing.ENFORCE)
    host = Host.master(config)
    host.feed(StopRequested())
    texts = [repr(it) + str(it) for it in (config, keyring_of(config), host, host.node, *host.done)]
    assert not [text for text in texts if "hush" in text]
