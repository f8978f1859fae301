"""An observer of a segment: what it says of real captures, and the laws that hold for whatever it hears."""

import itertools
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import OPENBSD, UCARP, ConfigurationError, Dialect, DropReason
from triocarp.core.observer.observed_group import ObservedGroup
from triocarp.core.observer.observer import HostView, Observer
from triocarp.core.observer.sightings import (
    Failover,
    FailoverCause,
    Host,
    Rejected,
    Role,
    RoleChanged,
    Sighting,
    TwoMastersOver,
    TwoMastersSeen,
)
from triocarp.core.timing import ADVSKEW_UNIT, SECOND

from .observed_captures import OBSERVED, Observed, nanoseconds
from .overheard import (
    ALICE,
    BOB,
    CAROL,
    GROUP,
    JUNK,
    SLOW_BOB,
    VIRTUAL_IPV4,
    VIRTUAL_IPV6,
    VIRTUAL_MAC,
    Ear,
    Talker,
)
from .vectors import CAPTURES, FRAMES, Capture

ALICE_6 = Talker(source=IPv6Address("fe80::1"), mac=ALICE.mac)
BOB_6 = Talker(source=IPv6Address("fe80::2"), mac=BOB.mac)
TALKERS = (ALICE, BOB, SLOW_BOB, CAROL, replace(CAROL, demotion=3), replace(ALICE, advbase_s=0), ALICE_6, BOB_6)
LESS = replace(GROUP, addresses=(VIRTUAL_IPV4,))
STRANGER = replace(ALICE, group=replace(GROUP, passwords=(b"other",)))

every_capture = pytest.mark.parametrize("observed", OBSERVED, ids=lambda observed: observed.number)


def damaged(frame: bytes, at: int, byte: int) -> bytes:
    """Return a frame with one byte changed."""
    return frame[:at] + bytes((byte,)) + frame[at + 1 :]


def capture_of(observed: Observed) -> Capture:
    """Return the frames to what must be seen."""
    return next(capture for capture in CAPTURES if capture.name.startswith(observed.number))


def watch(capture: Capture) -> Ear:
    """Return an observer that has heard a whole capture, and the silence after it."""
    ear = Ear(ObservedGroup(vhid=capture.vhid, passwords=(capture.password,), addresses=(capture.address,)))
    ear.hears(*((frame.instant_s, frame.ethernet) for frame in capture.frames))
    return ear.waits_for_the_end()


def test_every_capture_is_observed() -> None:
    """There is an expectation for each of the captures."""
    assert [capture.name[:2] for capture in CAPTURES] == [observed.number for observed in OBSERVED]


@every_capture
def test_capture(observed: Observed) -> None:
    """Roles over time, failovers, causes and announcements are what the capture's story says."""
    ear = watch(capture_of(observed))
    assert list(observed.seen) == ear.seen
    announced = [(nanoseconds(at), host) for at, host in observed.announced]
    assert announced == [(announced.at, announced.host) for announced in ear.announced]


@every_capture
def test_capture_leaves_every_host_known(observed: Observed) -> None:
    """Each host's advertisements are counted, and who announced is known by its MAC in the end."""
    capture = capture_of(observed)
    hosts = watch(capture).observer.hosts
    counted = {str(host): view.advertisements for host, view in hosts.items()}
    sources = [frame.said["src"] for frame in capture.advertisements]
    assert {source: sources.count(source) for source in sources} == counted
    macs = {view.hardware_address.hex(":") for view in hosts.values() if view.hardware_address}
    assert {frame.said["sha"] for frame in capture.announcements} == macs


def test_view_of_a_host() -> None:
    """What is known of a host: its role, since when, and its last settings; a goodbye is none."""
    ear = Ear().hears((1, SLOW_BOB.announcement()), (1, SLOW_BOB.ad()), (2.5, SLOW_BOB.goodbye()))
    view = HostView(
        role=Role.LEFT,
        since=2_500_000_000,
        last_heard=2_500_000_000,
        advertisements=2,
        advbase_s=1,
        advskew=128,
        demotion=0,
        hardware_address=SLOW_BOB.mac,
    )
    assert {SLOW_BOB.host: view} == ear.observer.hosts


@pytest.mark.parametrize(
    ("frame", "reason", "source", "vhid", "ttl"),
    [
        (ALICE.frame(JUNK), DropReason.BAD_VERSION, ALICE.source, 0, 255),
        (ALICE.frame(JUNK[:20]), DropReason.BAD_LENGTH, ALICE.source, None, 255),
        (STRANGER.ad(), DropReason.BAD_AUTHENTICATION, ALICE.source, 7, 255),
        (replace(ALICE, group=LESS).ad(), DropReason.BAD_ADDRESSES, ALICE.source, 7, 255),
        (replace(ALICE, group=replace(GROUP, vhid=8)).ad(), DropReason.BAD_VHID, ALICE.source, 8, 255),
        (FRAMES["F8"], DropReason.FOREIGN, IPv4Address("192.0.2.2"), 1, 255),
        (ALICE.ad()[:30], DropReason.SHORT_HEADER, None, None, None),
        (ALICE.ad()[:60], DropReason.BAD_LENGTH, ALICE.source, None, None),
        (damaged(ALICE_6.ad(), 21, 254), DropReason.BAD_TTL, ALICE_6.source, 7, 254),
    ],
    ids=lambda value: value.name if isinstance(value, DropReason) else "",
)
def test_rejected(
    frame: bytes, reason: DropReason, source: IPv4Address | None, vhid: int | None, ttl: int | None
) -> None:
    """What no host would accept makes nobody a master, and is named with its reason."""
    ear = Ear().hears((1, frame))
    expected = Rejected(reason=reason, at=SECOND, hardware_address=frame[6:12], source=source, vhid=vhid, ttl=ttl)
    assert [expected] == ear.seen
    assert not ear.observer.hosts


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        ALICE.ad()[:23],
        ALICE.ad()[:12] + b"\x08\x01" + ALICE.ad()[14:],
        ALICE.ad()[:12] + b"\x86\xdd" + ALICE.ad()[14:],
        ALICE.ad()[:23] + b"\x11" + ALICE.ad()[24:],
        ALICE_6.ad()[:20] + b"\x2c" + ALICE_6.ad()[21:],
    ],
    ids=["empty", "cut off", "no IP", "IPv4 in an IPv6 frame", "UDP", "a fragment over IPv6"],
)
def test_no_business_of_carp(frame: bytes) -> None:
    """Frames of other protocols show nothing, not even a rejection."""
    assert Observer(GROUP).observe(frame, 0) == ()


def test_any_of_the_passwords_will_do() -> None:
    """While a password is being changed, hosts sign with the old one or the new one; both are heard."""
    both = replace(GROUP, passwords=(b"other", b"secret"))
    ear = Ear(both).hears((1, STRANGER.ad()), (1.1, BOB.ad()))
    assert {STRANGER.host, BOB.host} == ear.observer.hosts.keys()


@pytest.mark.parametrize("source", [IPv4Address("0.0.0.0"), VIRTUAL_IPV4])  # noqa: S104 - the BSDs' unspecified source
def test_source_that_names_nobody(source: IPv4Address) -> None:
    """Hosts that advertise from the virtual address, or from none, are told apart by their MACs."""
    macs = (ALICE.mac, BOB.mac)
    first, second = (replace(ALICE, source=source, advertises_from=mac) for mac in macs)
    hosts = Ear().hears((1, first.ad()), (1.1, second.ad())).observer.hosts
    assert [Host(address=source, hardware_address=mac) for mac in macs] == list(hosts)
    assert [view.hardware_address for view in hosts.values()] == list(macs)


def test_families_do_not_compete() -> None:
    """A host that advertises over IPv4 and IPv6 is master twice, never against itself."""
    ads = [(at, talker.ad()) for at in range(8) for talker in (ALICE, ALICE_6)]
    seen = Ear().hears(*ads).seen
    assert [Failover, Failover] == [type(sighting) for sighting in seen if not isinstance(sighting, RoleChanged)]
    assert [sighting.role for sighting in seen if isinstance(sighting, RoleChanged)] == [Role.MASTER] * 2


@pytest.mark.parametrize("talker", [ALICE, ALICE_6])
def test_announcement_after_the_first_advertisement(talker: Talker) -> None:
    """Who advertises first and announces then, as all but ucarp do, is known by its MAC from there on."""
    ear = Ear().hears((1, talker.ad()), (1.2, talker.announcement()), (2, talker.ad()), (9, talker.announcement()))
    assert [talker.host, talker.host] == [announced.host for announced in ear.announced]
    assert talker.mac == ear.observer.hosts[talker.host].hardware_address


def test_announcement_of_both_families() -> None:
    """One MAC announces the addresses of both families, and is known as the host of each."""
    frames = (ALICE.ad(), ALICE_6.ad(), ALICE.announcement(), ALICE_6.announcement())
    ear = Ear().hears(*((1, frame) for frame in frames))
    assert [ALICE.host, ALICE_6.host] == [announced.host for announced in ear.announced]


def test_announcement_of_an_address_whose_family_is_not_advertised() -> None:
    """A host that advertises over IPv4 only may hold IPv6 addresses as well."""
    ear = Ear().hears((1, ALICE.ad()), (1, ALICE.announcement()), (1, ALICE_6.announcement()))
    assert [ALICE.host, ALICE.host] == [announced.host for announced in ear.announced]


def test_announcement_from_a_virtual_mac() -> None:
    """A virtual MAC is anybody's: it is taken for the newest master's, and nobody's MAC is learnt from it."""
    announcement = ALICE.announcement(VIRTUAL_MAC)
    ear = Ear().hears((0, announcement), (0, ALICE.ad()), (1, announcement), (1.1, BOB.ad()), (1.1, announcement))
    assert [None, ALICE.host, BOB.host] == [announced.host for announced in ear.announced]
    assert [view.hardware_address for view in ear.observer.hosts.values()] == [None, None]


def announcements_before_failovers(ear: Ear) -> list[int | None]:
    """Return when each new holder announced before it advertised."""
    return [sighting.announced_at for sighting in ear.seen if isinstance(sighting, Failover)]


def test_announcement_long_before_an_advertisement() -> None:
    """An announcement that was not made right before the advertisement is not the new master's."""
    ear = Ear().hears((1, BOB.announcement()), (1.3, ALICE.ad()))
    assert announcements_before_failovers(ear) == [None]
    assert ear.observer.hosts[ALICE.host].hardware_address is None


def test_announcement_of_another_known_host() -> None:
    """An announcement by one host right before the advertisement of another is not that one's."""
    ear = Ear().hears((1, BOB.announcement()), (1, BOB.ad()), (2, BOB.goodbye()), (3, BOB.announcement()))
    ear.hears((3, ALICE.ad()))
    assert announcements_before_failovers(ear) == [SECOND, None]


def test_announcement_of_a_returning_host() -> None:
    """A host that is known by its MAC announces before it advertises again."""
    ear = Ear().hears((1, BOB.announcement()), (1, BOB.ad()), (2, BOB.goodbye()), (2.1, ALICE.ad()))
    ear.hears((2.2, ALICE.goodbye()), (3, BOB.announcement()), (3, BOB.ad()))
    assert announcements_before_failovers(ear) == [SECOND, None, 3 * SECOND]


def test_announcement_of_a_stranger() -> None:
    """Somebody who is no host of the group claims its address: that is seen, and is nobody's of ours."""
    ear = Ear().hears((1, ALICE.ad()), (2, ALICE.ad()), (2.9, BOB.announcement()), (3, ALICE.ad()))
    assert [announced.host for announced in ear.announced] == [None]
    assert ear.observer.hosts[ALICE.host].hardware_address is None


def test_announcement_of_another_address() -> None:
    """What is announced for an address that is not the group's is no business of the observer."""
    other = Ear(replace(GROUP, addresses=(VIRTUAL_IPV6,)))
    assert not other.hears((1, ALICE.announcement())).announced


@pytest.mark.parametrize("method", ["observe", "expire"])
def test_time_never_runs_backwards(method: str) -> None:
    """An instant before the last one is the caller's mistake, and is told with both."""
    observer = Observer(GROUP)
    observer.expire(5)
    observer.observe(b"", 5)
    with pytest.raises(ValueError, match="instant 4 is before 5"):
        observer.observe(b"", 4) if method == "observe" else observer.expire(4)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"vhid": 0}, "vhid 0: expected a number from 1 to 255"),
        ({"vhid": 256}, "vhid 256: expected a number from 1 to 255"),
        ({"passwords": ()}, r"passwords of \[\] bytes: expected at least one"),
        (
            {"passwords": (b"secret", bytes(21))},
            r"passwords of \[6, 21\] bytes: expected at least one, each of 20",
        ),
        ({"addresses": ()}, r"addresses \(none\): expected at least one virtual address"),
        ({"dead_ratio": 0}, "dead_ratio 0: expected a number from 1"),
        ({"reaction": -1}, "reaction -1: expected a number of nanoseconds from 0"),
    ],
)
def test_group_that_cannot_be(change: dict[str, Any], problem: str) -> None:
    """A group is checked when it is made, and no password is shown."""
    with pytest.raises(ConfigurationError, match=problem):
        replace(GROUP, **change)
    assert "secret" not in repr(GROUP)


@pytest.mark.parametrize(
    ("dialect", "dead_time"), [(UCARP, 2 * SECOND + 128 * ADVSKEW_UNIT), (OPENBSD, 3 * SECOND)]
)
def test_dead_time_of_the_group(dialect: Dialect, dead_time: int) -> None:
    """The dead time follows the dialect's formula."""
    group = replace(GROUP, dead_ratio=2, dialect=dialect)
    assert dead_time == Ear(group).hears((0, SLOW_BOB.ad())).observer.deadline


def test_hmac_of_the_group() -> None:
    """The HMAC covers what the dialect says: of OpenBSD's, a custom link-layer address."""
    group = replace(GROUP, dialect=OPENBSD, link_layer_address=ALICE.mac)
    assert Ear(group).hears((0, replace(ALICE, group=group).ad())).observer.hosts
    assert not Ear(group).hears((0, ALICE.ad())).observer.hosts


# The laws. Hosts talk at random, with pauses from nothing to more than a dead time.

Talk = list[tuple[int, bytes]]


def on_a_time_line(talk: list[tuple[int, bytes]]) -> Talk:
    """Return frames at instants, of frames after pauses."""
    instants = itertools.accumulate(pause for pause, _ in talk)
    return [(at, frame) for at, (_, frame) in zip(instants, talk, strict=True)]


SENTENCES = st.sampled_from(TALKERS).flatmap(
    lambda talker: st.sampled_from(
        (talker.ad(), talker.ad(), talker.ad(), talker.goodbye(), talker.announcement(), talker.frame(JUNK))
    )
)
PAUSES = st.one_of(st.just(0), st.integers(0, SECOND), st.sampled_from([SECOND, SECOND * 3 // 2, 4 * SECOND]))
TALKS = st.lists(st.tuples(PAUSES, SENTENCES), max_size=40).map(on_a_time_line)
DUELS = st.lists(
    st.tuples(st.integers(0, SECOND), st.sampled_from([talker.ad() for talker in (ALICE, BOB, SLOW_BOB)])),
    min_size=10,
    max_size=60,
).map(on_a_time_line)


def listen(
    talk: Talk, *, polls: frozenset[int] = frozenset(), ends: bool = True
) -> tuple[Observer, list[Sighting]]:
    """Return an observer that has heard a talk, and all that it has seen."""
    observer = Observer(GROUP)
    seen: list[Sighting] = []
    frames = list(talk)
    for at in sorted({at for at, _ in talk} | polls):
        if at in polls:
            seen += observer.expire(at)
        while frames and frames[0][0] == at:
            seen += observer.observe(frames.pop(0)[1], at)
    while ends and (deadline := observer.deadline) is not None:
        seen += observer.expire(deadline)
    return observer, seen


def is_carp(frame: bytes) -> bool:
    """Return whether a frame of these tests is of protocol 112."""
    return frame[12:14] == b"\x08\x00" or (frame[12:14] == b"\x86\xdd" and frame[20] == 112)


@given(talk=TALKS)
def test_roles_partition_time(talk: Talk) -> None:
    """A host has one role at a time: each change is to another role, and the last one is what the view says."""
    observer, seen = listen(talk)
    for host, view in observer.hosts.items():
        changes = [sighting for sighting in seen if isinstance(sighting, RoleChanged) and sighting.host == host]
        assert all(before.role is not after.role for before, after in itertools.pairwise(changes))
        assert (changes[-1].role, changes[-1].at) == (view.role, view.since)
        assert view.role is not Role.MASTER
        assert all(change.last_heard <= change.at for change in changes)
    assert [sighting.at for sighting in seen] == sorted(sighting.at for sighting in seen)


@given(talk=TALKS)
def test_failovers_form_a_chain(talk: Talk) -> None:
    """The addresses of a family move from where they are, to a master, and the gap is no longer than the time."""
    roles: dict[Host, Role] = {}
    left: set[Host | None] = set()
    holders: dict[int, Host] = {}
    for sighting in listen(talk)[1]:
        if isinstance(sighting, RoleChanged):
            roles[sighting.host] = sighting.role
            left |= {sighting.host} if sighting.role is Role.LEFT else set()
        if isinstance(sighting, Failover):
            holder = holders.get(sighting.new.address.version)
            # Who says goodbye before anything else was master before the observation began.
            assert sighting.old == holder or (holder is None and sighting.old in left)
            assert (sighting.old is None) == (sighting.cause is FailoverCause.FIRST_MASTER)
            assert sighting.old != sighting.new
            assert roles[sighting.new] is Role.MASTER
            assert 0 <= sighting.gap <= sighting.at
            holders[sighting.new.address.version] = sighting.new


@given(talk=st.one_of(TALKS, DUELS))
def test_two_masters_have_both_gone_on(talk: Talk) -> None:
    """Two masters are reported when each has advertised twice since, once past the reaction time; and they end."""
    seen = listen(talk)[1]
    begun = [sighting for sighting in seen if isinstance(sighting, TwoMastersSeen)]
    ended = [sighting for sighting in seen if isinstance(sighting, TwoMastersOver)]
    pairs = Counter((sighting.since, frozenset((sighting.first, sighting.second))) for sighting in begun)
    assert pairs == Counter((end.since, frozenset((end.stopped, end.remaining))) for end in ended)
    for sighting in begun:
        for host in (sighting.first, sighting.second):
            packed = host.address.packed
            heard = [at for at, frame in talk if is_carp(frame) and packed in frame[14:54] and at <= sighting.at]
            assert len([at for at in heard if at >= sighting.since]) > 1
            assert heard[-1] > sighting.since + GROUP.reaction


@given(talk=TALKS)
def test_same_talk_same_sightings(talk: Talk) -> None:
    """There is nothing random in an observer."""
    assert listen(talk)[1] == listen(talk)[1]


@given(talk=TALKS, polls=st.frozensets(st.integers(0, 40 * SECOND), max_size=20))
def test_polls_do_not_matter(talk: Talk, polls: frozenset[int]) -> None:
    """What is seen, and when it became certain, does not depend on how often the observer is asked."""
    polls = frozenset(poll for poll in polls if talk and poll <= talk[-1][0])
    assert listen(talk)[1] == listen(talk, polls=polls)[1]


@given(talk=TALKS, later=st.integers(0, 5 * SECOND))
def test_deadline_is_never_over(talk: Talk, later: int) -> None:
    """After each frame and each poll, the deadline lies ahead."""
    observer = Observer(GROUP)
    for at, frame in talk:
        observer.observe(frame, at)
        assert observer.deadline is None or observer.deadline > at
    now = later + (talk[-1][0] if talk else 0)
    observer.expire(now)
    assert observer.deadline is None or observer.deadline > now


@given(talk=TALKS)
def test_every_packet_of_the_protocol_counts(talk: Talk) -> None:
    """A frame of protocol 112 is either a host's advertisement or a rejection."""
    observer, seen = listen(talk)
    heard = sum(view.advertisements for view in observer.hosts.values())
    rejected = sum(isinstance(sighting, Rejected) for sighting in seen)
    assert sum(is_carp(frame) for _, frame in talk) == heard + rejected


def ethernet(ethertype: bytes, packet: bytes) -> bytes:
    """Return a frame with any packet in it."""
    return bytes(12) + ethertype + packet


@given(
    frame=st.one_of(
        st.binary(max_size=120),
        st.builds(ethernet, st.sampled_from([b"\x08\x00", b"\x08\x06", b"\x86\xdd"]), st.binary(max_size=120)),
        st.builds(damaged, SENTENCES, st.integers(0, 90), st.integers(0, 255)),
    )
)
def test_no_frame_raises(frame: bytes) -> None:
    """Whatever is on the segment, an observer bears it."""
    Observer(GROUP).observe(frame, 0)
