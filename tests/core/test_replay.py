"""Playing a journal again: the same effects, or the place where they part; never a success that is none."""

import json
import string
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triocarp.core import (
    Announce,
    DemotionRequested,
    Event,
    HealthChanged,
    HookFinished,
    HookOutcome,
    Link,
    LinkChanged,
    MaintenanceChanged,
    NodeConfig,
    PacketReceived,
    Runner,
    SendAdvertisement,
    Started,
    State,
    StateChanged,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    VirtualHostConfig,
    WallClockChanged,
)
from triocarp.core.journal import Entry, Gap, Header, JournalError, LineJournal, decode, encode
from triocarp.core.replay import Divergence, Replayed, replay
from triocarp.core.timing import SECOND

from .hosts import MAC, PLAIN, Machine, Peer

SEED = 4711
ELSEWHERE = replace(
    PLAIN,
    interface="eth1",
    vhid=8,
    source=IPv4Address("10.1.0.5"),
    addresses=(IPv4Interface("10.1.0.100/24"),),
)
PEER = Peer(advskew=1)
BETTER = Peer(advbase_s=0, advskew=1)


@dataclass
class Recorded:
    """A machine that writes a journal.

    Attributes:
        configs: its virtual hosts.
        lines: the journal.
        machine: the machine.
    """

    configs: tuple[VirtualHostConfig, ...] = (PLAIN,)
    lines: list[str] = field(default_factory=list[str])
    machine: Machine = field(init=False)

    def __post_init__(self) -> None:
        """Begin the journal."""
        self.machine = Machine(*self.configs, seed=SEED)
        header = Header(triocarp="0", seed=SEED, clock="virtual", config=self.config)
        ports = replace(self.machine.record.ports, journal=LineJournal(header, self.lines.append))
        self.machine.runner = Runner(self.machine.node, ports)

    @property
    def config(self) -> NodeConfig:
        """What runs."""
        return NodeConfig(virtual_hosts=self.configs)

    def replay(self) -> Replayed:
        """Play the journal again."""
        return replay(self.lines, self.config)


def takeover() -> Recorded:
    """Return a run in which a host becomes master in the silence of a peer, is relieved, and is stopped."""
    recorded = Recorded((replace(PLAIN, up_hook=True),))
    machine = recorded.machine
    machine.feed(Started())
    machine.link(Link.UP)
    machine.feed(PEER.advertises(1), after=SECOND)
    machine.feed(PEER.packet(PEER.payload(2), ttl=64), after=SECOND)
    machine.run_for(4 * SECOND)
    machine.end_hooks()
    machine.run_for(2 * SECOND)
    machine.feed(BETTER.advertises(3))
    machine.stop()
    return recorded


TAKEOVER = takeover()

# Anything that can happen to a machine, with ports that fail.

FLAWED = replace(PEER, password=b"another").advertises()
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from(
        [
            PEER.advertises(5),
            PEER.leaves(6),
            BETTER.advertises(7),
            replace(PEER, vhid=8, interface="eth1", address=IPv4Address("10.1.0.100")).advertises(1),
            FLAWED,
            PEER.packet(b"garbage"),
            TimerExpired(),
            WallClockChanged(offset=SECOND),
            HealthChanged(check="http", healthy=False),
            MaintenanceChanged(active=True),
            MaintenanceChanged(active=False),
            DemotionRequested(amount=7),
            SwitchOverRequested(hold_down=SECOND),
            StopRequested(),
        ]
    ),
    st.builds(
        LinkChanged,
        interface=st.sampled_from(["eth0", "eth1"]),
        link=st.sampled_from([Link.UP, *Link]),
        hardware_address=st.just(MAC),
    ),
)
STEPS = st.lists(
    st.one_of(
        EVENTS,
        st.integers(0, 4 * SECOND),
        st.sets(st.sampled_from(["advertise", "announce", "hold", "release", "run"])),
        st.sampled_from(HookOutcome),
    ),
    max_size=40,
)


def run(recorded: Recorded, steps: list[Event | int | set[str] | HookOutcome]) -> None:
    """Feed events, let time pass with its timers, let ports fail, and end hooks."""
    machine = recorded.machine
    machine.feed(Started())
    machine.link(Link.UP)
    for step in steps:
        if isinstance(step, int):
            machine.run_for(step)
        elif isinstance(step, set):
            machine.record.failing = step
        elif not isinstance(step, HookOutcome):
            machine.feed(step)
        elif machine.record.running:
            machine.end_hook(step)


@given(STEPS, st.booleans())
def test_a_replay_equals_the_run(steps: list[Event | int | set[str] | HookOutcome], preempt: bool) -> None:
    """Whatever happened, a fresh node answers the same, and is in the same condition at the end."""
    recorded = Recorded((replace(PLAIN, preempt=preempt, up_hook=True, down_hook=True), ELSEWHERE))
    run(recorded, steps)
    node = recorded.machine.node
    replayed = recorded.replay()
    assert replayed.entries == len(recorded.lines) - 1
    assert (replayed.runs, replayed.torn) == (1, 0)
    assert replayed.at == decode_entry(recorded.lines[-1]).at
    assert replayed.node.deadline == node.deadline
    assert replayed.node.stopped == node.stopped
    for place, host in node.virtual_hosts.items():
        again = replayed.node.virtual_hosts[place]
        assert (again.state, again.statistics) == (host.state, host.statistics)


def decode_entry(text: str) -> Entry:
    """Return the entry of a line."""
    entry = decode(text)
    assert isinstance(entry, Entry)
    return entry


def test_no_password_is_in_the_journal_of_a_run() -> None:
    """Neither as it is nor in hexadecimal, whatever happened."""
    config = replace(PLAIN, password=b"MuchTooSecret", other_password=b"OldSecret")
    recorded = Recorded((config,))
    run(recorded, [Peer(password=config.password).advertises(), FLAWED, 9 * SECOND, {"hold"}, StopRequested()])
    text = "".join(recorded.lines)
    for password in config.passwords:
        assert password.decode() not in text
        assert password.hex() not in text
    assert recorded.replay().entries > 9


# Every change is found, if it can matter.


def entries() -> list[tuple[int, Entry]]:
    """Return the entries of the takeover, each with its place."""
    return [(place, decode_entry(line)) for place, line in enumerate(TAKEOVER.lines) if place]


def changed(place: int, line: str) -> list[str]:
    """Return the journal of the takeover with another line in one place."""
    return [*TAKEOVER.lines[:place], line, *TAKEOVER.lines[place + 1 :]]


def test_an_effect_less_or_more_is_a_divergence() -> None:
    """In any entry, at any place."""
    for place, entry in entries():
        for index in range(len(entry.effects) + 1):
            fewer = (*entry.effects[:index], *entry.effects[index + 1 :])
            more = (
                *entry.effects[:index],
                StateChanged(interface="eth0", vhid=7, old=State.INIT, new=State.INIT, cause=CAUSE),
                *entry.effects[index:],
            )
            for effects in {fewer, more} - {entry.effects}:
                with pytest.raises(Divergence) as caught:
                    replay(changed(place, encode(replace(entry, effects=effects))), TAKEOVER.config)
                assert (caught.value.line, caught.value.event) == (place + 1, entry.event)
                assert caught.value.position == index
                assert caught.value.at == entry.at


CAUSE = next(
    effect.cause for _, entry in entries() for effect in entry.effects if isinstance(effect, StateChanged)
)


def test_any_other_field_of_an_effect_is_a_divergence() -> None:
    """It is named, with what the journal has and what the replay gives."""
    seen: set[str] = set()
    for place, entry in entries():
        for index, effect in enumerate(entry.effects):
            if not isinstance(effect, SendAdvertisement):
                continue
            other = replace(effect, packet=effect.packet[:-1] + bytes((effect.packet[-1] ^ 1,)))
            effects = (*entry.effects[:index], other, *entry.effects[index + 1 :])
            with pytest.raises(Divergence) as caught:
                replay(changed(place, encode(replace(entry, effects=effects))), TAKEOVER.config)
            found = caught.value
            assert (found.expected, found.actual, found.field) == (other, effect, "packet")
            seen.add(str(found))
    assert len(seen) > 1
    assert all(f"effect {1}" in text or "packet: the journal has SendAdvertisement(" in text for text in seen)


def test_a_line_less_or_twice_or_elsewhere_is_an_error() -> None:
    """The numbers tell, even where the event changed nothing. Only the end can be cut off."""
    lines = TAKEOVER.lines
    for place in range(len(lines) - 1):
        with pytest.raises(JournalError):
            replay(lines[:place] + lines[place + 1 :], TAKEOVER.config)
    for place in range(1, len(lines)):
        with pytest.raises(JournalError, match=f"line {place + 2}: entry {place}: expected entry {place + 1}: "):
            replay([*lines[: place + 1], *lines[place:]], TAKEOVER.config)
    for one, other in pairwise(range(1, len(lines))):
        swapped = [*lines[:one], lines[other], lines[one], *lines[other + 1 :]]
        with pytest.raises(JournalError, match=f"line {one + 1}: entry {other}: expected entry {one}: "):
            replay(swapped, TAKEOVER.config)
    assert replay(lines[:-1], TAKEOVER.config).entries == len(lines) - 2


@settings(max_examples=300)
@given(st.data())
def test_another_byte_is_found_or_does_not_matter(data: st.DataObject) -> None:
    """What replays all the same has another input, or other words in the header, and no other effect."""
    text = "".join(TAKEOVER.lines)
    at = data.draw(st.integers(0, len(text) - 1))
    byte = data.draw(st.sampled_from(string.printable).filter(lambda byte: byte != text[at]))
    lines = (text[:at] + byte + text[at + 1 :]).splitlines(keepends=True)
    try:
        replayed = replay(lines, TAKEOVER.config)
    except (JournalError, Divergence):
        return
    if replayed.torn:
        assert at == len(text) - 1
        return
    for old, new in zip(map(json.loads, TAKEOVER.lines), map(json.loads, lines), strict=True):
        assert what_must_be(old) == what_must_be(new)


def what_must_be(line: dict[str, Any]) -> dict[str, Any]:
    """Return what of a line no replay lets pass with another value."""
    return {key: line[key] for key in line.keys() & {"journal", "first", "config", "n", "kind", "effects"}}


@given(st.lists(st.sampled_from([*TAKEOVER.lines, "", "\n", "{}\n", '{"journal":1}\n', "x"]), max_size=9))
def test_lines_at_random_never_succeed(lines: list[str]) -> None:
    """But for the beginning of the journal, once or again and again: no line is passed over."""
    try:
        replayed = replay(lines, TAKEOVER.config)
    except (JournalError, Divergence):
        return
    assert replayed.entries + lines.count(TAKEOVER.lines[0]) + replayed.torn == len(lines)


# What cannot be replayed.


def test_no_lines_are_no_journal() -> None:
    """Nor is a single torn line."""
    for lines in ([], ['{"journ']):
        with pytest.raises(JournalError, match="line 1: no header: expected a journal from its beginning"):
            replay(lines, TAKEOVER.config)


def test_a_journal_without_its_beginning_says_so() -> None:
    """Whether it was cut somewhere, or rotated."""
    with pytest.raises(JournalError, match="line 1: entry 3 without a header"):
        replay(TAKEOVER.lines[3:], TAKEOVER.config)
    rotated = [header(first=3), *TAKEOVER.lines[3:]]
    with pytest.raises(
        JournalError, match="line 1: the journal goes on with entry 3 of a run: expected entry 1: "
    ):
        replay(rotated, TAKEOVER.config)


def header(first: int, seed: int = SEED) -> str:
    """Return another header for the journal of the takeover."""
    begin = decode(TAKEOVER.lines[0])
    assert isinstance(begin, Header)
    return encode(replace(begin, first=first, seed=seed, unix_offset=9))


def test_the_parts_of_a_rotated_journal_are_replayed_in_their_order() -> None:
    """A header that goes on where the journal is changes nothing."""
    lines = TAKEOVER.lines
    whole = [lines[0], header(first=1), *lines[1:3], header(first=3), *lines[3:], header(first=len(lines))]
    replayed = replay(whole, TAKEOVER.config)
    assert (replayed.runs, replayed.entries) == (1, len(lines) - 1)
    with pytest.raises(
        JournalError, match="line 4: the journal goes on with entry 4 of a run: expected entry 3: "
    ):
        replay([*lines[:3], header(first=4), *lines[4:]], TAKEOVER.config)
    with pytest.raises(JournalError, match="line 4: the journal goes on with entry 3 of a run"):
        replay([*lines[:3], header(first=3, seed=1), *lines[3:]], TAKEOVER.config)


def test_a_journal_with_several_runs_is_replayed_run_by_run() -> None:
    """The daemon was killed in the middle of a line and started again: the line is left out, and counted."""
    lines = TAKEOVER.lines
    torn = lines[4][:20] + "\n"
    replayed = replay([*lines[:4], torn, *lines], TAKEOVER.config)
    assert (replayed.runs, replayed.entries, replayed.torn) == (2, 3 + len(lines) - 1, 1)
    assert replayed.node.stopped


def test_a_gap_ends_the_replay() -> None:
    """What the node was told in between is not known."""
    gap = encode(Gap(n=3, gap=2, why="No space left on device"))
    message = r"line 4: entries 3 to 4 are missing \(No space left on device\): expected all entries"
    with pytest.raises(JournalError, match=message):
        replay([*TAKEOVER.lines[:3], gap, *TAKEOVER.lines[5:]], TAKEOVER.config)


def test_another_configuration_is_named() -> None:
    """By the first field that differs, with both values."""
    host = TAKEOVER.configs[0]
    other = NodeConfig(virtual_hosts=(replace(host, advskew=100, preempt=True),))
    message = r"line 1: virtual_hosts\[0\].advskew was 0 in the run: expected 100, as given"
    with pytest.raises(JournalError, match=message):
        replay(TAKEOVER.lines, other)
    with pytest.raises(
        JournalError, match=r"line 1: virtual_hosts was \[.*\] in the run: expected \[.*\], as given"
    ):
        replay(TAKEOVER.lines, NodeConfig(virtual_hosts=(host, ELSEWHERE)))


def test_another_password_diverges() -> None:
    """No journal can tell the password; the first thing that depends on it does."""
    config = NodeConfig(virtual_hosts=(replace(TAKEOVER.configs[0], password=b"another"),))
    with pytest.raises(Divergence) as caught:
        replay(TAKEOVER.lines, config)
    assert isinstance(caught.value.event, PacketReceived)
    assert "nothing; the replay gives PacketDropped(" in str(caught.value)


def test_an_event_that_no_node_takes_is_a_divergence() -> None:
    """A node that ran has taken it, so it is not the one that happened."""
    for place, entry in entries():
        if isinstance(entry.event, HookFinished):
            strange = replace(entry, event=replace(entry.event, vhid=9))
            with pytest.raises(Divergence, match="the replay gives no virtual host 9 on eth0") as caught:
                replay(changed(place, encode(strange)), TAKEOVER.config)
            assert caught.value.expected == entry.effects[0]
            assert isinstance(caught.value.actual, ValueError)
    early = replace(entries()[-1][1], at=0, effects=())
    with pytest.raises(Divergence, match="the journal has nothing; the replay gives now 0 is before"):
        replay(changed(len(TAKEOVER.lines) - 1, encode(early)), TAKEOVER.config)


def test_a_divergence_tells_all_that_one_needs() -> None:
    """Line, instant, event, which effect, which field, and both values."""
    place, entry = next((place, entry) for place, entry in entries() if isinstance(entry.event, HookFinished))
    sent = entry.effects[0]
    assert isinstance(sent, Announce | SendAdvertisement)
    wrong = replace(entry, effects=(replace(sent, vhid=9), *entry.effects[1:]))
    with pytest.raises(Divergence) as caught:
        replay(changed(place, encode(wrong)), TAKEOVER.config)
    seconds = f"{entry.at // SECOND}.{entry.at % SECOND:09d}"
    assert str(caught.value) == (
        f"line {place + 1}, at {seconds} s, after {entry.event}: effect 1, vhid: "
        f"the journal has {replace(sent, vhid=9)}; the replay gives {sent}"
    )
