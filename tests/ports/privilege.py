"""Doing something without the privileges of root."""

import ctypes
import struct
import threading
from collections.abc import Callable
from typing import Final

_LINUX_CAPABILITY_VERSION_3: Final = 0x2008_0522


def without_privileges(function: Callable[[], None]) -> None:
    """Run a function in a thread that has given up all capabilities, and raise what it raises.

    Capabilities belong to a thread, and this one ends with the function.
    """
    failures: list[BaseException] = []

    def body() -> None:
        try:
            _give_up_capabilities()
            function()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the calling thread
            failures.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _give_up_capabilities() -> None:
    """Call capset(2) with empty sets; glibc's function of that name changes the calling thread only."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", _LINUX_CAPABILITY_VERSION_3, 0)
    if libc.capset(header, bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
