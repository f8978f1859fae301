"""What a virtual host puts on the wire: its advertisements and its announcements."""

import random
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, cast, final

from triocarp.core import ipv4, ipv6
from triocarp.core.advertisement import COUNTER_MODULUS, GOODBYE, LENGTH, Advertisement
from triocarp.core.authentication import Keyring
from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.demotion import BYTE_MAX
from triocarp.core.dialect import VIRTUAL_MAC_PREFIXES, CounterStyle, DemotionStyle, SourceMac
from triocarp.core.effects import Announce, Saying, SendAdvertisement
from triocarp.core.ethernet import (
    BROADCAST,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ethernet_header,
    gratuitous_arp,
    multicast_mac,
)
from triocarp.core.family import Family, IPAddress, IPInterface, family_of
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement
from triocarp.core.sealed_counter import CounterSeal, Sealed, SealingClock
from triocarp.core.sealing import Sealing
from triocarp.core.transport import Transport

_ETHERTYPES = {Family.IPV4: ETHERTYPE_IPV4, Family.IPV6: ETHERTYPE_IPV6}


class _Route(NamedTuple):
    """The way to one destination: all in front of an advertisement that never changes."""

    source: IPAddress
    destination: IPAddress
    ethernet_header: bytes
    ip_header: bytes


@final
class Speech:
    """Builds the frames of one virtual host. All that never changes is built once.

    Args:
        config: of the virtual host.
        keyring: signs.
        seal: seals our counters, if they are sealed.
        sealed: is told each sealed counter: what it covers, itself, and the wall clock.
        rng: gives the first counter.
    """

    __slots__ = ("_announcements", "_config", "_counter", "_keyring", "_routes", "_seal", "_sealed", "_ticks")

    def __init__(
        self,
        config: VirtualHostConfig,
        keyring: Keyring,
        seal: CounterSeal,
        sealed: Callable[[Sealed, int, int], None],
        rng: random.Random,
    ) -> None:
        self._config = config
        self._keyring = keyring
        self._seal = None if config.sealing is Sealing.OFF else seal
        self._sealed = sealed
        self._ticks = SealingClock()
        self._counter = rng.getrandbits(64)
        self._routes = self._ways(b"")
        self._announcements: tuple[Announce, ...] = ()

    def set_hardware_address(self, hardware_address: bytes) -> bool:
        """Build what depends on the MAC that answers, and return whether it is another than before.

        Args:
            hardware_address: MAC of the interface, 6 bytes.
        """
        self._routes = self._ways(hardware_address)
        announcements = tuple(
            Announce(
                interface=self._config.interface,
                vhid=self._config.vhid,
                address=address,
                frame=self._announcement(hardware_address, address),
            )
            for address in self._config.addresses
        )
        changed = announcements != self._announcements
        self._announcements = announcements
        return changed

    @property
    def announcements(self) -> tuple[Announce, ...]:
        """One announcement for each virtual address; none before the MAC is known."""
        return self._announcements

    def restart_ticks(self) -> None:
        """Take note that the wall clock was set back so far that nobody would believe what goes on from before."""
        self._ticks = SealingClock()

    def hear(self, counter: int) -> None:
        """Take note of a valid peer's counter.

        A new master then goes on where the old one ended, which helps whoever reads a capture.

        Args:
            counter: as received.
        """
        if self._config.dialect.counter_style is CounterStyle.FOLLOWS_PEER:
            self._counter = counter

    def advertisements(
        self, saying: Saying, advskew: int, demotion: int, wall: int | None
    ) -> tuple[SendAdvertisement, ...]:
        """Return the next advertisement, once for each destination.

        Args:
            saying: what it is for.
            advskew: with demotion; a goodbye has its own.
            demotion: the byte of that name; a goodbye has its own.
            wall: now, in nanoseconds since the Unix epoch; None while that is unknown, and then nothing is sealed.
        """
        config = self._config
        goodbye = saying is Saying.GOODBYE
        advbase_s = GOODBYE if goodbye else config.advbase_s
        if goodbye:
            advskew = GOODBYE
            # An OpenBSD backup with advbase 0 does not understand a goodbye but by this, and a lower byte than its
            # own would make a demoted OpenBSD master yield.
            demotion = BYTE_MAX if config.dialect.demotion_style is DemotionStyle.BYTE else 0
        elif saying is Saying.CONCESSION:
            advskew = min(
                advskew + 1, 0xFF
            )  # who won the tie, over whichever family, hears a worse master and stays
        tick = None if self._seal is None or wall is None else self._ticks.next(wall)
        payloads: dict[IPAddress, bytes] = {}
        for route in self._routes:
            if route.source in payloads:  # several peers hear the same
                continue
            if self._seal is not None and tick is not None and wall is not None:
                sealed = Sealed(
                    vhid=config.vhid, advbase_s=advbase_s, advskew=advskew, demotion=demotion, source=route.source
                )
                counter = self._seal.counter(sealed, tick)
                self._sealed(sealed, counter, wall)
            else:
                counter = self._next_counter()
            payloads[route.source] = Advertisement(
                vhid=config.vhid,
                advskew=advskew,
                advbase_s=advbase_s,
                counter=counter,
                digest=self._keyring.digest(counter),
                demotion=demotion,
            ).build()
        return tuple(
            SendAdvertisement(
                interface=config.interface,
                vhid=config.vhid,
                saying=saying,
                destination=route.destination,
                ethernet_header=route.ethernet_header,
                packet=route.ip_header + payloads[route.source],
            )
            for route in self._routes
        )

    def _next_counter(self) -> int:
        if self._config.dialect.counter_style is CounterStyle.FOLLOWS_PEER:
            # One more before each sending, never a counter as received: an OpenBSD peer whose cookie we
            # repeated would take our advertisement for its own.
            self._counter = (self._counter + 1) % COUNTER_MODULUS
        return self._counter

    def _ways(self, hardware_address: bytes) -> tuple[_Route, ...]:
        config = self._config
        kind = config.source_mac or config.dialect.source_mac
        own_mac = kind is SourceMac.INTERFACE
        if own_mac and not hardware_address:
            return ()  # nothing can be said before it is known from where
        source_mac = hardware_address if own_mac else VIRTUAL_MAC_PREFIXES[kind] + bytes((config.vhid,))
        routes: list[_Route] = []
        for destination in config.destinations:
            family = family_of(destination)
            source = config.sources[family]
            ethernet = b""
            if config.transport is not Transport.UNICAST:
                to = BROADCAST if config.transport is Transport.BROADCAST else multicast_mac(destination)
                ethernet = ethernet_header(to, source_mac, _ETHERTYPES[family])
            routes.append(_Route(source, destination, ethernet, self._ip_header(source, destination)))
        return tuple(routes)

    def _ip_header(self, source: IPAddress, destination: IPAddress) -> bytes:
        dialect = self._config.dialect
        if isinstance(source, IPv6Address):
            to = cast("IPv6Address", destination)  # of the same family
            return ipv6.header(source, to, traffic_class=dialect.traffic_class, payload_length=LENGTH)
        return ipv4.header(source, cast("IPv4Address", destination), tos=dialect.tos, payload_length=LENGTH)

    def _announcement(self, hardware_address: bytes, address: IPInterface) -> bytes:
        ip = address.ip
        if isinstance(ip, IPv6Address):
            router = self._config.announces_router
            return unsolicited_neighbour_advertisement(hardware_address, ip, router=router)
        return gratuitous_arp(hardware_address, ip)
