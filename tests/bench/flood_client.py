"""The process that sends frames at a high rate, run by `attack` as a script of its own.

It stands for other machines, whose frames come in however busy this one is: so it goes before the daemons that it
floods, which may have real-time priority, where the system lets it.

Arguments: descriptor of a packet socket; length of a frame; frames a second; seconds. Standard input: the frames,
which are sent in turn. Standard output: how many were sent.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from typing import Final

_PAUSE_S: Final = 0.0005
_PRIORITY: Final = 60


def main() -> None:
    """Send, and when it is behind, as fast as it can."""
    descriptor, length, rate, seconds = map(float, sys.argv[1:])
    data = sys.stdin.buffer.read()
    frames = [data[at : at + int(length)] for at in range(0, len(data), int(length))]
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    tried, sent = 0, 0
    with socket.socket(fileno=int(descriptor)) as sender:
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            for number in range(tried, due := int(passed * rate)):
                with contextlib.suppress(OSError):  # there is no room for it
                    sender.send(frames[number % len(frames)])
                    sent += 1
            tried = due
            time.sleep(_PAUSE_S)
    sys.stdout.write(f"{sent}\n")


if __name__ == "__main__":
    main()
