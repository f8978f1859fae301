"""Virtual time: what shall happen, in the order of its instant and, at one instant, in the order of asking."""

import heapq
from collections.abc import Callable
from typing import TypeAlias, final

Action: TypeAlias = Callable[..., None]


@final
class Engine:
    """The heart of a simulated world.

    Attributes:
        now: the present instant, in nanoseconds from the beginning.
    """

    __slots__ = ("_before", "_heap", "_sequence", "now")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action, tuple[object, ...]]] = []
        self._sequence = 0
        self._before = -(2**62)
        self.now = 0

    @property
    def next_due(self) -> int | None:
        """The instant of the next action, or None if there is none."""
        return self._heap[0][0] if self._heap else None

    def at(self, instant: int, action: Action, *arguments: object) -> None:
        """Have something done at an instant; what has passed already is done next.

        Args:
            instant: nanoseconds from the beginning.
            action: is called.
            arguments: for it.
        """
        self._sequence += 1
        instant = instant if instant > self.now else self.now  # noqa: FURB136 - max() takes three times as long
        heapq.heappush(self._heap, (instant, self._sequence, action, arguments))

    def after(self, delay: int, action: Action, *arguments: object) -> None:
        """Have something done after a while.

        Args:
            delay: nanoseconds from now.
            action: is called.
            arguments: for it.
        """
        self.at(self.now + delay, action, *arguments)

    def next(self, action: Action, *arguments: object) -> None:
        """Have something done now, before all else that is due, and after what was asked for in this way before.

        Args:
            action: is called.
            arguments: for it.
        """
        self._before += 1
        heapq.heappush(self._heap, (self.now, self._before, action, arguments))

    def step(self) -> None:
        """Let time pass until the next action, and do that alone. There must be one."""
        self.now, _, action, arguments = heapq.heappop(self._heap)
        action(*arguments)

    def run_until(self, end: int) -> None:
        """Let time pass.

        Args:
            end: up to and with this instant.
        """
        heap = self._heap
        pop = heapq.heappop
        while heap and heap[0][0] <= end:
            self.now, _, action, arguments = pop(heap)
            action(*arguments)
        self.now = max(self.now, end)


@final
class Alarm:
    """One deadline, which can be moved.

    A deadline that moves into the future costs nothing: the engine wakes the alarm at the earlier instant, and it
    goes to sleep again. That is what the dead timer of a backup does with each advertisement.

    Args:
        engine: of the world.
        ring: is called when the deadline has come.
    """

    __slots__ = ("_armed", "_deadline", "_engine", "_ring")

    def __init__(self, engine: Engine, ring: Callable[[], None]) -> None:
        self._engine = engine
        self._ring = ring
        self._deadline: int | None = None
        self._armed: int | None = None

    def set(self, deadline: int | None) -> None:
        """Set the deadline in the place of any earlier one.

        Args:
            deadline: nanoseconds from the beginning; None for never.
        """
        self._deadline = deadline
        if deadline is not None and (self._armed is None or deadline < self._armed):
            self._armed = deadline
            self._engine.at(deadline, self._wake, deadline)

    def _wake(self, armed: int) -> None:
        if armed != self._armed:
            return  # another one was set for an earlier instant meanwhile
        self._armed = None
        deadline = self._deadline
        if deadline is None:
            return
        if deadline > self._engine.now:
            self.set(deadline)
        else:
            self._deadline = None
            self._ring()
