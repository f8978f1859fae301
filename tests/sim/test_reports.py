"""Whether what hosts report is true: the simulator knows what really happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from carpsim.faults import Deafness, Pause
from carpsim.host import Host
from carpsim.scenario import Scenario
from carpsim.world import World
from triocarp.core import CARPD, UCARP, Dialect, Effect, Event, OneWaySuspected, TwoMasters
from triocarp.core.timing import SECOND

from .recorder import Recorder, carpd

DURATION: Final = 75 * SECOND


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


def told_in(scenario: Scenario, seed: int = 0) -> list[tuple[int, str, TwoMasters | OneWaySuspected]]:
    """Run a scenario and return what was reported: when, by whom, and what."""
    listener = Listener()
    World(scenario, seed=seed, watchers=(listener,)).run()
    return listener.reports


@settings(max_examples=60)
@given(
    pauses=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 8 * SECOND), st.integers(SECOND // 2, 9 * SECOND)),
        max_size=6,
    ),
    advskews=st.permutations([0, 0, 100]),
    preempt=st.sets(st.sampled_from("abc")),
    dialect=st.sampled_from([UCARP, CARPD]),
)
def test_frozen_hosts_make_nobody_see_two_masters(
    pauses: Sequence[tuple[str, int, int]], advskews: Sequence[int], preempt: set[str], dialect: Dialect
) -> None:
    """Who takes over, preempts, comes back or says its last word is no second master, and nobody is deaf."""
    at = 8 * SECOND
    faults: list[Pause] = []
    for host, gap, duration in pauses:
        faults.append(Pause(at=at, host=host, duration=duration))
        at += duration + gap
    hosts = tuple(
        carpd(name, number, advskew=advskew, preempt=name in preempt, dialect=dialect)
        for number, (name, advskew) in enumerate(zip("abc", advskews, strict=True), start=1)
    )
    assert told_in(Scenario(hosts=hosts, faults=tuple(faults), duration=max(DURATION, at + 9 * SECOND))) == []


def test_who_is_not_heard_tells_of_it() -> None:
    """The backup becomes deaf and takes over: the master hears two words of it, and soon knows."""
    deaf = Deafness(at=8 * SECOND, senders=("a",), receivers=("b",), duration=20 * SECOND)
    hosts = (carpd("a", 1), carpd("b", 2, advskew=100))
    reports = told_in(Scenario(hosts=hosts, faults=(deaf,), duration=40 * SECOND))
    of_a = [report for _, name, report in reports if name == "a"]
    assert [type(report) for report in of_a] == [TwoMasters, OneWaySuspected, TwoMasters]
    assert reports[0][0] < 14 * SECOND
