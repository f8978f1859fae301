"""Answers whoever asks how this carpd is, from the loop that serves the protocol.

So an answer proves that the loop turns, and it says whether the node's timers are served. See `health_check`.
"""

import contextlib
import errno
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, final

import trio

from triocarp.core import Node
from triocarp.core.timing import SECOND
from triocarp.daemon.health_check import LATE, PREFIX

_OVERDUE: Final = SECOND
"""A deadline that has passed by this much is not served any more."""

_PAUSE_S: Final = 1
_BACKLOG: Final = 8


@final
class HealthSocket:
    """Listens from its creation on; `serve` answers.

    Args:
        interface: of the first virtual host.
        vhid: of the first virtual host.

    Raises:
        OSError: the system is out of file descriptors, or somebody else has the name.
    """

    def __init__(self, interface: str, vhid: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.bind(f"\0{PREFIX}{interface}/{vhid}")
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            raise

    async def serve(self, node: Node, clock: Callable[[], int]) -> None:
        """Answer until cancelled.

        Args:
            node: about which.
            clock: of its deadlines.
        """
        listener = trio.socket.from_stdlib_socket(self._socket)
        while True:
            try:
                connection, _ = await listener.accept()
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}:
                    raise
                await trio.sleep(_PAUSE_S)
                continue
            with connection, contextlib.suppress(OSError):
                await connection.send(answer(node, clock()).encode())

    def close(self) -> None:
        """Stop listening. Closing twice is fine."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def answer(node: Node, now: int) -> str:
    """Return a line for each virtual host, and `LATE` if the node's timers are not served.

    Args:
        node: about which.
        now: nanoseconds.
    """
    lines = [f"{host.config.name} {host.state.value}" for host in node.virtual_hosts.values()]
    deadline = node.deadline
    if deadline is not None and now - deadline > _OVERDUE:
        lines.append(LATE)
    return "".join(f"{line}\n" for line in lines)
