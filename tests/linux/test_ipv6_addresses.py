"""What is the kernel's own about IPv6 addresses; the suite in tests/ports has what both families share.

In a lab the kernel does no duplicate address detection. Here it does, as on a real host.
"""

import contextlib
import errno
import os
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

import pytest
import trio

from triocarp.core.events import AddressChanged
from triocarp.core.family import IPInterface
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.lab import Address, AddressFlag, Host, Lan
from triocarp.lab.clock import now
from triocarp.linux import packet_filter, rtnetlink_messages
from triocarp.linux.address_port import RtnetlinkAddressPort
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.netlink_socket import RTMGRP_IPV6_IFADDR, NetlinkSocket
from triocarp.linux.network_monitor import Change, NetworkMonitor
from triocarp.linux.rtnetlink_messages import AddressReport

pytestmark = pytest.mark.kernel

INTERFACE = "eth0"
OWN = IPv6Interface("2001:db8::1/64")
PEER = IPv6Interface("2001:db8::2/64")
VIP = IPv6Interface("2001:db8::100/64")
NEAR_THE_VIP = "2001:db8::101"
ALONE = IPv6Interface("2001:db8:7::1/64")
LEASE_S = 1000
PATIENCE_S = 10
AT_ONCE_NS = 500_000_000
"""Duplicate address detection takes a second; without it a busy machine needs some milliseconds."""
PRESENT = AddressChanged(interface=INTERFACE, address=VIP, present=True)
ABSENT = AddressChanged(interface=INTERFACE, address=VIP, present=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A host with a monitor that has started and an address port, and a peer."""

    host: Host
    peer: Host
    table: InterfaceTable
    monitor: NetworkMonitor
    port: RtnetlinkAddressPort

    def ip(self, *arguments: str) -> str:
        """Do what an operator does, insist that it works, and return what it prints."""
        done = self.host.run(["ip", "-6", *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def found(self) -> Address | None:
        """Return the virtual address as the kernel has it."""
        return next((address for address in self.host.addresses() if address.ip.ip == VIP.ip), None)

    async def changes_until(self, flag: AddressFlag) -> list[Change]:
        """Wait until the virtual address has a flag, and return what the monitor reported meanwhile."""
        changes: list[Change] = []
        with trio.fail_after(PATIENCE_S):
            while True:
                changes.extend(self.monitor.read())
                found = self.found()
                if found is not None and flag in found.flags:
                    return changes
                await self.monitor.wait_readable()


@pytest.fixture
def site() -> Iterator[Site]:
    """Give two hosts that look for duplicates, and the ports of the first."""
    with Lan(ipv6=True) as lan:
        host, peer = lan.add_host("one", "10.0.0.1/24", str(OWN)), lan.add_host("two", "10.0.0.2/24", str(PEER))
        detect = {f"ipv6/conf/{INTERFACE}/accept_dad": "1", f"ipv6/conf/{INTERFACE}/dad_transmits": "1"}
        host.namespace.set_sysctls(detect)
        # Who asks, or is answered, while the kernel's thread completes the address asks again: a second later.
        for asking in (host, peer):
            asking.namespace.set_sysctls({f"ipv6/neigh/{INTERFACE}/retrans_time_ms": "5"})
        table = InterfaceTable()
        with host.call(lambda: RtnetlinkAddressPort(table)) as port:
            watched = {INTERFACE: (VIP, ALONE)}
            with NetworkMonitor(watched, table=table, own_port_id=port.port_id) as monitor:
                host.call(monitor.start)
                yield Site(host=host, peer=peer, table=table, monitor=monitor, port=port)


def test_usable_at_once(site: Site) -> None:
    """From an address that is held a packet can be sent at once, though the kernel looks for duplicates."""
    begun = now()
    site.port.hold(INTERFACE, (VIP,), LEASE_S)
    with site.peer.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.bind((str(PEER.ip), 0))
        receiver.settimeout(PATIENCE_S)
        with site.host.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            sender.bind((str(VIP.ip), 0))
            sender.sendto(b"here", receiver.getsockname())
        _, source = receiver.recvfrom(100)

    assert source[0] == str(VIP.ip)
    assert now() - begun < AT_ONCE_NS


def test_answers_at_once(site: Site) -> None:
    """A neighbour that asks for the address gets an answer within milliseconds, and so reaches it."""
    with site.host.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("::", 0))
        receiver.settimeout(PATIENCE_S)
        begun = now()
        site.port.hold(INTERFACE, (VIP,), LEASE_S)
        assert _is_delivered(site, receiver.getsockname()[1], receiver)

    assert now() - begun < AT_ONCE_NS


def _is_delivered(site: Site, port: int, receiver: socket.socket) -> bool:
    """Have the peer send to the address until something arrives: a kernel's thread completes the address."""
    receiver.settimeout(0.002)
    with site.peer.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        for _ in range(PATIENCE_S * 500):
            # Who was not answered a while ago says that the host is unreachable; it asks again.
            with contextlib.suppress(OSError):
                sender.sendto(b"there", (str(VIP.ip), port))
            with contextlib.suppress(TimeoutError):
                return receiver.recv(100) == b"there"
    return False


def test_own_conversations(site: Site) -> None:
    """The host goes on to speak from its own address, also to those to whom the virtual one is nearer."""
    site.port.hold(INTERFACE, (VIP,), LEASE_S)

    with site.host.socket(socket.AF_INET6, socket.SOCK_DGRAM) as connected:
        connected.connect((NEAR_THE_VIP, 9))

        assert connected.getsockname()[0] == str(OWN.ip)


@pytest.mark.programs("ip")
def test_route_of_the_own_address(site: Site) -> None:
    """The route to the host's own segment, which ends as its own address does, is left as it is."""
    site.ip("address", "del", str(OWN), "dev", INTERFACE)
    site.ip("address", "add", str(OWN), "dev", INTERFACE, "nodad", "valid_lft", "1000", "preferred_lft", "1000")

    site.port.hold(INTERFACE, (VIP,), 1)
    site.port.hold(INTERFACE, (VIP,), 1)
    site.port.release(INTERFACE, (VIP,))

    (route,) = (line for line in site.ip("route", "show", str(OWN.network)).splitlines() if "metric 256 " in line)
    words = route.split()
    assert int(words[words.index("expires") + 1].removesuffix("sec")) > 900


def test_route_of_a_network_of_its_own(site: Site) -> None:
    """Where the virtual address is the only one of its network, the host that holds it reaches that network."""
    with site.host.socket(socket.AF_INET6, socket.SOCK_DGRAM) as speaker:
        with pytest.raises(OSError, match=os.strerror(errno.ENETUNREACH)):
            speaker.connect(("2001:db8:7::2", 9))
        site.port.hold(INTERFACE, (ALONE,), LEASE_S)

        speaker.connect(("2001:db8:7::2", 9))


@pytest.mark.programs("ip")
async def test_hold_what_is_tentative(site: Site) -> None:
    """An address that somebody has just added, and that waits for its uniqueness, is usable when it is held."""
    site.ip("address", "add", str(VIP), "dev", INTERFACE)
    await site.changes_until(AddressFlag.TENTATIVE)

    site.port.hold(INTERFACE, (VIP,), LEASE_S)

    found = site.found()
    assert found is not None
    assert AddressFlag.TENTATIVE not in found.flags


@pytest.mark.programs("ip")
async def test_somebody_replaces_the_address(site: Site) -> None:
    """An address in the place of ours that does not answer yet is a loss; held again, it answers."""
    site.port.hold(INTERFACE, (VIP,), LEASE_S)
    site.ip("address", "del", str(VIP), "dev", INTERFACE)
    site.ip("address", "add", str(VIP), "dev", INTERFACE)

    assert ABSENT in await site.changes_until(AddressFlag.TENTATIVE)

    site.port.hold(INTERFACE, (VIP,), LEASE_S)
    found = site.found()
    assert found is not None
    assert AddressFlag.TENTATIVE not in found.flags


@pytest.mark.programs("ip")
async def test_duplicate(site: Site) -> None:
    """An address that turns out to be another host's is reported when it comes, and not as present afterwards."""
    site.peer.add_address(VIP)
    site.ip("address", "add", str(VIP), "dev", INTERFACE)
    assert PRESENT in await site.changes_until(AddressFlag.TENTATIVE)

    await site.changes_until(AddressFlag.DADFAILED)

    assert site.table.variants_of(INTERFACE, VIP.ip) == ()
    assert PRESENT not in site.host.call(site.monitor.start)
    site.port.hold(INTERFACE, (VIP,), LEASE_S)
    found = site.found()
    assert found is not None
    assert not {AddressFlag.DADFAILED, AddressFlag.TENTATIVE} & set(found.flags)


def test_switched_off(site: Site) -> None:
    """Where IPv6 is switched off nobody lacks a permission, and the message says what is wrong."""
    site.host.namespace.set_sysctls({f"ipv6/conf/{INTERFACE}/disable_ipv6": "1"})

    with pytest.raises(PortError, match="IPv6 is switched off") as caught:
        site.port.hold(INTERFACE, (IPv4Interface("10.0.0.100/24"), VIP), LEASE_S)

    assert PortFailure.OTHER is caught.value.failure
    assert [address.ip for address in site.host.addresses()] == [IPv4Interface("10.0.0.1/24")]


def test_prepared_requests(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is prepared, a takeover encodes nothing, and neither does a release in order."""
    site.port.prepare(INTERFACE, (VIP,), LEASE_S)
    for name in ("request_to_hold", "request_to_find", "request_to_release", "request_to_release_exactly"):
        monkeypatch.delattr(rtnetlink_messages, name)

    site.port.hold(INTERFACE, (VIP,), LEASE_S)
    assert site.found() is not None
    for _ in range(2):
        site.port.release(INTERFACE, (VIP,))

    assert site.found() is None


def listening(host: Host, program: tuple[packet_filter.Instruction, ...] = ()) -> NetlinkSocket:
    """Return a socket that hears of IPv6 addresses, those that a filter lets pass. The youngest is told first."""
    return host.call(lambda: NetlinkSocket(groups=RTMGRP_IPV6_IFADDR, program=program))


def next_address(witness: NetlinkSocket) -> IPInterface:
    """Wait for the next news of an address: the kernel leaves some of them to a thread of its own."""
    while select.select([witness], [], [], PATIENCE_S)[0]:
        for report in witness.receive():
            if isinstance(report, AddressReport):
                return report.address
    raise TimeoutError("no news")


def test_renewals_wake_nobody(site: Site) -> None:
    """The filter drops the news of what the port holds and renews, and lets that of all others pass."""
    own = packet_filter.unless_own(
        rtnetlink_messages.RTM_NEWADDR, site.port.port_id, rtnetlink_messages.ADDRESS_PROTOCOL
    )
    with listening(site.host) as witness, listening(site.host, own) as filtered:
        for _ in range(3):
            site.port.hold(INTERFACE, (VIP,), LEASE_S)
        site.host.add_address(ALONE)

        assert [next_address(witness) for _ in range(4)] == [VIP, VIP, VIP, ALONE]
        assert next_address(filtered) == ALONE


def test_system_without_marks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel keeps no mark and tells of each renewal, own changes are no events either."""
    monkeypatch.setattr(packet_filter, "unless_own", _everything)
    with listening(site.host) as witness:
        site.host.call(site.monitor.start)
        for _ in range(3):
            site.port.hold(INTERFACE, (VIP,), LEASE_S)
            next_address(witness)
        assert site.monitor.read() == ()
        site.port.release(INTERFACE, (VIP,))

        assert site.monitor.read() == ()


def _everything(*_: int) -> tuple[packet_filter.Instruction, ...]:
    return ()


def test_ipv4_only(site: Site) -> None:
    """A monitor of IPv4 addresses hears nothing of IPv6."""
    table = InterfaceTable()
    watched = {INTERFACE: (IPv4Interface("10.0.0.100/24"),)}
    with (
        NetworkMonitor(watched, table=table, own_port_id=site.port.port_id) as monitor,
        listening(site.host) as witness,
    ):
        site.host.call(monitor.start)
        assert table.addresses_of(INTERFACE) == (IPv4Interface("10.0.0.1/24"),)

        site.host.add_address(VIP)
        next_address(witness)

        assert monitor.read() == ()
        assert table.addresses_of(INTERFACE) == (IPv4Interface("10.0.0.1/24"),)
