"""Runs a program in the background, and tells whoever called it how that began.

ucarp with ``-B`` reports success before it has looked at its interface or its password. Here the caller waits
until the daemon runs, and has its exit status if it does not.
"""

import contextlib
import os
import sys
from collections.abc import Callable

from triocarp.daemon.settings import STATUS_START


def run_in_background(program: str, serve: Callable[[Callable[[], None]], int]) -> int:
    """Run something in a process of its own session, without a terminal, in the root directory.

    It returns twice. In the caller, when the daemon runs, with 0; or with its exit status if it has ended before
    that, and then standard error has its reasons, for it keeps the caller's streams until it runs. And in the
    daemon, at its end, with its exit status.

    There must be no other thread: only the one that forks goes on in the daemon.

    Args:
        program: its name, for a line if it ends without a word.
        serve: runs it, calls what it is given as soon as it runs, and returns its exit status.
    """
    news, teller = os.pipe()
    first = os.fork()
    if first:
        os.close(teller)
        with contextlib.suppress(ChildProcessError):  # who called us may have wanted no zombies
            os.waitpid(first, 0)
        return _wait_for(news, program)
    os.setsid()
    # Who leads a session would get a terminal by opening one, so the leader goes.
    if os.fork():
        os._exit(0)
    os.close(news)
    os.chdir("/")
    told = False

    def tell(status: int) -> None:
        nonlocal told
        if not told:
            told = True
            with contextlib.suppress(BrokenPipeError):  # the caller did not want to wait
                os.write(teller, bytes((status,)))
            os.close(teller)

    def runs() -> None:
        _leave_streams()
        tell(0)

    status = serve(runs)
    tell(status)
    return status


def _wait_for(news: int, program: str) -> int:
    with os.fdopen(news, "rb") as told:
        status = told.read(1)
    if status:
        return status[0]
    print(f"{program}: ended in the background before it ran", file=sys.stderr)  # noqa: T201 - there is no log
    return STATUS_START


def _leave_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.close(null)
