"""All scenarios, in the order of the table, with the targets of their figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from tests.bench import footprint, leaving, load, takeover, two_holders
from tests.bench.carpd import Carpd
from tests.bench.figures import Figure, Target
from tests.bench.keepalived import Keepalived
from tests.bench.settings import DEFAULT, FASTEST, SUB_SECOND, Settings
from tests.bench.ucarp import Ucarp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane

IMPLEMENTATIONS: Final[dict[str, Implementation]] = {one.name: one for one in (Carpd(), Ucarp(), Keepalived())}


class Play(Protocol):
    """Plays a scenario and records what it measures."""

    def __call__(self, lane: Lane, implementations: Sequence[Implementation], repetitions: int, /) -> None:
        """Play it for some implementations."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens, and what of it is measured.

    Attributes:
        name: For the command line.
        title: For the table; `{seconds}` stands for how long all repetitions take.
        play: Plays it.
        figures: What it measures, and carpd's targets.
        settings: What an implementation must support to take part.
        only: The implementations that take part; all if empty.
        together: Whether all implementations are measured at the same time, by one call of `play`.
        alone: Whether nothing else may run meanwhile.
        seconds: About how long a repetition takes with the slowest implementation.
    """

    name: str
    title: str
    play: Play
    figures: dict[Figure, Target | None]
    settings: Settings = DEFAULT
    only: tuple[str, ...] = ()
    together: bool = False
    alone: bool = False
    seconds: float = 5

    def players(self) -> list[Implementation]:
        """Return the implementations that are on this machine and can take part."""
        return [one for one in IMPLEMENTATIONS.values() if one.installed() and self.admits(one)]

    def admits(self, implementation: Implementation) -> bool:
        """Tell whether an implementation can take part."""
        return implementation.name in (self.only or IMPLEMENTATIONS) and implementation.supports(self.settings)


def _each(play: Callable[[Lane, Implementation, int], None]) -> Play:
    """Adapt what plays a scenario for one implementation."""

    def play_each(lane: Lane, implementations: Sequence[Implementation], repetitions: int, /) -> None:
        for implementation in implementations:
            play(lane, implementation, repetitions)

    return play_each


_TAKEOVER: Final[dict[Figure, Target | None]] = {
    Figure.OUTAGE: None,
    Figure.TO_ADVERTISEMENT: None,
    Figure.TO_ADDRESS: None,
    Figure.TO_ANNOUNCEMENT: Target(median=0.3, greatest=2),
    Figure.TO_ANSWER: Target(median=0.5),
}
_FAST_TAKEOVER: Final[dict[Figure, Target | None]] = {Figure.TO_ADVERTISEMENT: None, Figure.TO_ANSWER: None}
_BUSY: Final[dict[Figure, Target | None]] = {
    Figure.FALSE_FAILOVERS: Target(greatest=0, exclusive=False),
    Figure.LATENESS: Target(greatest=4, exclusive=False),
}

SCENARIOS: Final = (
    Scenario(
        name="crash",
        title="host dies, advskew 0",
        play=_each(takeover.host_dies),
        figures=_TAKEOVER,
        seconds=7,
    ),
    Scenario(
        name="crash-skewed",
        title="host dies, advskew 100",
        play=_each(takeover.host_dies_skewed),
        figures=_TAKEOVER,
        seconds=9,
    ),
    Scenario(
        name="stop",
        title="master is stopped",
        play=_each(leaving.master_stops),
        figures={Figure.OUTAGE: Target(greatest=10)},
        seconds=7,
    ),
    Scenario(
        name="stop-beside-ucarp",
        title="master is stopped, the backup is a ucarp",
        play=_each(leaving.master_stops_beside_ucarp),
        figures={Figure.OUTAGE: Target(greatest=1000)},
        only=("carpd", "ucarp"),
        seconds=8,
    ),
    Scenario(
        name="preferred-returns",
        title="preferred host returns and preempts",
        play=_each(leaving.preferred_returns),
        figures={Figure.OUTAGE: None, Figure.OVERLAP: Target(greatest=1)},
        seconds=7,
    ),
    Scenario(
        name="daemon-killed",
        title="daemon is killed, its host lives on",
        play=_each(two_holders.daemon_killed),
        figures={Figure.BOTH_ANSWER: Target(greatest=4, exclusive=False)},
        seconds=12,
    ),
    Scenario(
        name="split-brain",
        title="split brain heals, client on the loser's side",
        play=_each(two_holders.split_brain_heals),
        figures={
            Figure.OVERLAP: Target(greatest=1000, exclusive=False),
            Figure.CUT_OFF: None,
            Figure.CUT_OFF_RUNS: Target(greatest=0, exclusive=False),
        },
        seconds=12,
    ),
    Scenario(
        name="equal-hosts",
        title="master dies, two equal survivors",
        play=_each(two_holders.equal_hosts),
        figures={Figure.OVERLAP: Target(greatest=2)},
        seconds=9,
    ),
    Scenario(
        name="sub-second",
        title="host dies, advertisements every 11.7 ms (keepalived: 10 ms)",
        play=_each(takeover.host_dies_sub_second),
        figures={Figure.OUTAGE: Target(median=35), **_FAST_TAKEOVER},
        settings=SUB_SECOND,
        alone=True,
        seconds=1,
    ),
    Scenario(
        name="fastest",
        title="host dies, dead time 11.7 ms",
        play=_each(takeover.host_dies_fastest),
        figures={Figure.OUTAGE: Target(greatest=14), **_FAST_TAKEOVER},
        settings=FASTEST,
        alone=True,
        seconds=1,
    ),
    Scenario(
        name="busy",
        title="as many busy loops as cores, for {seconds} s",
        play=load.busy_cores,
        figures=_BUSY,
        together=True,
        alone=True,
        seconds=load.LOAD_S_PER_REPETITION,
    ),
    Scenario(
        name="busy-sub-second",
        title="the same, advertisements every 11.7 ms (keepalived: 10 ms)",
        play=load.busy_cores_sub_second,
        figures=_BUSY,
        settings=SUB_SECOND,
        together=True,
        alone=True,
        seconds=load.LOAD_S_PER_REPETITION,
    ),
    Scenario(
        name="start",
        title="daemon starts",
        play=_each(footprint.starts),
        figures={Figure.START: Target(greatest=250)},
        alone=True,
        seconds=1,
    ),
    Scenario(
        name="idle",
        title="one virtual host, nothing happens, for {seconds} s",
        play=footprint.idles,
        figures={
            Figure.RESIDENT_MASTER: None,
            Figure.SHARE_MASTER: Target(greatest=45),
            Figure.RESIDENT_BACKUP: None,
            Figure.SHARE_BACKUP: Target(greatest=45),
            Figure.PROCESSOR_MASTER: Target(greatest=3),
            Figure.PROCESSOR_BACKUP: Target(greatest=3),
        },
        together=True,
        alone=True,
        seconds=footprint.WINDOW_S,
    ),
)
BY_NAME: Final = {scenario.name: scenario for scenario in SCENARIOS}
