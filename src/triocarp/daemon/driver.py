"""Drives a node on trio: events in from their sources, effects out through the ports, sleep until the deadline.

No protocol is known here. The driver is given its clock, its timer and its sources, so that the tests run it on
simulated ones in virtual time; the kernel's are put together in `kernel_host`.

Feeding is synchronous: an event and all that follows from it is done before anything else runs. What takes time
(scripts, the log) happens in tasks beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, final

import trio

from triocarp.core import Event, Node, Runner, Started, StopRequested, TimerExpired


class Timer(Protocol):
    """Wakes one task at a deadline."""

    def set(self, deadline: int | None) -> None:
        """Set the deadline in the place of any earlier one; in the past it has come, None means never."""
        ...

    async def wait(self) -> None:
        """Wait until the deadline has come, and use it up."""
        ...


class Source(Protocol):
    """Where events come from."""

    async def wait_readable(self) -> None:
        """Wait until `read` may have something to give."""
        ...

    def read(self) -> Iterable[Event]:
        """Return what has happened, without waiting; a bounded number, so that timers are looked at between."""
        ...


class HookService(Protocol):
    """Runs the scripts that its port was asked for."""

    async def serve(self, feed: Callable[[Event], None]) -> None:
        """Run them until cancelled, and feed how each ended."""
        ...


@final
class Driver:
    """One running host.

    Args:
        runner: the node with its ports.
        clock: nanoseconds that never go back.
        timer: on the same clock.
        sources: read in this order.
        hooks: runs the scripts.
        leaving_limit_s: how long the leaving may take when it was not the operator who asked for it.
        trace: is told each event before it is fed.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        clock: Callable[[], int],
        timer: Timer,
        sources: Sequence[Source],
        hooks: HookService,
        leaving_limit_s: float,
        trace: Callable[[Event], None] | None = None,
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._timer = timer
        self._sources = sources
        self._hooks = hooks
        self._leaving_limit_s = leaving_limit_s
        self._trace = trace
        self._stopped = trio.Event()

    @property
    def node(self) -> Node:
        """The node that is driven, for looking only."""
        return self._runner.node

    def feed(self, event: Event) -> None:
        """Tell the node what happened now, do what it asks for, and set the timer anew.

        Args:
            event: what happened.
        """
        if self._trace is not None:
            self._trace(event)
        self._timer.set(self._runner.feed(event, self._clock()))
        if self._runner.node.stopped:
            self._stopped.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the host until it has left: after `StopRequested`, when cancelled, or when a source fails.

        However it ends, the addresses are released and the goodbye is said first; scripts are waited for within
        their own limits.

        Args:
            task_status: is told when the host takes part.

        Raises:
            ExceptionGroup: what a source or a port raised that was no `PortError`.
        """
        hooks = trio.CancelScope(shield=True)
        async with trio.open_nursery() as services:
            services.start_soon(self._serve_hooks, hooks)
            try:
                async with trio.open_nursery() as nursery:
                    self.feed(Started())
                    for source in self._sources:
                        self._read(source)
                        nursery.start_soon(self._serve_source, source)
                    nursery.start_soon(self._serve_timer)
                    task_status.started()
                    await self._stopped.wait()
                    nursery.cancel_scope.cancel()
            finally:
                await self._leave()
                hooks.cancel()

    async def _serve_hooks(self, scope: trio.CancelScope) -> None:
        with scope:
            await self._hooks.serve(self.feed)

    async def _serve_source(self, source: Source) -> None:
        while True:
            await source.wait_readable()
            self._read(source)

    def _read(self, source: Source) -> None:
        for event in source.read():
            self.feed(event)

    async def _serve_timer(self) -> None:
        while True:
            await self._timer.wait()
            # After a freeze the timer is overdue, and what would have reset it may be waiting to be read.
            for source in self._sources:
                self._read(source)
            self.feed(TimerExpired())

    async def _leave(self) -> None:
        """Leave in order even when cancelled; the limit is for a script or a kernel that does not play along."""
        if self._stopped.is_set():
            return
        with trio.CancelScope(shield=True), trio.move_on_after(self._leaving_limit_s):
            self.feed(StopRequested())
            while not self._stopped.is_set():
                await self._timer.wait()
                self.feed(TimerExpired())
