"""The face for a pipe: a line for each fact."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from triocarp.demo.steps import STEPS
from triocarp.demo.wording import COLUMNS, closing, cues, failure_lines, row

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TextIO

    from triocarp.demo.face import Outcome, Result
    from triocarp.demo.steps import Step
    from triocarp.demo.view import View

_TOPIC_WIDTH: Final = 11


class PlainFace:
    """Writes lines, each at once."""

    def __init__(self, stream: TextIO) -> None:
        """Write the introduction.

        Args:
            stream: where to.
        """
        self._stream = stream
        self._lock = threading.Lock()
        self._write(*cues())

    @contextlib.contextmanager
    def watch(self, view: Callable[[], View]) -> Generator[None]:  # noqa: ARG002 - a pipe does not move
        """See `Face`."""
        yield

    def begin_step(self, step: Step, at: int) -> None:
        """See `Face`."""
        number = STEPS.index(step) + 1
        self._write("")
        self.tell(f"step {number} of {len(STEPS)}", f"{step.title}: {step.action}", at)

    def tell(self, topic: str, text: str, at: int) -> None:
        """See `Face`."""
        self._write(f"{at / 1e9:7.3f} s  {topic:<{_TOPIC_WIDTH}}  {text}")

    def end_step(self, outcome: Outcome) -> None:
        """See `Face`; all has been told."""

    def finish(self, result: Result) -> None:
        """See `Face`."""
        table = [COLUMNS, *(row(outcome) for outcome in result.outcomes)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        self._write("", *(_justify(cells, widths) for cells in table), "")
        if result.failure is not None:
            self._write(*failure_lines(result.failure))
        self._write(closing(result))

    def _write(self, *lines: str) -> None:
        with self._lock:
            for line in lines:
                print(line, file=self._stream, flush=True)


def _justify(cells: tuple[str, ...], widths: list[int]) -> str:
    """Return a row: text to the left, durations to the right."""
    title, *durations, end = cells
    middle = (cell.rjust(width) for cell, width in zip(durations, widths[1:-1], strict=True))
    return "  ".join((title.ljust(widths[0]), *middle, end)).rstrip()
