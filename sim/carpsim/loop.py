"""What runs a node on a simulated host: reads what has happened, has it carried out, and serves the timer.

`EngineLoop` does on the engine, and fast, what the driver of carpd does on trio; `carpsim.virtual_time` has a loop
that is the driver itself, and both must tell the node the same at the same instants.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias, final

from carpsim.clock import HostClock
from carpsim.engine import Alarm, Engine
from triocarp.core import (
    AddressChanged,
    EffectFailed,
    Event,
    LinkChanged,
    Node,
    PacketReceived,
    PacketUnreadable,
    Ports,
    Runner,
    Started,
    TimerExpired,
    WallClockChanged,
)
from triocarp.core.timing import SECOND

STAMP_AGE_MAX: Final = SECOND // 4
"""How old a packet is at most whose time stamp the packet socket believes; an older one counts as of now."""

_SOURCES: Final[tuple[tuple[type[Event], ...], ...]] = (
    (WallClockChanged,),
    (PacketReceived, PacketUnreadable),
    (LinkChanged, AddressChanged),
    (EffectFailed,),
)
"""What each source of the daemon gives, in the order in which carpd reads its sources."""

ELSEWHERE: Final = len(_SOURCES)
"""Number of what comes from no source: commands, signals, health checks, the ends of scripts."""

Happening: TypeAlias = tuple[Event, int]
"""An event, and the instant of the world from which it counts."""


def source_of(event: Event) -> int:
    """Return the number of the source that an event comes from, in the order in which sources are read.

    Args:
        event: any but those of the driver itself.
    """
    for number, kinds in enumerate(_SOURCES):
        if isinstance(event, kinds):
            return number
    return ELSEWHERE


class Loop(Protocol):
    """Runs one node from its start to its end."""

    def begin(self, first: Sequence[Event]) -> None:
        """Start.

        Args:
            first: what the sources give when they are read for the first time, in the order of the sources.
        """
        ...

    def take(self, event: Event) -> None:
        """Let the daemon, which is not paused, read something that has happened just now.

        Args:
            event: what.
        """
        ...

    def take_waiting(self, waiting: Sequence[Happening]) -> None:
        """Let the daemon, which has stood still, read what has waited for it.

        Args:
            waiting: in the order of the sources.
        """
        ...

    def pause(self) -> None:
        """Let the timer wake nobody."""
        ...

    def resume(self) -> None:
        """Undo a `pause`."""
        ...

    def clock_changed(self) -> None:
        """Take note that the host's clock goes in another way."""
        ...

    def end(self) -> None:
        """End without a word. Nothing is told to the node any more."""
        ...


class LoopFactory(Protocol):
    """Makes the loop of a daemon that is about to start."""

    def __call__(
        self, engine: Engine, clock: HostClock, node: Node, ports: Ports, *, late: "Late", stopped: "Stopped"
    ) -> Loop:
        """Return a loop.

        Args:
            engine: of the world.
            clock: of the host.
            node: that is run.
            ports: that carry out what it wants.
            late: see `HostTimer`.
            stopped: is called when the node has left.
        """
        ...


Late: TypeAlias = Callable[[], int]
Stopped: TypeAlias = Callable[[], None]


def on_time() -> int:
    """Return the lateness of a timer that is never late."""
    return 0


@final
class HostTimer:
    """A timer on a host's clock. It rings once for each time that it is set.

    Args:
        engine: of the world.
        clock: of the host.
        ring: is called when the clock has reached the deadline.
        late: returns how many nanoseconds later than that; asked each time.
    """

    __slots__ = ("_alarm", "_clock", "_deadline", "_engine", "_late", "_paused", "_ring", "_waking")

    def __init__(
        self, engine: Engine, clock: HostClock, ring: Callable[[], None], late: Callable[[], int] = on_time
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._ring = ring
        self._late = late
        self._alarm = Alarm(engine, self._come)
        self._deadline: int | None = None
        self._paused = False
        self._waking = False

    def set(self, deadline: int | None) -> None:
        """Set the deadline in the place of any earlier one; in the past it has come, None means never.

        Args:
            deadline: nanoseconds of the host's clock.
        """
        self._deadline = deadline
        self._alarm.set(None if deadline is None else self._clock.instant(deadline))

    def pause(self) -> None:
        """Ring no more until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Undo a `pause`; what has come due meanwhile rings at once, or as late as ever."""
        self._paused = False
        self.refresh()

    def refresh(self) -> None:
        """Look at the clock anew, because it goes in another way."""
        self.set(self._deadline)

    def _come(self) -> None:
        if self._paused or self._waking:
            return  # `resume` or `_wake` looks at the deadline
        late = self._late()
        if late:
            self._waking = True
            self._engine.after(late, self._wake)
        else:
            self._deadline = None
            self._ring()

    def _wake(self) -> None:
        """Ring, if the deadline has not been moved meanwhile."""
        self._waking = False
        deadline = self._deadline
        if not self._paused and deadline is not None and self._clock.read(self._engine.now) >= deadline:
            self._deadline = None
            self._ring()


@final
class EngineLoop:
    """A loop that is nothing but calls: as fast as the engine.

    Args:
        engine: of the world.
        clock: of the host.
        node: that is run.
        ports: that carry out what it wants.
        late: see `HostTimer`.
        stopped: is called when the node has left.
    """

    __slots__ = ("_clock", "_engine", "_latest", "_runner", "_stopped", "_timer")

    def __init__(
        self, engine: Engine, clock: HostClock, node: Node, ports: Ports, *, late: Late, stopped: Stopped
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._runner: Runner | None = Runner(node, ports, clock=self._now)
        self._stopped = stopped
        self._timer = HostTimer(engine, clock, self._serve_timer, late)
        self._latest = 0

    def begin(self, first: Sequence[Event]) -> None:
        """Start; see `Loop`."""
        self.take(Started())
        for event in first:
            self.take(event)

    def take(self, event: Event) -> None:
        """Tell the node; see `Loop`."""
        self._feed(event, self._engine.now)

    def take_waiting(self, waiting: Sequence[Happening]) -> None:
        """Tell the node, one event after the other; see `Loop`."""
        for event, at in waiting:
            self._feed(event, at)

    def pause(self) -> None:
        """Let the timer wake nobody; see `Loop`."""
        self._timer.pause()

    def resume(self) -> None:
        """Undo a `pause`; see `Loop`."""
        self._timer.resume()

    def clock_changed(self) -> None:
        """Set the timer anew; see `Loop`."""
        self._timer.refresh()

    def end(self) -> None:
        """End; see `Loop`."""
        self._runner = None
        self._timer.set(None)

    def _feed(self, event: Event, at: int) -> None:
        runner = self._runner
        if runner is None:
            return
        self._latest = max(self._latest, self._clock.read(at))
        deadline = runner.feed(event, self._latest)
        if runner.node.stopped:
            self.end()
            self._stopped()
        else:
            self._timer.set(deadline)

    def _serve_timer(self) -> None:
        self._feed(TimerExpired(), self._engine.now)

    def _now(self) -> int:
        return self._clock.read(self._engine.now)
