"""Hosts as an observer hears them: whole frames from a segment, and the observer that hears them."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from triocarp.core import Advertisement
from triocarp.core.advertisement import GOODBYE, LENGTH
from triocarp.core.ethernet import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ethernet_header,
    gratuitous_arp,
    multicast_mac,
)
from triocarp.core.family import IPAddress
from triocarp.core.ipv4 import header as ipv4_header
from triocarp.core.ipv6 import header as ipv6_header
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement
from triocarp.core.observer.observed_group import ObservedGroup
from triocarp.core.observer.observer import Observer
from triocarp.core.observer.sightings import Announced, Host, Sighting
from triocarp.core.timing import SECOND

VIRTUAL_IPV4 = IPv4Address("10.0.0.100")
VIRTUAL_IPV6 = IPv6Address("2001:db8::100")
GROUP = ObservedGroup(vhid=7, passwords=(b"secret",), addresses=(VIRTUAL_IPV4, VIRTUAL_IPV6))
VIRTUAL_MAC_OF_UCARP = bytes.fromhex("00005e000007")
VIRTUAL_MAC = bytes.fromhex("00005e000107")


@dataclass(frozen=True, kw_only=True)
class Talker:
    """A host of the group.

    Attributes:
        source: from which it advertises.
        mac: its own.
        advertises_from: the Ethernet source of its advertisements.
    """

    source: IPAddress
    mac: bytes
    advertises_from: bytes = VIRTUAL_MAC_OF_UCARP
    advbase_s: int = 1
    advskew: int = 0
    demotion: int = 0
    group: ObservedGroup = GROUP

    @property
    def host(self) -> Host:
        """How an observer names it, unless its source address names nobody."""
        return Host(address=self.source)

    def ad(self, *, advbase_s: int | None = None, advskew: int | None = None, counter: int = 1) -> bytes:
        """Return the frame of an advertisement."""
        payload = Advertisement(
            vhid=self.group.vhid,
            advskew=self.advskew if advskew is None else advskew,
            advbase_s=self.advbase_s if advbase_s is None else advbase_s,
            counter=counter,
            digest=self.group.keyring().digest(counter),
            demotion=self.demotion,
        ).build()
        return self.frame(payload)

    def goodbye(self) -> bytes:
        """Return the frame of a goodbye."""
        return self.ad(advbase_s=GOODBYE, advskew=GOODBYE)

    def frame(self, payload: bytes) -> bytes:
        """Return a frame of protocol 112."""
        if isinstance(self.source, IPv4Address):
            group = IPv4Address("224.0.0.18")
            packet = ipv4_header(self.source, group, tos=0x10, payload_length=len(payload))
            ethernet = ethernet_header(multicast_mac(group), self.advertises_from, ETHERTYPE_IPV4)
        else:
            group_6 = IPv6Address("ff02::12")
            packet = ipv6_header(self.source, group_6, payload_length=len(payload))
            ethernet = ethernet_header(multicast_mac(group_6), self.advertises_from, ETHERTYPE_IPV6)
        return ethernet + packet + payload

    def announcement(self, mac: bytes | None = None) -> bytes:
        """Return the frame that announces the virtual address of its family."""
        if isinstance(self.source, IPv4Address):
            return gratuitous_arp(mac or self.mac, VIRTUAL_IPV4)
        return unsolicited_neighbour_advertisement(mac or self.mac, VIRTUAL_IPV6, router=False)


ALICE = Talker(source=IPv4Address("10.0.0.1"), mac=bytes.fromhex("020000000001"))
BOB = Talker(source=IPv4Address("10.0.0.2"), mac=bytes.fromhex("020000000002"))
SLOW_BOB = Talker(source=IPv4Address("10.0.0.2"), mac=bytes.fromhex("020000000002"), advskew=128)
CAROL = Talker(source=IPv4Address("10.0.0.3"), mac=bytes.fromhex("020000000003"), advskew=64)

JUNK = bytes(LENGTH)


class Ear:
    """An observer, and all that it has seen.

    Attributes:
        observer: it.
        seen: every sighting but announcements, in order.
        announced: the announcements.
    """

    def __init__(self, group: ObservedGroup = GROUP) -> None:
        self.observer = Observer(group)
        self.seen: list[Sighting] = []
        self.announced: list[Announced] = []

    def hears(self, *frames: tuple[float, bytes]) -> "Ear":
        """Let it hear frames, each at an instant in seconds."""
        for instant_s, frame in frames:
            self.takes_note_of(self.observer.observe(frame, round(instant_s * SECOND)))
        return self

    def waits_until(self, instant_s: float) -> "Ear":
        """Let it hear nothing up to an instant in seconds."""
        self.takes_note_of(self.observer.expire(round(instant_s * SECOND)))
        return self

    def waits_for_the_end(self) -> "Ear":
        """Let it hear nothing more, for as long as there is somebody who could fall silent."""
        while (deadline := self.observer.deadline) is not None:
            self.takes_note_of(self.observer.expire(deadline))
        return self

    def takes_note_of(self, sightings: Iterable[Sighting]) -> None:
        """Sort what was seen."""
        for sighting in sightings:
            if isinstance(sighting, Announced):
                self.announced.append(sighting)
            else:
                self.seen.append(sighting)


def every(interval_s: float, begin_s: float, end_s: float, talker: Talker) -> list[tuple[float, bytes]]:
    """Return a host's advertisements from an instant to another, both inclusive, in seconds."""
    count = round((end_s - begin_s) / interval_s) + 1
    return [(begin_s + step * interval_s, talker.ad(counter=step)) for step in range(count)]


def together(*talks: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    """Return what several hosts say, in the order of time."""
    return sorted((frame for talk in talks for frame in talk), key=lambda frame: frame[0])
