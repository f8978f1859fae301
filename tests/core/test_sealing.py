"""Sealed counters in a whole host: a captured advertisement, however it is sent again, has no effect at all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    CARP_GROUP6,
    CARPD,
    FREEBSD,
    OPENBSD,
    UCARP,
    DropReason,
    Effect,
    Event,
    Notice,
    Noticed,
    PacketDropped,
    PacketReceived,
    Sealing,
    SealVerdict,
    SendAdvertisement,
    State,
    StopRequested,
    TimerExpired,
    Transport,
    VirtualHostConfig,
    WallClockChanged,
)
from triocarp.core.advertisement import GOODBYE, parse
from triocarp.core.sealed_counter import EPOCH, SOURCES_MAX, TICK, CounterSeal, Sealed, tick_at
from triocarp.core.timing import SECOND

from .wire import (
    DUAL,
    OTHER_PASSWORD,
    OWN,
    PASSWORD,
    PEER,
    PEER6,
    PLAIN,
    THIRD,
    VIRTUAL,
    WALL,
    Heard,
    Host,
    arrival,
    keyring_of,
    notices_in,
    objects_in,
    said_in,
    sent_in,
)

WINDOW: Final = PLAIN.seal_window
ENFORCED: Final = replace(PLAIN, dialect=CARPD, sealing=Sealing.ENFORCE, advskew=50)
OBSERVED: Final = replace(ENFORCED, sealing=Sealing.OBSERVE)
HOUR: Final = 3600 * SECOND
SETTLED: Final = 20 * SECOND
"""By then every host has listened for long enough, and one is master."""


def peer_of(config: VirtualHostConfig, **changes: int | bytes | IPv4Address | Sealing) -> VirtualHostConfig:
    """Return the preferred host of the same group."""
    return replace(replace(config, source=PEER, advskew=0), **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Sealer:
    """A peer that seals, with a clock that may be off.

    Attributes:
        config: of the host that hears it.
        behind: nanoseconds by which its wall clock is behind ours.
    """

    config: VirtualHostConfig = ENFORCED
    source: IPv4Address | IPv6Address = PEER
    advbase_s: int = 1
    advskew: int = 0
    demotion: int = 0
    behind: int = 0
    password: bytes = PASSWORD

    def says(self, now: int) -> PacketReceived:
        """Return the arrival of what it advertises at an instant."""
        fields = Sealed(
            vhid=self.config.vhid,
            advbase_s=self.advbase_s,
            advskew=self.advskew,
            demotion=self.demotion,
            source=self.source,
        )
        counter = CounterSeal(self.password).counter(fields, tick_at(WALL + now - self.behind))
        config = replace(self.config, password=self.password, other_password=None)
        heard = Heard(
            config=config,
            source=self.source,
            advbase_s=self.advbase_s,
            advskew=self.advskew,
            demotion=self.demotion,
            counter=counter,
        )
        packet = heard.packet
        return packet if self.source.version == 4 else replace(packet, destination=CARP_GROUP6)

    @property
    def goodbye(self) -> "Sealer":
        """The same peer leaving."""
        return replace(self, advbase_s=GOODBYE, advskew=GOODBYE)


def altered(packet: PacketReceived, **fields: int) -> PacketReceived:
    """Return a captured advertisement with other values where CARP's HMAC does not look."""
    return replace(packet, payload=replace(parse(packet.payload), **fields).build())  # type: ignore[arg-type]


def reported(effects: Iterable[Effect]) -> bool:
    """Return whether there is nothing but reports of a packet that was dropped."""
    return all(isinstance(effect, PacketDropped | Noticed) for effect in effects)


# Sending.


def plainly(packet: bytes) -> bytes:
    """Return a packet with its counter, digest and checksum blotted out."""
    return packet[:-30] + bytes(30)


@pytest.mark.parametrize("sealing", list(Sealing), ids=lambda sealing: sealing.value)
@pytest.mark.parametrize("dialect", [UCARP, CARPD, FREEBSD, OPENBSD], ids=lambda dialect: dialect.name)
def test_nothing_changes_for_who_does_not_seal(dialect: object, sealing: Sealing) -> None:
    """A sealed advertisement differs from an unsealed one in the counter, the HMAC and the checksum only."""
    base = replace(PLAIN, dialect=dialect)  # type: ignore[arg-type]
    hosts = [Host.listening(config) for config in (base, replace(base, sealing=sealing))]
    for host in hosts:
        host.run_until(SETTLED)
        host.feed(StopRequested())
    plain, sealed = (sent_in(host.done) for host in hosts)
    held_back = len(plain) - len(sealed)
    assert (held_back == 0) == (sealing is not Sealing.ENFORCE)
    for before, after in zip(plain[held_back:], sealed, strict=True):
        assert replace(before, packet=plainly(before.packet)) == replace(after, packet=plainly(after.packet))
        said = parse(arrival(after).payload)
        assert keyring_of(base).key_of(said.counter, said.digest) == 0


def test_ucarp_goes_on_from_a_sealed_counter() -> None:
    """To a host that does not seal it is a counter like any other: believed, and followed."""
    ucarp = Host.listening(PLAIN)
    packet = Sealer(config=PLAIN).says(0)
    ucarp.feed(packet)
    ucarp.run_until(4 * SECOND)
    assert ucarp.statistics.heard == {PEER: 1}
    assert said_in(ucarp.done)[0].counter == parse(packet.payload).counter + 1


def test_unicast_peers_share_a_counter() -> None:
    """Each hears the same advertisement, for the seal does not cover to whom it goes."""
    config = replace(ENFORCED, transport=Transport.UNICAST, peers=(PEER, THIRD, IPv4Address("10.0.0.77")))
    host = Host.master(config)
    host.run_for(5 * SECOND)
    host.feed(StopRequested())
    said = [one.counter for one in said_in(host.done)]
    assert said[::3] == said[1::3] == said[2::3]
    assert len(set(said)) == len(said) // 3 == 6


@given(st.integers(1, 60), st.integers(1, 7))
def test_sub_second_group_is_believed(advskew: int, quarters: int) -> None:
    """With several advertisements a second each has a tick of its own, and none is lost (1/256 s is one tick)."""
    config = replace(ENFORCED, advbase_s=0, advskew=advskew + 1)
    listener = Host.listening(config)
    sender = Host.master(replace(config, source=PEER, advskew=advskew))
    listener.run_until(sender.now)
    already = len(sent_in(sender.done))
    sender.run_for(quarters * SECOND // 4)
    arrivals = sent_in(sender.done)[already:]
    for sent in arrivals:
        listener.feed(arrival(sent))
    # Some were said long before they arrive here, all within the window, and in their order.
    assert {PEER: len(arrivals)} == listener.statistics.heard
    assert {SealVerdict.GENUINE: len(arrivals)} == listener.node.virtual_hosts["eth0", 7].seals_seen


# Replays. The listener stands beside a twin that is spared them.


def settled(config: VirtualHostConfig, state: State) -> tuple[Host, PacketReceived]:
    """Return a host that has heard a better master for a while, or is master itself, and what it captured."""
    host = Host.listening(config)
    master = Sealer(config=config)
    first = captured = master.says(host.now)
    for second in range(20):
        host.run_for(SECOND)
        if state is State.BACKUP and second >= 3:  # before that nobody is believed
            captured = master.says(host.now)
            host.feed(captured)
    assert state is host.state
    return host, first if state is State.MASTER else captured


def stay_awake(host: Host, *, until: int) -> None:
    """Let a host run while it hears nobody, so that what comes then did not wait for it."""
    for instant in range(0, until + 1, SECOND):
        host.run_until(max(instant, host.now))
        host.set_clock(0)


Attack = Callable[[PacketReceived], Event]
SAME_FAMILY: Final[dict[str, Attack]] = {
    "as it was": lambda packet: packet,
    "with a better skew": lambda packet: altered(packet, advskew=0, advbase_s=0),
    "with a worse skew": lambda packet: altered(packet, advskew=254),
    "with a demotion": lambda packet: altered(packet, demotion=7),
    "from another address": lambda packet: replace(packet, source=THIRD),
    "from no address": lambda packet: replace(packet, source=IPv4Address(0)),
    "from the virtual address": lambda packet: replace(packet, source=VIRTUAL.ip),
    "as a goodbye": lambda packet: altered(packet, advbase_s=GOODBYE, advskew=GOODBYE),
    "better, from another address": lambda packet: altered(replace(packet, source=THIRD), advbase_s=0),
}
OVER_IPV6: Final[dict[str, Attack]] = {
    "over the other family": lambda packet: replace(packet, source=PEER6, destination=CARP_GROUP6),
    "over the other family, better": lambda packet: altered(
        replace(packet, source=IPv6Address(PEER.packed + bytes(12)), destination=CARP_GROUP6), advbase_s=0
    ),
}
every_replay = pytest.mark.parametrize("attack", (SAME_FAMILY | OVER_IPV6).values(), ids=SAME_FAMILY | OVER_IPV6)


@every_replay
@pytest.mark.parametrize("after", [0, SECOND // 2, WINDOW, WINDOW + TICK, 60 * SECOND])
@pytest.mark.parametrize("state", [State.BACKUP, State.MASTER])
def test_replay_has_no_effect(state: State, after: int, attack: Attack) -> None:
    """Under `enforce` state, deadline and deeds are those of a host that did not get it."""
    config = replace(ENFORCED, addresses=DUAL.addresses, source6=DUAL.source6)
    (host, captured), (twin, _) = (settled(config, state) for _ in range(2))
    for one in (host, twin):
        one.now = one.now + after if state is State.BACKUP else one.now
        one.run_for(0 if state is State.BACKUP else after)
    effects = host.feed(attack(captured))
    (dropped,) = [effect for effect in effects if isinstance(effect, PacketDropped)]
    assert reported(effects)
    assert dropped.reason in {DropReason.REPLAYED, DropReason.ALTERED, DropReason.STALE, DropReason.UNSEALED}
    notice = Notice[dropped.reason.name]
    if dropped.reason is DropReason.UNSEALED and dropped.source == PEER and state is State.BACKUP:
        notice = Notice.SEAL_MISSING  # it was heard with seals
    slept = dropped.reason is DropReason.STALE and state is State.BACKUP  # what was sent then blames nobody
    assert notices_in(effects) == ([] if slept else [(notice, dropped.source)])
    assert (host.state, host.deadline) == (twin.state, twin.deadline)
    assert len(host.run_for(4 * SECOND)) == len(twin.run_for(4 * SECOND))
    assert (host.state, host.deadline) == (twin.state, twin.deadline)
    assert host.statistics.heard == twin.statistics.heard


@every_replay
def test_replay_is_named(attack: Attack) -> None:
    """Within the window what was sent again is `REPLAYED`, and what was changed is `ALTERED`."""
    config = replace(ENFORCED, addresses=DUAL.addresses, source6=DUAL.source6)
    host, captured = settled(config, State.BACKUP)
    host.feed(attack(captured), after=SECOND // 2)
    expected = DropReason.REPLAYED if attack(captured) == captured else DropReason.ALTERED
    assert {expected: 1} == host.statistics.dropped


def test_without_seals_a_replay_takes_the_address() -> None:
    """What the seal is there for: a plain host believes one captured advertisement for ever."""
    host = Host.master(replace(PLAIN, advskew=50))
    captured = Heard(config=PLAIN, advskew=60)
    host.hear(captured)
    states = [host.state]
    host.feed(altered(captured.packet, advskew=0), after=HOUR)
    states.append(host.state)
    assert states == [State.MASTER, State.BACKUP]


@pytest.mark.parametrize("clock", [-1, 0, 1])
@pytest.mark.parametrize("pause", [0, SECOND, 10 * SECOND, HOUR, EPOCH * TICK])
def test_restarted_receiver_believes_nothing_from_before(pause: int, clock: int) -> None:
    """Nothing that was sealed before a receiver's start is believed after it, as long as clocks agree (5)."""
    sender = Sealer(behind=clock * WINDOW)
    captured = [sender.says(SETTLED - 1 - step * SECOND // 4) for step in range(40)]
    host = Host.listening(ENFORCED, at=SETTLED + pause)
    deadline = host.deadline
    for wait in (0, SECOND, WINDOW, SECOND):
        host.now += wait
        for packet in captured:
            assert reported(host.feed(packet))
            assert reported(host.feed(altered(packet, advbase_s=GOODBYE, advskew=GOODBYE)))
    assert deadline == host.deadline
    assert not host.statistics.heard


def test_restarted_sender_is_heard_and_its_past_is_not() -> None:
    """A sender forgets its ticks when it restarts; its clock goes on, and its captured past stays refused (6)."""
    host = Host.listening(ENFORCED)
    past: list[SendAdvertisement] = []
    for begin in (0, 60 * SECOND):
        sender = Host.listening(peer_of(ENFORCED), at=begin)
        for _ in range(30):
            heard_before = len(sent_in(sender.done))
            sender.run_for(SECOND)
            for sent in sent_in(sender.done)[heard_before:]:
                host.run_until(max(sender.now, host.now))
                host.feed(arrival(sent))
                past.append(sent)
        sender.feed(StopRequested())
    assert host.statistics.heard[PEER] == len(past)
    for sent in past:
        assert reported(host.feed(arrival(sent)))
    assert host.statistics.heard[PEER] == len(past)


# Clocks.


@given(st.integers(-2 * WINDOW, 2 * WINDOW))
def test_clocks_may_be_a_window_apart(behind: int) -> None:
    """A sender is heard exactly while its clock is within the window of ours, in either direction."""
    host = Host.listening(ENFORCED)
    stay_awake(host, until=2 * SECOND + 2 * WINDOW)
    host.feed(Sealer(behind=behind).says(host.now))
    distance = tick_at(WALL + host.now - behind) - tick_at(WALL + host.now)
    believed = abs(distance) <= -(-WINDOW // TICK)
    assert believed == (host.statistics.heard[PEER] == 1)
    assert ([] if believed else [(Notice.STALE, PEER)]) == host.noticed()


@pytest.mark.parametrize("behind", [WINDOW + 2 * TICK, -WINDOW - 2 * TICK, HOUR, -HOUR, 14 * HOUR])
def test_clocks_apart_are_told(behind: int) -> None:
    """A peer whose clock is off by more than the window, a time zone even, is `STALE`, with its name."""
    host = Host.listening(ENFORCED)
    stay_awake(host, until=6 * SECOND)
    effects = host.feed(Sealer(behind=behind).says(host.now))
    assert reported(effects)
    assert notices_in(effects) == [(Notice.STALE, PEER)]
    assert host.statistics.dropped == {DropReason.STALE: 1}


@every_replay
@pytest.mark.parametrize("behind", [WINDOW, -WINDOW, WINDOW + 2 * TICK, -WINDOW - 2 * TICK, HOUR, -HOUR])
def test_replay_has_no_effect_with_clocks_apart(behind: int, attack: Attack) -> None:
    """Whatever the sender's clock said, what was captured and is sent again later has no effect."""
    config = replace(ENFORCED, addresses=DUAL.addresses, source6=DUAL.source6)
    host, twin = Host.listening(config), Host.listening(config)
    for one in (host, twin):
        one.run_until(2 * SECOND + 2 * WINDOW)
    captured = Sealer(config=config, behind=behind).says(host.now)
    for one in (host, twin):
        one.feed(captured)
        one.run_for(SECOND // 2)
    assert reported(host.feed(attack(captured)))
    assert (host.state, host.deadline) == (twin.state, twin.deadline)


def test_without_a_wall_clock_nobody_is_believed() -> None:
    """Under `enforce` a host that does not know the time refuses everybody: nothing tells today from yesterday."""
    config = replace(ENFORCED, unsealed_peers=(THIRD,))
    host = Host.listening(config, offset=None)
    for source in (PEER, THIRD):
        effects = host.feed(Sealer(source=source).says(host.now))
        assert reported(effects)
        assert notices_in(effects) == []
    assert host.statistics.dropped == {DropReason.UNPROVEN: 2}
    host.feed(WallClockChanged(offset=WALL))
    host.feed(Sealer().says(5 * SECOND), after=5 * SECOND)
    assert host.statistics.heard == {PEER: 1}


def test_without_a_wall_clock_nobody_becomes_master() -> None:
    """A host that can neither believe nor be believed would be a second master for ever. It warns, and waits."""
    host = Host.listening(ENFORCED, offset=None)
    assert (host.node.deadline, host.node.takeover_due) == (None, None)
    host.run_for(HOUR)
    assert (host.state, host.noticed()) == (State.BACKUP, [(Notice.NO_WALL_CLOCK, None)])
    host.feed(WallClockChanged(offset=WALL))
    assert host.deadline == HOUR + ENFORCED.first_takeover
    host.run_until(host.deadline)
    assert host.state is State.MASTER


def test_clock_that_comes_before_the_link_is_no_warning() -> None:
    """A driver that knows the time tells it first."""
    assert Host.listening(ENFORCED).noticed() == []


def test_without_a_wall_clock_observers_believe_everybody() -> None:
    """Under `observe` nothing is refused, and nothing told about seals that nobody could look at."""
    host = Host.listening(OBSERVED, offset=None)
    host.feed(Sealer(config=OBSERVED).says(0))
    assert (host.statistics.heard, host.noticed()) == ({PEER: 1}, [])


def test_host_that_enforces_listens_for_longer() -> None:
    """Nothing is believed for a window, and a sender may be a window behind: a start takes two windows more."""
    assert Host.listening(ENFORCED).deadline == ENFORCED.first_takeover == 2 * WINDOW + ENFORCED.dead_time
    assert Host.listening(OBSERVED).deadline == OBSERVED.first_takeover == OBSERVED.dead_time


@pytest.mark.parametrize("behind", [-WINDOW, -SECOND, 0, SECOND, WINDOW])
def test_what_is_believed_counts_at_once_after_a_start(behind: int) -> None:
    """A goodbye makes a takeover, and a worse master is preempted, from the first tick that can be believed on.

    That is a window after the start, by the sender's clock. What was said before is dropped without a word.
    """
    worse = Sealer(advskew=100, behind=behind)
    for speaker, config in ((worse.goodbye, ENFORCED), (worse, replace(ENFORCED, preempt=True))):
        host = Host.listening(config)
        host.run_until(max(0, behind + WINDOW))
        host.feed(speaker.says(host.now))
        host.run_until(behind + WINDOW + TICK)
        assert (host.state, host.noticed()) == (State.BACKUP, [])
        assert host.statistics.dropped == {DropReason.UNPROVEN: 1}
        host.feed(speaker.says(host.now))
        host.run_for(TICK)
        assert host.state is State.MASTER


def test_silence_of_who_was_believed_counts_as_ever() -> None:
    """Only that nobody can be believed makes a start slow: a master that was heard is waited for no longer."""
    host = Host.listening(ENFORCED)
    host.feed(Sealer().says(WINDOW + TICK), after=WINDOW + TICK)
    assert host.deadline == WINDOW + TICK + ENFORCED.dead_time


@pytest.mark.parametrize("heard", [0, SECOND, WINDOW])
def test_who_is_not_believed_yet_is_not_taken_for_dead(heard: int) -> None:
    """A goodbye that comes too early changes nothing, and its sender's silence counts as if it had never been."""
    host = Host.listening(ENFORCED)
    assert reported(host.feed(Sealer().goodbye.says(heard), after=heard))
    assert host.deadline == ENFORCED.first_takeover


def test_hold_down_is_the_operators() -> None:
    """Unlike the longer listening, it keeps the host from acting on what it believes."""
    host = Host.listening(replace(ENFORCED, hold_down=10 * SECOND))
    host.run_until(5 * SECOND)
    assert host.feed(Sealer().goodbye.says(host.now)) == ()
    assert host.deadline == 10 * SECOND
    assert host.config.first_takeover == 10 * SECOND


@pytest.mark.parametrize("step", [-HOUR, -WINDOW - 1, WINDOW + 1, HOUR])
def test_clock_that_was_set_is_a_new_start(step: int) -> None:
    """After a step beyond the window the judge begins anew, the host listens longer, and seals anew."""
    host, captured = settled(ENFORCED, State.BACKUP)
    at = host.now
    host.set_clock(step)
    assert host.deadline == at + 2 * WINDOW + ENFORCED.dead_time
    host.feed(captured)
    assert not host.statistics.heard[THIRD]
    now_right = Sealer(behind=-step)
    host.feed(now_right.says(host.now), after=WINDOW // 2)
    heard = host.statistics.heard[PEER]
    host.feed(now_right.says(host.now + WINDOW), after=WINDOW)
    assert host.statistics.heard[PEER] == heard + 1
    host.run_until(host.deadline)
    (said,) = said_in(host.done)
    assert said.counter >> 40 == tick_at(WALL + step + host.now) % EPOCH


@given(st.integers(-WINDOW, WINDOW))
def test_clock_that_is_slewed_is_no_new_start(step: int) -> None:
    """Up to the window, a change of the clock changes neither what is believed nor for how long to wait."""
    host, _ = settled(ENFORCED, State.BACKUP)
    deadline, noticed = host.deadline, host.noticed()
    assert host.set_clock(step) == ()
    assert (deadline, noticed) == (host.deadline, host.noticed())
    before = host.statistics.heard[PEER]
    host.feed(Sealer(behind=-step).says(host.now + WINDOW + TICK), after=WINDOW + TICK)
    assert host.statistics.heard[PEER] == before + 1


def test_master_whose_clock_was_set_goes_on() -> None:
    """A step of the clock takes no address away: a master stays master, and its peers have to believe the rest."""
    host = Host.master(ENFORCED)
    host.set_clock(HOUR)
    host.run_for(5 * SECOND)
    assert host.state is State.MASTER


def test_clock_without_seals_is_nobodys_business() -> None:
    """With sealing off the wall clock may do what it likes (9.4 row 17)."""
    host = Host.master(PLAIN)
    deadline = host.deadline
    for step in (HOUR, -2 * HOUR):
        assert host.set_clock(step) == ()
    assert (State.MASTER, deadline) == (host.state, host.deadline)


# Observing.


@every_replay
@pytest.mark.parametrize("state", [State.BACKUP, State.MASTER])
def test_observer_behaves_as_without_seals(state: State, attack: Attack) -> None:
    """Under `observe` everything is as with `off`, but that what is wrong with a seal is told, with the peer."""
    config = replace(OBSERVED, addresses=DUAL.addresses, source6=DUAL.source6)
    (host, captured), (twin, _) = settled(config, state), settled(replace(config, sealing=Sealing.OFF), state)
    host.run_for(SECOND // 2)
    twin.run_for(SECOND // 2)
    packet = attack(captured)
    assert isinstance(packet, PacketReceived)
    effects, as_without = host.feed(packet), twin.feed(packet)
    told = [effect for effect in effects if isinstance(effect, Noticed) and effect not in as_without]
    expected = Notice.ALTERED
    if packet == captured:
        expected = Notice.REPLAYED if state is State.BACKUP else Notice.STALE
    if state is State.BACKUP:
        assert [(expected, packet.source)] == [(notice.notice, notice.peer) for notice in told]
    kinds = [type(effect) for effect in effects if effect not in told]
    assert kinds == [type(effect) for effect in as_without]
    assert (host.state, host.deadline) == (twin.state, twin.deadline)
    assert host.statistics.heard == twin.statistics.heard


def test_observer_believes_ucarp_and_tells_of_it() -> None:
    """A host that does not seal is believed, and told about once a minute."""
    host = Host.listening(OBSERVED)
    for second in range(130):
        host.hear(Heard(config=OBSERVED, counter=1 << 63 | second), after=SECOND)
    assert host.statistics.heard[PEER] == 130
    assert host.noticed() == [(Notice.UNSEALED, PEER)] * 3


# Who seals, and who slept.


@pytest.mark.parametrize("config", [ENFORCED, OBSERVED], ids=lambda config: config.sealing.value)
def test_missing_seal_of_a_host_that_seals_is_told_as_such(config: VirtualHostConfig) -> None:
    """What was altered and is old looks unsealed: nobody shall think that its sender does not seal."""
    host, captured = settled(config, State.BACKUP)
    for _ in range(60):
        host.feed(Sealer(config=config).says(host.now), after=SECOND)
    effects = host.feed(altered(captured, advskew=0, advbase_s=0))
    assert notices_in(effects) == [(Notice.SEAL_MISSING, PEER)]
    effects = host.feed(altered(replace(captured, source=THIRD), advskew=0, advbase_s=0))
    assert notices_in(effects) == [(Notice.UNSEALED, THIRD)]


@pytest.mark.parametrize("config", [ENFORCED, OBSERVED], ids=lambda config: config.sealing.value)
@pytest.mark.parametrize("state", [State.BACKUP, State.MASTER])
def test_what_waited_for_a_host_that_slept_blames_nobody(config: VirtualHostConfig, state: State) -> None:
    """What was sent while the host did not run comes late; what was sent before that is a replay."""
    host, _ = settled(config, state)
    slept_at = host.now
    before, waited = (Sealer(config=config).says(slept_at + at) for at in (-WINDOW - SECOND, SECOND))
    host.now += 8 * SECOND
    effects = host.feed(waited)
    assert DropReason.STALE in {it.reason for it in effects if isinstance(it, PacketDropped)} or (
        config.sealing is Sealing.OBSERVE
    )
    assert Notice.STALE not in {notice for notice, _ in notices_in(effects)}
    assert (Notice.STALE, PEER) in notices_in(host.feed(before, after=SECOND // 10))


def test_backlog_ends() -> None:
    """A second after the host woke nothing waits any more: what is stale then is worth a word."""
    host, _ = settled(ENFORCED, State.BACKUP)
    waited = Sealer().says(host.now + SECOND)
    host.now += 8 * SECOND
    host.feed(TimerExpired())
    effects = host.feed(waited, after=SECOND)
    assert notices_in(effects) == [(Notice.STALE, PEER)]


# Hosts that do not seal.


@given(st.integers(0, 2**64 - 1))
def test_listed_host_need_not_seal(counter: int) -> None:
    """Whatever its counter is, a listed host without seals is believed, and nothing is told about it."""
    host = Host.listening(replace(ENFORCED, unsealed_peers=(PEER,)))
    host.run_until(5 * SECOND)
    heard = Heard(config=ENFORCED, counter=counter)
    host.hear(heard)
    assert (host.statistics.heard, host.noticed()) == ({PEER: 1}, [])
    assert reported(host.hear(replace(heard, source=THIRD)))
    assert host.statistics.heard == {PEER: 1}


def test_list_does_not_excuse_what_was_sealed_once() -> None:
    """What a listed address sealed and is old, or was heard before, is refused all the same."""
    host = Host.listening(replace(ENFORCED, unsealed_peers=(PEER,)))
    host.run_until(6 * SECOND)
    old, fresh = Sealer().says(0), Sealer().says(host.now)
    for packet, reason in ((old, DropReason.STALE), (fresh, None), (fresh, DropReason.REPLAYED)):
        dropped = [it.reason for it in host.feed(packet) if isinstance(it, PacketDropped)]
        assert dropped == ([reason] if reason else [])


@pytest.mark.parametrize("config", [ENFORCED, OBSERVED], ids=lambda config: config.sealing.value)
def test_ucarp_that_goes_on_from_before_our_restart_is_no_forger(config: VirtualHostConfig) -> None:
    """It took over when we stopped, and goes on from the last counter that we sealed, which we have forgotten."""
    before = Host.master(config)
    before.feed(StopRequested())
    last = said_in(before.done)[-1]
    host = Host.listening(config, at=before.now + SECOND // 2)
    for step in range(1, 9):
        host.hear(Heard(config=config, counter=last.counter + step), after=SECOND)
        if host.state is State.MASTER:
            break
    assert host.noticed() == [(Notice.UNSEALED, PEER)]


def test_host_that_follows_our_counter_is_unsealed_and_not_altered() -> None:
    """A ucarp goes on from what it heard of us; that is no attack."""
    host = Host.master(ENFORCED)
    (said,) = said_in(host.done)
    effects = host.hear(Heard(config=ENFORCED, counter=said.counter + 1))
    assert notices_in(effects) == [(Notice.UNSEALED, PEER)]


# Two passwords, and strangers.


def test_seal_of_either_password_is_genuine() -> None:
    """While the password is being changed, seals are made with the old and the new one."""
    config = replace(ENFORCED, other_password=OTHER_PASSWORD)
    host = Host.listening(config)
    host.run_until(5 * SECOND)
    for source, password in ((PEER, PASSWORD), (THIRD, OTHER_PASSWORD)):
        host.feed(Sealer(config=config, source=source, password=password).says(host.now))
    assert host.statistics.heard == {PEER: 1, THIRD: 1}
    assert host.node.virtual_hosts["eth0", 7].seals_seen == {SealVerdict.GENUINE: 2}


def test_observed_host_with_the_other_password_is_told_of() -> None:
    """A seal that proves nothing is no reason to forget which password an advertisement was signed with."""
    host = Host.listening(replace(OBSERVED, other_password=OTHER_PASSWORD))
    effects = host.hear(Heard(config=replace(OBSERVED, password=OTHER_PASSWORD), counter=1), after=SECOND)
    assert notices_in(effects) == [(Notice.OTHER_PASSWORD, PEER), (Notice.UNSEALED, PEER)]


def test_stranger_is_not_judged() -> None:
    """Only what passes every check of CARP is judged: a verdict on anything else is the attacker's noise."""
    host = Host.listening(ENFORCED)
    host.run_until(5 * SECOND)
    stranger = Sealer(password=b"unknown").says(host.now)
    ours = Sealer(source=OWN).says(host.now)
    for packet in (stranger, ours, replace(Sealer().says(host.now), ttl=254)):
        host.feed(packet)
    assert not host.node.virtual_hosts["eth0", 7].seals_seen
    assert set(host.statistics.dropped) == {DropReason.BAD_AUTHENTICATION, DropReason.OWN, DropReason.BAD_TTL}


def test_judge_remembers_few_sources() -> None:
    """Nobody but members of the group can make a host remember anything, and they only so much."""
    host = Host.listening(ENFORCED)
    host.run_until(5 * SECOND)
    captured = Sealer().says(host.now)
    before = objects_in(host.node)
    for octets in range(1000):
        host.feed(replace(captured, source=IPv4Address("10.1.0.0") + octets))
    assert objects_in(host.node) - before < 500  # the peers that were told of
    for octets in range(1000):
        host.feed(Sealer(source=IPv4Address("10.2.0.0") + octets).says(host.now), after=TICK)
        if octets == 2 * SOURCES_MAX:
            before = objects_in(host.node)
    assert objects_in(host.node) - before < 500
