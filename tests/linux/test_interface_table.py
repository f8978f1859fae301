from ipaddress import IPv4Interface, IPv6Interface

import pytest

from triocarp.core.events import Link
from triocarp.core.family import IPInterface
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport

VIP = IPv4Interface("10.0.0.100/24")
VARIANT = IPv4Interface("10.0.0.100/32")
VIP6 = IPv6Interface("2001:db8::100/64")
LINK_LOCAL = IPv6Interface("fe80::100/64")


def link(index: int, name: str, link: Link = Link.UP, *, loopback: bool = False, arp: bool = True) -> LinkReport:
    """Return what the kernel says about an interface."""
    return LinkReport(index=index, name=name, link=link, hardware_address=bytes(6), loopback=loopback, arp=arp)


def address(index: int, value: IPInterface, *, present: bool = True, duplicate: bool = False) -> AddressReport:
    """Return what the kernel says about an address."""
    return AddressReport(
        index=index,
        address=value,
        present=present,
        port_id=0,
        number=0,
        tentative=duplicate,
        duplicate=duplicate,
    )


@pytest.fixture
def table() -> InterfaceTable:
    """Give a host with a loopback and two interfaces."""
    table = InterfaceTable()
    for report in (link(1, "lo", loopback=True, arp=False), link(2, "eth0"), link(3, "eth1")):
        table.apply(report)
    return table


def test_variants(table: InterfaceTable) -> None:
    """An address with several prefix lengths is listed with each, until that one goes."""
    table.apply(address(2, VIP))
    table.apply(address(2, VARIANT))
    assert table.variants_of("eth0", VIP.ip) == (VIP, VARIANT)
    assert table.addresses_of("eth0") == (VIP, VARIANT)

    table.apply(address(2, VIP, present=False))

    assert table.variants_of("eth0", VIP.ip) == (VARIANT,)
    assert table.variants_of("eth1", VIP.ip) == ()


def test_address_that_never_was(table: InterfaceTable) -> None:
    """News that an address is gone which was not known, such as one of our own, changes nothing."""
    table.apply(address(2, VIP, present=False))
    table.apply(address(2, VARIANT))
    table.apply(address(2, VIP, present=False))

    assert table.addresses_of("eth0") == (VARIANT,)


def test_holder_besides(table: InterfaceTable) -> None:
    """Another interface counts when it has the address and does ARP."""
    table.apply(address(1, VARIANT))
    table.apply(address(2, VIP))
    assert table.holder_besides("eth0", VIP.ip) is None

    table.apply(address(3, VIP))

    assert table.holder_besides("eth0", VIP.ip) == "eth1"


def test_removed_interface(table: InterfaceTable) -> None:
    """With an interface its addresses are forgotten, and those of others are not."""
    table.apply(address(2, VIP))
    table.apply(address(3, VIP))

    table.apply(link(3, "eth1", Link.ABSENT))

    assert table.find("eth1") is None
    assert table.name_of(3) is None
    assert table.holder_besides("eth0", VIP.ip) is None
    assert table.addresses_of("eth0") == (VIP,)


def test_renamed_interface(table: InterfaceTable) -> None:
    """An interface keeps its addresses under a new name."""
    table.apply(address(3, VIP))

    table.apply(link(3, "uplink"))

    assert table.find("eth1") is None
    assert table.addresses_of("uplink") == (VIP,)


def test_cleared(table: InterfaceTable) -> None:
    """A cleared table knows nothing."""
    table.apply(address(2, VIP))

    table.clear()

    assert table.find("eth0") is None
    assert table.addresses_of("eth0") == ()
    assert table.first_usable() is None


def test_first_usable(table: InterfaceTable) -> None:
    """The first interface that is up and has an address is usable; the loopback never is."""
    table.apply(address(1, IPv4Interface("127.0.0.1/8")))
    table.apply(address(3, VIP))

    usable = table.first_usable()

    assert usable is not None
    assert usable.name == "eth1"


def test_first_usable_speaks_ipv4(table: InterfaceTable) -> None:
    """An interface with IPv6 addresses alone is not the one that is meant when none is given."""
    table.apply(address(2, VIP6))
    assert table.first_usable() is None

    table.apply(address(3, VIP))

    usable = table.first_usable()
    assert usable is not None
    assert usable.name == "eth1"


def test_both_families(table: InterfaceTable) -> None:
    """An interface has addresses of both families, and each is found."""
    table.apply(address(2, VIP))
    table.apply(address(2, VIP6))

    assert table.addresses_of("eth0") == (VIP, VIP6)
    assert table.variants_of("eth0", VIP6.ip) == (VIP6,)
    assert table.holder_besides("eth1", VIP6.ip) == "eth0"


def test_link_local_address(table: InterfaceTable) -> None:
    """A link-local IPv6 address on another interface is another address."""
    table.apply(address(2, LINK_LOCAL))

    assert table.holder_besides("eth1", LINK_LOCAL.ip) is None
    assert table.addresses_of("eth0") == (LINK_LOCAL,)


def test_duplicate_address(table: InterfaceTable) -> None:
    """An address that turns out to be another host's counts as gone, and as never having come."""
    table.apply(address(2, VIP6))
    table.apply(address(2, VIP6, duplicate=True))
    assert table.addresses_of("eth0") == ()

    table.apply(address(3, VIP6, duplicate=True))

    assert table.holder_besides("eth0", VIP6.ip) is None


def test_held_outlasts_clearing(table: InterfaceTable) -> None:
    """What the kernel has reported can be forgotten; what this process has added cannot be read again."""
    table.held_on(2).add(VIP6)

    table.clear()

    assert table.held_on(2) == {VIP6}
    assert table.held_on(3) == set()
