"""Listens for a while to what is said with protocol 112."""

import contextlib
from collections.abc import Sequence

import trio

from triocarp.core import Family, PacketReceived, PortError, VirtualHostConfig, read_datagram
from triocarp.core.configuration import CARP_GROUP
from triocarp.linux.packet_socket import PacketSocket

_KINDS_MAX = 1000


def listen(hosts: Sequence[VirtualHostConfig], seconds: float) -> tuple[tuple[PacketReceived, ...] | None, str]:
    """Return one packet of each sender, destination and number on each interface; None and why if it cannot be.

    The interfaces let the groups in meanwhile, which no other host can see: no membership is reported.

    Args:
        hosts: on whose interfaces.
        seconds: how long.
    """
    if not seconds:
        return None, "--listen is 0"
    try:
        return trio.run(_listen, hosts, seconds), ""
    except* PortError as errors:
        why = "; ".join(str(error) for error in errors.exceptions)
    return None, why


async def _listen(hosts: Sequence[VirtualHostConfig], seconds: float) -> tuple[PacketReceived, ...]:
    heard: dict[tuple[object, ...], PacketReceived] = {}
    with contextlib.ExitStack() as stack:
        sockets: list[PacketSocket] = []
        for name in dict.fromkeys(host.interface for host in hosts):
            groups = {group for host in hosts if host.interface == name for group in (host.group, host.group6)}
            opened = stack.enter_context(
                PacketSocket(name, groups=sorted(groups | {CARP_GROUP}, key=str), families=tuple(Family))
            )
            opened.attach()
            sockets.append(opened)
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                for each in sockets:
                    nursery.start_soon(_hear, each, heard)
    return tuple(heard.values())


async def _hear(sock: PacketSocket, heard: dict[tuple[object, ...], PacketReceived]) -> None:
    while True:
        await sock.wait_readable()
        for arrival in sock.receive():
            packet = read_datagram(sock.interface, arrival.datagram)
            if isinstance(packet, PacketReceived) and len(heard) < _KINDS_MAX:
                kind = (sock.interface, packet.source, packet.destination, packet.payload[:2])
                heard.setdefault(kind, packet)
