"""Runs a trace again: the same scenario and seed must give it, byte for byte."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, cast, final

from carpsim.scenario import Scenario
from carpsim.trace import RELEASE, VERSION, Trace
from carpsim.world import World
from triocarp.core.journal_codec import first_difference, shown
from triocarp.core.timing import SECOND

Find: TypeAlias = Callable[[str, int], Scenario]
"""Returns the scenario of a name, for a seed."""

_INSTANT: Final = "t"


@final
class TraceError(ValueError):
    """Raised for what is no trace that this version could run again; its text says what would be right."""


@final
class TraceDivergence(Exception):  # noqa: N818 - a finding: the trace can be read, and so can the simulator be trusted
    """Raised when a run does not give a trace.

    Attributes:
        line: number of the line, from 1.
        recorded: as the trace has it, without its newline; None if the trace has ended there.
        given: as the run gives it, without its newline; None if the run has ended there.
        is_truncated: whether the trace is the same up to where it ends, before the run does.
    """

    def __init__(self, line: int, recorded: str | None, given: str | None, *, is_truncated: bool = False) -> None:
        self.line = line
        self.recorded = recorded
        self.given = given
        self.is_truncated = is_truncated
        super().__init__(_sentence(line, recorded, given, is_truncated=is_truncated))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Retraced:
    """A trace that was given again.

    Attributes:
        scenario: its name.
        seed: of the run.
        duration: how long it was, nanoseconds.
        lines: how many were compared.
    """

    scenario: str
    seed: int
    duration: int
    lines: int


def retrace(lines: Iterable[str], find: Find) -> Retraced:
    """Run the scenario of a trace again, and compare line by line as they come.

    Args:
        lines: of a trace, with their newlines, as a file gives them.
        find: is asked for the scenario that the first line names, with the seed of its run.

    Raises:
        TraceError: the first line is not that of a trace of this version of the package.
        TraceDivergence: the run gives something else. It stops there.
    """
    recorded = iter(lines)
    first = next(recorded, "")
    name, seed, duration = _header(first)
    comparison = _Comparison(first, recorded)
    world = World(find(name, seed), seed=seed, watchers=(Trace(comparison.take),))
    world.run(duration)
    comparison.finish()
    return Retraced(scenario=name, seed=seed, duration=duration, lines=comparison.compared)


@final
class _Comparison:
    """Compares what a run gives with what was recorded."""

    def __init__(self, first: str, rest: Iterator[str]) -> None:
        self.compared = 0
        self._next: str | None = first
        self._rest = rest

    def take(self, given: str) -> None:
        recorded = self._next
        if recorded != given:
            # Only the last line of a file can be without its newline.
            is_truncated = recorded is None or (not recorded.endswith("\n") and given.startswith(recorded))
            raise TraceDivergence(self.compared + 1, _bare(recorded), _bare(given), is_truncated=is_truncated)
        self.compared += 1
        self._next = next(self._rest, None)

    def finish(self) -> None:
        if self._next is not None:
            raise TraceDivergence(self.compared + 1, _bare(self._next), None)


def _header(line: str) -> tuple[str, int, int]:
    """Return scenario, seed and duration."""
    fields = _object(line)
    name, seed, duration = (fields.get(key) for key in ("scenario", "seed", "duration"))
    if fields.get("carpsim") != VERSION or fields.get("triocarp") != RELEASE:
        raise TraceError(
            f"written by version {fields.get('triocarp', 'unknown')}: expected a trace of {RELEASE}, as this is: "
            "only equal versions promise equal traces"
        )
    if not isinstance(name, str) or not isinstance(seed, int) or not isinstance(duration, int):
        raise TraceError(f"{shown(line)}: expected scenario, seed and duration, the first line of a trace")
    return name, seed, duration


def _object(line: str) -> dict[str, object]:
    try:
        data: object = json.loads(line)
    except ValueError:
        return {}
    return cast("dict[str, object]", data) if isinstance(data, dict) else {}


def _bare(line: str | None) -> str | None:
    return None if line is None else line.removesuffix("\n")


def _sentence(line: int, recorded: str | None, given: str | None, *, is_truncated: bool) -> str:
    if given is None:
        return f"line {line}: the run has ended, and the trace goes on with {recorded}"
    if is_truncated or recorded is None:
        where = "before" if recorded is None else "in the middle of"
        return f"the trace is truncated: it ends {where} line {line}, and the run goes on with {given}"
    before, after = _object(recorded), _object(given)
    instant = before.get(_INSTANT)
    at = f", at {instant // SECOND}.{instant % SECOND:09d} s" if isinstance(instant, int) else ""
    difference = first_difference(before, after)
    if difference is None or not before or not after:
        where = "it is written in another way"
    else:
        path, here, there = difference
        where = f"{path}: the trace has {shown(here)}; the run gives {shown(there)}"
    return f"line {line}{at}: {where}\n- {recorded}\n+ {given}"
