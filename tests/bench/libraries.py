"""What reads CARP in Python besides us: scapy and dpkt. Neither verifies a digest: they dissect."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from triocarp.core import PacketReceived, advertisement, read_datagram

if TYPE_CHECKING:
    from tests.bench.settings import Settings

INTERFACE: Final = "eth0"

Dissector: TypeAlias = Callable[[bytes], object]
"""Finds all fields of an IP packet with an advertisement in it."""


@final
@dataclass(frozen=True, slots=True)
class Library:
    """What dissects an advertisement.

    Attributes:
        name: What the table calls it.
        package: What must be installed.
        dissector: Returns what dissects.
    """

    name: str
    package: str
    dissector: Callable[[], Dissector]

    def installed(self) -> bool:
        """See `Contender.installed`."""
        return importlib.util.find_spec(self.package) is not None

    def supports(self, settings: Settings) -> bool:
        """See `Contender.supports`: there is nothing to set."""
        del settings
        return True


def dissect(packet: bytes) -> advertisement.Advertisement:
    """Return the advertisement in an IP packet, by our own means."""
    return advertisement.parse(receive(packet).payload)


def receive(packet: bytes) -> PacketReceived:
    """Return what an IP packet is to a node."""
    received = read_datagram(INTERFACE, packet)
    if not isinstance(received, PacketReceived):
        raise TypeError(f"no packet: {received}")
    return received


def _scapy() -> Dissector:
    logging.getLogger("scapy").setLevel(logging.ERROR)  # it warns that it takes protocol 112 for CARP from now on
    importlib.import_module("scapy.contrib.carp")
    dissector: Any = importlib.import_module("scapy.layers.inet").IP
    return dissector  # type: ignore[no-any-return]


def _dpkt() -> Dissector:
    """Return dpkt's; it takes protocol 112 for VRRP, so that the counter and the digest become addresses."""
    dissector: Any = importlib.import_module("dpkt.ip").IP
    return dissector  # type: ignore[no-any-return]


OURS: Final = Library("carpd", "triocarp", lambda: dissect)
LIBRARIES: Final = {
    one.name: one for one in (OURS, Library("scapy", "scapy", _scapy), Library("dpkt", "dpkt", _dpkt))
}
