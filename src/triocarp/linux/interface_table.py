"""The interfaces and addresses of this host, as the kernel has reported them.

`InterfaceTable` is the memory that the monitor keeps up to date and the address port asks at a takeover, when
there is no time to ask the kernel. `read_interfaces` makes one for the checks at the start of a program.
"""

from ipaddress import IPv4Interface, IPv6Address
from typing import final

from triocarp.core.events import Link
from triocarp.core.family import IPAddress, IPInterface
from triocarp.linux.netlink_socket import NetlinkSocket
from triocarp.linux.rtnetlink_messages import AddressReport, Ended, LinkReport, Report


@final
class InterfaceTable:
    """Interfaces and their addresses, in the kernel's order.

    An IPv6 address of which the kernel has found out that another host has it is as good as none.

    An address that this process added itself need not be here: the monitor does not listen to its own port's
    doing. What the port has added stands beside it, in `held_on`.
    """

    __slots__ = ("_addresses", "_held", "_interfaces")

    def __init__(self) -> None:
        self._interfaces: dict[int, LinkReport] = {}
        # By address, because a takeover asks who has one; a dict is a set that keeps its order.
        self._addresses: dict[IPAddress, dict[tuple[int, IPInterface], None]] = {}
        self._held: dict[int, set[IPInterface]] = {}

    def clear(self) -> None:
        """Forget everything that the kernel has reported."""
        self._interfaces.clear()
        self._addresses.clear()

    def apply(self, report: Report) -> None:
        """Take note of what the kernel says.

        Args:
            report: what it says.
        """
        match report:
            case LinkReport(link=Link.ABSENT):
                self._interfaces.pop(report.index, None)
                for holders in self._addresses.values():
                    for holder in [holder for holder in holders if holder[0] == report.index]:
                        del holders[holder]
            case LinkReport():
                self._interfaces[report.index] = report
            case AddressReport(present=True, duplicate=False):
                self._addresses.setdefault(report.address.ip, {})[report.index, report.address] = None
            case AddressReport():
                self._addresses.get(report.address.ip, {}).pop((report.index, report.address), None)
            case Ended():
                pass

    def held_on(self, index: int) -> set[IPInterface]:
        """Return the addresses that this process has put on an interface, and nobody has taken off, for changing.

        The address port takes note of what it does. The monitor removes what it finds lost, and by this set it
        tells in IPv6 whether a change is the port's own: the kernel does not say whose it is.

        Args:
            index: number of the interface.
        """
        return self._held.setdefault(index, set())

    def find(self, interface: str) -> LinkReport | None:
        """Return what is known about an interface, or None if there is none of that name.

        Args:
            interface: its name.
        """
        return next((found for found in self._interfaces.values() if found.name == interface), None)

    def name_of(self, index: int) -> str | None:
        """Return the name of an interface, or None if there is none of that number.

        Args:
            index: its number.
        """
        found = self._interfaces.get(index)
        return None if found is None else found.name

    def names(self) -> tuple[str, ...]:
        """Return the names of all interfaces."""
        return tuple(found.name for found in self._interfaces.values())

    def addresses_of(self, interface: str) -> tuple[IPInterface, ...]:
        """Return the addresses of an interface, of both families; none if it does not exist.

        Args:
            interface: its name.
        """
        return tuple(
            address
            for holders in self._addresses.values()
            for index, address in holders
            if self.name_of(index) == interface
        )

    def variants_of(self, interface: str, address: IPAddress) -> tuple[IPInterface, ...]:
        """Return an address of an interface with every prefix length that it has there.

        Args:
            interface: its name.
            address: which.
        """
        holders = self._addresses.get(address, {})
        return tuple(variant for index, variant in holders if self.name_of(index) == interface)

    def holder_besides(self, interface: str, address: IPAddress) -> str | None:
        """Return the other interface of this host that has an address and answers for it, if there is one.

        Interfaces without ARP do not count. They have no segment on which to answer, and hosts hold virtual
        addresses there on purpose: behind an LVS director on ``lo``, and with kube-proxy's IPVS on a dummy. A
        link-local IPv6 address means another thing on each interface (RFC 4007), so several may have it.

        Args:
            interface: which may have it.
            address: which.
        """
        for index, _ in self._addresses.get(address, {}):
            holder = self._interfaces.get(index)
            if holder is not None and holder.arp and holder.name != interface and not _repeats(address):
                return holder.name
        return None

    def first_usable(self) -> LinkReport | None:
        """Return the first interface that is up, has an IPv4 address and is no loopback; None if there is none."""
        return next(
            (
                found
                for found in self._interfaces.values()
                if found.link is Link.UP
                and not found.loopback
                and any(isinstance(address, IPv4Interface) for address in self.addresses_of(found.name))
            ),
            None,
        )


def read_interfaces() -> InterfaceTable:
    """Ask the kernel for this host's interfaces and addresses.

    Raises:
        OSError: it does not answer.
    """
    table = InterfaceTable()
    with NetlinkSocket() as netlink:
        for report in netlink.dump():
            table.apply(report)
    return table


def _repeats(address: IPAddress) -> bool:
    """Return whether an address may be on several interfaces of a host."""
    return isinstance(address, IPv6Address) and address.is_link_local
