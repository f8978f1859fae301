"""What is the kernel's own: the suite in tests/ports covers what the monitor has in common with the simulator."""

import errno
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface

import pytest
import trio

from triocarp.core.events import AddressChanged, Link, LinkChanged
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.lab import Host, Lan
from triocarp.lab.rtnetlink import Rtnetlink
from triocarp.linux import rtnetlink_messages
from triocarp.linux.address_port import RtnetlinkAddressPort
from triocarp.linux.interface_table import InterfaceTable, read_interfaces
from triocarp.linux.netlink_socket import NetlinkSocket
from triocarp.linux.network_monitor import READ_BATCH, Change, NetworkMonitor
from triocarp.linux.rtnetlink_messages import Report

pytestmark = pytest.mark.kernel

INTERFACE = "eth0"
OWN = IPv4Interface("10.0.0.1/24")
VIP = IPv4Interface("10.0.0.100/24")
MAC = bytes.fromhex("020000000001")
UP = LinkChanged(interface=INTERFACE, link=Link.UP, hardware_address=MAC)
DOWN = LinkChanged(interface=INTERFACE, link=Link.DOWN, hardware_address=MAC)
REMOVED = LinkChanged(interface=INTERFACE, link=Link.ABSENT)
PRESENT = AddressChanged(interface=INTERFACE, address=VIP, present=True)
ABSENT = AddressChanged(interface=INTERFACE, address=VIP, present=False)
# In a subnet of their own: the first that is added is the primary one.
ALONE = (IPv4Interface("192.168.7.1/24"), IPv4Interface("192.168.7.2/24"))
PATIENCE_S = 10
OVERRUN = 2000
"""Notifications of 300 bytes and more; the receive buffer has room for some hundreds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A host with a monitor and an address port."""

    host: Host
    table: InterfaceTable
    monitor: NetworkMonitor
    port: RtnetlinkAddressPort
    operator: Rtnetlink

    def start(self) -> tuple[Change, ...]:
        """Start the monitor in the host's network."""
        return self.host.call(self.monitor.start)

    def read(self) -> tuple[Change, ...]:
        """Read in the host's network, where a monitor that lost notifications starts again."""
        return self.host.call(self.monitor.read)

    def ip(self, *arguments: str) -> None:
        """Do what an operator does, and insist that it works."""
        done = self.host.run(["ip", *arguments])
        assert done.returncode == 0, done.stderr

    async def reported(self, change: Change) -> None:
        """Wait until something is reported."""
        with trio.fail_after(PATIENCE_S):
            while change not in self.read():
                await self.monitor.wait_readable()


@pytest.fixture
def site(lan: Lan) -> Iterator[Site]:
    """Give a host whose monitor has not started."""
    host = lan.add_host("one", str(OWN))
    table = InterfaceTable()
    operator = host.call(Rtnetlink)
    with host.call(lambda: RtnetlinkAddressPort(table)) as port:
        watched = {INTERFACE: (VIP, *ALONE)}
        with NetworkMonitor(watched, table=table, own_port_id=port.port_id) as monitor:
            yield Site(host=host, table=table, monitor=monitor, port=port, operator=operator)
    operator.close()


def absent(*addresses: IPv4Interface) -> tuple[AddressChanged, ...]:
    """Return the reports that addresses are not there."""
    return tuple(AddressChanged(interface=INTERFACE, address=address, present=False) for address in addresses)


def test_start(site: Site) -> None:
    """The start reports each watched interface and each watched address, and nothing of it comes again."""
    site.host.add_address(VIP)

    assert (UP, PRESENT, *absent(*ALONE)) == site.start()
    assert site.read() == ()


def test_start_without_the_interface(site: Site) -> None:
    """An interface that is not there at the start is absent, and reported when it comes."""
    site.host.remove_interface()

    assert (REMOVED, *absent(VIP, *ALONE)) == site.start()

    site.host.create_interface()
    assert UP in site.read()


async def test_not_started(site: Site) -> None:
    """A monitor that was not started says so, instead of being silent for ever."""
    with pytest.raises(RuntimeError, match="start"):
        site.read()
    with pytest.raises(RuntimeError, match="start"):
        await site.monitor.wait_readable()


def test_lost_notifications(site: Site) -> None:
    """When the kernel had to drop notifications, everything is reported as it is, and later changes follow."""
    site.start()
    for _ in range(OVERRUN // 2):
        site.operator.add_address(site.host.interface_index, IPv4Interface("10.0.0.7/24"))
        site.operator.remove_address(site.host.interface_index, IPv4Interface("10.0.0.7/24"))
    site.host.link_down()
    site.host.add_address(VIP)

    changes: tuple[Change, ...] = ()
    for _ in range(OVERRUN // READ_BATCH + 1):
        changes = changes or site.read()

    assert (DOWN, PRESENT, *absent(*ALONE)) == changes
    assert site.read() == ()
    site.host.remove_address(VIP)
    assert site.read() == (ABSENT,)


@pytest.mark.parametrize("lost", [1, 4])
def test_start_in_turmoil(site: Site, monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    """A start during which notifications are lost is repeated."""
    _lose_notifications(monkeypatch, lost)

    assert site.start() == (UP, *absent(VIP, *ALONE))


def test_start_in_endless_turmoil(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that never succeeds ends with the system's error."""
    _lose_notifications(monkeypatch, 1000)

    with pytest.raises(OSError, match=os.strerror(errno.ENOBUFS)):
        site.start()


def _lose_notifications(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Have the first dumps fail as the kernel lets them fail."""
    dump, calls = NetlinkSocket.dump, itertools.count(1)

    def failing(netlink: NetlinkSocket, family: int) -> list[Report]:
        if next(calls) <= times:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        return dump(netlink, family)

    monkeypatch.setattr(NetlinkSocket, "dump", failing)


def test_batch(site: Site) -> None:
    """One call looks at a limited number of notifications, and the rest is not lost."""
    site.start()
    for _ in range(READ_BATCH):
        site.host.add_address(VIP)
        site.host.remove_address(VIP)

    changes = [site.read() for _ in range(3)]

    assert [len(batch) for batch in changes] == [READ_BATCH, READ_BATCH, 0]


def test_side_effect(site: Site) -> None:
    """The kernel removes all secondary addresses with the primary one: one that was held is reported as gone."""
    site.start()
    first, second = ALONE
    site.port.hold(INTERFACE, (first,), 1000)
    site.port.hold(INTERFACE, (second,), 1000)

    site.port.release(INTERFACE, (first,))

    assert absent(second) == site.read()
    assert {OWN} == {address.ip for address in site.host.addresses()}


@pytest.mark.programs("ip")
async def test_bridge_port(site: Site) -> None:
    """An interface that becomes a port of a bridge, and leaves it, is never reported as removed."""
    site.start()
    site.ip("link", "add", "bridge", "type", "bridge")
    site.ip("link", "set", INTERFACE, "master", "bridge")
    site.ip("link", "set", INTERFACE, "nomaster")
    site.ip("link", "del", "bridge")
    site.host.link_down()

    assert site.read() == (DOWN,)


@pytest.mark.programs("ip")
async def test_renamed(site: Site) -> None:
    """An interface that gets another name is absent, and one that gets the name is there."""
    site.start()
    site.ip("link", "set", INTERFACE, "down")
    site.ip("link", "set", INTERFACE, "name", "renamed")
    assert site.read() == (DOWN, REMOVED)
    with pytest.raises(PortError) as caught:
        site.port.hold(INTERFACE, (VIP,), 1000)
    assert PortFailure.NO_DEVICE is caught.value.failure

    site.ip("link", "set", "renamed", "name", INTERFACE)
    site.ip("link", "set", INTERFACE, "up")
    await site.reported(UP)
    site.port.hold(INTERFACE, (VIP,), 1000)

    assert VIP in [address.ip for address in site.host.addresses()]


def test_prepared_requests(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is prepared, a takeover encodes nothing; to prepare for an absent interface is no error."""
    site.start()
    site.port.prepare("nowhere", (VIP,), 1000)
    site.port.prepare(INTERFACE, (VIP,), 1000)
    monkeypatch.delattr(rtnetlink_messages, "request_to_hold")
    monkeypatch.delattr(rtnetlink_messages, "request_to_release")

    site.port.hold(INTERFACE, (VIP,), 1000)
    assert VIP in [address.ip for address in site.host.addresses()]
    site.port.release(INTERFACE, (VIP,))

    assert [address.ip for address in site.host.addresses()] == [OWN]


@pytest.mark.programs("ip")
def test_new_hardware_address(site: Site) -> None:
    """Another MAC is reported with the link."""
    site.start()

    site.ip("link", "set", INTERFACE, "address", "02:00:00:00:00:99")

    (change,) = site.read()
    assert LinkChanged(interface=INTERFACE, link=Link.UP, hardware_address=b"\x02\0\0\0\0\x99") == change


@pytest.mark.programs("ip")
def test_unimportant_news(site: Site) -> None:
    """What the kernel has to say about an interface besides its condition and its MAC is no event."""
    site.start()

    site.ip("link", "set", INTERFACE, "mtu", "1400")
    site.ip("link", "set", INTERFACE, "alias", "uplink")

    assert site.read() == ()


@pytest.mark.programs("ip")
def test_interface_without_arp(site: Site) -> None:
    """An address may be held although another interface has it, if that one does not do ARP."""
    site.start()
    site.operator.create_bridge("other", 50)
    site.operator.add_address(50, VIP)
    site.read()
    with pytest.raises(PortError, match=r"other of this host has 10\.0\.0\.100"):
        site.port.hold(INTERFACE, (VIP,), 1000)

    site.ip("link", "set", "other", "arp", "off")
    site.read()
    site.port.hold(INTERFACE, (VIP,), 1000)

    assert VIP in [address.ip for address in site.host.addresses()]


def test_facts(site: Site) -> None:
    """What a program asks at its start is answered: which interfaces there are, and which has which address."""
    table = site.host.call(read_interfaces)

    found = table.find(INTERFACE)
    assert found is not None
    assert (site.host.interface_index, Link.UP, MAC) == (found.index, found.link, found.hardware_address)
    assert found == table.first_usable()
    assert table.addresses_of(INTERFACE) == (OWN,)
    assert table.find("nowhere") is None
    assert table.addresses_of("nowhere") == ()


def test_no_usable_interface(site: Site) -> None:
    """An interface that is down, has no address or is the loopback is not usable."""
    site.operator.create_bridge("other", 50)
    site.host.remove_address(OWN)
    assert site.host.call(read_interfaces).first_usable() is None

    site.host.add_address(OWN)
    site.host.link_down()
    assert site.host.call(read_interfaces).first_usable() is None
