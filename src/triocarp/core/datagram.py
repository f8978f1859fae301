"""Reads received datagrams of either family."""

from triocarp.core import ipv4, ipv6
from triocarp.core.events import PacketReceived, PacketUnreadable


def read_datagram(interface: str, datagram: bytes) -> PacketReceived | PacketUnreadable:
    """Return what a received datagram is to a `Node`; its first four bits say of which family it is.

    Args:
        interface: where it was received.
        datagram: from the first byte of the IP header on; link-layer padding behind it is cut off.
    """
    if datagram and datagram[0] >> 4 == ipv6.VERSION:
        return ipv6.read(interface, datagram)
    return ipv4.read(interface, datagram)
