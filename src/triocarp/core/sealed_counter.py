"""The sealed counter: a time stamp and a keyed tag where CARP has a counter.

CARP's HMAC-SHA1 covers the 64-bit counter, and every receiver accepts any counter, but it does not cover
advbase, advskew, demotion and the source address. A sealed counter covers them::

    63           40 39                                    0
    +--------------+---------------------------------------+
    | tick mod 2^24|  tag                                  |
    +--------------+---------------------------------------+

    tick      1/256 seconds since the Unix epoch, never used twice
    seal key  HMAC-SHA256(password, "triocarp sealed counter 1")
    tag       first 40 bits of HMAC-SHA256(seal key, message)
    message   family, vhid, advbase, advskew, demotion (a byte each), the whole tick (8), source address (16)

To ucarp and the BSDs it is a number like any other. ``docs/sealed-counters.md`` has the guarantees, what they
rest on, their limits, and known-answer vectors.
"""

import enum
import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, final

from triocarp.core.timing import ADVSKEW_UNIT

TICK: Final = ADVSKEW_UNIT
"""Length of one tick, 1/256 s, in nanoseconds."""

EPOCH: Final = 1 << 24
"""After so many ticks, 65536 s or 18.2 h, the part of the tick that a counter carries comes round again."""

WINDOW_LIMIT: Final = (EPOCH // 2 - 1) * TICK
"""Longest window in nanoseconds, 9.1 h: beyond, the tick of a counter would be ambiguous."""

SOURCES_MAX: Final = 64
"""How many source addresses a `SealJudge` remembers."""

_LABEL: Final = b"triocarp sealed counter 1"
_BLOCK_LENGTH: Final = 64
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))
# "16s" fills the 4 bytes of an IPv4 address up with 12 zero bytes.
_MESSAGE: Final = struct.Struct("!BBBBBQ16s")
_TAG_LENGTH: Final = 5
_TAG_BITS: Final = 8 * _TAG_LENGTH
_TAG_MASK: Final = (1 << _TAG_BITS) - 1
_TICK_END: Final = 1 << 64
_FOLLOWING_MAX: Final = 1 << 24  # one a second for half a year


@enum.unique
class SealVerdict(enum.Enum):
    """What a receiver thinks of the counter of an advertisement whose HMAC-SHA1 holds."""

    GENUINE = "genuine"
    """The tag is right, the tick lies within the window and is the latest of its source."""

    UNSEALED = "unsealed"
    """No seal of ours: a host that does not seal, another password, or something altered and older than the
    window."""

    ALTERED = "altered"
    """The tick lies within the window, but the tag is wrong: somebody changed what CARP leaves open."""

    STALE = "stale"
    """The tag is right, but the tick lies outside the window, or before what had to be forgotten: an old
    advertisement sent again, or the two wall clocks are apart."""

    UNPROVEN = "unproven"
    """The tag is right, and the tick lies within the window, but we have not listened for long enough to know
    whether it was sent before."""

    REPLAYED = "replayed"
    """The tag is right and the tick lies within the window, but this or a later one was accepted before."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What the tag covers, besides the tick: all that CARP's HMAC-SHA1 leaves open, and the VHID.

    The address family is that of the source.

    Attributes:
        vhid: virtual host, 1 to 255.
        advbase_s: seconds, 0 to 255, as on the wire.
        advskew: 1/256 seconds, 0 to 255, as on the wire.
        demotion: the demotion byte, 0 to 255, as on the wire.
        source: source address of the IP packet. The scope of a link-local address plays no part.
    """

    vhid: int
    advbase_s: int
    advskew: int
    demotion: int
    source: IPv4Address | IPv6Address


def tick_at(wall: int) -> int:
    """Return the tick of an instant.

    Args:
        wall: nanoseconds since the Unix epoch.
    """
    return wall // TICK


def _nearest_tick(counter: int, near: int) -> int:
    """Return the tick nearest to another one whose low 24 bits are a counter's high ones.

    Of two equally near ones it is the earlier.

    Args:
        counter: 0 to 2**64 - 1.
        near: the other tick.
    """
    half = EPOCH // 2
    return near - half + ((counter >> _TAG_BITS) - near + half) % EPOCH


@final
class CounterSeal:
    """Seals counters, and opens sealed ones, with one password.

    The two hashes of RFC 2104 are begun once and copied for each counter.

    Args:
        key: the password as CARP uses it, 0 to 20 bytes. Zero bytes behind it change nothing.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = hmac.digest(key, _LABEL, "sha256").ljust(_BLOCK_LENGTH, b"\0")
        self._inner = hashlib.sha256(padded.translate(_INNER_PAD))
        self._outer = hashlib.sha256(padded.translate(_OUTER_PAD))

    def _tag(self, fields: Sealed, tick: int) -> bytes:
        inner = self._inner.copy()
        source = fields.source
        inner.update(
            _MESSAGE.pack(
                source.version,
                fields.vhid,
                fields.advbase_s,
                fields.advskew,
                fields.demotion,
                tick,
                source.packed,
            )
        )
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()[:_TAG_LENGTH]

    def counter(self, fields: Sealed, tick: int) -> int:
        """Return the sealed counter, 0 to 2**64 - 1, of an advertisement.

        Args:
            fields: of the advertisement, exactly as they will stand on the wire.
            tick: 0 to 2**64 - 1, from `SealingClock`.

        Raises:
            struct.error: a field or the tick is out of its range.
        """
        return tick % EPOCH << _TAG_BITS | int.from_bytes(self._tag(fields, tick), "big")

    def tick_of(self, counter: int, fields: Sealed, near: int) -> int | None:
        """Return the tick of a sealed counter, or None if its tag is wrong, compared in constant time.

        Args:
            counter: 0 to 2**64 - 1, as received.
            fields: of the advertisement, as received.
            near: a tick, any integer; the answer is the nearest one that the counter can mean.

        Raises:
            struct.error: a field is out of its range.
        """
        tick = _nearest_tick(counter, near)
        if not 0 <= tick < _TICK_END:
            return None
        tag = (counter & _TAG_MASK).to_bytes(_TAG_LENGTH, "big")
        return tick if hmac.compare_digest(self._tag(fields, tick), tag) else None


def age_of(counter: int, wall: int) -> int:
    """Return how long ago a counter was sealed, in nanoseconds; less than zero if a clock is off.

    Args:
        counter: of an advertisement with a seal.
        wall: now, in nanoseconds since the Unix epoch.
    """
    return wall - _nearest_tick(counter, tick_at(wall)) * TICK


@final
class SealingClock:
    """Gives a sender its ticks: no tick twice, and never one that is smaller than the one before.

    One clock serves one source address of one virtual host. It runs ahead of the wall clock for as long as it
    is asked more than 256 times a second, and after the wall clock was set back.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = -1

    def next(self, wall: int) -> int:
        """Return the tick for the next advertisement.

        Args:
            wall: now, in nanoseconds since the Unix epoch.
        """
        self._last = max(self._last + 1, tick_at(wall))
        return self._last


@final
class SealJudge:
    """Judges the counters that one virtual host hears, over IPv4 and IPv6.

    It remembers the latest counter of each source address. When there are too many, the one with the oldest
    tick is forgotten, and from then on nothing is trusted that is not later than what was forgotten: a replay
    is refused all the same.

    Args:
        seals: one for each password in force. While a password is being replaced there are two.
        window: how far the tick of an advertisement may be from our own wall clock, before it and after it, in
            nanoseconds; 1 to `WINDOW_LIMIT`. Rounded up to whole ticks.
        since: when this receiver began to listen, by its wall clock, in nanoseconds since the Unix epoch.
        believes_past: take what may have been sent before that for genuine, too. Else no tick up to a window
            after it is trusted, so that nothing sent earlier, which we cannot remember, counts now.

    Raises:
        ValueError: the window is out of its range.
    """

    __slots__ = ("_believes_past", "_forgotten", "_last", "_seals", "_unseen", "_window")

    def __init__(
        self, seals: Sequence[CounterSeal], *, window: int, since: int, believes_past: bool = False
    ) -> None:
        if not 0 < window <= WINDOW_LIMIT:
            raise ValueError(f"the window for sealed counters is {window} ns; it must be 1 to {WINDOW_LIMIT} ns")
        self._seals = tuple(seals)
        self._window = -(-window // TICK)
        # The last tick that can have been sealed before we listened, by a clock that is a window ahead.
        self._unseen = tick_at(since) + self._window
        self._believes_past = believes_past
        self._forgotten = -1
        self._last: dict[bytes, tuple[int, int]] = {}  # by packed source address: tick and counter

    def judge(self, counter: int, fields: Sealed, wall: int) -> SealVerdict:
        """Return what to think of an advertisement. Ask only when its HMAC-SHA1 holds. It changes nothing.

        Args:
            counter: 0 to 2**64 - 1, as received.
            fields: of the advertisement, as received.
            wall: when it was received, in nanoseconds since the Unix epoch.

        Raises:
            struct.error: a field is out of its range.
        """
        now = tick_at(wall)
        tick = self._open(counter, fields, now)
        if tick is None:
            return self._verdict_on_wrong_tag(counter, fields, now)
        if abs(tick - now) > self._window:
            return SealVerdict.STALE
        remembered = self._last.get(fields.source.packed)
        if remembered is not None and tick <= remembered[0]:
            return SealVerdict.REPLAYED
        if tick <= self._forgotten:
            return SealVerdict.STALE
        return SealVerdict.GENUINE if self._believes_past or tick > self._unseen else SealVerdict.UNPROVEN

    def has_sealed(self, source: IPv4Address | IPv6Address) -> bool:
        """Return whether a genuine advertisement of a source is remembered.

        Args:
            source: its IP address.
        """
        return source.packed in self._last

    def accept(self, counter: int, fields: Sealed, wall: int) -> None:
        """Remember an advertisement, so that neither it nor an earlier one of its source is genuine again.

        For those that `judge` called genuine and that passed every other check, and for those that we send
        ourselves: hosts that do not seal go on from ours.

        Args:
            counter: 0 to 2**64 - 1, as received or sent.
            fields: of the advertisement, as received or sent.
            wall: when it was received or sent, in nanoseconds since the Unix epoch.
        """
        tick = _nearest_tick(counter, tick_at(wall))
        source = fields.source.packed
        self._last[source] = max((tick, counter), self._last.get(source, (tick, counter)))
        if len(self._last) > SOURCES_MAX:
            oldest = min(self._last, key=self._last.__getitem__)
            self._forgotten = max(self._forgotten, self._last.pop(oldest)[0])

    def _open(self, counter: int, fields: Sealed, near: int) -> int | None:
        """Return the tick of a counter that any of our seals made, nearest to another tick; None if none did."""
        for seal in self._seals:
            tick = seal.tick_of(counter, fields, near)
            if tick is not None:
                return tick
        return None

    def _verdict_on_wrong_tag(self, counter: int, fields: Sealed, now: int) -> SealVerdict:
        """Return the best name for what is refused anyway."""
        # One epoch off is what a hardware clock in local time looks like, or yesterday's advertisement.
        if any(self._open(counter, fields, near) is not None for near in (now - EPOCH, now + EPOCH)):
            return SealVerdict.STALE
        tick = _nearest_tick(counter, now)
        if abs(tick - now) > self._window:
            return SealVerdict.UNSEALED
        # ucarp and FreeBSD go on from the last counter that they heard, so theirs often lies within the window.
        # If that was before our time we do not remember it: it may have been our own, of before a restart.
        if tick <= self._unseen:
            return SealVerdict.UNSEALED
        follows = any(0 < counter - heard <= _FOLLOWING_MAX for _, heard in self._last.values())
        return SealVerdict.UNSEALED if follows else SealVerdict.ALTERED
