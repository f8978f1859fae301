"""What is checked before carpd begins, so that nothing is half-started."""

from typing import final

from triocarp.core import NodeConfig, Transport, VirtualHostConfig
from triocarp.linux.interface_table import InterfaceTable, read_interfaces
from triocarp.linux.privileges import Capability, explain_missing, missing_capabilities


@final
class StartError(Exception):
    """Raised when carpd cannot begin. Its text is one line for the operator."""


def check(node: NodeConfig) -> None:
    """Check that the host is as the settings say, and that we may do what they ask for.

    Args:
        node: what shall run.

    Raises:
        StartError: the interface or the source address is not there, or a privilege is missing.
        OSError: the kernel does not tell.
    """
    manages = any(host.manages_addresses for host in node.virtual_hosts)
    needed = set(Capability) if manages else {Capability.CAP_NET_RAW}
    missing = missing_capabilities(sorted(needed, key=lambda capability: capability.name))
    if missing:
        raise StartError(explain_missing(missing))
    table = read_interfaces()
    for virtual_host in node.virtual_hosts:
        check_interface(virtual_host, table)


def check_interface(virtual_host: VirtualHostConfig, table: InterfaceTable) -> None:
    """Check that the interface is there, and that the source address is one of its own.

    Args:
        virtual_host: what shall run.
        table: the interfaces and addresses of this host.

    Raises:
        StartError: they are not.
    """
    name = virtual_host.interface
    if table.find(name) is None:
        raise StartError(f"-i/--interface {name}: no such interface; there are: {_interfaces(table)}")
    own = table.addresses_of(name)
    # With --nomcast ucarp does not look at the source address either.
    if virtual_host.transport is Transport.BROADCAST:
        return
    for source in virtual_host.sources.values():
        if source not in {address.ip for address in own}:
            has = ", ".join(map(str, own)) or "none"
            raise StartError(f"-s/--srcip {source} is not an address of {name}, which has {has}")


def first_interface() -> str | None:
    """Return the interface that is meant when none is given: the first that is up and has an IPv4 address.

    Raises:
        OSError: the kernel does not tell.
    """
    usable = read_interfaces().first_usable()
    return None if usable is None else usable.name


def _interfaces(table: InterfaceTable) -> str:
    return ", ".join(table.names())
