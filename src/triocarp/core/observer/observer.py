"""A passive observer: it hears every frame of a segment, sends nothing, and says who is master and why.

::

    observer = Observer(ObservedGroup(vhid=42, passwords=(b"love",), addresses=(IPv4Address("10.99.0.252"),)))
    for at, frame in capture:
        for sighting in observer.observe(frame, at):
            print(at, explain_sighting(sighting))
    observer.deadline                       # silence is an event, too: expire(...) at this instant

Backups are invisible on the wire. A host is named only once it has advertised, so an observer knows the hosts that
are or were master, and never how many stand behind them.

The observer does not ask where an advertisement was sent to. Hosts that send to different groups do not hear each
other; it hears both, and reports the two masters that come of it. Nor does it look at the seals of sealed
counters: they are judged by a wall clock, and a capture of yesterday would be stale.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from triocarp.core import advertisement
from triocarp.core.advertisement import Advertisement
from triocarp.core.datagram import read_datagram
from triocarp.core.dialect import VIRTUAL_MAC_PREFIXES
from triocarp.core.ethernet import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from triocarp.core.events import PacketReceived, PacketUnreadable
from triocarp.core.family import Family, IPAddress, family_of
from triocarp.core.ipv4 import TTL
from triocarp.core.observer.announcement import read_announcement
from triocarp.core.observer.contest import HostRecord
from triocarp.core.observer.mastership import Mastership
from triocarp.core.observer.observed_group import ObservedGroup
from triocarp.core.observer.sightings import Announced, Host, Rejected, Role, Sighting
from triocarp.core.reasons import DropReason
from triocarp.core.timing import SECOND

ANNOUNCEMENT_LEAD: Final = SECOND // 4
"""How long before its first advertisement an announcement is a new master's, in nanoseconds.

ucarp sends one right after the other.
"""

_SEGMENT: Final = "segment"
_IP_BEGINS: Final = 14
_PROTOCOL_AT: Final[Mapping[bytes, tuple[Family, int]]] = MappingProxyType(
    {ETHERTYPE_IPV4: (Family.IPV4, _IP_BEGINS + 9), ETHERTYPE_IPV6: (Family.IPV6, _IP_BEGINS + 6)}
)
_BALANCING_MAC_PREFIX: Final = bytes.fromhex("01005e0001")  # OpenBSD's balancing by IP
_ANYBODYS_MAC_PREFIXES: Final = frozenset({*VIRTUAL_MAC_PREFIXES.values(), _BALANCING_MAC_PREFIX})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """What is known of a host.

    Attributes:
        role: its role.
        since: when it took that role, in nanoseconds.
        last_heard: the instant of its last advertisement.
        advertisements: how many were heard, goodbyes among them.
        advbase_s: seconds, of its last advertisement that was no goodbye.
        advskew: 1/256 seconds, of the same.
        demotion: OpenBSD's demotion count, of the same.
        hardware_address: its own MAC, 6 bytes, if that could be told.
    """

    role: Role
    since: int
    last_heard: int
    advertisements: int
    advbase_s: int
    advskew: int
    demotion: int
    hardware_address: bytes | None


@final
class Observer:
    """Watches one group.

    Args:
        group: which.
    """

    def __init__(self, group: ObservedGroup) -> None:
        self._group = group
        self._keyring = group.keyring()
        # The families do not compete: a host that serves both says everything twice, from two addresses.
        self._masterships = {family: Mastership(group) for family in Family}
        self._now: int | None = None
        self._last_announcement: tuple[bytes, int] | None = None  # sender and instant

    @property
    def hosts(self) -> Mapping[Host, HostView]:
        """Every host that was heard, in the order in which they were heard first in their family."""
        records = (record for mastership in self._masterships.values() for record in mastership.records.values())
        return MappingProxyType({record.host: _view(record) for record in records})

    @property
    def deadline(self) -> int | None:
        """The instant at which further silence is a sighting, in nanoseconds; None if there is no master."""
        deadlines = (mastership.deadline for mastership in self._masterships.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def observe(self, frame: bytes, at: int) -> tuple[Sighting, ...]:
        """Take note of a frame and return what it shows, after what the silence before it has shown.

        Args:
            frame: from the first byte of the Ethernet header on; what is no business of CARP shows nothing.
            at: when it was on the wire, in nanoseconds from any origin; never less than before.

        Raises:
            ValueError: time runs backwards.
        """
        silence = self.expire(at)
        if _is_carp(frame):
            return (*silence, *self._receive(frame, at))
        return (*silence, *self._read_announcement(frame, at))

    def expire(self, now: int) -> tuple[Sighting, ...]:
        """Take note of the silence up to an instant. What it shows does not depend on how often this is called.

        Args:
            now: nanoseconds, of the same origin as the frames'.

        Raises:
            ValueError: time runs backwards.
        """
        if self._now is not None and now < self._now:
            raise ValueError(f"instant {now} is before {self._now}, the instant of the last frame")
        self._now = now
        sightings = (sighting for mastership in self._masterships.values() for sighting in mastership.expire(now))
        return tuple(sorted(sightings, key=lambda sighting: sighting.at))

    def _receive(self, frame: bytes, at: int) -> Iterable[Sighting]:
        """Take an advertisement through the checks that every receiver makes, in their order."""
        packet = read_datagram(_SEGMENT, frame[_IP_BEGINS:])
        sender = frame[6:12]
        if isinstance(packet, PacketUnreadable):
            return (Rejected(reason=packet.reason, at=at, hardware_address=sender, source=packet.source),)
        source, ttl = packet.source, packet.ttl
        try:
            heard = advertisement.parse(packet.payload)
        except advertisement.MalformedAdvertisementError as error:
            reason, vhid = error.reason, error.vhid
            return (Rejected(reason=reason, at=at, hardware_address=sender, source=source, vhid=vhid, ttl=ttl),)
        reject = self._reason_to_reject(packet, heard)
        if reject is None:
            return self._hear(source, heard, sender, at)
        return (Rejected(reason=reject, at=at, hardware_address=sender, source=source, vhid=heard.vhid, ttl=ttl),)

    def _reason_to_reject(self, packet: PacketReceived, heard: Advertisement) -> DropReason | None:
        if heard.vhid != self._group.vhid:
            return DropReason.BAD_VHID
        if packet.ttl != TTL:
            return DropReason.BAD_TTL
        if self._keyring.key_of(heard.counter, heard.digest) is not None:
            return None
        mistaken = self._keyring.has_other_addresses(heard.counter, heard.digest, packet.source)
        return DropReason.BAD_ADDRESSES if mistaken else DropReason.BAD_AUTHENTICATION

    def _hear(self, source: IPAddress, heard: Advertisement, sender: bytes, at: int) -> Iterable[Sighting]:
        shared = source.is_unspecified or source in self._group.addresses
        host = Host(address=source, hardware_address=sender if shared else None)
        mastership = self._masterships[family_of(source)]
        announcement = self._announcement_before(host, at)
        announced_at = None if announcement is None else announcement[1]
        sightings = mastership.hear(host, heard, at, announced_at=announced_at)
        if not self._is_virtual(sender):
            mastership.records[host].hardware_address = sender
        elif announcement is not None:
            mastership.records[host].hardware_address = announcement[0]
        return sightings

    def _announcement_before(self, host: Host, at: int) -> tuple[bytes, int] | None:
        """Return sender and instant of the announcement with which a host that now advertises became master."""
        if self._last_announcement is None:
            return None
        sender, announced_at = self._last_announcement
        records = self._masterships[family_of(host.address)].records
        owner = next((record.host for record in records.values() if record.hardware_address == sender), host)
        was_master = host in records and records[host].role is Role.MASTER
        if was_master or owner != host or self._is_virtual(sender) or at > announced_at + ANNOUNCEMENT_LEAD:
            return None
        return self._last_announcement

    def _read_announcement(self, frame: bytes, at: int) -> Iterable[Sighting]:
        announcement = read_announcement(frame)
        if announcement is None or announcement.address not in self._group.addresses:
            return ()
        sender = frame[6:12]
        self._last_announcement = (sender, at)
        record = self._announcer(family_of(announcement.address), sender)
        if record is not None and not self._is_virtual(sender):
            record.hardware_address = sender
        return (
            Announced(
                address=announcement.address,
                hardware_address=announcement.hardware_address,
                host=None if record is None else record.host,
                at=at,
            ),
        )

    def _announcer(self, family: Family, sender: bytes) -> HostRecord | None:
        """Return who has sent an announcement, if that can be told.

        A MAC that was met before tells. Otherwise it is the newest master's, if that announces as most do: after
        its first advertisement and before the second. Behind a virtual MAC there is always the newest master.

        Args:
            family: of the announced address.
            sender: the Ethernet source.
        """
        newest = self._masterships[family].latest_master
        if self._is_virtual(sender):
            return newest
        records = [record for mastership in self._masterships.values() for record in mastership.records.values()]
        owners = [record for record in records if record.hardware_address == sender]
        for owner in owners:
            if family_of(owner.host.address) is family:
                return owner
        if newest is not None and newest.hardware_address is None and newest.advertisements_as_master == 1:
            return newest
        return owners[0] if owners else None

    def _is_virtual(self, mac: bytes) -> bool:
        """Return whether a MAC belongs to the group, and so to none of its hosts."""
        return mac[:5] in _ANYBODYS_MAC_PREFIXES and mac[5] == self._group.vhid


def _is_carp(frame: bytes) -> bool:
    """Return whether a frame holds a datagram of protocol 112, of the IP version that its Ethernet type names."""
    family, protocol_at = _PROTOCOL_AT.get(frame[12:_IP_BEGINS], (None, 0))
    if family is None or len(frame) <= protocol_at:
        return False
    return frame[_IP_BEGINS] >> 4 == family.value and frame[protocol_at] == advertisement.PROTOCOL


def _view(record: HostRecord) -> HostView:
    return HostView(
        role=record.role,
        since=record.since,
        last_heard=record.last_heard,
        advertisements=record.advertisements,
        advbase_s=record.latest.advbase_s,
        advskew=record.latest.advskew,
        demotion=record.latest.demotion,
        hardware_address=record.hardware_address,
    )
