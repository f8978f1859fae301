"""What a virtual host puts on the wire: its advertisements and its announcements."""

import random
from typing import final

from triocarp.core.advertisement import COUNTER_MODULUS, GOODBYE, LENGTH, Advertisement
from triocarp.core.authentication import Authenticator
from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.dialect import CounterStyle
from triocarp.core.effects import Announce, Saying, SendAdvertisement
from triocarp.core.ethernet import BROADCAST, ETHERTYPE_IPV4, ethernet_header, gratuitous_arp, multicast_mac
from triocarp.core.ipv4 import header


@final
class Speech:
    """Builds the frames of one virtual host. All that never changes is built once.

    Args:
        config: of the virtual host.
        authenticator: signs.
        rng: gives the first counter.
    """

    __slots__ = ("_announcements", "_authenticator", "_config", "_counter", "_ethernet_header", "_ip_header")

    def __init__(self, config: VirtualHostConfig, authenticator: Authenticator, rng: random.Random) -> None:
        self._config = config
        self._authenticator = authenticator
        self._counter = rng.getrandbits(64)
        source_mac = config.dialect.virtual_mac_prefix + bytes((config.vhid,))
        destination_mac = BROADCAST if config.broadcast else multicast_mac(config.group)
        self._ethernet_header = ethernet_header(destination_mac, source_mac, ETHERTYPE_IPV4)
        self._ip_header = header(config.source, config.group, tos=config.dialect.tos, payload_length=LENGTH)
        self._announcements: tuple[Announce, ...] = ()

    def set_hardware_address(self, hardware_address: bytes) -> bool:
        """Build the announcements for the MAC that answers, and return whether it is another than before.

        Args:
            hardware_address: MAC of the interface, 6 bytes.
        """
        config = self._config
        announcements = tuple(
            Announce(
                interface=config.interface,
                vhid=config.vhid,
                address=address,
                frame=gratuitous_arp(hardware_address, address.ip),
            )
            for address in config.addresses
        )
        changed = announcements != self._announcements
        self._announcements = announcements
        return changed

    @property
    def announcements(self) -> tuple[Announce, ...]:
        """One announcement for each virtual address; none before the MAC is known."""
        return self._announcements

    def hear(self, counter: int) -> None:
        """Take note of a valid peer's counter.

        A new master then goes on where the old one ended, which helps whoever reads a capture.

        Args:
            counter: as received.
        """
        if self._config.dialect.counter_style is CounterStyle.FOLLOWS_PEER:
            self._counter = counter

    def advertisement(self, saying: Saying, advskew: int) -> SendAdvertisement:
        """Return the next advertisement.

        Args:
            saying: what it is for.
            advskew: with demotion; a goodbye has its own.
        """
        config = self._config
        if config.dialect.counter_style is CounterStyle.FOLLOWS_PEER:
            # One more before each sending, never a counter as received: an OpenBSD peer whose cookie we
            # repeated would take our advertisement for its own.
            self._counter = (self._counter + 1) % COUNTER_MODULUS
        goodbye = saying is Saying.GOODBYE
        advertisement = Advertisement(
            vhid=config.vhid,
            advskew=GOODBYE if goodbye else advskew,
            advbase_s=GOODBYE if goodbye else config.advbase_s,
            counter=self._counter,
            digest=self._authenticator.digest(self._counter),
        )
        return SendAdvertisement(
            interface=config.interface,
            vhid=config.vhid,
            saying=saying,
            destination=config.group,
            ethernet_header=self._ethernet_header,
            packet=self._ip_header + advertisement.build(),
        )
