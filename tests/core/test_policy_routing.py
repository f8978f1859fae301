"""Routing tables of virtual addresses, as configured."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface, ip_network
from typing import Any, Final

import pytest

from tests.core.hosts import DUAL, PLAIN
from triocarp.core import ConfigurationError, NodeConfig, PolicyRouting, VirtualHostConfig

ROUTER: Final = IPv4Address("10.0.0.254")
ROUTER6: Final = IPv6Address("2001:db8::fe")


def problems(config: VirtualHostConfig = PLAIN, /, **changes: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - of any field
    """Return the settings and the values that are wrong after some changes."""
    with pytest.raises(ConfigurationError) as caught:
        replace(config, **changes)
    return [(problem.setting, problem.value) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("address", "prefix_length", "connected"),
    [
        ("10.0.0.100/24", None, "10.0.0.0/24"),
        ("10.0.0.100/32", 24, "10.0.0.0/24"),
        ("10.0.0.100/24", 32, None),
        ("10.0.0.100/32", None, None),
        ("2001:db8::100/64", 32, "2001:db8::/64"),
        ("2001:db8::100/128", None, None),
    ],
)
def test_connected_route(address: str, prefix_length: int | None, connected: str | None) -> None:
    """It is that of the configured length, for IPv4, or of the address's own; who is alone in it has none."""
    routing = PolicyRouting(table=1, prefix_length=prefix_length)
    assert routing.connected(ip_interface(address)) == (None if connected is None else ip_network(connected))


def test_gateway_of_the_family() -> None:
    """Each address has the gateway of its family, if there is one."""
    routing = PolicyRouting(table=1, gateways=(ROUTER6,))
    assert routing.gateway(IPv6Interface("2001:db8::100/64")) == ROUTER6
    assert routing.gateway(IPv4Interface("10.0.0.100/24")) is None


def test_routing_of_a_virtual_host() -> None:
    """It has a routing if it has a table, with all that is configured for it."""
    host = replace(PLAIN, routing_table=100, rule_priority=5, routing_prefix_length=16, gateways=(ROUTER,))
    assert host.routing == PolicyRouting(table=100, priority=5, prefix_length=16, gateways=(ROUTER,))
    assert PLAIN.routing is None


def test_numbers_have_ranges() -> None:
    """They are those of the kernel."""
    assert problems(routing_table=-1) == [("routing_table", "-1")]
    assert problems(routing_table=1 << 32) == [("routing_table", str(1 << 32))]
    assert problems(routing_table=1, rule_priority=-1) == [("rule_priority", "-1")]
    assert problems(routing_table=1, routing_prefix_length=0) == [("routing_prefix_length", "0")]
    assert problems(routing_table=1, routing_prefix_length=33) == [("routing_prefix_length", "33")]


@pytest.mark.parametrize("table", [253, 254, 255])
def test_tables_of_the_system(table: int) -> None:
    """What a rule leads to that nobody may touch is no table for an address."""
    assert problems(routing_table=table) == [("routing_table", str(table))]


@pytest.mark.parametrize(
    "change", [{"rule_priority": 5}, {"routing_prefix_length": 24}, {"gateways": (ROUTER,)}], ids=str
)
def test_details_without_a_table(change: dict[str, Any]) -> None:
    """They mean nothing, so the table was forgotten."""
    assert problems(**change) == [("routing_table", "0")]


def test_scripts_do_the_routing() -> None:
    """Who has scripts that put on addresses has them put on the routes."""
    assert problems(routing_table=1, manages_addresses=False) == [("routing_table", "1")]


@pytest.mark.parametrize(
    "gateways", [("10.0.0.100",), ("224.0.0.1",), ("2001:db8::fe",), ("10.0.0.254", "10.0.0.253")], ids=str
)
def test_wrong_gateways(gateways: tuple[str, ...]) -> None:
    """The virtual address, a group, one of a family without addresses, and a second one are none."""
    found = problems(routing_table=1, gateways=tuple(map(ip_address, gateways)))
    assert found == [(f"gateways[{len(gateways) - 1}]", gateways[-1])]


def test_gateway_with_a_scope() -> None:
    """The interface is known."""
    wrong = IPv6Address("fe80::1%eth0")
    assert problems(DUAL, routing_table=1, gateways=(wrong,)) == [("gateways[0]", str(wrong))]


def test_two_virtual_hosts_with_one_table() -> None:
    """Each needs its own; but none at all may be common."""
    one = replace(PLAIN, routing_table=100)
    other = replace(one, vhid=8, addresses=(IPv4Interface("10.0.0.101/24"),))
    with pytest.raises(ConfigurationError) as caught:
        NodeConfig(virtual_hosts=(one, other))
    assert [problem.setting for problem in caught.value.problems] == ["virtual_hosts[1].routing_table"]
    NodeConfig(virtual_hosts=(one, replace(other, routing_table=0)))
    NodeConfig(virtual_hosts=(replace(one, routing_table=0), replace(other, routing_table=0)))
