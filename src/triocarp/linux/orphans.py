"""What the first process of a container owes: to reap the children that others have left it.

A script may start something that outlives it. When that ends, the kernel keeps its entry until its new parent,
process 1, asks for it. Our own children are asked for within milliseconds by whoever started them; so what is
still there after a second is nobody's.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

import trio

_GRACE_S: Final = 1


async def reap_orphans() -> None:
    """Reap the children that nobody else asks for, until cancelled."""
    with trio.open_signal_receiver(signal.SIGCHLD) as signals:
        while True:
            ended = ended_children()
            if not ended:
                await anext(signals)
                continue
            await trio.sleep(_GRACE_S)
            for process in ended & ended_children():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process, os.WNOHANG)  # noqa: ASYNC222 - it has ended, so this does not wait


def ended_children() -> set[int]:
    """Return the numbers of this process's children that have ended, and that nobody has asked for."""
    found: set[int] = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, parent, *_ = (process / "stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
            if state == "Z" and int(parent) == os.getpid():
                found.add(int(process.name))
    return found
