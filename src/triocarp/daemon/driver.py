"""Drives a node on trio: events in from their sources, effects out through the ports, sleep until the deadline.

No protocol is known here. The driver is given its clock, its timer and its sources, so that the tests run it on
simulated ones in virtual time; the kernel's are put together in `kernel_host`.

Feeding is synchronous: an event and all that follows from it is done before anything else runs. What takes time
(scripts, the log) happens in tasks beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, final

import trio

from triocarp.core import Event, Node, Runner, Started, StopRequested, TimerExpired

_CATCH_UP_READS: Final = 16
"""How often each source is read before a timer is served, at most. With 64 packets each that is 16 ms of work."""

REHEARSAL_LEAD: Final = 2_000_000
"""Nanoseconds before a takeover at which it is rehearsed: a first takeover takes a millisecond of cold code."""


@final
@dataclass(frozen=True, slots=True)
class Dated:
    """An event, and when it happened, where its source knows better than whoever reads it late.

    Attributes:
        event: what happened.
        at: nanoseconds of the driver's clock.
    """

    event: Event
    at: int


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

    def read(self) -> Iterable[Event | Dated]:
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
        rehearse: goes through a takeover for practice, so that the real one finds everything warm. The driver
            calls it shortly before a takeover is due, and then watches the clock until it is.
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
        rehearse: Callable[[], None] | None = None,
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._timer = timer
        self._sources = sources
        self._hooks = hooks
        self._leaving_limit_s = leaving_limit_s
        self._trace = trace
        self._rehearse = rehearse
        self._latest = 0
        self._stopped = trio.Event()

    @property
    def node(self) -> Node:
        """The node that is driven, for looking only."""
        return self._runner.node

    def feed(self, event: Event, at: int | None = None) -> None:
        """Tell the node what happened, do what it asks for, and set the timer anew.

        Args:
            event: what happened.
            at: when, if it was earlier than now; what was fed before is never later.
        """
        if self._trace is not None:
            self._trace(event)
        now = self._clock()
        self._latest = max(self._latest, now if at is None else min(at, now))
        deadline = self._runner.feed(event, self._latest)
        takeover = self._runner.node.takeover_due
        rehearsed = self._rehearse is not None and deadline is not None and deadline == takeover
        self._timer.set(deadline - REHEARSAL_LEAD if rehearsed and deadline is not None else deadline)
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
                try:
                    await self._leave()
                finally:
                    hooks.cancel()  # nothing else can end them: they are shielded

    async def _serve_hooks(self, scope: trio.CancelScope) -> None:
        with scope:
            await self._hooks.serve(self.feed)

    async def _serve_source(self, source: Source) -> None:
        while True:
            await source.wait_readable()
            self._read(source)

    def _read(self, source: Source) -> bool:
        """Feed what a source has to give, and return whether that was anything."""
        given = False
        for event in source.read():
            if isinstance(event, Dated):
                self.feed(event.event, event.at)
            else:
                self.feed(event)
            given = True
        return given

    def _catch_up(self) -> None:
        """Feed what is waiting, more than one reading if need be: other groups' packets may stand before ours."""
        for source in self._sources:
            for _ in range(_CATCH_UP_READS):
                if not self._read(source):
                    break

    async def _serve_timer(self) -> None:
        while True:
            await self._timer.wait()
            self._get_ready()
            # After a freeze the timer is overdue, and what would have reset it may be waiting to be read.
            self._catch_up()
            self.feed(TimerExpired())

    def _get_ready(self) -> None:
        """Practise, and wait for the instant without giving the processor away, if a takeover is at hand."""
        due = self._runner.node.takeover_due
        if self._rehearse is not None and due is not None and 0 < due - self._clock() <= REHEARSAL_LEAD:
            self._rehearse()
            while self._clock() < due:
                pass

    async def _leave(self) -> None:
        """Leave in order even when cancelled; the limit is for a script or a kernel that does not play along."""
        if self._stopped.is_set():
            return
        with trio.CancelScope(shield=True), trio.move_on_after(self._leaving_limit_s):
            self.feed(StopRequested())
            while not self._stopped.is_set():
                await self._timer.wait()
                self.feed(TimerExpired())
