"""The number of an interface, by which the kernel knows it."""

import errno
import fcntl
import os
import socket
import struct
from typing import Final

from triocarp.linux.netlink_socket import NetlinkSocket

_SIOCGIFINDEX: Final = 0x8933  # <linux/sockios.h>
_IFREQ: Final = struct.Struct("=16si20x")  # struct ifreq: name, number
_NAME_LENGTH_MAX: Final = 15  # and a zero byte


def index_of(asking: socket.socket | NetlinkSocket, interface: str) -> int:
    """Return the number that an interface has now.

    Asking takes under 2 us, and unlike a table it cannot be late when an interface was removed and made again.
    `socket.if_nametoindex` does the same on a new socket each time, in 6 us.

    Args:
        asking: any socket; the interface is one of its network namespace.
        interface: its name.

    Raises:
        OSError: ENODEV if there is none of that name.
    """
    name = os.fsencode(interface)
    if len(name) > _NAME_LENGTH_MAX:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    _, index = _IFREQ.unpack(fcntl.ioctl(asking.fileno(), _SIOCGIFINDEX, _IFREQ.pack(name, 0)))
    return int(index)
