"""Where packets go that come from a virtual address: a routing table of their own, and the rule that leads there.

A host with addresses in several networks sends what answers a virtual address by its main table, perhaps through
the wrong gateway. And two virtual addresses of one network would both claim the connected route of the main
table. So each may have a table of its own, as the container image ``kubernetize/ucarp`` does it: a rule ``from
ADDRESS lookup TABLE``, a connected route and a default route in that table, and none in the main one.
"""

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Network
from typing import Final, TypeAlias, final

from triocarp.core.family import IPAddress, IPInterface, family_of

IPNetwork: TypeAlias = IPv4Network | IPv6Network
"""A network of either family."""

SYSTEM_TABLES: Final = {253: "default", 254: "main", 255: "local"}
"""Tables that are the system's own (<linux/rtnetlink.h>)."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRouting:
    """How packets from the virtual addresses of one virtual host are routed.

    Attributes:
        table: number of the routing table.
        priority: of the rule; None for the system's choice, just before the main table's.
        prefix_length: of the connected route of an IPv4 address; None for the address's own.
        gateways: of the default routes, at most one of each family.
    """

    table: int
    priority: int | None = None
    prefix_length: int | None = None
    gateways: tuple[IPAddress, ...] = ()

    def connected(self, address: IPInterface) -> IPNetwork | None:
        """Return the network to which an address gets a route in the table; None if it is alone in it.

        Args:
            address: a virtual one.
        """
        network = address.network
        if isinstance(address, IPv4Interface) and self.prefix_length is not None:
            network = IPv4Interface((address.ip, self.prefix_length)).network
        return None if network.prefixlen == network.max_prefixlen else network

    def gateway(self, address: IPInterface) -> IPAddress | None:
        """Return the gateway of an address's family, or None if there is none.

        Args:
            address: a virtual one.
        """
        return next((gateway for gateway in self.gateways if family_of(gateway) is family_of(address)), None)
