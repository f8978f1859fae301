"""A CARP host on asyncio: the interface, its own address and the virtual one are arguments, the password is input.

::

    echo secret | python host_on_asyncio.py eth0 10.0.0.1 10.0.0.100/24
"""

import asyncio
import signal
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface
from random import SystemRandom
from subprocess import run
from time import monotonic_ns as now

from triocarp.core import (
    CARP_GROUP,
    AddressPort,
    FramePort,
    Hook,
    HookPort,
    IPInterface,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    PacketDropped,
    PortError,
    PortFailure,
    Ports,
    Report,
    ReportPort,
    Runner,
    Started,
    StopRequested,
    TimerExpired,
    VirtualHostConfig,
    explain,
    multicast_mac,
    read_datagram,
)

NIC, OWN, VIP = sys.argv[1], IPv4Address(sys.argv[2]), IPv4Interface(sys.argv[3])
WIRE = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK)


class Host(FramePort, AddressPort, HookPort, ReportPort):
    """All ports of this machine. They keep nothing, so that any number of them is one."""

    def send(self, interface: str, frame: bytes) -> None:
        """Send a frame."""
        try:
            WIRE.send(frame)
        except OSError as error:
            raise PortError(PortFailure.OTHER, f"sending through {interface}: {error}") from error

    def send_packet(self, interface: str, packet: bytes) -> None:
        """Nothing: only a host with routed peers sends packets."""

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Take the addresses, or renew their lease."""
        ip(f"addr replace {vip} dev {interface} valid_lft {lease_s} preferred_lft {lease_s}" for vip in addresses)

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Give the addresses up; unlike ``addr del``, ``addr flush`` does not mind if they are not there."""
        ip(f"addr flush to {vip.ip} dev {interface}" for vip in addresses)

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Nothing: this host has no hooks."""

    def report(self, report: Report) -> None:
        """Tell what happened, but not of the packets that are none of our business."""
        if not isinstance(report, PacketDropped):
            print(explain(report), flush=True)


def ip(commands: Iterable[str]) -> None:
    """Let iproute2 do something."""
    done = run(["ip", "-b", "-"], input="\n".join(commands), capture_output=True, text=True, check=False)
    if done.returncode:
        raise PortError(PortFailure.OTHER, done.stderr.strip())


CONFIG = VirtualHostConfig(interface=NIC, vhid=7, password=input().encode(), addresses=(VIP,), source=OWN)
PORTS = Ports(frames=Host(), addresses=Host(), hooks=Host(), reports=Host())
RUNNER = Runner(Node(NodeConfig(virtual_hosts=(CONFIG,)), rng=SystemRandom()), PORTS, clock=now)


async def main() -> None:
    """Take part until somebody stops us."""
    WIRE.bind((NIC, 0x0800))  # IPv4; and then let the interface take the frames to 224.0.0.18
    WIRE.setsockopt(263, 1, struct.pack("=iHH8s", socket.if_nametoindex(NIC), 0, 6, multicast_mac(CARP_GROUP)))
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    RUNNER.feed(Started(), now())
    RUNNER.feed(LinkChanged(interface=NIC, link=Link.UP, hardware_address=WIRE.getsockname()[4]), now())
    loop = asyncio.get_running_loop()
    heard = loop.create_task(loop.sock_recv(WIRE, 2048))
    while (deadline := RUNNER.node.deadline) is not None:
        await asyncio.wait({heard}, timeout=max(0, deadline - now()) / 1e9)
        RUNNER.feed(read_datagram(NIC, heard.result()[14:]) if heard.done() else TimerExpired(), now())
        heard = loop.create_task(loop.sock_recv(WIRE, 2048)) if heard.done() else heard


with suppress(KeyboardInterrupt):
    asyncio.run(main())
RUNNER.feed(StopRequested(), now())  # releases the address, and then says goodbye
