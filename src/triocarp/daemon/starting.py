"""What is checked before carpd begins, so that nothing is half-started."""

import functools
import os
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import final

from triocarp.core import Transport, VirtualHostConfig
from triocarp.core.family import IPAddress
from triocarp.daemon.settings import Settings
from triocarp.linux.interface_table import InterfaceTable, read_interfaces
from triocarp.linux.privileges import (
    Capability,
    explain_missing,
    forbidden_to_gain,
    missing_capabilities,
    put_into_effect,
)


@final
class StartError(Exception):
    """Raised when carpd cannot begin.

    Attributes:
        lines: for the operator, one for each obstacle.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def check(settings: Settings) -> tuple[str, ...]:
    """Check that the host is as the settings say, and that we may do what they ask for.

    Args:
        settings: what shall run.

    Returns:
        What the operator should know, one sentence each.

    Raises:
        StartError: an interface or a source address is not there, or a privilege is missing.
        OSError: the kernel does not tell.
    """
    virtual_hosts = settings.node.virtual_hosts
    manages = any(host.manages_addresses for host in virtual_hosts)
    needed = set(Capability) if manages else {Capability.CAP_NET_RAW}
    put_into_effect(hand_on=bool(settings.scripts) and os.getuid() != 0)
    missing = missing_capabilities(sorted(needed, key=lambda capability: capability.name))
    if missing:
        raise StartError(explain_missing(missing, forbidden=forbidden_to_gain()))
    table = read_interfaces()
    check_interfaces(settings, table)
    return (*borrowed_sources(settings, table), *unreachable_peers(settings, table))


def check_interfaces(settings: Settings, table: InterfaceTable) -> None:
    """Check that each interface is there, and that each source address is one of its own.

    Args:
        settings: what shall run.
        table: the interfaces and addresses of this host.

    Raises:
        StartError: they are not.
    """
    lines = [
        line
        for index, host in enumerate(settings.node.virtual_hosts)
        for line in _obstacles(host, functools.partial(settings.place_of, index), table, settings.config is None)
    ]
    if lines:
        raise StartError(*lines)


def borrowed_sources(settings: Settings, table: InterfaceTable) -> tuple[str, ...]:
    """Return a warning for each source address that this host has on another interface.

    It may be so on purpose, as on hosts that have their own address on ``lo``, and ucarp runs with it.

    Args:
        settings: what shall run.
        table: the interfaces and addresses of this host.
    """
    return tuple(
        f"{settings.place_of(index, 'source')} {host.source} is not an address of {host.interface}, "
        "but of another interface of this host"
        for index, host in enumerate(settings.node.virtual_hosts)
        if host.source in _elsewhere(host, table)
    )


def _elsewhere(host: VirtualHostConfig, table: InterfaceTable) -> set[IPAddress]:
    """Return the IPv4 addresses that this host has, but not on a virtual host's interface."""
    own = {address.ip for address in table.addresses_of(host.interface)}
    others = {address.ip for name in table.names() for address in table.addresses_of(name)}
    return {address for address in others - own if isinstance(address, IPv4Address)}


def unreachable_peers(settings: Settings, table: InterfaceTable) -> tuple[str, ...]:
    """Return a warning for each peer that seems to be behind a router although nobody said so.

    It is no mistake for sure: a route may say that such an address is on the segment.

    Args:
        settings: what shall run.
        table: the interfaces and addresses of this host.
    """
    return tuple(
        warning
        for index, host in enumerate(settings.node.virtual_hosts)
        for warning in _beyond_the_segment(host, functools.partial(settings.place_of, index), table)
    )


def _obstacles(
    host: VirtualHostConfig, place_of: Callable[[str], str], table: InterfaceTable, as_ucarp: bool
) -> Iterator[str]:
    name = host.interface
    if table.find(name) is None:
        line = f"{place_of('interface')} {name}: no such interface; there are: {', '.join(table.names())}"
        yield f"Unable to find MAC address of [{name}] ({line})" if as_ucarp else line
        return
    own = table.addresses_of(name)
    # With --nomcast ucarp does not look at the source address either.
    if host.transport is Transport.BROADCAST:
        return
    for setting, source in (("source", host.source), ("source6", host.source6)):
        if source is not None and source not in {address.ip for address in own} | _elsewhere(host, table):
            has = ", ".join(map(str, own)) or "none"
            yield f"{place_of(setting)} {source} is not an address of {name}, which has {has}"


def _beyond_the_segment(
    host: VirtualHostConfig, place_of: Callable[[str], str], table: InterfaceTable
) -> Iterator[str]:
    if host.routed_peers:
        return
    networks = [address.network for address in table.addresses_of(host.interface)]
    for peer in host.peers:
        if not any(peer in network for network in networks):
            has = ", ".join(map(str, networks)) or "none"
            yield (
                f"{place_of('peers')} {peer} is in no network of {host.interface}, which has {has}: "
                "what comes through a router is dropped without routed_peers, here and there"
            )


def first_interface() -> str | None:
    """Return the interface that is meant when none is given: the first that is up and has an IPv4 address.

    Raises:
        OSError: the kernel does not tell.
    """
    usable = read_interfaces().first_usable()
    return None if usable is None else usable.name
