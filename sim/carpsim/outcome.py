"""One run of a scenario, looked at: what happened in sentences, and what should have been and was not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

from carpsim.checks import CHECKS, Checks, Verdict
from carpsim.client import Outage
from carpsim.counted import counted
from carpsim.duration_text import write_duration
from carpsim.recording import ClientLane, Lane, Recording, Span
from carpsim.scenario import Scenario
from carpsim.trace import Trace
from carpsim.world import World, WorldWatcher
from triocarp.core.timing import SECOND

_OUTAGES_TOLD: Final = 10


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        recording: of it.
        shortfalls: a sentence for each thing that was expected and not so.
        verdicts: of the checks.
    """

    recording: Recording
    shortfalls: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def is_as_expected(self) -> bool:
        """Whether all was as it should have been."""
        return not self.shortfalls and all(verdict.held for verdict in self.verdicts)


def run_scenario(scenario: Scenario, *watchers: WorldWatcher) -> Outcome:
    """Run a scenario with its own seed, to its end.

    Args:
        scenario: which.
        watchers: see what happens.
    """
    recording = Recording()
    checks = Checks(CHECKS if scenario.checks is None else scenario.checks)
    World(scenario, seed=scenario.seed, watchers=(recording, checks, *watchers)).run()
    recording.finish()
    found = (one for expectation in scenario.expectations for one in expectation.shortfalls(recording))
    return Outcome(
        recording=recording,
        shortfalls=tuple(found),
        verdicts=checks.verdicts(),
    )


def trace_of(scenario: Scenario) -> list[str]:
    """Return the lines of the trace of a run, with their newlines.

    Args:
        scenario: which.
    """
    lines: list[str] = []
    World(scenario, seed=scenario.seed, watchers=(Trace(lines.append),)).run()
    return lines


def first_difference(one: Iterable[str], other: Iterable[str]) -> tuple[int, str, str] | None:
    """Return where two traces part: the number of the line, from 1, and both lines; empty for none.

    Args:
        one: lines.
        other: lines.
    """
    mine, theirs = iter(one), iter(other)
    number = 0
    while True:
        number += 1
        first, second = next(mine, ""), next(theirs, "")
        if first != second:
            return number, first.rstrip("\n"), second.rstrip("\n")
        if not first:
            return None


def tell(recording: Recording) -> Iterator[str]:
    """Yield what happened, line by line: events in their order, who had an address when, and outages.

    Args:
        recording: of a run that has ended.
    """
    scenario = recording.world.scenario
    yield f"{scenario.name}, seed {recording.world.seed}, {write_duration(scenario.duration)}"
    yield ""
    events = [(at, lane.name, words) for lane in recording.lanes.values() for at, words in lane.sentences]
    events += [(at, "", f"*** {words}") for at, words in recording.faults]
    width = max((len(name) for _, name, _ in events), default=0)
    for at, name, words in sorted(events, key=lambda event: (event[0], bool(event[1]))):
        yield f"{at / SECOND:10.3f} s  {name:{width}}  {words}"
    yield ""
    for address in dict.fromkeys(span.what for lane in recording.lanes.values() for span in lane.holds):
        yield f"{address} was on"
        yield from _holders(recording.lanes.values(), address)
    for client in recording.clients.values():
        yield from _outages(client, recording.world.engine.now)


def _holders(lanes: Iterable[Lane], address: str) -> Iterator[str]:
    held = [(span.begin, lane.name, span) for lane in lanes for span in lane.holds if span.what == address]
    for _, name, span in sorted(held, key=lambda one: one[:2]):
        yield f"    {name} {_span(span)}"


def _span(span: Span) -> str:
    end = "to the end" if span.end is None else f"to {span.end / SECOND:.3f} s"
    return f"from {span.begin / SECOND:.3f} s {end}"


def _outages(client: ClientLane, now: int) -> Iterator[str]:
    told = f"{client.name} had {counted(len(client.outages), 'outage')} of {client.target}"
    if len(client.outages) <= _OUTAGES_TOLD:
        yield told
        longest = client.outages
    else:
        yield f"{told}; the longest {_OUTAGES_TOLD}:"
        by_length = sorted(client.outages, key=lambda one: one.begin - (now if one.end is None else one.end))
        longest = tuple(sorted(by_length[:_OUTAGES_TOLD], key=lambda one: one.begin))
    for outage in longest:
        yield f"    {_outage(outage)}"


def _outage(outage: Outage) -> str:
    if outage.end is None:
        return f"from {outage.begin / SECOND:.3f} s to the end, {counted(outage.lost, 'probe')} lost"
    length = (outage.end - outage.begin) / SECOND
    return f"from {outage.begin / SECOND:.3f} s for {length:.3f} s, {counted(outage.lost, 'probe')} lost"
