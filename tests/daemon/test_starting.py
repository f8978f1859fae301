"""What is checked before carpd begins."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from triocarp.core import Link, Transport, VirtualHostConfig
from triocarp.daemon.starting import StartError, check_interface
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport


def virtual_host(
    *, interface: str = "eth0", source: str = "10.0.0.5", transport: Transport = Transport.MULTICAST
) -> VirtualHostConfig:
    """Return a virtual host."""
    return VirtualHostConfig(
        interface=interface,
        vhid=7,
        password=b"secret",
        addresses=(IPv4Interface("10.0.0.100/24"),),
        source=IPv4Address(source),
        transport=transport,
    )


@pytest.fixture
def table() -> InterfaceTable:
    """Give the interfaces of a host: one with two addresses, and one that has none."""
    filled = InterfaceTable()
    for index, name in ((2, "eth0"), (3, "eth1")):
        mac = bytes((2, 0, 0, 0, 0, index))
        filled.apply(
            LinkReport(index=index, name=name, link=Link.UP, hardware_address=mac, loopback=False, arp=True)
        )
    for text in ("10.0.0.5/24", "10.1.0.5/16"):
        address = IPv4Interface(text)
        filled.apply(AddressReport(index=2, address=address, present=True, port_id=0, number=0))
    return filled


def refusal(host: VirtualHostConfig, table: InterfaceTable) -> str:
    """Return the line that tells why a virtual host cannot run."""
    with pytest.raises(StartError) as caught:
        check_interface(host, table)
    return str(caught.value)


@pytest.mark.parametrize("source", ["10.0.0.5", "10.1.0.5"])
def test_a_source_address_of_the_interface_is_accepted(table: InterfaceTable, source: str) -> None:
    """Whichever of several it is."""
    check_interface(virtual_host(source=source), table)


def test_an_interface_that_does_not_exist_is_refused_and_those_that_do_are_named(table: InterfaceTable) -> None:
    """So that the operator sees the right one at once."""
    expected = "-i/--interface eth9: no such interface; there are: eth0, eth1"
    assert expected == refusal(virtual_host(interface="eth9"), table)


def test_a_foreign_source_address_is_refused_and_the_right_ones_are_named(table: InterfaceTable) -> None:
    """As ucarp refuses it; but ucarp does not say what would be right."""
    expected = "-s/--srcip 10.0.0.6 is not an address of eth0, which has 10.0.0.5/24, 10.1.0.5/16"
    assert expected == refusal(virtual_host(source="10.0.0.6"), table)
    expected = "-s/--srcip 10.0.0.6 is not an address of eth1, which has none"
    assert expected == refusal(virtual_host(interface="eth1", source="10.0.0.6"), table)


def test_with_broadcast_the_source_address_may_be_any(table: InterfaceTable) -> None:
    """Ucarp does not look at it with -M either."""
    check_interface(virtual_host(source="10.9.9.9", transport=Transport.BROADCAST), table)
    with pytest.raises(StartError):
        check_interface(virtual_host(interface="eth9", transport=Transport.BROADCAST), table)
