from ipaddress import IPv6Interface

import pytest

from tests.ports.worlds import HARDWARE_ADDRESS, INTERFACE, IPV4, IPV6, OTHER, OWN, Addressing, World
from triocarp.core.effects import RenewAddresses
from triocarp.core.events import AddressChanged, Link, LinkChanged
from triocarp.core.family import IPInterface
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure

LEASE_S = 1000
"""Long, so that the seconds that a test takes do not count."""


def renewal(*addresses: IPInterface, interface: str = INTERFACE) -> RenewAddresses:
    """Return the effect that renews the lease of addresses, for twice as long."""
    return RenewAddresses(interface=interface, vhid=7, addresses=addresses, lease_s=2 * LEASE_S)


def leased(world: World, address: IPInterface) -> int:
    """Return the seconds for which an address is still leased."""
    lease = world.held()[address]
    assert lease is not None, f"{address} is permanent"
    return lease


def test_hold(world: World, of: Addressing) -> None:
    """A held address is on the interface with its prefix length and a lease, beside what was there."""
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert {*OWN, of.vip} == set(world.held())
    assert LEASE_S - 100 < leased(world, of.vip) <= LEASE_S
    assert world.held()[of.own] is None


def test_hold_several(world: World, of: Addressing) -> None:
    """Several addresses are held by one call."""
    world.addresses.hold(INTERFACE, (of.vip, of.second_vip), LEASE_S)

    assert {*OWN, of.vip, of.second_vip} == set(world.held())


def test_hold_again(world: World, of: Addressing) -> None:
    """Holding an address again renews its lease."""
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.addresses.hold(INTERFACE, (of.vip,), 2 * LEASE_S)

    assert {*OWN, of.vip} == set(world.held())
    assert LEASE_S < leased(world, of.vip) <= 2 * LEASE_S


def test_hold_shorter(world: World, of: Addressing) -> None:
    """A shorter lease counts as well."""
    world.addresses.hold(INTERFACE, (of.vip,), 2 * LEASE_S)
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert leased(world, of.vip) <= LEASE_S


def test_hold_what_is_there(world: World, of: Addressing) -> None:
    """An address that somebody left there for good gets a lease too, and is not there twice."""
    world.somebody_adds(of.vip)
    world.changes()

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert {*OWN, of.vip} == set(world.held())
    assert leased(world, of.vip) <= LEASE_S


def test_hold_what_is_there_with_another_length(world: World, of: Addressing) -> None:
    """An address that is there with another prefix length is there with the right one only, afterwards."""
    world.somebody_adds(of.variants[0])
    world.changes()

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert {*OWN, of.vip} == set(world.held())
    assert leased(world, of.vip) <= LEASE_S


def test_hold_on_link_that_is_down(world: World, of: Addressing) -> None:
    """An interface that is down can have addresses."""
    world.set_link(Link.DOWN)

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert of.vip in world.held()


async def test_lease_ends(world: World, of: Addressing) -> None:
    """An address that is not held again is withdrawn, and that is reported."""
    world.addresses.hold(INTERFACE, (of.vip,), 1)

    await world.reported(AddressChanged(interface=INTERFACE, address=of.vip, present=False))

    assert set(world.held()) == OWN


async def test_renew(world: World, of: Addressing) -> None:
    """A renewal gives a new lease to each address that is held, and is no news."""
    world.addresses.hold(INTERFACE, (of.vip, of.second_vip), LEASE_S)

    world.addresses.renew(renewal(of.vip, of.second_vip))

    await world.leased_beyond(of.vip, LEASE_S)
    await world.leased_beyond(of.second_vip, LEASE_S)
    assert {*OWN, of.vip, of.second_vip} == set(world.held())
    assert not world.changes()


async def test_renew_what_was_released(world: World, of: Addressing) -> None:
    """A renewal that is still under way when its address is released does not bring the address back."""
    for _ in range(20):
        world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
        world.addresses.hold(INTERFACE, (of.second_vip,), LEASE_S)
        world.addresses.renew(renewal(of.vip))
        world.addresses.release(INTERFACE, (of.vip,))
        world.addresses.renew(renewal(of.second_vip))
        await world.leased_beyond(of.second_vip, LEASE_S)
        assert of.vip not in world.held()


async def test_renewal_that_fails(world: World, of: Addressing) -> None:
    """It is told as an event; the other addresses are renewed, and none is lost."""
    world.addresses.hold(INTERFACE, (of.vip, of.second_vip), LEASE_S)
    world.refuse_second_address()
    asked = renewal(of.vip, of.second_vip)

    world.addresses.renew(asked)

    failed = await world.failed_renewal()
    assert (failed.effect, failed.failure) == (asked, PortFailure.NO_BUFFER)
    assert str(of.second_vip) in failed.detail
    await world.leased_beyond(of.vip, LEASE_S)
    assert leased(world, of.second_vip) <= LEASE_S


def test_renew_where_it_cannot_be(world: World, of: Addressing) -> None:
    """What is known at once is raised at once: no interface, or another one that has the address."""
    with pytest.raises(PortError) as caught:
        world.addresses.renew(renewal(of.vip, interface="nowhere"))
    assert caught.value.failure is PortFailure.NO_DEVICE

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.somebody_adds(of.variants[0], OTHER)
    with pytest.raises(PortError) as caught:
        world.addresses.renew(renewal(of.vip))
    assert caught.value.failure is PortFailure.ADDRESS_TAKEN


def test_release(world: World, of: Addressing) -> None:
    """A released address is gone, and nothing else is."""
    world.addresses.hold(INTERFACE, (of.vip, of.second_vip), LEASE_S)

    world.addresses.release(INTERFACE, (of.vip,))

    assert {*OWN, of.second_vip} == set(world.held())


def test_release_and_hold_again(world: World, of: Addressing) -> None:
    """A released address can be held again."""
    for _ in range(3):
        world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
        world.addresses.release(INTERFACE, (of.vip,))
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert {*OWN, of.vip} == set(world.held())


def test_release_what_is_absent(world: World, of: Addressing) -> None:
    """Releasing an address that is not there is fine."""
    world.addresses.release(INTERFACE, (of.vip,))

    assert set(world.held()) == OWN


def test_release_what_somebody_added(world: World, of: Addressing) -> None:
    """Addresses of somebody else are released too, with whatever prefix lengths they have."""
    for variant in of.variants:
        world.somebody_adds(variant)
    world.somebody_adds(of.vip)

    world.addresses.release(INTERFACE, (of.vip,))

    assert set(world.held()) == OWN


def test_release_from_absent_interface(world: World, of: Addressing) -> None:
    """Releasing from an interface that does not exist, or does not any more, is fine."""
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.set_link(Link.ABSENT)

    world.addresses.release(INTERFACE, (of.vip,))
    world.addresses.release("nowhere", (of.vip,))


def test_other_interface_has_address(world: World, of: Addressing) -> None:
    """An address that another interface of the host has is taken, and nothing is added."""
    world.somebody_adds(of.variants[0], OTHER)

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (of.second_vip, of.vip), LEASE_S)

    assert PortFailure.ADDRESS_TAKEN is caught.value.failure
    assert OTHER in caught.value.detail
    assert str(of.vip.ip) in caught.value.detail
    assert set(world.held()) == OWN


def test_loopback_has_address(world: World, of: Addressing) -> None:
    """An address on the loopback interface is none that anybody answers for, and may be held."""
    world.somebody_adds(of.variants[0], "lo")

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert {*OWN, of.vip} == set(world.held())


@pytest.mark.parametrize("interface", ["nowhere", "a-name-longer-than-any"])
def test_hold_on_unknown_interface(world: World, of: Addressing, interface: str) -> None:
    """An interface that does not exist cannot hold an address."""
    with pytest.raises(PortError) as caught:
        world.addresses.hold(interface, (of.vip,), LEASE_S)

    assert PortFailure.NO_DEVICE is caught.value.failure
    assert interface in caught.value.detail


def test_hold_on_removed_interface(world: World, of: Addressing) -> None:
    """An interface that was removed cannot hold an address."""
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.set_link(Link.ABSENT)

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert PortFailure.NO_DEVICE is caught.value.failure


async def test_hold_on_new_interface(world: World, of: Addressing) -> None:
    """An interface that was removed and made again can hold an address."""
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.set_link(Link.ABSENT)
    world.set_link(Link.UP)
    await world.reported(LinkChanged(interface=INTERFACE, link=Link.UP, hardware_address=HARDWARE_ADDRESS))

    assert of.vip not in world.held()
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert of.vip in world.held()


def test_hold_without_permission(world: World, of: Addressing) -> None:
    """Who may not change addresses is told so, and the message names the address and the interface."""
    with pytest.raises(PortError) as caught:
        world.hold_without_permission(of.vip)

    assert PortFailure.NO_PERMISSION is caught.value.failure
    assert str(of.vip) in caught.value.detail
    assert INTERFACE in caught.value.detail
    assert set(world.held()) == OWN


def test_release_without_permission(world: World, of: Addressing) -> None:
    """Who may not change addresses cannot release one, and it is still there."""
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    with pytest.raises(PortError) as caught:
        world.release_without_permission(of.vip)

    assert PortFailure.NO_PERMISSION is caught.value.failure
    assert of.vip in world.held()


def test_all_or_nothing(world: World, of: Addressing) -> None:
    """When one address cannot be held, those that the call has added are taken off again."""
    world.refuse_second_address()

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (of.vip, of.second_vip), LEASE_S)

    assert caught.value.failure is PortFailure.NO_BUFFER
    assert str(of.second_vip) in caught.value.detail
    assert set(world.held()) == OWN


def test_all_or_what_was_there(world: World, of: Addressing) -> None:
    """When an address cannot be renewed, those that were held before stay until their leases end."""
    world.addresses.hold(INTERFACE, (of.vip, of.second_vip), LEASE_S)
    world.refuse_second_address()

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (of.vip, of.second_vip), LEASE_S)

    assert caught.value.failure is PortFailure.NO_BUFFER
    assert set(world.held()) == {*OWN, of.vip, of.second_vip}


def test_release_of_nothing_without_permission(world: World, of: Addressing) -> None:
    """Who may not change addresses can still release one that is not there: what was wanted is so."""
    world.release_without_permission(of.vip)

    assert set(world.held()) == OWN


def test_both_families(world: World) -> None:
    """Addresses of both families are held, renewed and released by one call."""
    both = (IPV4.vip, IPV6.vip, IPV6.second_vip)
    for _ in range(2):
        world.addresses.hold(INTERFACE, both, LEASE_S)
        assert {*OWN, *both} == set(world.held())
    assert LEASE_S - 100 < leased(world, IPV4.vip) <= LEASE_S
    assert LEASE_S - 100 < leased(world, IPV6.vip) <= LEASE_S

    world.addresses.release(INTERFACE, both)

    assert set(world.held()) == OWN


@pytest.mark.parametrize("both", [(IPV4.vip, IPV6.vip), (IPV6.vip, IPV4.vip)], ids=["IPv4 first", "IPv6 first"])
def test_all_or_nothing_of_both_families(world: World, both: tuple[IPInterface, ...]) -> None:
    """When an address of one family cannot be held, that of the other is taken off again."""
    world.refuse_second_address()

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, both, LEASE_S)

    assert PortFailure.NO_BUFFER is caught.value.failure
    assert str(both[1]) in caught.value.detail
    assert set(world.held()) == OWN


def test_link_local_address_on_several_interfaces(world: World) -> None:
    """A link-local IPv6 address is another one on each interface, and never taken."""
    link_local = IPv6Interface("fe80::100/64")
    world.somebody_adds(link_local, OTHER)

    world.addresses.hold(INTERFACE, (link_local,), LEASE_S)
    assert link_local in world.held()
    world.addresses.release(INTERFACE, (link_local,))

    assert set(world.held()) == OWN


async def test_ipv6_goes_with_the_link(world: World) -> None:
    """An interface that is set down loses its IPv6 address, which is reported after it; it can be held again."""
    world.addresses.hold(INTERFACE, (IPV4.vip, IPV6.vip), LEASE_S)
    world.changes()

    world.set_link(Link.DOWN)

    assert world.changes() == [
        LinkChanged(interface=INTERFACE, link=Link.DOWN, hardware_address=HARDWARE_ADDRESS),
        AddressChanged(interface=INTERFACE, address=IPV6.vip, present=False),
    ]
    assert IPV4.vip in world.held()
    assert IPV6.vip not in world.held()
    world.set_link(Link.UP)
    world.addresses.hold(INTERFACE, (IPV4.vip, IPV6.vip), LEASE_S)
    assert {*OWN, IPV4.vip, IPV6.vip} == set(world.held())
