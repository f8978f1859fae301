"""The processes in which worlds are run beside each other."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar, final

ALLOCATIONS: Final = 50_000
"""Objects made, beyond those that are gone, between two searches for garbage: those of a few small worlds."""

P = ParamSpec("P")
Result = TypeVar("Result")


def prepare() -> None:
    """Look for garbage seldom.

    A world is alive until its run ends, so that to search in the midst of it finds nothing; Python's default does
    so some hundred times in each.
    """
    _, second, third = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS, second, third)


@contextmanager
def workers(count: int) -> Generator["Workers"]:
    """Give processes that run worlds. Whatever ends the block, an interrupt for one, ends them, and at once.

    Args:
        count: how many there are at most.
    """
    before = {child.pid for child in multiprocessing.active_children()}
    pool = Workers(count)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            if child.pid not in before:
                child.terminate()
        raise
    finally:
        pool.shutdown()


@final
class Workers(ProcessPoolExecutor):
    """Processes with a fresh interpreter each: the same on every system, and each with hashes of its own.

    An interrupt that is typed reaches every process of a terminal. It is for the one that was asked for something;
    what becomes of these is for that one to say. If it is killed and can say nothing, they end by themselves.

    Args:
        count: how many there are at most.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)

    def submit(self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        """Have a function called by one of them, which may be begun for that.

        Args:
            fn: the function.
            args: its arguments.
            kwargs: its arguments with names.
        """
        if sys.platform == "win32":
            return super().submit(fn, *args, **kwargs)
        # Before it can say that it does not heed an interrupt, a new process would be ended by one, and say so.
        # And a signal that ends this process must not come between the new one's birth and the note of it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare()


def _end_with_parent() -> None:
    """Wait for the end of the process that began this one, and end: nobody is left who wants what is made here."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # from a thread; and the main one may be in the midst of a world
