"""What others do to a host becomes events; what the host does itself does not."""

from ipaddress import IPv4Interface

from tests.ports.worlds import HARDWARE_ADDRESS, INTERFACE, OTHER, SECOND_VIP, VIP, World
from triocarp.core.events import AddressChanged, Link, LinkChanged

PRESENT = AddressChanged(interface=INTERFACE, address=VIP, present=True)
ABSENT = AddressChanged(interface=INTERFACE, address=VIP, present=False)
UP = LinkChanged(interface=INTERFACE, link=Link.UP, hardware_address=HARDWARE_ADDRESS)
NO_CARRIER = LinkChanged(interface=INTERFACE, link=Link.NO_CARRIER, hardware_address=HARDWARE_ADDRESS)
DOWN = LinkChanged(interface=INTERFACE, link=Link.DOWN, hardware_address=HARDWARE_ADDRESS)
REMOVED = LinkChanged(interface=INTERFACE, link=Link.ABSENT)


def test_somebody_adds_the_address(world: World) -> None:
    """An address that somebody puts on the interface is reported."""
    world.somebody_adds(VIP)

    assert world.changes() == [PRESENT]


def test_somebody_adds_the_address_with_another_length(world: World) -> None:
    """The address counts, whatever its prefix length; the report names it as it was configured."""
    world.somebody_adds(IPv4Interface("10.0.0.100/32"))

    assert world.changes() == [PRESENT]


def test_somebody_removes_the_address(world: World) -> None:
    """An address that this host holds and somebody takes off is reported."""
    world.addresses.hold(INTERFACE, (VIP,), 1000)

    world.somebody_removes(VIP)

    assert world.changes() == [ABSENT]


def test_somebody_removes_the_address_with_another_length(world: World) -> None:
    """As long as the address is there as it was configured, a second one that goes is no loss."""
    world.addresses.hold(INTERFACE, (VIP,), 1000)
    world.somebody_adds(IPv4Interface("10.0.0.100/32"))
    world.changes()

    world.somebody_removes(IPv4Interface("10.0.0.100/32"))

    assert world.changes() == []


def test_own_changes(world: World) -> None:
    """What the host itself holds, renews and releases is no event."""
    world.addresses.hold(INTERFACE, (VIP,), 1000)
    world.addresses.hold(INTERFACE, (VIP,), 1000)
    world.addresses.release(INTERFACE, (VIP,))
    world.addresses.release(INTERFACE, (VIP,))

    assert world.changes() == []


def test_addresses_that_are_not_watched(world: World) -> None:
    """Other addresses, and the same one on another interface, are nobody's business."""
    world.somebody_adds(IPv4Interface("10.0.0.7/24"))
    world.somebody_adds(VIP, OTHER)
    world.somebody_removes(IPv4Interface("10.0.0.7/24"))

    assert world.changes() == []


async def test_link_goes_down_and_up(world: World) -> None:
    """An interface that is set down is reported, and so is its return."""
    world.set_link(Link.DOWN)
    await world.reported(DOWN)

    world.set_link(Link.UP)
    await world.reported(UP)


async def test_cable_is_pulled(world: World) -> None:
    """An interface without carrier is reported as such, and so is the carrier's return."""
    world.set_link(Link.NO_CARRIER)
    await world.reported(NO_CARRIER)

    world.set_link(Link.UP)
    await world.reported(UP)


async def test_interface_is_removed(world: World) -> None:
    """With an interface its addresses go, and it is reported last that it is absent."""
    world.addresses.hold(INTERFACE, (VIP,), 1000)

    world.set_link(Link.ABSENT)

    changes = world.changes()
    assert ABSENT in changes
    assert changes[-1] == REMOVED


async def test_interface_is_back(world: World) -> None:
    """An interface that was removed and made again is reported, with its addresses."""
    world.set_link(Link.ABSENT)
    await world.reported(REMOVED)

    world.set_link(Link.UP)
    await world.reported(UP)
    world.somebody_adds(SECOND_VIP)
    await world.reported(AddressChanged(interface=INTERFACE, address=SECOND_VIP, present=True))
