"""Every dialect, against the specification written out: as a table, and as a model of what a host decides."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from triocarp.core import (
    CARPD,
    DIALECTS,
    OPENBSD,
    UCARP,
    AddressOrder,
    Cause,
    CounterStyle,
    DemotionRequested,
    DemotionStyle,
    Dialect,
    Effect,
    Family,
    HealthChanged,
    LinkLocalRule,
    MaintenanceChanged,
    Notice,
    Silence,
    SourceMac,
    State,
    StateChanged,
    TieRule,
    VirtualHostConfig,
)
from triocarp.core.hearing import STAGGER
from triocarp.core.timing import SECOND

from .wire import DUAL, PEER, Heard, Host, Segment, notices_in, said_in, sent_in, speaking

GOODBYE_DELAY: Final = 2 * 255 * STAGGER
"""By then whoever takes over has done so, however demoted; shorter than the shortest dead time."""

Duration = tuple[int, int]
"""Seconds, and 1/256 seconds: compared as the implementations do, seconds first."""


def nanoseconds(duration: Duration) -> int:
    """Return a duration of the model in the core's unit."""
    seconds, fractions = duration
    return seconds * SECOND + fractions * SECOND // 256


@dataclass(frozen=True, kw_only=True)
class Specified:
    """What the specification says about one implementation; the sections are those of `Dialect`'s fields.

    Attributes:
        fifth: byte of the source MAC (1.2).
        tos: with the traffic class (1.3, 1.4).
        order: of the addresses in the HMAC: both families ascending, IPv4 only, or as configured (2.2).
        link_local: whether they are covered (2.3).
        custom_mac: whether the HMAC covers one (2.4).
        multiplied: whether the dead time multiplies the skew (3.2).
        least: the smallest advbase, and the greatest skew (3.1).
        empty: whether the password may be empty (2.1).
        families: own timers for each family, or one for both (3.2).
        tie: who goes on when two masters are equal (3.3).
        last: whether a yielding master says one last word (3.4).
        counter: whether it counts (1.7).
        demotion: how it is told (3.5).
        weight: what one cause adds (3.5).
    """

    fifth: int = 1
    tos: tuple[int, int] = (0x10, 0)
    order: str = "ascending"
    link_local: bool = True
    custom_mac: bool = False
    multiplied: bool = False
    least: tuple[int, int] = (1, 254)
    empty: bool = True
    families: str = "two timers"
    tie: str = "receiver yields"
    last: bool = False
    counter: str = "counts"
    demotion: str = "suppressed"
    weight: int = 240


SPECIFIED: Final = {
    "ucarp": Specified(fifth=0, least=(0, 255), empty=False, families="one timer", tie="address", last=True),
    "carpd": Specified(
        least=(0, 254), empty=False, families="one timer", tie="address", last=True, demotion="added"
    ),
    "freebsd": Specified(tos=(0xE0, 0xE0), demotion="added"),
    "freebsd-9": Specified(order="as configured"),
    "netbsd": Specified(),
    "dragonfly": Specified(order="IPv4 ascending"),
    "openbsd": Specified(
        link_local=False,
        custom_mac=True,
        multiplied=True,
        least=(0, 254),
        counter="constant",
        demotion="byte",
        weight=1,
    ),
    "openbsd-7.3": Specified(
        link_local=False, custom_mac=True, least=(0, 254), counter="constant", demotion="byte", weight=1
    ),
}
RATIO: Final = 3

every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


@every_dialect
def test_dialect_is_as_specified(dialect: Dialect) -> None:
    """The data of each dialect is what the specification's tables say about the implementation."""
    specified = SPECIFIED[dialect.name]
    assert specified == Specified(
        fifth={SourceMac.UCARP_VIRTUAL: 0, SourceMac.VIRTUAL: 1}[dialect.source_mac],
        tos=(dialect.tos, dialect.traffic_class),
        order={
            AddressOrder.ASCENDING: "ascending",
            AddressOrder.IPV6_AS_CONFIGURED: "IPv4 ascending",
            AddressOrder.AS_CONFIGURED: "as configured",
        }[dialect.address_order],
        link_local=dialect.link_local is LinkLocalRule.COVERED,
        custom_mac=dialect.covers_link_layer_address,
        multiplied=dialect.dead_ratio_multiplies_advskew,
        least=(dialect.advbase_least_s, dialect.advskew_most),
        empty=dialect.password_least == 0,
        families="two timers" if dialect.silence is Silence.OF_EITHER_FAMILY else "one timer",
        tie="receiver yields" if dialect.tie_rule is TieRule.RECEIVER_YIELDS else "address",
        last=dialect.last_advertisement_on_yield,
        counter="constant" if dialect.counter_style is CounterStyle.CONSTANT else "counts",
        demotion={
            DemotionStyle.SUPPRESSED: "suppressed",
            DemotionStyle.ADDED: "added",
            DemotionStyle.BYTE: "byte",
        }[dialect.demotion_style],
        weight=dialect.demotion_weight,
    )
    ucarp = dialect.name == "ucarp"
    assert dialect.families == ({Family.IPV4} if ucarp else set(Family))
    assert dialect.addresses_max == (1 if ucarp else 255)
    assert dialect.concedes_tie == (dialect.name == "carpd")
    assert dialect.zero_interval_is_least == dialect.name.startswith("openbsd")


def test_every_dialect_is_specified() -> None:
    """None is missing from the table above, and each is found under its own name."""
    assert set(SPECIFIED) == set(DIALECTS)
    assert all(name == dialect.name for name, dialect in DIALECTS.items())


# The model of section 3: what is sent, for how long a backup waits, and what a received advertisement does.


@dataclass(frozen=True, kw_only=True)
class Own:
    """A host's own settings, and the sum of its demotion."""

    advbase_s: int
    advskew: int
    demotion: int
    preempt: bool

    def config(self, dialect: Dialect) -> VirtualHostConfig:
        """Return the virtual host."""
        config = replace(speaking(dialect), dead_ratio=RATIO)
        return replace(config, advbase_s=self.advbase_s, advskew=self.advskew, preempt=self.preempt)


@dataclass(frozen=True, kw_only=True)
class Received:
    """The fields of an advertisement that decide."""

    advbase_s: int
    advskew: int
    demotion: int

    @property
    def interval(self) -> Duration:
        """What is compared."""
        return (self.advbase_s, self.advskew)

    def heard(self, config: VirtualHostConfig) -> Heard:
        """Return the advertisement."""
        return Heard(config=config, advbase_s=self.advbase_s, advskew=self.advskew, demotion=self.demotion)


def model_of_advskew(name: str, own: Own) -> int:
    """Return the advskew that a host compares and sends (3.5)."""
    match SPECIFIED[name].demotion:
        case "suppressed":
            return 240 if own.demotion > 0 and own.advskew < 240 else own.advskew
        case "added":
            effective = own.advskew + own.demotion
            return 0 if effective < 0 else min(effective, 240)
        case _:
            return own.advskew


def model_of_byte(name: str, own: Own) -> int:
    """Return the demotion byte that a host compares and sends (3.5)."""
    return 0 if SPECIFIED[name].demotion != "byte" else min(max(own.demotion, 0), 255)


def model_of_dead_time(name: str, own: Own) -> int:
    """Return the master-down time in nanoseconds (3.2). The skew is the own, undemoted one.

    The exception: with advbase 0 the skew is multiplied in every dialect, as OpenBSD's, and in effect ucarp's, is.
    """
    skew = own.advskew or int(own.advbase_s == 0)
    if SPECIFIED[name].multiplied or own.advbase_s == 0:
        return RATIO * nanoseconds((own.advbase_s, skew))
    return nanoseconds((RATIO * own.advbase_s, skew))


def model_of_master(name: str, own: Own, peer: Received) -> str:
    """Return what a master does about an advertisement (3.3).

    The exception: nobody yields to who leaves. OpenBSD would, if the goodbye's demotion byte is lower (1.8).
    """
    if peer.interval == (255, 255):
        return "stays"
    ours = (own.advbase_s, model_of_advskew(name, own))
    if SPECIFIED[name].demotion == "byte":
        d_own, d_peer = model_of_byte(name, own), peer.demotion
        yields = d_peer < d_own or (peer.interval <= ours and d_peer <= d_own)
    elif peer.interval == ours:
        # The peer's last octet is higher than ours.
        yields = SPECIFIED[name].tie == "receiver yields"
    else:
        yields = peer.interval < ours
    return "yields" if yields else "stays"


def model_of_backup(name: str, own: Own, peer: Received) -> str:
    """Return what a backup does about an advertisement (3.3), and the exceptions that are made on purpose.

    The limit of "will time out" is (ratio * advbase, advskew) with the skew as configured, because the dead time
    has that one: with the demoted skew we should wait for an advertisement that is sure to come too late. For the
    same reason it is the dead time with advbase 0.
    """
    if peer.interval == (255, 255):
        return "takes over"  # a goodbye is always understood, whatever the own advbase is
    ours = (own.advbase_s, model_of_advskew(name, own))
    limit = nanoseconds((RATIO * own.advbase_s, own.advskew)) if own.advbase_s else model_of_dead_time(name, own)
    will_time_out = nanoseconds(peer.interval) > limit
    if SPECIFIED[name].demotion == "byte":
        d_own, d_peer = model_of_byte(name, own), peer.demotion
        if own.preempt and peer.interval > ours and d_peer >= d_own:
            return "takes over"
        if d_peer > d_own:
            return "takes over"
        # A less demoted master would not yield to us: we leave it, where OpenBSD would make a second master.
        return "takes over" if will_time_out and d_peer == d_own and peer.interval >= ours else "waits"
    if peer.interval <= ours:
        return "waits"
    return "takes over" if own.preempt or will_time_out else "waits"


SKEWS = st.integers(0, 254) | st.sampled_from([0, 1, 239, 240, 241, 254])
DEMOTIONS = st.integers(-300, 600) | st.sampled_from([-1, 0, 1, 240])
BASES = st.integers(0, 4) | st.integers(0, 255)
OWNS = st.builds(Own, advbase_s=BASES, advskew=SKEWS, demotion=DEMOTIONS, preempt=st.booleans())
RECEIVED = st.builds(
    Received,
    advbase_s=BASES,
    advskew=st.integers(0, 255) | st.sampled_from([0, 1, 240, 255]),
    demotion=st.integers(0, 255) | st.sampled_from([0, 1, 2]),
)
GOODBYE: Final = Received(advbase_s=255, advskew=255, demotion=0)


def is_equal_and_slow(name: str, own: Own, peer: Received) -> bool:
    """Return whether a demoted host of a sub-second group hears one that is just as demoted.

    The dead time is not demoted, and may be shorter than what both advertise; the specification is silent there.
    """
    equal = peer.interval == (own.advbase_s, model_of_advskew(name, own))
    return equal and own.advbase_s == 0 and RATIO * nanoseconds(peer.interval) > model_of_dead_time(name, own)


def can_be(dialect: Dialect, own: Own) -> bool:
    """Return whether a host of a dialect can have these settings."""
    if own.advbase_s == 0 and own.advskew == 0:
        return dialect.zero_interval_is_least
    return own.advbase_s >= dialect.advbase_least_s


def listening(dialect: Dialect, own: Own) -> Host:
    """Return a backup with these settings."""
    host = Host.listening(own.config(dialect))
    host.feed(DemotionRequested(amount=own.demotion))
    return host


def becoming_master(dialect: Dialect, own: Own) -> Host:
    """Return a host with these settings that has just become master."""
    host = listening(dialect, own)
    host.run_until(host.deadline)
    assert host.state is State.MASTER
    return host


@every_dialect
@given(OWNS)
@example(Own(advbase_s=1, advskew=0, demotion=-1, preempt=True)).via("negative_demotion of FreeBSD's tests")
@example(Own(advbase_s=1, advskew=250, demotion=0, preempt=False)).via("FreeBSD sends 250 as 240")
@example(Own(advbase_s=1, advskew=250, demotion=1, preempt=False)).via("ucarp sends 250 as it is")
@example(Own(advbase_s=1, advskew=100, demotion=9**9, preempt=False)).via("never wraps")
def test_demotion_is_sent_as_specified(dialect: Dialect, own: Own) -> None:
    """Advskew and demotion byte of what a master sends are the model's, clamped and never wrapped (3.5)."""
    assume(can_be(dialect, own))
    host = becoming_master(dialect, own)
    (said,) = said_in(host.done)
    expected = (own.advbase_s, model_of_advskew(dialect.name, own), model_of_byte(dialect.name, own))
    assert expected == (said.advbase_s, said.advskew, said.demotion)
    standing = host.node.virtual_hosts["eth0", 7].standing
    assert (standing.interval, standing.demotion) == (said.interval, said.demotion)


@every_dialect
@given(OWNS)
def test_next_advertisement_comes_after_what_was_said(dialect: Dialect, own: Own) -> None:
    """The next advertisement follows after the interval that this one tells (3.2).

    It cannot after 0/0: OpenBSD's means 1/256 s, and where negative demotion leads to it nothing becomes faster.
    """
    assume(can_be(dialect, own) and own.advbase_s < 128)
    host = becoming_master(dialect, own)
    begun = host.now
    (said,) = said_in(host.done)
    host.run_until(host.deadline)
    assert [said] * 2 == [replace(again, counter=said.counter, digest=said.digest) for again in said_in(host.done)]
    assert (said.interval or host.config.interval) == host.now - begun
    if own.advbase_s == own.advskew == 0:
        assert host.now - begun == SECOND // 256


@every_dialect
@given(OWNS)
@example(Own(advbase_s=0, advskew=0, demotion=0, preempt=False)).via("OpenBSD's least interval")
@example(Own(advbase_s=1, advskew=100, demotion=240, preempt=False)).via("the dead time is not demoted")
def test_dead_time_is_the_models(dialect: Dialect, own: Own) -> None:
    """A backup takes over exactly one dead time after the last advertisement; it is not demoted (3.2)."""
    assume(can_be(dialect, own))
    host = listening(dialect, own)
    ours = (own.advbase_s, model_of_advskew(dialect.name, own))
    equal = Received(advbase_s=ours[0], advskew=ours[1], demotion=model_of_byte(dialect.name, own))
    assume(not is_equal_and_slow(dialect.name, own, equal))
    host.feed(equal.heard(host.config).packet, after=SECOND // 512)
    heard, dead = host.now, model_of_dead_time(dialect.name, own)
    states: list[State] = []
    for instant in (heard + dead - 1, heard + dead):
        host.run_until(instant)
        states.append(host.state)
    assert states == [State.BACKUP, State.MASTER]


@every_dialect
@given(OWNS, RECEIVED)
@example(Own(advbase_s=1, advskew=0, demotion=0, preempt=False), GOODBYE).via("split brain, one leaves")
@example(
    Own(advbase_s=1, advskew=100, demotion=0, preempt=False), Received(advbase_s=1, advskew=0, demotion=9)
).via("capture 19: ucarp yields, OpenBSD stays")
@example(
    Own(advbase_s=1, advskew=0, demotion=1, preempt=False), Received(advbase_s=1, advskew=100, demotion=0)
).via("a demoted OpenBSD master yields to a slower peer")
def test_master_decides_as_specified(dialect: Dialect, own: Own, received: Received) -> None:
    """A master yields or stays exactly where the specification says so (3.3)."""
    assume(can_be(dialect, own))
    host = becoming_master(dialect, own)
    host.feed(received.heard(host.config).packet)
    expected = model_of_master(dialect.name, own, received)
    assert expected == ("stays" if host.state is State.MASTER else "yields")


@every_dialect
@given(OWNS, RECEIVED)
@example(Own(advbase_s=86, advskew=0, demotion=0, preempt=False), GOODBYE).via("3 * 86 s exceed a goodbye's")
@example(Own(advbase_s=0, advskew=1, demotion=0, preempt=False), GOODBYE).via("OpenBSD would miss it")
@example(Own(advbase_s=1, advskew=0, demotion=0, preempt=False), Received(advbase_s=3, advskew=0, demotion=0)).via(
    "exactly at the limit"
)
@example(Own(advbase_s=1, advskew=0, demotion=0, preempt=False), Received(advbase_s=3, advskew=1, demotion=0)).via(
    "just over the limit"
)
@example(Own(advbase_s=1, advskew=0, demotion=1, preempt=True), Received(advbase_s=4, advskew=0, demotion=0)).via(
    "slow, but less demoted than we are"
)
@example(
    Own(advbase_s=1, advskew=0, demotion=240, preempt=False), Received(advbase_s=3, advskew=100, demotion=0)
).via("over the limit, since our dead time is not demoted")
def test_backup_decides_as_specified(dialect: Dialect, own: Own, received: Received) -> None:
    """A backup takes over or waits exactly where the specification says so, or an exception is noted (3.3)."""
    assume(can_be(dialect, own) and not is_equal_and_slow(dialect.name, own, received))
    host = listening(dialect, own)
    host.feed(received.heard(host.config).packet)
    host.run_for(GOODBYE_DELAY)
    expected = model_of_backup(dialect.name, own, received)
    assert expected == ("takes over" if host.state is State.MASTER else "waits")


@every_dialect
@given(OWNS, RECEIVED)
def test_backup_that_waits_begins_to_wait_anew(dialect: Dialect, own: Own, received: Received) -> None:
    """Whatever keeps a backup waiting restarts its dead timer, and a better master is given the time it needs.

    A demoted host's dead time may be shorter than its master's interval, since it is not demoted itself.
    """
    assume(can_be(dialect, own) and not is_equal_and_slow(dialect.name, own, received))
    assume(model_of_backup(dialect.name, own, received) == "waits")
    host = listening(dialect, own)
    host.feed(received.heard(host.config).packet, after=SECOND // 512)
    dead = model_of_dead_time(dialect.name, own)
    better = (received.demotion if SPECIFIED[dialect.name].demotion == "byte" else 0, received.interval) < (
        model_of_byte(dialect.name, own),
        (own.advbase_s, model_of_advskew(dialect.name, own)),
    )
    if better:
        assert host.deadline >= host.now + dead
        assert host.deadline > host.now + nanoseconds(received.interval)
    else:
        assert host.now + dead == host.deadline


@pytest.mark.parametrize(
    "dialect",
    [dialect for dialect in DIALECTS.values() if SPECIFIED[dialect.name].demotion != "byte"],
    ids=lambda dialect: dialect.name,
)
@given(OWNS, RECEIVED)
def test_demotion_byte_of_others_is_ignored_outside_of_openbsd(
    dialect: Dialect, own: Own, received: Received
) -> None:
    """Only OpenBSD's dialects look at the byte: in the others it changes no decision (3.5)."""
    assume(can_be(dialect, own))
    for make in (listening, becoming_master):
        plain, demoted = make(dialect, own), make(dialect, own)
        plain.feed(replace(received, demotion=0).heard(plain.config).packet)
        demoted.feed(received.heard(demoted.config).packet)
        assert (plain.state, plain.node.deadline) == (demoted.state, demoted.node.deadline)


# Ties.


@pytest.mark.parametrize("dialect", [UCARP, CARPD], ids=lambda dialect: dialect.name)
@given(st.ip_addresses(v=4, network="10.0.0.0/8"), st.ip_addresses(v=4, network="10.0.0.0/8"))
@example(IPv4Address("10.98.0.5"), IPv4Address("10.100.0.0")).via("measured: ucarp yields")
@example(IPv4Address("10.98.0.5"), IPv4Address("10.97.0.200")).via("measured: ucarp stands")
def test_equal_masters_are_told_apart_by_their_octets(
    dialect: Dialect, own: IPv4Address, peer: IPv4Address
) -> None:
    """The lower address, read from its last octet, stays; so of two masters exactly one does (3.3)."""
    virtual = {address.ip for address in speaking(dialect).addresses}
    assume(own != peer and not {own, peer} & virtual)
    stay = []
    for source, other in ((own, peer), (peer, own)):
        config = replace(speaking(dialect), source=source)
        host = Host.master(config)
        host.hear(Heard(config=config, source=other))
        if host.state is State.MASTER:
            stay.append(source)
    assert [min(own, peer, key=lambda address: address.packed[::-1])] == stay


@given(st.ip_addresses(v=6, network="fe80::/64"), st.ip_addresses(v=6, network="fe80::/64"))
def test_equal_masters_over_ipv6_are_compared_in_network_order(own: IPv6Address, peer: IPv6Address) -> None:
    """There is no ucarp for IPv6: the lower address stays (3.3)."""
    assume(own != peer)
    config = replace(DUAL, source=None, source6=own)
    host = Host.master(config)
    host.hear(Heard(config=config, family=Family.IPV6, source=peer))
    assert (host.state is State.MASTER) == (own < peer)


@pytest.mark.parametrize(
    "dialect", [dialect for dialect in DIALECTS.values() if dialect not in {UCARP, CARPD}], ids=lambda it: it.name
)
@pytest.mark.parametrize("peer", [IPv4Address("10.0.0.1"), PEER], ids=["lower", "higher"])
def test_bsd_master_yields_to_an_equal_one(dialect: Dialect, peer: IPv4Address) -> None:
    """In a BSD's dialect whoever hears an equal master yields, without a word (3.3, 3.6)."""
    host = Host.master(speaking(dialect))
    effects = host.hear(Heard(config=host.config, source=peer))
    assert causes_in(effects) == [Cause.TIE_LOST]
    assert not sent_in(effects)


def causes_in(effects: tuple[Effect, ...] | list[Effect]) -> list[Cause]:
    """Return why the state changed."""
    return [effect.cause for effect in effects if isinstance(effect, StateChanged)]


# Two families.


@pytest.mark.parametrize(
    "dialect", [dialect for dialect in DIALECTS.values() if dialect is not UCARP], ids=lambda it: it.name
)
@pytest.mark.parametrize("heard", list(Family), ids=str)
def test_silence_of_one_family(dialect: Dialect, heard: Family) -> None:
    """A BSD takes over when either family falls silent; a carpd tells of it, and stays backup (9.4 row 15)."""
    config = speaking(dialect, dual=True)
    host = Host.listening(config)
    for _ in range(5):
        host.run_for(SECOND)
        host.hear(Heard(config=config, family=heard))
    (silent,) = set(Family) - {heard}
    if dialect is CARPD:
        assert host.state is State.BACKUP
        assert [notice for notice, _ in host.noticed()] == [Notice.FAMILY_SILENT]
    else:
        (change,) = [it for it in host.done if isinstance(it, StateChanged) and it.new is State.MASTER]
        assert (change.cause, change.silence) == (Cause.MASTER_TIMED_OUT, 3 * SECOND)
        assert change.detail == f"over {silent}"


# What demotes.


@every_dialect
@pytest.mark.parametrize("event", [HealthChanged(check="web", healthy=False), MaintenanceChanged(active=True)])
def test_one_cause_has_the_weight_of_the_dialect(
    dialect: Dialect, event: HealthChanged | MaintenanceChanged
) -> None:
    """A failed check, or maintenance, makes a host as bad as can be said; with OpenBSD it counts one (3.5)."""
    host = Host.listening(speaking(dialect))
    host.feed(event)
    host.run_until(host.deadline)
    (said,) = said_in(host.done)
    byte = SPECIFIED[dialect.name].demotion == "byte"
    assert (said.advskew, said.demotion) == ((0, 1) if byte else (240, 0))


@every_dialect
def test_demoted_master_says_so_at_once(dialect: Dialect) -> None:
    """A change of demotion is advertised immediately, in both directions (3.4)."""
    host = Host.master(speaking(dialect))
    effects = host.feed(HealthChanged(check="web", healthy=False), after=SECOND // 4)
    (worse,) = said_in(effects)
    assert [notice for notice, _ in notices_in(effects)] == [Notice.DEMOTED]
    (better,) = said_in(host.feed(HealthChanged(check="web", healthy=True), after=SECOND // 4))
    own = Own(advbase_s=1, advskew=0, demotion=SPECIFIED[dialect.name].weight, preempt=False)
    expected = (model_of_advskew(dialect.name, own), model_of_byte(dialect.name, own))
    assert expected == (worse.advskew, worse.demotion)
    assert (better.advskew, better.demotion) == (0, 0)


def test_demotion_swaps_two_openbsd_hosts() -> None:
    """Demoting the master's group swaps the roles at once; the first advertisement after that swaps back (9.2)."""
    first = replace(speaking(OPENBSD), preempt=True)
    second = replace(first, source=PEER, advskew=100)
    segment = Segment({"first": Host.listening(first), "second": Host.listening(second)}, masters_max=2)
    segment.run_for(int(3.1 * SECOND))
    assert segment.masters == ["first"]
    for amount, within, master in ((1, SECOND // 10, "second"), (0, second.interval, "first")):
        segment.feed("first", DemotionRequested(amount=amount))
        segment.run_for(within)
        assert segment.masters == [master]
