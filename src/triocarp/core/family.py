"""The two address families, and the types of what belongs to either."""

import enum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address
"""An address of either family."""

IPInterface: TypeAlias = IPv4Interface | IPv6Interface
"""An address of either family with its prefix length."""


@enum.unique
class Family(enum.IntEnum):
    """An address family. The values are the version numbers of IP."""

    IPV4 = 4
    IPV6 = 6

    def __str__(self) -> str:
        return f"IPv{self.value}"


def family_of(address: IPAddress | IPInterface) -> Family:
    """Return the family of an address.

    Args:
        address: with or without a prefix length.
    """
    return Family.IPV4 if isinstance(address, IPv4Address) else Family.IPV6  # an IPv4Interface is one as well
