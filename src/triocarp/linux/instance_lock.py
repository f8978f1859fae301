"""One daemon for each VHID of an interface.

Two daemons with the same VHID on one interface would take each other for a peer with their own address, and
both ignore the other: the lock finds that out at the start. It is an abstract name of a Unix socket. Such
names belong to the network namespace, as interfaces do, and vanish with the process that has them, however it
ends.
"""

import contextlib
import errno
import re
import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

_PEER_CREDENTIALS: Final = struct.Struct("=iII")  # struct ucred: process, user, group
_SOCKETS: Final = Path("/proc/thread-self/net/unix")
_CONNECT_TIMEOUT_S: Final = 0.1  # connecting to a listener on the same host either works at once or fails


@final
class AlreadyRunning(Exception):  # noqa: N818 - a state of the system, not a mistake of the caller
    """Raised when another process has the lock.

    Attributes:
        interface: of the lock.
        vhid: of the lock.
        process: its number, or None if it is not known or belongs to another container.
    """

    def __init__(self, interface: str, vhid: int, process: int | None) -> None:
        who = "another process" if process is None else f"process {process}"
        super().__init__(f"{who} already runs VHID {vhid} on {interface}")
        self.interface = interface
        self.vhid = vhid
        self.process = process


@final
class InstanceLock:
    """Held from its creation until it is closed, or the process ends.

    Args:
        interface: name of the interface.
        vhid: 1 to 255.

    Raises:
        AlreadyRunning: another process, or this one, has it.
        OSError: the system is out of file descriptors.
    """

    __slots__ = ("_socket",)

    def __init__(self, interface: str, vhid: int) -> None:
        name = f"\0triocarp/{interface}/{vhid}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(name)
            # Whoever finds the name taken connects, and so learns whose it is; nobody needs to answer.
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            if error.errno == errno.EADDRINUSE:
                raise AlreadyRunning(interface, vhid, _owner(name)) from None
            raise

    def close(self) -> None:
        """Give the lock back. Closing twice is fine."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def running_instances() -> frozenset[tuple[str, int]]:
    """Return interface and VHID of every lock that somebody holds in this network namespace.

    Raises:
        OSError: ``/proc`` is not mounted.
    """
    return instances_in(_SOCKETS.read_text(encoding="utf-8", errors="replace"))


def instances_in(sockets: str) -> frozenset[tuple[str, int]]:
    """Return interface and VHID of every lock in the kernel's list of Unix sockets.

    Args:
        sockets: the text of ``/proc/net/unix`` (proc_net(5)).
    """
    found = re.findall(r"@triocarp/([^/\s]+)/(\d+)", sockets)
    return frozenset((interface, int(vhid)) for interface, vhid in found)


def _owner(name: str) -> int | None:
    """Return the process that listens on a name, as well as it can be learnt."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        # A full queue of connections would make a blocking connect wait.
        asking.settimeout(_CONNECT_TIMEOUT_S)
        asking.connect(name)
        credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
        process, _, _ = _PEER_CREDENTIALS.unpack(credentials)
        return process or None
    return None
