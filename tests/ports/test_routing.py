"""A virtual address with a routing table of its own has its rule and its routes exactly while it is held."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from typing import Final

import pytest

from tests.ports.worlds import INTERFACE, IPV4, IPV6, OWN, TABLE, Addressing, World
from triocarp.core.effects import RenewAddresses
from triocarp.core.events import Link
from triocarp.core.family import Family, IPAddress
from triocarp.core.policy_routing import PolicyRouting
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure

pytestmark = pytest.mark.programs("ip")

LEASE_S: Final = 1000
OTHER_TABLE: Final = 4711
GATEWAYS: Final[dict[Family, IPAddress]] = {
    Family.IPV4: IPv4Address("10.0.0.254"),
    Family.IPV6: IPv6Address("2001:db8::254"),
}
ROUTING: Final = PolicyRouting(table=TABLE, priority=500, gateways=tuple(GATEWAYS.values()))


def routed(of: Addressing, table: int = TABLE, priority: str = " priority 500") -> set[str]:
    """Return what an address of a family has while it is held."""
    vip = of.vip.ip
    return {
        f"from {vip} lookup {table}{priority}",
        f"{table}: {of.vip.network} src {vip}",
        f"{table}: default via {GATEWAYS[of.family]} src {vip}",
    }


def test_hold_and_release(world: World, of: Addressing) -> None:
    """Rule, connected route and default route come and go with the address."""
    world.route(ROUTING, of.vip)
    assert world.routing() == set()

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    assert world.routing() == routed(of)

    world.addresses.release(INTERFACE, (of.vip,))
    assert world.routing() == set()
    assert set(world.held()) == OWN


def test_main_table(world: World, of: Addressing) -> None:
    """The main table gets no route to the network of such an address, and of any other it does."""
    world.route(ROUTING, of.vip)

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert not world.claims_network(of.vip)


def test_hold_what_somebody_left(world: World) -> None:
    """An address that somebody put there has a route in the main table, which goes when the address is ours."""
    elsewhere = IPv4Interface("10.7.0.100/24")
    world.somebody_adds(elsewhere)
    assert world.claims_network(elsewhere)
    world.route(replace(ROUTING, gateways=()), elsewhere)

    world.addresses.hold(INTERFACE, (elsewhere,), LEASE_S)

    assert not world.claims_network(elsewhere)


def test_priority_of_the_system(world: World, of: Addressing) -> None:
    """Without a priority the system chooses one, and the rule is found again all the same."""
    world.route(replace(ROUTING, priority=None), of.vip)

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    assert world.routing() == routed(of, priority="")

    world.addresses.release(INTERFACE, (of.vip,))
    assert world.routing() == set()


def test_priority_of_the_system_is_kept(world: World, of: Addressing) -> None:
    """However often somebody takes the address off and it is put back: there is one rule, and none in the end."""
    world.route(replace(ROUTING, priority=None), of.vip)
    for _ in range(3):
        world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
        world.somebody_removes(of.vip)
        assert len(world.changes()) == 1
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    assert world.routing() == routed(of, priority="")

    world.addresses.release(INTERFACE, (of.vip,))
    assert world.routing() == set()


def test_prefix_length_of_the_network(world: World) -> None:
    """A /32 has a connected route of the length that is configured: no other host's route is in its way."""
    alone = IPv4Interface("10.0.0.100/32")
    world.route(replace(ROUTING, prefix_length=24, gateways=(GATEWAYS[Family.IPV4],)), alone)

    world.addresses.hold(INTERFACE, (alone,), LEASE_S)

    assert world.routing() == routed(IPV4)


def test_without_connected_route(world: World) -> None:
    """A /32 alone has none, and a gateway is found by the main table, or there is none."""
    alone = IPv4Interface("10.0.0.100/32")
    world.route(PolicyRouting(table=TABLE, gateways=(GATEWAYS[Family.IPV4],)), alone)

    world.addresses.hold(INTERFACE, (alone,), LEASE_S)

    assert world.routing() == {f"from {alone.ip} lookup 100", f"100: default via 10.0.0.254 src {alone.ip}"}


def test_two_of_one_network(world: World, of: Addressing) -> None:
    """Addresses of one network with a table each do not disturb each other."""
    world.route(ROUTING, of.vip)
    world.route(replace(ROUTING, table=OTHER_TABLE), of.second_vip)

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.addresses.hold(INTERFACE, (of.second_vip,), LEASE_S)
    assert len(world.routing()) == 6
    world.addresses.release(INTERFACE, (of.second_vip,))

    assert world.routing() == routed(of)


def test_gateway_out_of_reach(world: World) -> None:
    """All or nothing: an address whose default route cannot be made is not held, and nothing is left of it."""
    world.route(PolicyRouting(table=TABLE, gateways=(IPv4Address("192.0.2.77"),)), IPV4.vip)

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (IPV4.vip,), LEASE_S)

    assert caught.value.failure is PortFailure.NO_ROUTE
    assert str(IPV4.vip.ip) in caught.value.detail
    assert world.routing() == set()
    assert set(world.held()) == OWN


def test_all_or_nothing_of_several(world: World) -> None:
    """When the second address cannot be routed, the first one goes with all that it has."""
    world.route(ROUTING, IPV6.vip)
    world.route(PolicyRouting(table=OTHER_TABLE, gateways=(IPv4Address("192.0.2.77"),)), IPV4.vip)

    with pytest.raises(PortError):
        world.addresses.hold(INTERFACE, (IPV6.vip, IPV4.vip), LEASE_S)

    assert world.routing() == set()
    assert set(world.held()) == OWN


def test_somebody_elses_rule_and_routes(world: World, of: Addressing) -> None:
    """What others have for other addresses, or in other tables, is never touched."""
    world.somebody_routes(of.unwatched, TABLE, None)
    world.somebody_routes(of.vip, OTHER_TABLE, GATEWAYS[of.family])
    others = world.routing()
    world.route(ROUTING, of.vip)

    world.addresses.release(INTERFACE, (of.vip,))
    assert world.routing() == others
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    assert world.routing() == others | routed(of)
    world.addresses.release(INTERFACE, (of.vip,))

    assert world.routing() == others


def test_somebody_elses_route_in_the_way(world: World, of: Addressing) -> None:
    """A table that has another default route is somebody else's: the address is not held, and the route stays."""
    world.somebody_routes(of.unwatched, TABLE, of.peer.ip)
    others = world.routing()
    world.route(ROUTING, of.vip)

    with pytest.raises(PortError) as caught:
        world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert "100" in caught.value.detail
    assert world.routing() == others
    assert set(world.held()) == OWN


@pytest.mark.parametrize("table", [TABLE, OTHER_TABLE])
def test_release_after_a_crash(world: World, of: Addressing, table: int) -> None:
    """What a predecessor left is ours by its mark, also in the table that was configured then."""
    world.predecessor_held(replace(ROUTING, table=table, priority=77), of.vip)
    assert world.routing()
    world.route(ROUTING, of.vip)

    world.addresses.release(INTERFACE, (of.vip,))

    assert world.routing() == set()


def test_hold_after_a_crash(world: World, of: Addressing) -> None:
    """Who begins as master at once finds the same."""
    world.predecessor_held(replace(ROUTING, table=OTHER_TABLE, priority=77), of.vip)
    world.route(ROUTING, of.vip)

    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)

    assert world.routing() == routed(of)


@pytest.mark.parametrize("priority", [500, None])
async def test_renewal_puts_back(world: World, of: Addressing, priority: int | None) -> None:
    """A rule and routes that somebody takes off are back with the next renewal at the latest, and once."""
    expected = routed(of, priority="" if priority is None else f" priority {priority}")
    world.route(replace(ROUTING, priority=priority), of.vip)
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.somebody_unroutes(of.vip, TABLE)

    for _ in range(2):
        world.addresses.renew(RenewAddresses(interface=INTERFACE, vhid=7, addresses=(of.vip,), lease_s=LEASE_S))
        await world.routed_again(expected)
    world.addresses.release(INTERFACE, (of.vip,))

    assert world.routing() == set()


def test_interface_is_removed(world: World, of: Addressing) -> None:
    """The rule goes with the release although the interface is not there any more."""
    world.route(ROUTING, of.vip)
    world.addresses.hold(INTERFACE, (of.vip,), LEASE_S)
    world.set_link(Link.ABSENT)

    world.addresses.release(INTERFACE, (of.vip,))

    assert world.routing() == set()
