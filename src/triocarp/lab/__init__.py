"""Private networks in which real daemons run: for the demonstration, the tests and the benchmark.

A lab is a LAN of network namespaces inside a private network of this process, so that the machine's own
network is never touched, be the user root or not. It needs a Linux kernel, pyroute2 and `/bin/sh`; no `ip`,
no root, no other program.

    from triocarp.lab import Holders, Lan, private_network

    private_network.enter()                       # first of all, before the process has threads
    with Lan() as lan:
        one = lan.add_host("one", "10.0.0.1/24")
        two = lan.add_host("two", "10.0.0.2/24")
        client = lan.add_host("client", "10.0.0.9/24")
        with Holders([one, two], "10.0.0.100") as holders, lan.capture() as capture:
            daemons = {host: host.popen(["carpd", ...]) for host in (one, two)}
            holders.wait_until_holder(one)
            died = one.crash(daemons[one])        # SIGKILL, and the cable is out
            holders.wait_until_holder(two, excluding=["one"])
            capture.wait_for(lambda frame: frame.announces is not None, since=died)

Every instant is an `int` of nanoseconds of `CLOCK_BOOTTIME` (`clock.now`), whatever recorded it. Every wait
has a bound and raises `TimeoutError`; nothing sleeps for a fixed time. Leaving a `with` block leaves no
process, thread, socket or namespace behind, and if the process is killed instead, the kernel and the hosts'
reapers see to the same. All objects may be used from any thread, and their blocking methods from trio through
`trio.to_thread.run_sync`.
"""

from __future__ import annotations

from triocarp.lab import clock, private_network
from triocarp.lab.capture import Capture, Frame
from triocarp.lab.holders import Holders, Holding
from triocarp.lab.host import INTERFACE, Host
from triocarp.lab.lan import Lan
from triocarp.lab.namespace import NetworkNamespace
from triocarp.lab.private_network import PrivateNetworkUnavailable
from triocarp.lab.probe import Outage, Probe, Reply
from triocarp.lab.rtnetlink import Address, AddressFlag

__all__ = [
    "INTERFACE",
    "Address",
    "AddressFlag",
    "Capture",
    "Frame",
    "Holders",
    "Holding",
    "Host",
    "Lan",
    "NetworkNamespace",
    "Outage",
    "PrivateNetworkUnavailable",
    "Probe",
    "Reply",
    "clock",
    "private_network",
]
