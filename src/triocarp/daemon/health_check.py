"""``carpd --healthcheck``: asks the carpd of this container how it is.

Nothing of the daemon is loaded for it. It connects to the abstract socket on which a carpd answers
(`triocarp.daemon.health`), and the answer comes from the loop that also serves the protocol. Containers that share
a network namespace see each other's sockets; those of processes that are none of this container are passed over.
"""

import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PREFIX: Final = "triocarp/health/"
"""Names of the sockets begin with this, in the abstract namespace; interface and VHID follow."""

LATE: Final = "late"
"""The last line of an answer, if a timer is overdue: the loop runs, but nothing serves the protocol."""

_SOCKETS: Final = Path("/proc/net/unix")
_CREDENTIALS: Final = struct.Struct("=iII")  # struct ucred: process, user, group
_TIMEOUT_S: Final = 2
_ANSWER_MAX: Final = 1 << 16


def main() -> int:
    """Print each virtual host with its state, and return 0 if the daemon is well, 1 if not."""
    answers = list(_answers())
    for answer in answers:
        sys.stdout.write(answer)
    if not answers:
        sys.stdout.write("no carpd runs here\n")
    return int(not answers or any(answer.splitlines()[-1:] in ([], [LATE]) for answer in answers))


def _answers() -> Iterator[str]:
    """Yield the answer of each carpd here; an empty one for none."""
    names = {line.split()[-1] for line in _SOCKETS.read_text(encoding="utf-8", errors="replace").splitlines()}
    for name in sorted(names):
        if not name.startswith(f"@{PREFIX}"):
            continue
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(_TIMEOUT_S)
            try:
                asking.connect(f"\0{name[1:]}")
                credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                process, _, _ = _CREDENTIALS.unpack(credentials)
                if process:  # a process of another container has no number here
                    yield asking.recv(_ANSWER_MAX).decode("utf-8", errors="replace")
            except OSError as error:
                yield f"{name}: {error}\n{LATE}\n"
