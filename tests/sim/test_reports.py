"""Whether what hosts report is true: the simulator knows what really happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import product
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from carpsim.faults import Deafness, Pause
from carpsim.host import Host
from carpsim.recording import Recording
from carpsim.scenario import Scenario
from carpsim.world import World, WorldWatcher
from triocarp.core import CARPD, UCARP, Dialect, Effect, Event, IPAddress, OneWaySuspected, TwoMasters
from triocarp.core.timing import SECOND

from .recorder import Recorder, carpd

DURATION: Final = 75 * SECOND
_NAMES: Final[dict[IPAddress, str]] = {
    IPv4Address(f"10.0.0.{number}"): name for number, name in enumerate("abc", start=1)
}


@dataclass
class Listener(Recorder):
    """Takes note of reports of two masters, and of suspicions, as well."""

    reports: list[tuple[int, str, TwoMasters | OneWaySuspected]] = field(
        default_factory=list[tuple[int, str, TwoMasters | OneWaySuspected]]
    )

    def __post_init__(self) -> None:
        """Begin with nothing."""
        super().__init__()

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note."""
        del event
        for effect in effects:
            if isinstance(effect, TwoMasters | OneWaySuspected):
                self.reports.append((at, host.name, effect))


def told_in(
    scenario: Scenario, seed: int = 0, watchers: tuple[WorldWatcher, ...] = ()
) -> list[tuple[int, str, TwoMasters | OneWaySuspected]]:
    """Run a scenario and return what was reported: when, by whom, and what."""
    listener = Listener()
    World(scenario, seed=seed, watchers=(listener, *watchers)).run()
    return listener.reports


PAUSES: Final = st.tuples(
    st.sampled_from("abc"), st.integers(SECOND // 100, 8 * SECOND), st.integers(SECOND // 2, 9 * SECOND)
)
"""Who is frozen, how long all run before the next is, and for how long.

Who goes on runs for a moment: what had waited for it longer than time stamps count would seem to come now.
"""


@settings(max_examples=60)
@example(
    pauses=[("c", 0, SECOND // 2), ("b", 0, 2_890_725_001), ("c", 0, 501_953_124)],
    advskews=[100, 0, 0],
    preempt={"a", "b", "c"},
    dialect=CARPD,
)
@given(
    pauses=st.lists(PAUSES, max_size=6),
    advskews=st.permutations([0, 0, 100]),
    preempt=st.sets(st.sampled_from("abc")),
    dialect=st.sampled_from([UCARP, CARPD]),
)
def test_frozen_hosts_make_nobody_see_two_masters(
    pauses: Sequence[tuple[str, int, int]], advskews: Sequence[int], preempt: set[str], dialect: Dialect
) -> None:
    """Who takes over, preempts, comes back or says its last word is no second master, and nobody is deaf.

    A host that is frozen between its first advertisement as master and another's has the address meanwhile.
    """
    at = 8 * SECOND
    faults: list[Pause] = []
    for host, gap, duration in pauses:
        faults.append(Pause(at=at, host=host, duration=duration))
        at += duration + gap
    hosts = tuple(
        carpd(name, number, advskew=advskew, preempt=name in preempt, dialect=dialect)
        for number, (name, advskew) in enumerate(zip("abc", advskews, strict=True), start=1)
    )
    scenario = Scenario(hosts=hosts, faults=tuple(faults), duration=max(DURATION, at + 9 * SECOND))
    recording = Recording()
    untrue = [
        (told_at, name, report)
        for told_at, name, report in told_in(scenario, watchers=(recording,))
        if not isinstance(report, TwoMasters) or not had_it_together(recording, masters(name, report), told_at)
    ]
    assert untrue == []


def masters(name: str, report: TwoMasters) -> tuple[str, str]:
    """Return the hosts that are masters, by the report of one."""
    return name if report.other is None else _NAMES[report.other], _NAMES[report.peer]


def had_it_together(recording: Recording, names: tuple[str, str], until: int) -> bool:
    """Return whether two hosts had the address at the same time for a while, at most a few seconds ago."""
    ours, theirs = (
        [span for (host, _, _), lane in recording.lanes.items() if host == name for span in lane.holds]
        for name in names
    )
    shared = (
        min(until if span.end is None else span.end for span in pair) - max(span.begin for span in pair)
        for pair in product(ours, theirs)
        if all(span.end is None or span.end > until - 5 * SECOND for span in pair)
    )
    return max(shared, default=0) > SECOND // 4


def test_who_is_not_heard_tells_of_it() -> None:
    """The backup becomes deaf and takes over: the master hears two words of it, and soon knows."""
    deaf = Deafness(at=8 * SECOND, senders=("a",), receivers=("b",), duration=20 * SECOND)
    hosts = (carpd("a", 1), carpd("b", 2, advskew=100))
    reports = told_in(Scenario(hosts=hosts, faults=(deaf,), duration=40 * SECOND))
    of_a = [report for _, name, report in reports if name == "a"]
    assert [type(report) for report in of_a] == [TwoMasters, OneWaySuspected, TwoMasters]
    assert reports[0][0] < 14 * SECOND
