"""Where frames go: a simulated Ethernet segment."""

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias, final

from triocarp.core.family import IPAddress

FRAME_LENGTH_MAX: Final = 1514
"""Bytes of the longest Ethernet frame: its header and 1500 bytes."""


class Station(Protocol):
    """Something with a cable in the segment: a simulated host's interface."""

    @property
    def carries(self) -> bool:
        """Whether frames get through its cable now."""
        ...

    def mac_for(self, address: IPAddress) -> bytes | None:
        """Return the MAC with which it answers for an address, or None if it does not.

        Args:
            address: that somebody asks for, with ARP or neighbour discovery.
        """
        ...


Carrier: TypeAlias = Callable[[Station, bytes], None]
"""Brings a frame to a station: at once, later, or never, as the simulation wants it."""


@final
class Segment:
    """All stations that hear each other. It decides who shall get a frame; its carrier decides when.

    Args:
        carry: called for each receiver, in the order in which they were plugged in.
    """

    __slots__ = ("_carry", "_stations")

    def __init__(self, carry: Carrier) -> None:
        self._carry = carry
        self._stations: list[Station] = []

    def plug_in(self, station: Station) -> None:
        """Connect a station.

        Args:
            station: it.
        """
        self._stations.append(station)

    def unplug(self, station: Station) -> None:
        """Disconnect a station.

        Args:
            station: one that was plugged in.
        """
        self._stations.remove(station)

    def resolve(self, asker: Station, address: IPAddress) -> bytes | None:
        """Return the MAC of whoever answers first for an address, or None if nobody does.

        It takes no time and no frames, and answers are not cached. The order is that of plugging in.

        Args:
            asker: whose own answer does not count.
            address: of which the MAC is wanted.
        """
        answers = (
            station.mac_for(address) for station in self._stations if station is not asker and station.carries
        )
        return next((mac for mac in answers if mac is not None), None)

    def transmit(self, sender: Station, frame: bytes) -> None:
        """Send a frame to every other station whose cable carries frames now.

        Args:
            sender: who does not get it.
            frame: from the destination MAC on.
        """
        for station in self._stations:
            if station is not sender and station.carries:
                self._carry(station, frame)
