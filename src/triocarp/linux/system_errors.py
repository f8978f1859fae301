"""What the kernel's error numbers mean to the core. This is the one place that says so."""

import errno
from ipaddress import IPv6Interface
from typing import Final

from triocarp.core.family import IPInterface
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure

_FAILURES: Final = {
    errno.ENODEV: PortFailure.NO_DEVICE,
    errno.ENXIO: PortFailure.NO_DEVICE,  # a packet socket whose interface was removed
    errno.EPERM: PortFailure.NO_PERMISSION,
    errno.EACCES: PortFailure.NO_PERMISSION,
    errno.ENETDOWN: PortFailure.LINK_DOWN,
    errno.ENETUNREACH: PortFailure.NO_ROUTE,
    errno.EHOSTUNREACH: PortFailure.NO_ROUTE,
    errno.ENOBUFS: PortFailure.NO_BUFFER,
    errno.ENOMEM: PortFailure.NO_BUFFER,
    errno.EAGAIN: PortFailure.NO_BUFFER,  # a full send queue, as no port ever waits
}


def port_error(error: OSError, doing: str) -> PortError:
    """Return what a failed system call is to the core. Raise it ``from`` the original.

    Args:
        error: the system's.
        doing: what was tried, with the names of its objects, to begin a sentence with.
    """
    failure = _FAILURES.get(error.errno or 0, PortFailure.OTHER)
    return PortError(failure, f"{doing}: {error.strerror or error}")


def address_error(error: OSError, address: IPInterface, doing: str) -> PortError:
    """Return what a failed request to add or renew an address is to the core.

    What IPv6 calls a lack of permission is none of ours: that would be EPERM.

    Args:
        error: the kernel's.
        address: which was to be added.
        doing: what was tried, to begin a sentence with.
    """
    if error.errno == errno.EACCES and isinstance(address, IPv6Interface):
        return PortError(PortFailure.OTHER, f"{doing}: IPv6 is switched off there (sysctl disable_ipv6)")
    return port_error(error, doing)
