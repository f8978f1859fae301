"""Laws of the sealed counter: what was sealed is genuine once and for a short time, and nothing else ever is."""

import hashlib
import hmac
import json
import re
import struct
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from triocarp.core.advertisement import Advertisement
from triocarp.core.sealed_counter import (
    EPOCH,
    SOURCES_MAX,
    TICK,
    WINDOW_LIMIT,
    CounterSeal,
    Sealed,
    SealingClock,
    SealJudge,
    SealVerdict,
    tick_at,
)
from triocarp.core.timing import SECOND

ROOT: Final = Path(__file__).parents[2]
VECTORS: Final[list[dict[str, Any]]] = json.loads(
    (ROOT / "tests" / "vectors" / "sealed-counters.json").read_text(encoding="utf-8")
)["vectors"]
DOCUMENT: Final = (ROOT / "docs" / "sealed-counters.md").read_text(encoding="utf-8")

NOW: Final = 1_750_000_000 * SECOND
"""A whole second, so that the distances of the tests are whole ticks."""
WINDOW: Final = 10 * SECOND
LINE_LABELS: Final = {
    "vhid": "VHID",
    "advbase": "advbase",
    "advskew": "advskew",
    "demotion": "demotion",
    "source": "source",
    "tick": "tick",
    "seal_key_hex": "seal key",
    "message_hex": "message",
    "tag_hex": "tag",
    "counter_hex": "counter",
    "virtual_addresses": "virtual addresses",
    "carp_hmac_sha1_hex": "HMAC-SHA1",
    "carp_header_hex": "header",
}

SEAL: Final = CounterSeal(b"love")
OTHER_SEAL: Final = CounterSeal(b"hate")
MASTER: Final = Sealed(vhid=42, advbase_s=1, advskew=100, demotion=0, source=IPv4Address("10.1.1.1"))
PEER: Final = replace(MASTER, source=IPv4Address("10.1.1.2"))

OCTETS: Final = st.integers(0, 255)
COUNTERS: Final = st.integers(0, 2**64 - 1)
COUNTERS_OF_NOW: Final = st.tuples(
    st.integers(-2 * WINDOW // TICK, 2 * WINDOW // TICK), st.integers(0, 2**40 - 1)
).map(lambda parts: (tick_at(NOW) + parts[0]) % EPOCH << 40 | parts[1])
TICKS: Final = st.integers(0, 2**64 - 1)
OFFSETS: Final = st.integers(1 - EPOCH // 2, EPOCH // 2)
"""Ticks by which a receiver's clock may be off before a counter means another tick."""
WALLS: Final = st.integers(-(2**63), 2**63 - 1)
FIELDS: Final = st.builds(
    Sealed,
    vhid=st.integers(1, 255),
    advbase_s=OCTETS,
    advskew=OCTETS,
    demotion=OCTETS,
    source=st.ip_addresses(),
)
ALTERATIONS: Final = st.one_of(
    st.tuples(st.sampled_from(["vhid", "advbase_s", "advskew", "demotion"]), OCTETS),
    st.tuples(st.just("source"), st.ip_addresses()),
)


def judge(*seals: CounterSeal, window: int = WINDOW, since: int | None = None) -> SealJudge:
    """Return a judge that has heard nothing; with the usual seal if none is named."""
    begun = -(1 << 62) if since is None else since
    return SealJudge(seals or (SEAL,), window=window, since=begun, believes_past=since is None)


def sealed_at(wall: int, fields: Sealed = MASTER, seal: CounterSeal = SEAL) -> int:
    """Return the counter that a sender makes at this time of its own clock."""
    return seal.counter(fields, tick_at(wall))


def fields_of(vector: dict[str, Any]) -> Sealed:
    """Return the covered fields of a known-answer vector."""
    return Sealed(
        vhid=vector["vhid"],
        advbase_s=vector["advbase"],
        advskew=vector["advskew"],
        demotion=vector["demotion"],
        source=ip_address(vector["source"]),
    )


def verdicts_from(sources: Sequence[int], judging: SealJudge, wall: int) -> list[SealVerdict]:
    """Return what a judge thinks of an advertisement sealed now by each of these IPv4 sources."""
    senders = [replace(MASTER, source=IPv4Address(source)) for source in sources]
    return [judging.judge(sealed_at(wall, sender), sender, wall) for sender in senders]


# The construction.


@given(st.binary(max_size=20), FIELDS, TICKS)
def test_counter_is_what_the_document_says(key: bytes, fields: Sealed, tick: int) -> None:
    """24 bits of the tick and 40 bits of an HMAC-SHA256 over 29 bytes, keyed by an HMAC-SHA256 of the label."""
    seal_key = hmac.new(key, b"triocarp sealed counter 1", hashlib.sha256).digest()
    message = bytes((fields.source.version, fields.vhid, fields.advbase_s, fields.advskew, fields.demotion))
    message += tick.to_bytes(8, "big") + fields.source.packed.ljust(16, b"\0")
    tag = hmac.new(seal_key, message, hashlib.sha256).digest()[:5]
    assert int.from_bytes(tick.to_bytes(8, "big")[-3:] + tag, "big") == CounterSeal(key).counter(fields, tick)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_known_answers(vector: dict[str, Any]) -> None:
    """Every known counter is the one that we seal, and opens again to its tick."""
    seal = CounterSeal(bytes.fromhex(vector["password_hex"]))
    counter = int(vector["counter_hex"], 16)
    assert counter == seal.counter(fields_of(vector), vector["tick"])
    assert vector["tick"] == seal.tick_of(counter, fields_of(vector), vector["tick"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_known_answers_hold_together(vector: dict[str, Any]) -> None:
    """Each intermediate value follows from the one before, by nothing but HMAC, up to the whole header."""
    password = bytes.fromhex(vector["password_hex"])
    assert vector["password_text"].encode() == password
    seal_key = hmac.digest(password, b"triocarp sealed counter 1", "sha256")
    assert vector["seal_key_hex"] == seal_key.hex()
    tag = hmac.digest(seal_key, bytes.fromhex(vector["message_hex"]), "sha256")[:5]
    assert vector["tag_hex"] == tag.hex()
    counter = (vector["tick"] % 2**24).to_bytes(3, "big") + tag
    assert vector["counter_hex"] == counter.hex()
    ascending = sorted(
        (ip_address(address) for address in vector["virtual_addresses"]), key=lambda ip: (ip.version, int(ip))
    )
    message = b"\2\1" + bytes((vector["vhid"],)) + b"".join(address.packed for address in ascending) + counter
    assert vector["carp_message_hex"] == message.hex()
    digest = hmac.digest(password, message, "sha1")
    assert vector["carp_hmac_sha1_hex"] == digest.hex()
    advertisement = Advertisement(
        vhid=vector["vhid"],
        advskew=vector["advskew"],
        advbase_s=vector["advbase"],
        counter=int.from_bytes(counter, "big"),
        digest=digest,
        demotion=vector["demotion"],
    )
    assert vector["carp_header_hex"] == advertisement.build().hex()


def test_known_answers_differ() -> None:
    """No two vectors have the same message, tag or counter."""
    for field in ("message_hex", "tag_hex", "counter_hex"):
        values = [(vector["password_hex"], vector[field]) for vector in VECTORS]
        assert len(set(values)) == len(VECTORS), field


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_document_prints_the_known_answers(vector: dict[str, Any]) -> None:
    """The document's table of a vector has the numbers of the file, in every line."""
    password = f"`{vector['password_hex']}`" if vector["password_hex"] else "empty"
    lines = [
        f"### {vector['name']}: {vector['description']}",
        "",
        "| field | value |",
        "|---|---|",
        f"| password | {password} |",
    ]
    for field, label in LINE_LABELS.items():
        value = vector[field]
        lines.append(f"| {label} | `{', '.join(value) if isinstance(value, list) else value}` |")
    assert "\n".join(lines) + "\n" in DOCUMENT


def test_document_has_no_other_vectors() -> None:
    """The document's tables are those of the file, in its order."""
    assert re.findall(r"(?m)^### (S\d+):", DOCUMENT) == [vector["name"] for vector in VECTORS]


@given(st.binary(max_size=15), st.integers(0, 5), FIELDS, TICKS)
def test_zeros_behind_a_password_change_nothing(key: bytes, zeros: int, fields: Sealed, tick: int) -> None:
    """The BSDs' fixed field of 20 bytes and a shorter password are the same password, as for CARP itself."""
    assert CounterSeal(key).counter(fields, tick) == CounterSeal(key + bytes(zeros)).counter(fields, tick)


@given(FIELDS, TICKS, OFFSETS)
def test_tick_is_found_again(fields: Sealed, tick: int, offset: int) -> None:
    """The whole tick comes back wherever the receiver's clock stands within 9.1 h of it."""
    assert SEAL.tick_of(SEAL.counter(fields, tick), fields, tick + offset) == tick


@given(FIELDS, TICKS, st.integers(-5, 5).filter(bool), OFFSETS)
def test_tag_is_wrong_in_every_other_epoch(fields: Sealed, tick: int, epochs: int, offset: int) -> None:
    """An old counter does not verify when its 24 bits come round again: the tag covers the whole tick."""
    assert SEAL.tick_of(SEAL.counter(fields, tick), fields, tick + epochs * EPOCH + offset) is None


@given(COUNTERS, FIELDS, st.integers(-(2**70), 2**70))
def test_any_counter_can_be_opened(counter: int, fields: Sealed, near: int) -> None:
    """Whatever the counter and the clock are: no exception, and a tick only if sealing gives that counter."""
    tick = SEAL.tick_of(counter, fields, near)
    assert tick is None or SEAL.counter(fields, tick) == counter


@pytest.mark.parametrize(
    ("fields", "tick"),
    [
        (replace(MASTER, advbase_s=256), 0),
        (replace(MASTER, advskew=-1), 0),
        (replace(MASTER, demotion=256), 0),
        (replace(MASTER, vhid=256), 0),
        (MASTER, -1),
        (MASTER, 2**64),
    ],
)
def test_what_does_not_fit_is_refused(fields: Sealed, tick: int) -> None:
    """A field or tick that the message has no room for raises, and is never cut short."""
    with pytest.raises(struct.error):
        SEAL.counter(fields, tick)


def test_family_is_covered() -> None:
    """An IPv6 source with the same sixteen bytes as a padded IPv4 source has another tag."""
    alias = IPv6Address(MASTER.source.packed.ljust(16, b"\0"))
    assert SEAL.tick_of(sealed_at(NOW), replace(MASTER, source=alias), tick_at(NOW)) is None


def test_scope_of_a_source_plays_no_part() -> None:
    """The receiver's name for the interface of a link-local source is not in the packet, so not in the tag."""
    sender = replace(MASTER, source=IPv6Address("fe80::1"))
    scoped = replace(MASTER, source=IPv6Address("fe80::1%eth0"))
    judging = judge()
    counter = sealed_at(NOW, sender)
    assert judging.judge(counter, scoped, NOW) is SealVerdict.GENUINE
    judging.accept(counter, scoped, NOW)
    assert judging.judge(counter, sender, NOW) is SealVerdict.REPLAYED


# The sender's clock.


@given(st.lists(WALLS, min_size=2, max_size=20))
def test_ticks_only_grow(walls: list[int]) -> None:
    """Whatever the wall clock does, no tick comes twice, none is smaller than the last, and none is negative."""
    clock = SealingClock()
    ticks = [clock.next(wall) for wall in walls]
    assert ticks[0] >= 0
    assert all(earlier < later for earlier, later in pairwise(ticks))


@given(st.integers(0, 2**62), st.integers(0, 10 * TICK))
def test_tick_is_that_of_the_wall_clock_when_it_can_be(wall: int, step: int) -> None:
    """A clock that has not run ahead gives the tick of now; asked again in the same tick, the one after it."""
    clock = SealingClock()
    assert clock.next(wall) == wall // TICK
    assert clock.next(wall + step) == max(wall // TICK + 1, (wall + step) // TICK)


# What is genuine, and what is not.


@given(FIELDS, COUNTERS, WALLS, st.booleans())
def test_judge_never_raises(fields: Sealed, counter: int, wall: int, trusts: bool) -> None:
    """Any counter at any time has a verdict, before and after it was accepted."""
    judging = judge(SEAL, OTHER_SEAL, since=None if trusts else wall)
    assert judging.judge(counter, fields, wall) in SealVerdict
    judging.accept(counter, fields, wall)
    assert judging.judge(counter, fields, wall) is not SealVerdict.GENUINE


@given(FIELDS, st.integers(WINDOW, 2**62), st.integers(-WINDOW, WINDOW))
def test_clocks_may_be_a_window_apart(fields: Sealed, wall: int, offset: int) -> None:
    """What a sender seals is genuine if its clock is at most the window ahead or behind."""
    assert judge().judge(sealed_at(wall + offset, fields), fields, wall) is SealVerdict.GENUINE


@given(
    FIELDS,
    st.integers(2**61, 2**62),
    st.integers(WINDOW + TICK, EPOCH * TICK),
    st.sampled_from([-1, 1]),
)
def test_clocks_further_apart_are_refused(fields: Sealed, wall: int, offset: int, direction: int) -> None:
    """A tick more than the window, in either direction, is stale, and recognised as sealed for 18.2 h."""
    assert judge().judge(sealed_at(wall + direction * offset, fields), fields, wall) is SealVerdict.STALE


def test_edges_of_the_window() -> None:
    """The window is whole ticks: its last tick is genuine, one more is stale, before and after."""
    judging = judge(window=WINDOW - 1)
    for direction in (-1, 1):
        edge, beyond = NOW + direction * WINDOW, NOW + direction * (WINDOW + TICK)
        assert judging.judge(sealed_at(edge), MASTER, NOW) is SealVerdict.GENUINE
        assert judging.judge(sealed_at(beyond), MASTER, NOW) is SealVerdict.STALE


@given(FIELDS, ALTERATIONS, st.integers(-WINDOW, WINDOW))
def test_any_alteration_is_refused(fields: Sealed, alteration: tuple[str, Any], offset: int) -> None:
    """With one covered field changed, or another source, the counter is not genuine but altered."""
    name, value = alteration
    altered = replace(fields, **{name: value})
    assume(altered != fields)
    counter = sealed_at(NOW + offset, fields)
    assert judge().judge(counter, altered, NOW) is SealVerdict.ALTERED


@given(st.integers(0, 63))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    """A sealed counter with one bit flipped is not genuine, whether it is a bit of the tick or of the tag."""
    assert judge().judge(sealed_at(NOW) ^ 1 << bit, MASTER, NOW) in {SealVerdict.ALTERED, SealVerdict.UNSEALED}


def test_other_password_is_refused() -> None:
    """A seal under another password is not genuine."""
    assert judge().judge(sealed_at(NOW, seal=OTHER_SEAL), MASTER, NOW) is SealVerdict.ALTERED


@given(FIELDS, st.integers(-WINDOW, WINDOW), st.integers(0, 3 * WINDOW))
def test_replay_is_refused(fields: Sealed, offset: int, delay: int) -> None:
    """What was accepted is never genuine again: replayed within the window, stale after it."""
    judging = judge()
    counter = sealed_at(NOW + offset, fields)
    assert judging.judge(counter, fields, NOW) is SealVerdict.GENUINE
    judging.accept(counter, fields, NOW)
    in_window = tick_at(NOW + delay) - tick_at(NOW + offset) <= tick_at(WINDOW)
    expected = SealVerdict.REPLAYED if in_window else SealVerdict.STALE
    assert judging.judge(counter, fields, NOW + delay) is expected


@given(FIELDS, st.lists(st.integers(0, WINDOW), min_size=1, max_size=10), st.integers(0, WINDOW))
def test_what_was_overtaken_is_refused(fields: Sealed, delays: list[int], late: int) -> None:
    """An advertisement that arrives after a later one of its source is refused, whether it was heard or not."""
    judging = judge()
    clock = SealingClock()
    earlier = SEAL.counter(fields, clock.next(NOW))
    for delay in delays:
        counter = SEAL.counter(fields, clock.next(NOW + delay))
        if judging.judge(counter, fields, NOW + delay) is SealVerdict.GENUINE:
            judging.accept(counter, fields, NOW + delay)
    assert judging.judge(earlier, fields, NOW + late) is SealVerdict.REPLAYED


@given(st.lists(st.integers(0, WINDOW), max_size=10), st.booleans())
def test_memory_never_goes_back(offsets: list[int], backwards: bool) -> None:
    """In whatever order advertisements are accepted, the latest one bounds what is genuine afterwards."""
    judging = judge()
    for offset in sorted(offsets, reverse=backwards):
        judging.accept(sealed_at(NOW + offset), MASTER, NOW)
    latest = max(offsets, default=-TICK)
    assert judging.judge(sealed_at(NOW + latest + TICK), MASTER, NOW + latest) is SealVerdict.GENUINE
    for offset in offsets:
        assert judging.judge(sealed_at(NOW + offset), MASTER, NOW) is SealVerdict.REPLAYED


def test_every_advertisement_of_a_burst_is_genuine() -> None:
    """A sender that says several things in one tick is believed each of them, in their order."""
    judging = judge()
    clock = SealingClock()
    for _ in range(100):
        counter = SEAL.counter(MASTER, clock.next(NOW))
        assert judging.judge(counter, MASTER, NOW) is SealVerdict.GENUINE
        judging.accept(counter, MASTER, NOW)


def test_judging_changes_nothing() -> None:
    """What was judged but not accepted, because another check failed, is judged the same again."""
    judging = judge()
    assert {judging.judge(sealed_at(NOW), MASTER, NOW) for _ in range(3)} == {SealVerdict.GENUINE}


def test_sources_are_remembered_apart() -> None:
    """A later advertisement of one host says nothing about another host's."""
    judging = judge()
    judging.accept(sealed_at(NOW, PEER), PEER, NOW)
    assert judging.judge(sealed_at(NOW - SECOND), MASTER, NOW) is SealVerdict.GENUINE


def test_wrap_is_no_event() -> None:
    """Advertisements around the instant at which the 24 bits wrap are genuine, and then replayed."""
    judging = judge()
    wrap = (tick_at(NOW) // EPOCH + 1) * EPOCH
    counters = [SEAL.counter(MASTER, tick) for tick in range(wrap - 3, wrap + 3)]
    assert counters[2] >> 40 == EPOCH - 1
    assert counters[3] >> 40 == 0
    for receiver in (wrap - 3, wrap + 2):
        assert all(judge().judge(counter, MASTER, receiver * TICK) is SealVerdict.GENUINE for counter in counters)
    for counter in counters:
        assert judging.judge(counter, MASTER, wrap * TICK) is SealVerdict.GENUINE
        judging.accept(counter, MASTER, wrap * TICK)
    assert all(judging.judge(counter, MASTER, wrap * TICK) is SealVerdict.REPLAYED for counter in counters)


@given(st.integers(1, 10), st.integers(-WINDOW, WINDOW))
def test_replay_when_the_bits_come_round_is_refused(epochs: int, offset: int) -> None:
    """A captured counter is not genuine when, a multiple of 18.2 h later, its 24 bits are those of now."""
    later = NOW + epochs * EPOCH * TICK + offset
    expected = SealVerdict.STALE if epochs == 1 else SealVerdict.ALTERED
    assert judge().judge(sealed_at(NOW), MASTER, later) is expected


def test_clock_before_1970() -> None:
    """A receiver whose clock lies before the epoch trusts nobody who is not there too, and raises nothing."""
    assert judge().judge(sealed_at(NOW), MASTER, -3600 * SECOND) is SealVerdict.UNSEALED
    assert judge().judge(sealed_at(0), MASTER, -1) is SealVerdict.GENUINE


# Hosts that do not seal.


@given(COUNTERS | COUNTERS_OF_NOW, FIELDS)
def test_random_counters_are_unsealed_or_look_altered(counter: int, fields: Sealed) -> None:
    """A counter that nobody sealed is never genuine; it looks altered exactly if its bits lie in the window."""
    distance = ((counter >> 40) - tick_at(NOW)) % EPOCH
    in_window = min(distance, EPOCH - distance) <= WINDOW // TICK
    expected = SealVerdict.ALTERED if in_window else SealVerdict.UNSEALED
    assert judge().judge(counter, fields, NOW) is expected


@given(st.integers(1, 2**24), st.booleans())
def test_who_goes_on_from_a_sealed_counter_is_unsealed(more: int, ours: bool) -> None:
    """A ucarp or FreeBSD host takes up the last counter it heard, a peer's or our own, and counts on from it."""
    judging = judge()
    counter = SEAL.counter(MASTER if ours else PEER, tick_at(NOW))
    legacy = replace(MASTER, source=IPv4Address("10.1.1.9"))
    assert judging.judge(counter + more, legacy, NOW) is SealVerdict.ALTERED
    judging.accept(counter, MASTER if ours else PEER, NOW)
    assert judging.judge(counter + more, legacy, NOW) is SealVerdict.UNSEALED
    assert judging.judge(counter, legacy, NOW) is SealVerdict.ALTERED


# Restarts and passwords.


@given(FIELDS, st.integers(-WINDOW, WINDOW), st.integers(0, 4 * WINDOW), st.integers(0, 3 * WINDOW))
def test_nothing_from_before_a_restart_counts(fields: Sealed, offset: int, age: int, delay: int) -> None:
    """While clocks agree to within the window, what was sent before the receiver's start is never genuine.

    It is called stale only when it is: within the window the receiver cannot know, and accuses nobody.
    """
    judging = judge(since=NOW)
    fresh = abs(tick_at(NOW - age + offset) - tick_at(NOW + delay)) <= WINDOW // TICK
    expected = SealVerdict.UNPROVEN if fresh else SealVerdict.STALE
    assert judging.judge(sealed_at(NOW - age + offset, fields), fields, NOW + delay) is expected


@pytest.mark.parametrize("since", [NOW, None])
def test_who_goes_on_from_what_we_cannot_remember_is_no_forger(since: int | None) -> None:
    """A ucarp goes on from a counter that was sealed before our start, our own perhaps, or before we believed any.

    What is later than that we would remember, so there a wrong tag is an altered one.
    """
    judging = SealJudge((SEAL,), window=WINDOW, since=NOW, believes_past=since is None)
    for sealed in (NOW - WINDOW, NOW, NOW + WINDOW):
        assert judging.judge(sealed_at(sealed) + 1, PEER, NOW) is SealVerdict.UNSEALED
    assert judging.judge(sealed_at(NOW + WINDOW + TICK) + 1, PEER, NOW + TICK) is SealVerdict.ALTERED


@given(FIELDS, st.integers(-WINDOW, WINDOW))
def test_everybody_is_heard_two_windows_after_a_restart(fields: Sealed, offset: int) -> None:
    """A sender counts a window after the receiver's start by its own clock, so after two at the latest."""
    judging = judge(since=NOW)
    wall = NOW + WINDOW - offset + TICK
    assert judging.judge(sealed_at(wall + offset, fields), fields, wall) is SealVerdict.GENUINE


def test_sender_that_restarts_is_heard_at_once() -> None:
    """A sender that has forgotten its last tick goes on from its wall clock; nobody notices."""
    judging = judge()
    judging.accept(SEAL.counter(MASTER, SealingClock().next(NOW)), MASTER, NOW)
    later = NOW + SECOND
    assert judging.judge(SEAL.counter(MASTER, SealingClock().next(later)), MASTER, later) is SealVerdict.GENUINE


@given(st.integers(TICK, 3 * WINDOW))
def test_sender_set_back_at_a_restart_is_ignored_until_it_catches_up(step: int) -> None:
    """Whose clock was set back across a restart is refused for that long, and heard again afterwards."""
    judging = judge()
    judging.accept(sealed_at(NOW), MASTER, NOW)
    assert judging.judge(sealed_at(NOW - step), MASTER, NOW) in {SealVerdict.REPLAYED, SealVerdict.STALE}
    assert judging.judge(sealed_at(NOW + step), MASTER, NOW + step) is SealVerdict.GENUINE


@given(st.integers(0, WINDOW))
def test_running_sender_that_is_set_back_a_little_is_heard_throughout(step: int) -> None:
    """A sender that keeps its `SealingClock` counts on from its last tick, so a step of a window is no event."""
    judging = judge()
    clock = SealingClock()
    for second in range(20):
        wall = NOW + second * SECOND
        counter = SEAL.counter(MASTER, clock.next(wall - step if second else wall))
        assert judging.judge(counter, MASTER, wall) is SealVerdict.GENUINE
        judging.accept(counter, MASTER, wall)


def test_sender_that_was_ahead_and_is_set_right() -> None:
    """Its `SealingClock` stays ahead, so it stays stale, unless it begins a new one; then it is heard at once."""
    clock = SealingClock()
    ahead = SEAL.counter(MASTER, clock.next(NOW + 3600 * SECOND))
    assert judge().judge(ahead, MASTER, NOW) is SealVerdict.STALE
    assert judge().judge(SEAL.counter(MASTER, clock.next(NOW)), MASTER, NOW) is SealVerdict.STALE
    assert judge().judge(SEAL.counter(MASTER, SealingClock().next(NOW)), MASTER, NOW) is SealVerdict.GENUINE


@given(FIELDS)
def test_two_passwords_in_force(fields: Sealed) -> None:
    """While a password is replaced, seals of both are genuine, and a replay is refused under either."""
    judging = judge(SEAL, OTHER_SEAL)
    for ticks, seal in enumerate((SEAL, OTHER_SEAL, SEAL)):
        counter = sealed_at(NOW + ticks * TICK, fields, seal)
        assert judging.judge(counter, fields, NOW) is SealVerdict.GENUINE
        judging.accept(counter, fields, NOW)
        assert (
            judging.judge(sealed_at(NOW + ticks * TICK, fields, OTHER_SEAL), fields, NOW) is SealVerdict.REPLAYED
        )
    assert judge(OTHER_SEAL).judge(sealed_at(NOW, fields), fields, NOW) is SealVerdict.ALTERED


def test_without_passwords_nothing_is_genuine() -> None:
    """A judge without a seal refuses everything."""
    judging = SealJudge((), window=WINDOW, since=0)
    assert judging.judge(sealed_at(NOW), MASTER, NOW) in {
        SealVerdict.ALTERED,
        SealVerdict.UNSEALED,
    }


@given(st.integers(1, 20))
def test_memory_is_bounded_and_forgets_no_replay(extra: int) -> None:
    """With too many sources the ones with the oldest ticks are forgotten, and their replays still refused."""
    judging = judge()
    sources = range(1, SOURCES_MAX + extra + 1)
    senders = [replace(MASTER, source=IPv4Address(source)) for source in sources]
    sent = [sealed_at(NOW + order * TICK, sender) for order, sender in enumerate(senders)]
    for counter, sender in zip(sent, senders, strict=True):
        assert judging.judge(counter, sender, NOW) is SealVerdict.GENUINE
        judging.accept(counter, sender, NOW)
    verdicts = [judging.judge(counter, sender, NOW) for counter, sender in zip(sent, senders, strict=True)]
    assert verdicts == [SealVerdict.STALE] * extra + [SealVerdict.REPLAYED] * SOURCES_MAX
    # All of them, and newcomers, are genuine again with what they say next.
    later = NOW + SECOND
    assert set(verdicts_from([*sources, 10_000], judging, later)) == {SealVerdict.GENUINE}


def test_source_that_is_forgotten_at_once() -> None:
    """A newcomer that is behind everybody who is remembered is refused the second time all the same."""
    judging = judge()
    for source in range(1, SOURCES_MAX + 1):
        sender = replace(MASTER, source=IPv4Address(source))
        judging.accept(sealed_at(NOW + SECOND, sender), sender, NOW)
    counter = sealed_at(NOW)
    assert judging.judge(counter, MASTER, NOW) is SealVerdict.GENUINE
    judging.accept(counter, MASTER, NOW)
    assert judging.judge(counter, MASTER, NOW) is SealVerdict.STALE
    assert judging.judge(sealed_at(NOW + TICK), MASTER, NOW) is SealVerdict.GENUINE


@pytest.mark.parametrize("window", [-1, 0, WINDOW_LIMIT + 1])
def test_window_out_of_range_is_refused(window: int) -> None:
    """No window, or one in which the tick of a counter would be ambiguous, is an error."""
    with pytest.raises(ValueError, match=f"is {window} ns; it must be 1 to {WINDOW_LIMIT} ns"):
        judge(window=window)


def test_greatest_window_works() -> None:
    """Up to the limit of 9.1 h the window means what it says."""
    judging = judge(window=WINDOW_LIMIT)
    for offset in (-WINDOW_LIMIT, WINDOW_LIMIT):
        assert judging.judge(sealed_at(NOW + offset), MASTER, NOW) is SealVerdict.GENUINE


def test_secrets_do_not_show() -> None:
    """No representation has the password or the key made from it."""
    shown = repr(SEAL) + repr(judge()) + str(SEAL)
    assert "love" not in shown
    assert VECTORS[0]["seal_key_hex"] not in shown
