"""What others do to a host becomes events; what the host does itself does not."""

from tests.ports.worlds import HARDWARE_ADDRESS, INTERFACE, IPV4, OTHER, Addressing, World
from triocarp.core.events import AddressChanged, Link, LinkChanged

UP = LinkChanged(interface=INTERFACE, link=Link.UP, hardware_address=HARDWARE_ADDRESS)
NO_CARRIER = LinkChanged(interface=INTERFACE, link=Link.NO_CARRIER, hardware_address=HARDWARE_ADDRESS)
DOWN = LinkChanged(interface=INTERFACE, link=Link.DOWN, hardware_address=HARDWARE_ADDRESS)
REMOVED = LinkChanged(interface=INTERFACE, link=Link.ABSENT)


def present(of: Addressing) -> AddressChanged:
    """Return the report that somebody put the virtual address on the interface."""
    return AddressChanged(interface=INTERFACE, address=of.vip, present=True)


def absent(of: Addressing) -> AddressChanged:
    """Return the report that somebody took it off."""
    return AddressChanged(interface=INTERFACE, address=of.vip, present=False)


def test_somebody_adds_the_address(world: World, of: Addressing) -> None:
    """An address that somebody puts on the interface is reported."""
    world.somebody_adds(of.vip)

    assert world.changes() == [present(of)]


def test_somebody_adds_the_address_with_another_length(world: World, of: Addressing) -> None:
    """The address counts, whatever its prefix length; the report names it as it was configured."""
    world.somebody_adds(of.variants[0])

    assert world.changes() == [present(of)]


def test_somebody_removes_the_address(world: World, of: Addressing) -> None:
    """An address that this host holds and somebody takes off is reported."""
    world.addresses.hold(INTERFACE, (of.vip,), 1000)

    world.somebody_removes(of.vip)

    assert world.changes() == [absent(of)]


def test_somebody_removes_the_address_with_another_length(world: World) -> None:
    """As long as the address is there as configured, a second one that goes is no loss (IPv4)."""
    world.addresses.hold(INTERFACE, (IPV4.vip,), 1000)
    world.somebody_adds(IPV4.variants[0])
    world.changes()

    world.somebody_removes(IPV4.variants[0])

    assert world.changes() == []


def test_own_changes(world: World, of: Addressing) -> None:
    """What the host itself holds, renews and releases is no event."""
    world.addresses.hold(INTERFACE, (of.vip,), 1000)
    world.addresses.hold(INTERFACE, (of.vip,), 1000)
    world.addresses.release(INTERFACE, (of.vip,))
    world.addresses.release(INTERFACE, (of.vip,))

    assert world.changes() == []


def test_addresses_that_are_not_watched(world: World, of: Addressing) -> None:
    """Other addresses, and the same one on another interface, are nobody's business."""
    world.somebody_adds(of.unwatched)
    world.somebody_adds(of.vip, OTHER)
    world.somebody_removes(of.unwatched)

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


async def test_interface_is_removed(world: World, of: Addressing) -> None:
    """With an interface its addresses go, and it is reported last that it is absent."""
    world.addresses.hold(INTERFACE, (of.vip,), 1000)

    world.set_link(Link.ABSENT)

    changes = world.changes()
    assert absent(of) in changes
    assert changes[-1] == REMOVED


async def test_interface_is_back(world: World, of: Addressing) -> None:
    """An interface that was removed and made again is reported, with its addresses."""
    world.set_link(Link.ABSENT)
    await world.reported(REMOVED)

    world.set_link(Link.UP)
    await world.reported(UP)
    world.somebody_adds(of.second_vip)
    await world.reported(AddressChanged(interface=INTERFACE, address=of.second_vip, present=True))


def test_changes_before_a_look(world: World, of: Addressing) -> None:
    """What the host does and undoes before anybody looks is no event either."""
    for _ in range(3):
        world.addresses.hold(INTERFACE, (of.vip, of.second_vip), 1000)
        world.addresses.release(INTERFACE, (of.vip,))
    world.addresses.hold(INTERFACE, (of.vip,), 1000)

    assert world.changes() == []


def test_somebody_removes_one_of_several(world: World, of: Addressing) -> None:
    """Of several addresses the one that somebody takes off is reported, each time, and it can be held again."""
    world.addresses.hold(INTERFACE, (of.vip, of.second_vip), 1000)
    world.somebody_removes(of.vip)
    assert world.changes() == [absent(of)]

    world.addresses.hold(INTERFACE, (of.vip, of.second_vip), 1000)
    assert world.changes() == []
    assert {of.vip, of.second_vip} <= set(world.held())

    world.somebody_removes(of.vip)
    assert world.changes() == [absent(of)]


def test_somebody_adds_what_was_released(world: World, of: Addressing) -> None:
    """An address that was held counts as anybody's as soon as it is released."""
    world.addresses.hold(INTERFACE, (of.vip,), 1000)
    world.addresses.release(INTERFACE, (of.vip,))

    world.somebody_adds(of.vip)

    assert world.changes() == [present(of)]
