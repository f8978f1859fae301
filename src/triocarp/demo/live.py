"""The face for a terminal: a table that moves, above which the facts scroll by. Needs `rich`."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from triocarp.demo.cast import VIRTUAL_ADDRESS
from triocarp.demo.steps import STEPS
from triocarp.demo.view import Condition, HostView, View
from triocarp.demo.wording import COLUMNS, closing, cues, failure_lines, row

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from triocarp.demo.face import Outcome, Result
    from triocarp.demo.steps import Step

_REFRESHES_PER_SECOND: Final = 10
_WIDE: Final = 110
_HIGH: Final = 30
_BAR_WIDTH: Final = 30
_ANSWERED_WITHIN: Final = 50_000_000  # replies are known up to 10 ms late, and a busy machine adds to that
_TOPIC_WIDTH: Final = 11
_DURATION_WIDTH: Final = 9

_STYLES: Final = {
    Condition.OFF: "dim",
    Condition.STARTING: "yellow",
    Condition.INIT: "yellow",
    Condition.BACKUP: "cyan",
    Condition.MASTER: "bold green",
    Condition.CRASHED: "bold red",
    Condition.KILLED: "bold red",
    Condition.STOPPED: "dim",
}
_TOPIC_STYLES: Final = {"outage": "bold", "two holders": "bold", "ended by": "bold"}


class LiveFace:
    """Shows the hosts, the client and the steps as they are, and lets the facts scroll away above them."""

    def __init__(self, console: Console | None = None) -> None:
        """Write the introduction.

        Args:
            console: where to; the terminal if None.
        """
        self._console = console or Console(highlight=False)
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._step: Step | None = None
        fancy = self._console.encoding.lower().startswith("utf")
        self._dot, self._full, self._empty, self._line = "●━╌─" if fancy else "*#--"
        self._done, self._now, self._wrong = "✓▶✗" if fancy else "+>!"
        for line in cues():
            self._console.print(Text(line), style="dim")

    @contextlib.contextmanager
    def watch(self, view: Callable[[], View]) -> Generator[None]:
        """See `Face`."""
        live = Live(
            console=self._console,
            get_renderable=lambda: self.draw(view()),
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,  # the summary takes its place
        )
        with live:
            yield

    def begin_step(self, step: Step, at: int) -> None:
        """See `Face`."""
        with self._lock:
            self._step = step
        number = STEPS.index(step) + 1
        title = Text.assemble((f"{at / 1e9:8.3f} ", "dim"), (f"step {number}: {step.title}", "bold yellow"))
        if self._console.height >= _HIGH:
            self._console.print()
        self._console.print(title)

    def tell(self, topic: str, text: str, at: int) -> None:
        """See `Face`."""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=8, style="dim", justify="right")
        line.add_column(width=_TOPIC_WIDTH, style="cyan")
        line.add_column(overflow="fold")
        line.add_row(f"{at / 1e9:.3f}", topic, Text(text, style=_TOPIC_STYLES.get(topic, "")))
        self._console.print(line)

    def end_step(self, outcome: Outcome) -> None:
        """See `Face`."""
        with self._lock:
            self._outcomes.append(outcome)

    def finish(self, result: Result) -> None:
        """See `Face`."""
        wide = self._console.width >= _WIDE
        table = _steps_table(with_end=wide)
        for outcome in result.outcomes:
            _title, *durations, end = row(outcome)
            done = self._title(outcome.step, self._done, "green")
            if wide:
                table.add_row(done, *durations, end)
            else:
                table.add_row(done.append(f"\n    {end}", "dim"), *durations)
        if result.failure is not None:
            table.add_row(self._title(result.failure.step, self._wrong, "red"))
        self._console.print(Text(), table, Text())
        if result.failure is not None:
            for line in failure_lines(result.failure):
                self._console.print(Text(line, style="red" if line.startswith("FAILED") else ""))
        self._console.print(Text(closing(result), style="bold green" if result.good else "bold red"))

    # The moving part

    def draw(self, view: View) -> RenderableType:
        """Return the moving part.

        Args:
            view: of this moment.
        """
        with self._lock:
            step, outcomes = self._step, tuple(self._outcomes)
        wide = self._console.width >= _WIDE
        action = Text(step.action if step else "", style="bold yellow")
        space = [Text()] if self._console.height >= _HIGH else []
        return Group(
            Text(self._line * self._console.width, style="dim"),
            Padding(action, (0, 1)),
            *space,
            self._hosts(view, wide=wide),
            *space,
            Padding(self._client(view), (0, 1)),
            Padding(self._silence(view), (0, 1)),
            *space,
            Padding(self._steps(step, outcomes, wide=wide), (0, 1)),
        )

    def _hosts(self, view: View, *, wide: bool) -> Table:
        table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=True, show_edge=False, header_style="dim")
        table.add_column("host", width=7)
        if wide:
            table.add_column("address", width=8)
            table.add_column("advskew", width=7, justify="right")
        table.add_column("state", width=8)
        table.add_column(VIRTUAL_ADDRESS, width=13)
        table.add_column("carpd's last words", ratio=1, no_wrap=True, overflow="ellipsis")
        for host in view.hosts:
            member = host.member
            identity = [member.name, *([member.ip, str(member.advskew)] if wide else [])]
            state = Text(host.condition.value, style=_STYLES[host.condition])
            table.add_row(*identity, state, self._holding(host), Text(host.last, style="dim"))
        return table

    def _holding(self, host: HostView) -> Text:
        if not host.holds:
            return Text("")
        if host.condition is Condition.CRASHED:
            return Text(f"{self._dot} unreachable", style="dim")
        if host.condition is Condition.KILLED:
            return Text(f"{self._dot} left behind", style="bold red")
        return Text(f"{self._dot} holds it", style="bold green")

    def _client(self, view: View) -> Text:
        if not view.answered_by or view.unanswered > _ANSWERED_WITHIN:
            silence = f"no answer for {view.unanswered / 1e9:.2f} s"
            return Text.assemble("client   ", (silence, "bold red"))
        return Text.assemble("client   ", ("answered by ", ""), (view.answered_by, "bold green"))

    def _silence(self, view: View) -> Text:
        """Show the next takeover's timer: the bar is empty again with each advertisement."""
        waiting = [one.member for one in view.hosts if one.condition is Condition.BACKUP]
        next_one = min(waiting, key=lambda member: member.dead_time, default=None)
        text = Text(f"silence  {view.silence / 1e9:.2f} s ")
        if next_one is None or not view.advertiser:
            return text
        filled = min(_BAR_WIDTH, _BAR_WIDTH * view.silence // next_one.dead_time)
        text.append(self._full * filled, "yellow" if filled < _BAR_WIDTH // 2 else "red")
        text.append(self._empty * (_BAR_WIDTH - filled), "dim")
        text.append(f" {next_one.dead_time / 1e9:.3f} s: {next_one.name}")
        return text

    def _steps(self, current: Step | None, outcomes: tuple[Outcome, ...], *, wide: bool) -> Table:
        table = _steps_table(with_end=wide)
        rows = {outcome.step: row(outcome) for outcome in outcomes}
        for step in STEPS:
            if step in rows:
                _title, *durations, end = rows[step]
                cells = (*durations, end) if wide else durations
                table.add_row(self._title(step, self._done, "green"), *cells)
            elif step is current:
                table.add_row(self._title(step, self._now, "bold yellow"))
            else:
                table.add_row(self._title(step, " ", "dim"))
        return table

    @staticmethod
    def _title(step: Step, mark: str, style: str) -> Text:
        words = f" {STEPS.index(step) + 1} {step.title}"
        return Text.assemble((mark, style), (words, "" if style in {"green", "red"} else style))


def _steps_table(*, with_end: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=with_end, show_edge=False, pad_edge=False, header_style="dim")
    title, *durations, end = COLUMNS
    table.add_column(title, no_wrap=True)
    for name in durations:
        table.add_column(name, justify="right", no_wrap=True, min_width=max(len(name), _DURATION_WIDTH))
    if with_end:
        table.add_column(end, ratio=1, overflow="fold")
    return table
