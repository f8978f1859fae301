"""Somebody on the segment who has no password: listens, replays, forges, floods, and lies to ARP.

The attacks are faults like others (see `carpsim.faults`). They send from a station of their own, which hears what
a station of the segment hears, and needs nothing that such a station does not have.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final, final

from carpsim.engine import Engine
from carpsim.frame import HEADER_LENGTH, Frame
from carpsim.randomness import stream, uniform
from carpsim.segment import Segment
from triocarp.core import (
    CARP_GROUP,
    CARP_GROUP6,
    Advertisement,
    IPAddress,
    MalformedAdvertisementError,
    PacketReceived,
)
from triocarp.core.advertisement import DIGEST_LENGTH, GOODBYE, LENGTH, internet_checksum, parse
from triocarp.core.ethernet import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ethernet_header,
    gratuitous_arp,
    multicast_mac,
)
from triocarp.core.ipv4 import header
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from carpsim.world import World

NAME: Final = "adversary"
"""Label of the station from which attacks come."""

HARDWARE_ADDRESS: Final = bytes.fromhex("020666000066")
"""Its MAC."""

_CARP_AT: Final = {ETHERTYPE_IPV4: HEADER_LENGTH + 20, ETHERTYPE_IPV6: HEADER_LENGTH + 40}  # without options
_ADVSKEW_AT: Final = 2
_ADVBASE_AT: Final = 5
_CHECKSUM: Final = slice(6, 8)
_IPV4_CHECKSUM: Final = slice(10, 12)
_SOURCES: Final = {ETHERTYPE_IPV4: slice(12, 16), ETHERTYPE_IPV6: slice(8, 24)}
_TOS: Final = 0x10


@final
class Adversary:
    """A station that remembers the advertisements that it hears.

    Args:
        engine: of the world.
        segment: where it is plugged in; it joins the groups of CARP there.
        seed: of the run.

    Attributes:
        heard: the frame with the newest advertisement of each virtual host, by VHID.
    """

    def __init__(self, engine: Engine, segment: Segment, *, seed: int = 0) -> None:
        self.heard: dict[int, bytes] = {}
        self._engine = engine
        self._segment = segment
        self._rng = stream(seed, NAME, segment.name)
        segment.plug_in(self)
        for group in (CARP_GROUP, CARP_GROUP6):
            segment.join(NAME, multicast_mac(group))

    @property
    def label(self) -> str:
        """How it is called among the stations of its segment."""
        return NAME

    @property
    def carries(self) -> bool:
        """Whether frames get through its cable: always."""
        return True

    @property
    def rng(self) -> random.Random:
        """Its stream."""
        return self._rng

    def mac_for(self, address: IPAddress) -> bytes | None:  # noqa: ARG002 - it answers nobody
        """Return None; see `carpsim.segment.Station`.

        Args:
            address: that somebody asks for.
        """
        return None

    def receive(self, frame: Frame) -> None:
        """Remember an advertisement; see `carpsim.segment.Station`.

        Args:
            frame: any.
        """
        packet = frame.advertisement(NAME)
        if isinstance(packet, PacketReceived):
            try:
                self.heard[parse(packet.payload).vhid] = frame.data
            except MalformedAdvertisementError:
                return

    def send(self, frame: bytes) -> None:
        """Send a frame, whatever it says of who sent it.

        Args:
            frame: from the destination MAC on.
        """
        self._segment.transmit(self, frame)

    def repeat(self, attack: Callable[[], None], *, interval: int, duration: int | None) -> None:
        """Do something now and then again and again.

        Args:
            attack: what.
            interval: nanoseconds from one time to the next.
            duration: for how long, nanoseconds; None for ever.
        """
        end = None if duration is None else self._engine.now + duration

        def once() -> None:
            attack()
            if end is None or self._engine.now + interval < end:
                self._engine.after(interval, once)

        once()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Somebody sends an advertisement again that a master has sent, as it was or with what the HMAC leaves open.

    Nothing is sent as long as none was heard.

    Attributes:
        at: when.
        vhid: of the virtual host.
        interval: nanoseconds from one replay to the next.
        duration: how long, nanoseconds; None for ever.
        advbase_s: in the place of what it said; None for that.
        advskew: in the place of what it said; None for that.
        source: in the place of the address from which it came; None for that. Who sent it first takes no notice of
            what comes from its own address.
        goodbye: whether it is made a goodbye, whatever the two above are.
        fresh: whether each replay is of the newest advertisement, and not of the one that was the newest at the
            beginning.
        segment: where.
    """

    at: int
    vhid: int
    interval: int = SECOND // 2
    duration: int | None = None
    advbase_s: int | None = None
    advskew: int | None = None
    source: IPAddress | None = None
    goodbye: bool = False
    fresh: bool = False
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `carpsim.faults.Fault`."""
        adversary = world.adversary(self.segment)
        first = adversary.heard.get(self.vhid)

        def attack() -> None:
            frame = adversary.heard.get(self.vhid) if self.fresh or first is None else first
            if frame is not None:
                adversary.send(self._altered(frame))

        adversary.repeat(attack, interval=self.interval, duration=self.duration)

    def _altered(self, frame: bytes) -> bytes:
        """Return an advertisement with other values in the fields that its HMAC does not cover."""
        ethertype = frame[12:14]
        at = _CARP_AT[ethertype]
        ip, carp = bytearray(frame[HEADER_LENGTH:at]), bytearray(frame[at : at + LENGTH])
        advbase_s, advskew = (GOODBYE, GOODBYE) if self.goodbye else (self.advbase_s, self.advskew)
        if advbase_s is not None:
            carp[_ADVBASE_AT] = advbase_s
        if advskew is not None:
            carp[_ADVSKEW_AT] = advskew
        if self.source is not None:
            ip[_SOURCES[ethertype]] = self.source.packed
        _sum_up(carp, _CHECKSUM)
        if ethertype == ETHERTYPE_IPV4:
            _sum_up(ip, _IPV4_CHECKSUM)
        return frame[:HEADER_LENGTH] + bytes(ip) + bytes(carp) + frame[at + LENGTH :]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Somebody who does not know the password sends advertisements.

    Attributes:
        at: when.
        vhid: of the virtual host.
        source: from which it seems to come.
        interval: nanoseconds from one to the next.
        duration: how long, nanoseconds; None for ever.
        advbase_s: what they say.
        advskew: what they say.
        segment: where.
    """

    at: int
    vhid: int
    source: IPv4Address
    interval: int = SECOND
    duration: int | None = None
    advbase_s: int = 0
    advskew: int = 1
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `carpsim.faults.Fault`."""
        adversary = world.adversary(self.segment)

        def attack() -> None:
            adversary.send(_forged(adversary.rng, self.vhid, self.source, self.advbase_s, self.advskew))

        adversary.repeat(attack, interval=self.interval, duration=self.duration)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """Somebody sends forged advertisements as fast as they can.

    Attributes:
        at: when.
        source: from which they seem to come.
        vhid: of the virtual host; None for any, as chance has it.
        rate: frames in a second.
        duration: how long, nanoseconds.
        segment: where.
    """

    at: int
    source: IPv4Address
    vhid: int | None = None
    rate: int = 1000
    duration: int = SECOND
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `carpsim.faults.Fault`."""
        adversary = world.adversary(self.segment)

        def attack() -> None:
            rng = adversary.rng
            vhid = uniform(rng, 1, 255) if self.vhid is None else self.vhid
            adversary.send(_forged(rng, vhid, self.source, uniform(rng, 0, 255), uniform(rng, 0, 255)))

        adversary.repeat(attack, interval=SECOND // self.rate, duration=self.duration)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ArpSpoof:
    """Somebody announces an address as theirs, with ARP or with a neighbour advertisement, and answers nobody.

    Attributes:
        at: when.
        address: a virtual one, for instance.
        interval: nanoseconds from one announcement to the next.
        duration: how long, nanoseconds; None for ever.
        segment: where.
    """

    at: int
    address: IPAddress
    interval: int = SECOND
    duration: int | None = None
    segment: str = "lan"

    def happen(self, world: "World") -> None:
        """Let it happen; see `carpsim.faults.Fault`."""
        adversary = world.adversary(self.segment)
        if isinstance(self.address, IPv4Address):
            frame = gratuitous_arp(HARDWARE_ADDRESS, self.address)
        else:
            frame = unsolicited_neighbour_advertisement(HARDWARE_ADDRESS, self.address, router=False)
        adversary.repeat(lambda: adversary.send(frame), interval=self.interval, duration=self.duration)


def _forged(rng: random.Random, vhid: int, source: IPv4Address, advbase_s: int, advskew: int) -> bytes:
    """Return an advertisement in which all is right but the HMAC."""
    advertisement = Advertisement(
        vhid=vhid,
        advskew=advskew,
        advbase_s=advbase_s,
        counter=rng.getrandbits(64),
        digest=rng.getrandbits(8 * DIGEST_LENGTH).to_bytes(DIGEST_LENGTH),
    )
    ethernet = ethernet_header(multicast_mac(CARP_GROUP), HARDWARE_ADDRESS, ETHERTYPE_IPV4)
    return ethernet + header(source, CARP_GROUP, tos=_TOS, payload_length=LENGTH) + advertisement.build()


def _sum_up(data: bytearray, checksum: slice) -> None:
    """Set a checksum among the bytes that it is of."""
    data[checksum] = bytes(2)
    data[checksum] = internet_checksum(bytes(data)).to_bytes(2)
