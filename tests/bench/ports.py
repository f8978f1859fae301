"""What the kernel's ports cost, by themselves: `python -m tests.bench.ports` prints a table in microseconds.

A figure is the time of one call in a host of a lab, measured from inside; it says how much of a takeover is the
kernel's and ours, and how much is the rest of the daemon.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Final

import trio

from triocarp.core.configuration import CARP_GROUP
from triocarp.core.ethernet import ETHERTYPE_IPV4, ethernet_header, multicast_mac
from triocarp.core.ipv4 import header
from triocarp.lab import INTERFACE, Lan, private_network
from triocarp.linux import rtnetlink_messages
from triocarp.linux.address_port import RtnetlinkAddressPort
from triocarp.linux.clock import boottime
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.network_monitor import NetworkMonitor
from triocarp.linux.packet_socket import PacketSocket
from triocarp.linux.precise_timer import PreciseTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from triocarp.lab import Host

_REPETITIONS: Final = 1000
_VIP: Final = (IPv4Interface("10.0.0.100/24"),)
_LEASE_S: Final = 3
_FRAME: Final = (
    ethernet_header(multicast_mac(CARP_GROUP), bytes.fromhex("020000000001"), ETHERTYPE_IPV4)
    + header(IPv4Address("10.0.0.1"), CARP_GROUP, tos=0x10, payload_length=36)
    + bytes(36)
)
_FOOTPRINT: Final = """
import time
begun = time.process_time()
import {module}
took = time.process_time() - begun
share = next(line for line in open("/proc/self/smaps_rollup") if line.startswith("Pss:")).split()[1]
print(f"{{took * 1e3:6.0f}} ms of CPU, {{int(share) / 1024:5.1f}} MiB PSS")
"""
_MODULES: Final = (
    "sys",
    "trio",
    "triocarp.linux.rtnetlink_messages",
    "triocarp.linux.network_monitor, triocarp.linux.packet_socket, triocarp.linux.precise_timer",
)


def main() -> None:
    """Measure and print."""
    private_network.enter()
    with Lan() as lan, ExitStack() as stack:
        host, peer = lan.add_host("one", "10.0.0.1/24"), lan.add_host("two", "10.0.0.2/24")
        _measure_addresses(host, stack)
        _measure_frames(host, peer, stack)
    trio.run(_measure_timers)
    for module in _MODULES:
        _measure_import(module)


def _measure_addresses(host: Host, stack: ExitStack) -> None:
    table = InterfaceTable()
    port = stack.enter_context(host.call(lambda: RtnetlinkAddressPort(table)))
    watched = {INTERFACE: _VIP}
    monitor = stack.enter_context(NetworkMonitor(watched, table=table, own_port_id=port.port_id))
    host.call(monitor.start)
    port.prepare(INTERFACE, _VIP, _LEASE_S)
    held: list[int] = []
    released: list[int] = []
    for _ in range(_REPETITIONS):
        held.append(_duration(lambda: port.hold(INTERFACE, _VIP, _LEASE_S)))
        released.append(_duration(lambda: port.release(INTERFACE, _VIP)))
    _print("hold an address, acknowledged", held)
    _print("release it, acknowledged twice", released)
    port.hold(INTERFACE, _VIP, _LEASE_S)
    _print_repeated("renew it, acknowledged", lambda: port.hold(INTERFACE, _VIP, _LEASE_S))
    _print_repeated("encode the request", lambda: rtnetlink_messages.request_to_hold(2, *_VIP, _LEASE_S))


def _measure_frames(host: Host, peer: Host, stack: ExitStack) -> None:
    sender = stack.enter_context(host.call(lambda: PacketSocket(INTERFACE, groups=(CARP_GROUP,))))
    receiver = stack.enter_context(peer.call(lambda: PacketSocket(INTERFACE, groups=(CARP_GROUP,))))
    host.call(sender.attach)
    peer.call(receiver.attach)
    sent: list[int] = []
    received: list[int] = []
    for _ in range(_REPETITIONS):
        sent.append(_duration(lambda: sender.send(_FRAME)))
        received.append(_duration(receiver.receive))
    _print("send a frame through veth and bridge", sent)
    _print("receive it, and find no other", received)


async def _measure_timers() -> None:
    late: list[int] = []
    with PreciseTimer() as timer:
        for _ in range(_REPETITIONS):
            deadline = boottime() + 2_000_000
            timer.set(deadline)
            await timer.wait()
            late.append(boottime() - deadline)
    _print("PreciseTimer is late by", late)
    late.clear()
    for _ in range(_REPETITIONS):
        deadline = boottime() + 2_000_000
        await trio.sleep(0.002)
        late.append(boottime() - deadline)
    _print("trio.sleep is late by", late)


def _measure_import(module: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _FOOTPRINT.format(module=module)]
    subprocess.run(command, check=True, capture_output=True, env=environment)  # compiles what is not compiled yet
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    print(f"import {module.split(',', maxsplit=1)[0]:<40}{done.stdout.rstrip()}")


def _print_repeated(what: str, call: Callable[[], object]) -> None:
    _print(what, [_duration(call) for _ in range(_REPETITIONS)])


def _duration(call: Callable[[], object]) -> int:
    begun = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - begun


def _print(what: str, nanoseconds: list[int]) -> None:
    nanoseconds.sort()
    last = len(nanoseconds) - 1
    ranks = {"median": last // 2, "99 %": last * 99 // 100, "max": last}
    cells = (f"{name} {nanoseconds[rank] / 1e3:8.1f}" for name, rank in ranks.items())
    print(f"{what:<40}{'   '.join(cells)}  us")


if __name__ == "__main__":
    main()
