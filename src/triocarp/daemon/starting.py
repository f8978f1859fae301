"""What is checked before carpd begins, so that nothing is half-started."""

import errno
import functools
import os
import stat
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address
from pathlib import Path
from typing import final

from triocarp.core import VirtualHostConfig
from triocarp.core.family import IPAddress
from triocarp.daemon.settings import Needs, Settings, SettingsError, VirtualHostNeeds
from triocarp.linux.instance_lock import running_instances
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
        StartError: an interface or a source address is not there, a privilege is missing, or the journal cannot be
            written; with a line for each.
        OSError: the kernel does not tell.
    """
    virtual_hosts = settings.node.virtual_hosts
    manages = any(host.manages_addresses for host in virtual_hosts)
    needed = set(Capability) if manages else {Capability.CAP_NET_RAW}
    put_into_effect(hand_on=bool(settings.scripts) and os.getuid() != 0)
    missing = missing_capabilities(sorted(needed, key=lambda capability: capability.name))
    lines = [explain_missing(missing, forbidden=forbidden_to_gain())] if missing else []
    table = read_interfaces()
    lines += obstacles(settings.needs, table)
    if lines:
        raise StartError(*lines)
    return (
        *borrowed_sources(settings, table),
        *unreachable_peers(settings, table),
        *unreachable_gateways(settings, table),
        *shared_addresses(settings, table, _running()),
    )


def _running() -> frozenset[tuple[str, int]]:
    try:
        return running_instances()
    except OSError:  # no /proc; what it is asked for is a warning
        return frozenset()


def every_mistake(error: SettingsError) -> tuple[str, ...]:
    """Return the lines of wrong settings, and behind them what stands in the way of the others.

    Args:
        error: what is wrong with the settings.
    """
    try:
        return (*error.lines, *obstacles(error.needs, read_interfaces()))
    except OSError:  # without it there are mistakes enough
        return error.lines


def obstacles(needs: Needs, table: InterfaceTable) -> Iterator[str]:
    """Yield a line for each interface and source address that is not there, and for a journal that cannot be.

    Args:
        needs: what carpd needs.
        table: the interfaces and addresses of this host.
    """
    yield from interface_obstacles(needs, table)
    if needs.journal is not None:
        why = why_not_writable(needs.journal)
        if why:
            yield f"journal {needs.journal}: {why}"


def interface_obstacles(needs: Needs, table: InterfaceTable) -> Iterator[str]:
    """Yield a line for each interface that is not there, and each source address that is not its own.

    Args:
        needs: what carpd needs.
        table: the interfaces and addresses of this host.
    """
    for host in needs.virtual_hosts:
        yield from _obstacles(host, table, needs.as_ucarp)


def why_not_writable(path: Path) -> str:
    """Return why a file can be neither opened nor made, in the system's words; empty if nothing speaks against it.

    It is only looked at: whoever waits at the other end of a FIFO would take an opening for the beginning.

    Args:
        path: of the file.
    """
    try:
        directory = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        above = Path(os.path.realpath(path)).parent
        if not above.is_dir():
            return os.strerror(error.errno or errno.ENOENT)
        return _why_not(above, os.W_OK | os.X_OK)
    except OSError as error:
        return error.strerror or str(error)
    return os.strerror(errno.EISDIR) if directory else _why_not(path, os.R_OK | os.W_OK)


def _why_not(path: Path, mode: int) -> str:
    if os.access(path, mode):
        return ""
    read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    return os.strerror(errno.EROFS if read_only else errno.EACCES)


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
        if host.source in _elsewhere(host.interface, table)
    )


def _elsewhere(interface: str, table: InterfaceTable) -> set[IPAddress]:
    """Return the IPv4 addresses that this host has, but not on an interface."""
    own = {address.ip for address in table.addresses_of(interface)}
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


def unreachable_gateways(settings: Settings, table: InterfaceTable) -> tuple[str, ...]:
    """Return a warning for each gateway of a routing table to which the kernel will hardly find the way.

    It is no mistake for sure: a route that somebody sets later may say that the gateway is on the segment. And the
    image ``kubernetize/ucarp`` goes on without the route, so a container must start with it.

    Args:
        settings: what shall run.
        table: the interfaces and addresses of this host.
    """
    return tuple(
        warning
        for index, host in enumerate(settings.node.virtual_hosts)
        for warning in _off_the_segment(host, functools.partial(settings.place_of, index), table)
    )


def _off_the_segment(
    host: VirtualHostConfig, place_of: Callable[[str], str], table: InterfaceTable
) -> Iterator[str]:
    if host.routing is None:
        return
    virtual = {address.ip for address in host.addresses}
    own = [address.network for address in table.addresses_of(host.interface) if address.ip not in virtual]
    connected = [network for address in host.addresses if (network := host.routing.connected(address)) is not None]
    networks = list(dict.fromkeys([*connected, *own]))
    for gateway in host.routing.gateways:
        if gateway.is_link_local or any(gateway in network for network in networks):
            continue
        reached = ", ".join(str(network) for network in networks if network.version == gateway.version) or "none"
        length = place_of("routing_prefix_length").rpartition(".")[2].rstrip(":")
        longer = f", or a {length} that covers it" if isinstance(gateway, IPv4Address) else ""
        yield (
            f"{place_of('gateways')} {gateway} is in no network that table {host.routing.table} or "
            f"{host.interface} reaches ({reached}): without a route to it this host does not become master; "
            f"expected a router in one of them{longer}"
        )


def shared_addresses(
    settings: Settings, table: InterfaceTable, running: AbstractSet[tuple[str, int]]
) -> Iterator[str]:
    """Yield a warning for each virtual address that seems to be held by a carpd of this host with another VHID.

    Two groups do not hear each other, so both have a master, and on one host each takes what the other has put on.
    It is no mistake for sure: the address may be what an earlier carpd left.

    Args:
        settings: what shall run.
        table: the interfaces and addresses of this host.
        running: interface and VHID of every carpd that runs here.
    """
    ours = {(host.interface, host.vhid) for host in settings.node.virtual_hosts}
    for index, host in enumerate(settings.node.virtual_hosts):
        others = ", ".join(str(vhid) for interface, vhid in sorted(running - ours) if interface == host.interface)
        for address in host.addresses:
            if others and table.variants_of(host.interface, address.ip):
                yield (
                    f"{settings.place_of(index, 'addresses')} {address.ip} is on {host.interface}, where a carpd "
                    f"runs with VHID {others}: if it is that one's, both become master; expected an address of "
                    "one VHID alone"
                )


def _obstacles(host: VirtualHostNeeds, table: InterfaceTable, as_ucarp: bool) -> Iterator[str]:
    name = host.interface
    if name is None:
        return
    if table.find(name) is None:
        line = f"{host.place_of('interface')} {name}: no such interface; there are: {', '.join(table.names())}"
        yield f"Unable to find MAC address of [{name}] ({line})" if as_ucarp else line
        return
    own = table.addresses_of(name)
    for setting, source in host.sources.items():
        if source not in {address.ip for address in own} | _elsewhere(name, table):
            has = ", ".join(map(str, own)) or "none"
            yield f"{host.place_of(setting)} {source} is not an address of {name}, which has {has}"


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
