"""System calls that Python offers only from version 3.12 on, or not at all, or not in the form needed.

Each raises `OSError` with the kernel's error number, as the functions of `os` do.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from typing import Final

CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000

MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x4_0000

PR_SET_TIMERSLACK: Final = 29

_libc: Final = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    """Turn libc's -1 into an `OSError` that names the call."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move the calling thread into new namespaces of the kinds in `flags` (`CLONE_NEW...`)."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into the namespace behind an open file descriptor."""
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str, filesystem: str | None, flags: int, options: str | None = None) -> None:
    """Mount a file system, or change how a mount propagates."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        None if filesystem is None else filesystem.encode(),
        ctypes.c_ulong(flags),
        None if options is None else options.encode(),
    )
    _check(result, f"mount {target}")


def bind_to_all_interfaces(packet_socket: socket.socket, ethertype: int) -> None:
    """Let a packet socket receive from all interfaces, for which Python's `bind` has no spelling."""
    address = struct.pack("=HHiHBB8x", socket.AF_PACKET, socket.htons(ethertype), 0, 0, 0, 0)
    _check(_libc.bind(packet_socket.fileno(), address, len(address)), "bind")
