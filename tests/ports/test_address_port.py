from ipaddress import IPv4Interface

import pytest

from tests.ports.worlds import HARDWARE_ADDRESS, INTERFACE, OTHER, OWN, SECOND_VIP, VIP, World
from triocarp.core.events import AddressChanged, Link, LinkChanged
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure

LEASE_S = 1000
"""Long, so that the seconds that a test takes do not count."""

OTHER_LENGTH = IPv4Interface("10.0.0.100/32")


def leased(world: World, address: IPv4Interface) -> int:
    """Return the seconds for which an address is still leased."""
    lease = world.held()[address]
    assert lease is not None, f"{address} is permanent"
    return lease


def test_hold(world: World) -> None:
    """A held address is on the interface with its prefix length and a lease, beside what was there."""
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert {OWN, VIP} == set(world.held())
    assert LEASE_S - 100 < leased(world, VIP) <= LEASE_S
    assert world.held()[OWN] is None


def test_hold_several(world: World) -> None:
    """Several addresses are held by one call."""
    world.addresses.hold(INTERFACE, (VIP, SECOND_VIP), LEASE_S)

    assert {OWN, VIP, SECOND_VIP} == set(world.held())


def test_hold_again(world: World) -> None:
    """Holding an address again renews its lease."""
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)
    world.addresses.hold(INTERFACE, (VIP,), 2 * LEASE_S)

    assert {OWN, VIP} == set(world.held())
    assert LEASE_S < leased(world, VIP) <= 2 * LEASE_S


def test_hold_shorter(world: World) -> None:
    """A shorter lease counts as well."""
    world.addresses.hold(INTERFACE, (VIP,), 2 * LEASE_S)
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert leased(world, VIP) <= LEASE_S


def test_hold_what_is_there(world: World) -> None:
    """An address that somebody left there for good gets a lease too, and is not there twice."""
    world.somebody_adds(VIP)
    world.changes()

    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert {OWN, VIP} == set(world.held())
    assert leased(world, VIP) <= LEASE_S


def test_hold_what_is_there_with_another_length(world: World) -> None:
    """An address that is there with another prefix length is there with the right one only, afterwards."""
    world.somebody_adds(OTHER_LENGTH)
    world.changes()

    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert {OWN, VIP} == set(world.held())
    assert leased(world, VIP) <= LEASE_S


def test_hold_on_link_that_is_down(world: World) -> None:
    """An interface that is down can have addresses."""
    world.set_link(Link.DOWN)

    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert VIP in world.held()


async def test_lease_ends(world: World) -> None:
    """An address that is not held again is withdrawn, and that is reported."""
    world.addresses.hold(INTERFACE, (VIP,), 1)

    await world.reported(AddressChanged(interface=INTERFACE, address=VIP, present=False))

    assert {OWN} == set(world.held())


def test_release(world: World) -> None:
    """A released address is gone, and nothing else is."""
    world.addresses.hold(INTERFACE, (VIP, SECOND_VIP), LEASE_S)

    world.addresses.release(INTERFACE, (VIP,))

    assert {OWN, SECOND_VIP} == set(world.held())


def test_release_and_hold_again(world: World) -> None:
    """A released address can be held again."""
    for _ in range(3):
        world.addresses.hold(INTERFACE, (VIP,), LEASE_S)
        world.addresses.release(INTERFACE, (VIP,))
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert {OWN, VIP} == set(world.held())


def test_release_what_is_absent(world: World) -> None:
    """Releasing an address that is not there is fine."""
    world.addresses.release(INTERFACE, (VIP,))

    assert {OWN} == set(world.held())


def test_release_what_somebody_added(world: World) -> None:
    """Addresses of somebody else are released too, with whatever prefix lengths they have."""
    world.somebody_adds(VIP)
    world.somebody_adds(OTHER_LENGTH)
    world.somebody_adds(IPv4Interface("10.0.0.100/16"))

    world.addresses.release(INTERFACE, (VIP,))

    assert {OWN} == set(world.held())


def test_release_from_absent_interface(world: World) -> None:
    """Releasing from an interface that does not exist, or does not any more, is fine."""
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)
    world.set_link(Link.ABSENT)

    world.addresses.release(INTERFACE, (VIP,))
    world.addresses.release("nowhere", (VIP,))


def test_other_interface_has_address(world: World) -> None:
    """An address that another interface of the host has is taken, and nothing is added."""
    world.somebody_adds(OTHER_LENGTH, OTHER)

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (SECOND_VIP, VIP), LEASE_S)

    assert PortFailure.ADDRESS_TAKEN is caught.value.failure
    assert OTHER in caught.value.detail
    assert str(VIP.ip) in caught.value.detail
    assert {OWN} == set(world.held())


def test_loopback_has_address(world: World) -> None:
    """An address on the loopback interface is none that anybody answers for, and may be held."""
    world.somebody_adds(OTHER_LENGTH, "lo")

    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert {OWN, VIP} == set(world.held())


@pytest.mark.parametrize("interface", ["nowhere", "a-name-longer-than-any"])
def test_hold_on_unknown_interface(world: World, interface: str) -> None:
    """An interface that does not exist cannot hold an address."""
    with pytest.raises(PortError) as caught:
        world.addresses.hold(interface, (VIP,), LEASE_S)

    assert PortFailure.NO_DEVICE is caught.value.failure
    assert interface in caught.value.detail


def test_hold_on_removed_interface(world: World) -> None:
    """An interface that was removed cannot hold an address."""
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)
    world.set_link(Link.ABSENT)

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert PortFailure.NO_DEVICE is caught.value.failure


async def test_hold_on_new_interface(world: World) -> None:
    """An interface that was removed and made again can hold an address."""
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)
    world.set_link(Link.ABSENT)
    world.set_link(Link.UP)
    await world.reported(LinkChanged(interface=INTERFACE, link=Link.UP, hardware_address=HARDWARE_ADDRESS))

    assert VIP not in world.held()
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    assert VIP in world.held()


def test_hold_without_permission(world: World) -> None:
    """Who may not change addresses is told so, and the message names the address and the interface."""
    with pytest.raises(PortError) as caught:
        world.hold_without_permission()

    assert PortFailure.NO_PERMISSION is caught.value.failure
    assert str(VIP) in caught.value.detail
    assert INTERFACE in caught.value.detail
    assert {OWN} == set(world.held())


def test_release_without_permission(world: World) -> None:
    """Who may not change addresses cannot release one, and it is still there."""
    world.addresses.hold(INTERFACE, (VIP,), LEASE_S)

    with pytest.raises(PortError) as caught:
        world.release_without_permission()

    assert PortFailure.NO_PERMISSION is caught.value.failure
    assert VIP in world.held()


def test_all_or_nothing(world: World) -> None:
    """When one address cannot be held, those that the call has added are taken off again."""
    world.refuse_second_address()

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (VIP, SECOND_VIP), LEASE_S)

    assert caught.value.failure is PortFailure.NO_BUFFER
    assert str(SECOND_VIP) in caught.value.detail
    assert set(world.held()) == {OWN}


def test_all_or_what_was_there(world: World) -> None:
    """When an address cannot be renewed, those that were held before stay until their leases end."""
    world.addresses.hold(INTERFACE, (VIP, SECOND_VIP), LEASE_S)
    world.refuse_second_address()

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (VIP, SECOND_VIP), LEASE_S)

    assert caught.value.failure is PortFailure.NO_BUFFER
    assert set(world.held()) == {OWN, VIP, SECOND_VIP}


def test_release_of_nothing_without_permission(world: World) -> None:
    """Who may not change addresses can still release one that is not there: what was wanted is so."""
    world.release_without_permission()

    assert set(world.held()) == {OWN}
