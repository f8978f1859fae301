"""What the small simulations of a network are made of: a host that speaks CARP, and has no clock of its own.

The frames are carpd's own, down to the last byte, and each host verifies the digest of each that it hears. All
the rest is as little as a takeover needs: one dead timer, one master, no addresses, no scripts, no failures. The
IP packet in a frame is read once for all who receive it, as in carpsim.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Final, final

from tests.bench.settings import VHID
from triocarp.core import CARP_GROUP, CARPD, PacketReceived, advertisement, ipv4
from triocarp.core.advertisement import Advertisement
from triocarp.core.authentication import Keyring
from triocarp.core.ethernet import ETHERTYPE_IPV4, ethernet_header, multicast_mac
from triocarp.core.timing import advertisement_interval, dead_time

if TYPE_CHECKING:
    from carpsim.frame import Frame

INTERFACE: Final = "eth0"
LATENCY: Final = 50_000
"""Nanoseconds from a master to each backup, as in carpsim unless somebody says otherwise."""

VIRTUAL: Final = IPv4Interface("10.0.255.254/16")
FIRST: Final = IPv4Address("10.0.0.1")
PASSWORD: Final = b"benchmark"
_DEAD_RATIO: Final = 3
_TOS: Final = 0x10


def advskew_of(number: int) -> int:
    """Return the advskew of a host: 0 for the first, which becomes master, and 100 or 200 for the others."""
    return min(100 * number, 200)


@final
class SmallHost:
    """One host, without the clock that its simulation gives it.

    Attributes:
        interval: Nanoseconds between its advertisements.
        dead_time: Nanoseconds of silence after which it becomes master.
        master: Whether it is.
        heard: Advertisements that it has believed.
    """

    def __init__(self, number: int) -> None:
        """Begin as a backup.

        Args:
            number: From 0.
        """
        advskew = advskew_of(number)
        self.interval = advertisement_interval(1, advskew)
        self.dead_time = dead_time(1, advskew, _DEAD_RATIO, multiplies_advskew=False)
        self.master = False
        self.heard = 0
        self._advskew = advskew
        self._keyring = Keyring((PASSWORD,), VHID, (VIRTUAL.ip,), CARPD)
        self._counter = number << 32
        self._source = FIRST + number
        header = ipv4.header(
            self._source, CARP_GROUP, tos=_TOS, payload_length=advertisement.LENGTH, identification=number
        )
        mac = bytes((0, 0, 0x5E, 0, 1, VHID))
        self._headers = ethernet_header(multicast_mac(CARP_GROUP), mac, ETHERTYPE_IPV4) + header

    def say(self) -> bytes:
        """Return the next advertisement as an Ethernet frame."""
        self._counter += 1
        signed = Advertisement(
            vhid=VHID,
            advskew=self._advskew,
            advbase_s=1,
            counter=self._counter,
            digest=self._keyring.digest(self._counter),
        )
        return self._headers + signed.build()

    def hear(self, frame: Frame) -> bool:
        """Return whether a frame is a master's advertisement that counts: its dead timer begins anew."""
        received = frame.advertisement(INTERFACE)
        if not isinstance(received, PacketReceived) or received.ttl != ipv4.TTL or received.source == self._source:
            return False
        said = advertisement.parse(received.payload)
        if self._keyring.key_of(said.counter, said.digest) is None:
            return False
        self.heard += 1
        if self.master:
            if said.interval > self.interval:
                return False
            self.master = False
        return True
