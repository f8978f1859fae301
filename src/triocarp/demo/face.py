"""What the demonstration needs of what shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from triocarp.demo.measurement import Measurement
    from triocarp.demo.steps import Step
    from triocarp.demo.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A step that happened.

    Attributes:
        step: which.
        measurement: of it; None where nothing is measured.
    """

    step: Step
    measurement: Measurement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The step that did not happen.

    Attributes:
        step: which.
        expected: what should have come.
        seen: what came instead.
        logs: the last lines of each daemon, by host.
    """

    step: Step
    expected: str
    seen: str
    logs: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the demonstration ended.

    Attributes:
        outcomes: of the steps that happened, in order.
        failure: the step that did not; None if all did.
        left_behind: which virtual address is left where; empty if none is.
        duration: of all, in nanoseconds.
    """

    outcomes: tuple[Outcome, ...]
    failure: Failure | None
    left_behind: str
    duration: int

    @property
    def good(self) -> bool:
        """Whether every step happened and nothing is left behind."""
        return self.failure is None and not self.left_behind


class Face(Protocol):
    """Shows the demonstration; its methods may be called from any thread."""

    def watch(self, view: Callable[[], View]) -> AbstractContextManager[None]:
        """Show the hosts for as long as the context lasts.

        Args:
            view: tells how everything is at this moment.
        """
        ...

    def begin_step(self, step: Step, at: int) -> None:
        """Show that a step begins.

        Args:
            step: which.
            at: nanoseconds since the beginning of the demonstration.
        """
        ...

    def tell(self, topic: str, text: str, at: int) -> None:
        """Show a fact.

        Args:
            topic: what it is about.
            text: the fact.
            at: nanoseconds since the beginning of the demonstration.
        """
        ...

    def end_step(self, outcome: Outcome) -> None:
        """Show that a step has happened.

        Args:
            outcome: of the step.
        """
        ...

    def finish(self, result: Result) -> None:
        """Show the summary.

        Args:
            result: of the whole.
        """
        ...
