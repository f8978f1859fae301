"""A router between segments: it forwards packets, and asks for MACs as any machine does."""

from collections.abc import Mapping
from typing import Final, final

from carpsim import neighbour_messages
from carpsim.engine import Engine
from carpsim.frame import Frame, destination_of
from carpsim.neighbour_cache import LINUX, NeighbourCache, NeighbourSettings
from carpsim.randomness import stream
from carpsim.segment import Segment
from triocarp.core import ipv6
from triocarp.core.advertisement import internet_checksum
from triocarp.core.ethernet import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ethernet_header
from triocarp.core.family import IPAddress, IPInterface

_IPV4_LENGTH: Final = 20
_TTL_AT: Final = 8
_HOP_LIMIT_AT: Final = 7
_CHECKSUM: Final = slice(10, 12)


@final
class RouterPort:
    """One interface of a router: a station of a segment.

    Args:
        router: whose it is.
        engine: of the world.
        segment: where its cable ends.
        addresses: its own, with the networks that it reaches.
        hardware_address: its MAC, 6 bytes.
        cache: of its neighbours: how it behaves.
        seed: of the run.
    """

    def __init__(
        self,
        router: "Router",
        engine: Engine,
        segment: Segment,
        *,
        addresses: tuple[IPInterface, ...],
        hardware_address: bytes,
        cache: NeighbourSettings,
        seed: int,
    ) -> None:
        self._router = router
        self._segment = segment
        self._addresses = addresses
        self._hardware_address = hardware_address
        rng = stream(seed, "router", router.name, "neighbours", segment.name)
        self.neighbours: Final = NeighbourCache(engine, self, rng, cache)
        segment.plug_in(self)

    @property
    def label(self) -> str:
        """How it is called among the stations of its segment."""
        return f"{self._router.name}:{self._segment.name}"

    @property
    def carries(self) -> bool:
        """Whether frames get through its cable: always."""
        return True

    @property
    def hardware_address(self) -> bytes:
        """Its MAC, 6 bytes."""
        return self._hardware_address

    def source_for(self, address: IPAddress) -> IPAddress:
        """Return its own address in the network of another; see `carpsim.neighbour_cache.Owner`.

        Args:
            address: on its segment.
        """
        return next(own.ip for own in self._addresses if _is_in(own, address))

    def reaches(self, address: IPAddress) -> bool:
        """Return whether an address is in one of its networks.

        Args:
            address: of somebody.
        """
        return any(_is_in(own, address) for own in self._addresses)

    def send(self, frame: bytes) -> None:
        """Send a frame; see `carpsim.neighbour_cache.Owner`.

        Args:
            frame: from the destination MAC on.
        """
        self._segment.transmit(self, frame)

    def send_packet(self, ethertype: bytes, packet: bytes, destination: IPAddress) -> None:
        """Send a packet to somebody on its segment, when their MAC is known.

        Args:
            ethertype: of the packet.
            packet: from the IP header on.
            destination: where it goes.
        """

        def send(mac: bytes) -> None:
            self.send(ethernet_header(mac, self._hardware_address, ethertype) + packet)

        self.neighbours.resolve(destination, send)

    def receive(self, frame: Frame) -> None:
        """Take a frame that has arrived; see `carpsim.segment.Station`.

        Args:
            frame: for whomever.
        """
        is_for_us = frame.destination == self._hardware_address
        if not (is_for_us or frame.is_for_many):
            return
        message = frame.neighbour_message
        if message is not None:
            asks_us = message.is_request and self._has(message.target)
            self.neighbours.hear(message, is_for_us=is_for_us or asks_us)
            if asks_us:
                self.send(neighbour_messages.answer(message, self._hardware_address))
        elif is_for_us:
            self._router.forward(frame)

    def _has(self, address: IPAddress) -> bool:
        return any(own.ip == address for own in self._addresses)


@final
class Router:
    """A machine that passes packets on from one segment to another.

    What is for itself, and what no network of its own has, it drops without a word.

    Args:
        engine: of the world.
        name: how it is called; no host or client has the same name.
        number: no two routers of a world have the same.
        ports: its own addresses with their networks, by the segment that each port is in.
        seed: of the run.
        neighbours: how its caches behave.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str,
        number: int,
        ports: Mapping[Segment, tuple[IPInterface, ...]],
        seed: int = 0,
        neighbours: NeighbourSettings = LINUX,
    ) -> None:
        self.name = name
        self.ports = tuple(
            RouterPort(
                self,
                engine,
                segment,
                addresses=addresses,
                hardware_address=bytes((2, 2, place)) + (number + 1).to_bytes(3),
                cache=neighbours,
                seed=seed,
            )
            for place, (segment, addresses) in enumerate(ports.items())
        )

    def forward(self, frame: Frame) -> None:
        """Pass a packet on, with one hop less to live (RFC 1812, section 5.3.1; RFC 8200, section 3).

        Args:
            frame: that was sent to the router's MAC.
        """
        packet = _hop_less(frame)
        if packet is None:
            return
        destination = destination_of(packet)
        for port in self.ports:
            if port.reaches(destination):
                port.send_packet(frame.ethertype, packet, destination)
                return


def _is_in(own: IPInterface, address: IPAddress) -> bool:
    return own.version == address.version and address in own.network


def _hop_less(frame: Frame) -> bytes | None:
    """Return what a router makes of a packet, or None if its way ends here."""
    packet = bytearray(frame.packet)
    if frame.ethertype == ETHERTYPE_IPV4 and len(packet) >= _IPV4_LENGTH:
        length = (packet[0] & 0xF) * 4
        if internet_checksum(bytes(packet[:length])) != 0 or packet[_TTL_AT] <= 1:
            return None
        packet[_TTL_AT] -= 1
        packet[_CHECKSUM] = bytes(2)
        packet[_CHECKSUM] = internet_checksum(bytes(packet[:length])).to_bytes(2)
    elif frame.ethertype == ETHERTYPE_IPV6 and len(packet) >= ipv6.LENGTH and packet[_HOP_LIMIT_AT] > 1:
        packet[_HOP_LIMIT_AT] -= 1
    else:
        return None
    return bytes(packet)
