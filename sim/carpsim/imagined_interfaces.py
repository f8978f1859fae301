"""Interfaces that a configuration takes for granted, for a machine that has not got them."""

import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import ip_interface
from pathlib import Path

from carpsim.scenario import HostSettings
from triocarp.core import IPInterface, Link, NodeConfig
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport


def interfaces_of(config: NodeConfig) -> InterfaceTable:
    """Return the interfaces of the host that a configuration was made for, with its own addresses.

    Args:
        config: with source addresses.
    """
    return _table(HostSettings(name="imagined", config=config).own_addresses)


def interfaces_for(file: Path) -> InterfaceTable:
    """Return interfaces as a configuration file means them, with addresses in the networks of the virtual ones.

    Args:
        file: TOML; what cannot be read is left out, and told by whoever reads it.
    """
    virtual: dict[str, list[IPInterface]] = {}
    for one in tomllib.loads(file.read_text(encoding="utf-8")).get("virtual_host", []):
        networks = virtual.setdefault(str(one.get("interface", "")), [])
        for address in one.get("addresses", []):
            try:
                networks.append(ip_interface(address))
            except ValueError:
                continue
    return _table({name: _own(addresses) for name, addresses in virtual.items()})


def _own(virtual: list[IPInterface]) -> list[IPInterface]:
    taken = {address.ip for address in virtual}
    networks = dict.fromkeys(address.network for address in virtual)
    free = ((network, next((host for host in network.hosts() if host not in taken), None)) for network in networks)
    return [ip_interface(f"{host}/{network.prefixlen}") for network, host in free if host is not None]


def _table(own: Mapping[str, Iterable[IPInterface]]) -> InterfaceTable:
    table = InterfaceTable()
    for index, (name, addresses) in enumerate(own.items(), 1):
        mac = bytes((2, 0, 0, 0, 0, index))
        table.apply(
            LinkReport(index=index, name=name, link=Link.UP, hardware_address=mac, loopback=False, arp=True)
        )
        for address in addresses:
            table.apply(AddressReport(index=index, address=address, present=True, port_id=0, number=0))
    return table
