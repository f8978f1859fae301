"""What is checked before carpd begins."""

import os
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest

from triocarp.core import CARPD, Link, NodeConfig, Transport, VirtualHostConfig
from triocarp.daemon.settings import Settings
from triocarp.daemon.starting import (
    borrowed_sources,
    interface_obstacles,
    shared_addresses,
    unreachable_gateways,
    unreachable_peers,
    why_not_writable,
)
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport


def virtual_host(
    *,
    interface: str = "eth0",
    source: str = "10.0.0.5",
    transport: Transport = Transport.MULTICAST,
    peers: tuple[IPv4Address, ...] = (),
) -> VirtualHostConfig:
    """Return a virtual host."""
    return VirtualHostConfig(
        interface=interface,
        vhid=7,
        password=b"secret",
        addresses=(IPv4Interface("10.0.0.100/24"),),
        source=IPv4Address(source),
        transport=transport,
        peers=peers,
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


def settings_of(*hosts: VirtualHostConfig, config: Path | None = None) -> Settings:
    """Return settings with these virtual hosts."""
    return Settings(
        node=NodeConfig(virtual_hosts=hosts),
        scripts={},
        real_time=False,
        debug=False,
        journal=None,
        warnings=(),
        config=config,
    )


def obstacles(table: InterfaceTable, *hosts: VirtualHostConfig, config: Path | None = None) -> tuple[str, ...]:
    """Return the lines that tell why virtual hosts cannot run."""
    return tuple(interface_obstacles(settings_of(*hosts, config=config).needs, table))


def refusal(host: VirtualHostConfig, table: InterfaceTable) -> str:
    """Return the line that tells why a virtual host cannot run."""
    (line,) = obstacles(table, host)
    return line


@pytest.mark.parametrize("source", ["10.0.0.5", "10.1.0.5"])
def test_a_source_address_of_the_interface_is_accepted(table: InterfaceTable, source: str) -> None:
    """Whichever of several it is."""
    assert not obstacles(table, virtual_host(source=source))


def test_an_interface_that_does_not_exist_is_refused_and_those_that_do_are_named(table: InterfaceTable) -> None:
    """So that the operator sees the right one at once."""
    ours = "-i/--interface eth9: no such interface; there are: eth0, eth1"
    expected = f"Unable to find MAC address of [eth9] ({ours})"
    assert expected == refusal(virtual_host(interface="eth9"), table)


def test_a_foreign_source_address_is_refused_and_the_right_ones_are_named(table: InterfaceTable) -> None:
    """As ucarp refuses it; but ucarp does not say what would be right."""
    expected = "-s/--srcip 10.0.0.6 is not an address of eth0, which has 10.0.0.5/24, 10.1.0.5/16"
    assert expected == refusal(virtual_host(source="10.0.0.6"), table)
    expected = "-s/--srcip 10.0.0.6 is not an address of eth1, which has none"
    assert expected == refusal(virtual_host(interface="eth1", source="10.0.0.6"), table)


def test_a_source_address_of_another_interface_is_told(table: InterfaceTable) -> None:
    """A ucarp runs with it, so it is no obstacle; but most likely somebody has mixed up two interfaces."""
    borrowed = settings_of(virtual_host(interface="eth1"))
    assert not tuple(interface_obstacles(borrowed.needs, table))
    expected = "-s/--srcip 10.0.0.5 is not an address of eth1, but of another interface of this host"
    assert borrowed_sources(borrowed, table) == (expected,)
    assert borrowed_sources(settings_of(virtual_host()), table) == ()


def test_with_broadcast_the_source_address_may_be_any(table: InterfaceTable) -> None:
    """Ucarp does not look at it with -M either."""
    assert not obstacles(table, virtual_host(source="10.9.9.9", transport=Transport.BROADCAST))
    refusal(virtual_host(interface="eth9", transport=Transport.BROADCAST), table)


def test_what_stands_in_a_file_is_named_by_its_path(table: InterfaceTable) -> None:
    """All that is in the way is told at once, and none of it by the name of an option that nobody has used."""
    good = virtual_host()
    numbered = replace(good, vhid=8, addresses=(IPv4Interface("10.0.0.101/24"),), dialect=CARPD)
    foreign = replace(numbered, source=None, source6=IPv6Address("fe80::5"))
    lost = replace(numbered, vhid=9, addresses=(IPv4Interface("10.0.0.102/24"),), interface="eth9")
    assert obstacles(table, good, foreign, lost, config=Path("f.toml")) == (
        "f.toml: virtual_host[1].source6: fe80::5 is not an address of eth0, which has 10.0.0.5/24, 10.1.0.5/16",
        "f.toml: virtual_host[2].interface: eth9: no such interface; there are: eth0, eth1",
    )


def test_a_peer_that_seems_to_be_behind_a_router_is_told(table: InterfaceTable) -> None:
    """Its packets would be dropped for their TTL. A route may say that it is on the segment, so it is no error."""
    peers = (IPv4Address("10.1.9.9"), IPv4Address("192.0.2.1"))
    unicast = virtual_host(transport=Transport.UNICAST, peers=peers)
    assert unreachable_peers(settings_of(unicast, config=Path("f.toml")), table) == (
        (
            "f.toml: virtual_host[0].peers: 192.0.2.1 is in no network of eth0, which has 10.0.0.0/24, "
            "10.1.0.0/16: what comes through a router is dropped without routed_peers, here and there"
        ),
    )
    routed = replace(unicast, routed_peers=True)
    assert unreachable_peers(settings_of(routed, config=Path("f.toml")), table) == ()
    assert unreachable_peers(settings_of(virtual_host()), table) == ()


def routed(gateway: str, prefix_length: int | None = None) -> Settings:
    """Return settings of a virtual host that has a routing table with a gateway."""
    table_of_its_own = replace(
        virtual_host(),
        dialect=CARPD,
        routing_table=100,
        routing_prefix_length=prefix_length,
        gateways=(ip_address(gateway),),
    )
    return settings_of(table_of_its_own, config=Path("f.toml"))


def test_a_gateway_that_no_network_reaches_is_told(table: InterfaceTable) -> None:
    """With the key, the value, and what would be right. A later route may lead to it, so it is no error."""
    assert unreachable_gateways(routed("10.9.9.9"), table) == (
        (
            "f.toml: virtual_host[0].gateways: 10.9.9.9 is in no network that table 100 or eth0 reaches "
            "(10.0.0.0/24, 10.1.0.0/16): without a route to it this host does not become master; expected a "
            "router in one of them, or a routing_prefix_length that covers it"
        ),
    )


@pytest.mark.parametrize(
    ("gateway", "prefix_length"), [("10.0.0.254", None), ("10.1.0.254", None), ("10.9.9.9", 8)]
)
def test_a_gateway_in_a_network_of_the_table_or_the_interface_is_within_reach(
    table: InterfaceTable, gateway: str, prefix_length: int | None
) -> None:
    """The kernel looks into both."""
    assert unreachable_gateways(routed(gateway, prefix_length), table) == ()


def test_a_left_behind_virtual_address_does_not_bring_a_gateway_within_reach(table: InterfaceTable) -> None:
    """Carpd takes it off, and its network with it."""
    left = IPv4Interface("10.0.0.100/8")
    table.apply(AddressReport(index=2, address=left, present=True, port_id=0, number=0))
    assert unreachable_gateways(routed("10.9.9.9"), table)


def test_an_address_that_a_carpd_of_another_vhid_may_hold_is_told(table: InterfaceTable) -> None:
    """Both would become master. Where it is not, or no other carpd is on that interface, nothing is said."""
    ours, other, elsewhere = ("eth0", 7), ("eth0", 8), ("eth1", 9)
    wanted = settings_of(virtual_host())
    assert not list(shared_addresses(wanted, table, {ours, other, elsewhere}))
    held = IPv4Interface("10.0.0.100/32")
    table.apply(AddressReport(index=2, address=held, present=True, port_id=0, number=0))
    assert not list(shared_addresses(wanted, table, {ours, elsewhere}))
    (warning,) = shared_addresses(wanted, table, {ours, other, elsewhere})
    assert warning.startswith(
        "-a/--addr 10.0.0.100 is on eth0, where a carpd runs with VHID 8: if it is that one's"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("new", ""),
        ("there", ""),
        ("pipe", ""),
        ("dangling", ""),
        ("", "Is a directory"),
        ("none/journal", "No such file or directory"),
        ("lost", "No such file or directory"),
        ("there/journal", "Not a directory"),
        ("loop", "Too many levels of symbolic links"),
    ],
)
def test_a_journal_that_could_not_be_opened_is_found_without_opening_it(
    tmp_path: Path, name: str, why: str
) -> None:
    """So that it stands among the other mistakes. Nothing is made, for carpd may not start."""
    (tmp_path / "there").touch()
    (tmp_path / "dangling").symlink_to("new")
    (tmp_path / "lost").symlink_to("none/journal")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    assert why_not_writable(tmp_path / name) == why
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("flag", "why"), [(0, "Permission denied"), (os.ST_RDONLY, "Read-only file system")])
def test_a_journal_that_may_not_be_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int, why: str
) -> None:
    """Whether it is there or its directory would have to take it.

    Root may write whatever the mode says, so nobody is asked who could tell.
    """

    def refuse(*_: object) -> bool:
        return False

    def flags(*_: object) -> object:
        return SimpleNamespace(f_flag=flag)

    monkeypatch.setattr(os, "access", refuse)
    monkeypatch.setattr(os, "statvfs", flags)
    (tmp_path / "there").touch()
    assert [why_not_writable(tmp_path / name) for name in ("there", "new")] == [why, why]
