"""All scenarios, in the order of the tables, with the targets of their figures."""

from __future__ import annotations

import sys
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from tests.bench import attack, core_calls, footprint, leaving, load, many, simulator, takeover, two_holders
from tests.bench.carpd import Carpd
from tests.bench.figures import Figure, Target
from tests.bench.keepalived import Keepalived
from tests.bench.libraries import LIBRARIES
from tests.bench.settings import DEFAULT, FASTEST, MANY, SKEWED_SEALED, SUB_SECOND, Settings
from tests.bench.ucarp import Ucarp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.bench.implementation import Contender, Implementation
    from tests.bench.lane import Lane

IMPLEMENTATIONS: Final[dict[str, Implementation]] = {one.name: one for one in (Carpd(), Ucarp(), Keepalived())}
OURS: Final = Carpd.name


class Play(Protocol):
    """Plays a scenario and records what it measures."""

    def __call__(self, lane: Lane, names: Sequence[str], repetitions: int, /) -> None:
        """Play it for some of those who have a column, by their names."""
        ...


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens, and what of it is measured.

    Attributes:
        name: For the command line.
        title: For the table; `{times}` stands for the repetitions, `{seconds}` for how long all of them take.
        play: Plays it.
        figures: What it measures, and our own targets.
        contenders: Who has a column in its table, by name.
        subject: Whose targets they are: what is ours among the contenders.
        settings: What they must support to take part.
        only: Those that take part; all if empty.
        ours: What is measured of the subject alone.
        together: Whether all are measured at the same time, by one call of `play`.
        alone: Whether nothing else may run meanwhile.
        seconds: About how long a repetition takes with the slowest.
        most: Repetitions that are enough.
    """

    name: str
    title: str
    play: Play
    figures: Mapping[Figure, Target | None]
    _: KW_ONLY
    contenders: Mapping[str, Contender] = field(default_factory=lambda: IMPLEMENTATIONS)
    subject: str = OURS
    settings: Settings = DEFAULT
    only: tuple[str, ...] = ()
    ours: frozenset[Figure] = frozenset()
    together: bool = False
    alone: bool = False
    seconds: float = 5
    most: int = sys.maxsize

    def heading(self, repetitions: int) -> str:
        """Return the title for a number of repetitions."""
        times = min(repetitions, self.most)
        return self.title.format(times=times, seconds=times * self.seconds)

    def players(self) -> list[str]:
        """Return the names of those that are on this machine and can take part."""
        return [name for name, one in self.contenders.items() if one.installed() and self.admits(one)]

    def admits(self, contender: Contender, figure: Figure | None = None) -> bool:
        """Tell whether somebody can take part, and be measured in a figure."""
        if figure in self.ours and contender.name != self.subject:
            return False
        return contender.name in (self.only or self.contenders) and contender.supports(self.settings)


def _each(play: Callable[[Lane, Implementation, int], None]) -> Play:
    """Adapt what plays a scenario for one implementation."""

    def play_each(lane: Lane, names: Sequence[str], repetitions: int, /) -> None:
        for name in names:
            play(lane, IMPLEMENTATIONS[name], repetitions)

    return play_each


def _all(play: Callable[[Lane, Sequence[Implementation], int], None]) -> Play:
    """Adapt what plays a scenario for several implementations at a time."""

    def play_all(lane: Lane, names: Sequence[str], repetitions: int, /) -> None:
        play(lane, [IMPLEMENTATIONS[name] for name in names], repetitions)

    return play_all


def _call_core(lane: Lane, names: Sequence[str], repetitions: int, /) -> None:
    core_calls.core_calls(lane, [LIBRARIES[name] for name in names], repetitions)


_MANY_TIMES: Final = 3
"""It takes ucarp a quarter of a minute each time, and each time is one for 255 virtual hosts."""

Targets = dict[Figure, Target | None]
_NEVER: Final = Target(greatest=0, exclusive=False)
_TAKEOVER: Final[Targets] = {
    Figure.OUTAGE: None,
    Figure.TO_ADVERTISEMENT: None,
    Figure.TO_ADDRESS: None,
    Figure.TO_ANNOUNCEMENT: Target(median=0.3, greatest=2),
    Figure.TO_ANSWER: Target(median=0.5),
}
_FAST_TAKEOVER: Final[Targets] = {Figure.TO_ADVERTISEMENT: None, Figure.TO_ANSWER: None}
_BUSY: Final[Targets] = {Figure.FALSE_FAILOVERS: _NEVER, Figure.LATENESS: Target(greatest=4, exclusive=False)}
_SPLIT: Final[Targets] = {
    Figure.OVERLAP: Target(greatest=1000, exclusive=False),
    Figure.CUT_OFF: None,
    Figure.CUT_OFF_RUNS: _NEVER,
}
_IDLE: Final[Targets] = {
    Figure.RESIDENT_MASTER: None,
    Figure.SHARE_MASTER: Target(greatest=45),
    Figure.RESIDENT_BACKUP: None,
    Figure.SHARE_BACKUP: Target(greatest=45),
    Figure.PROCESSOR_MASTER: Target(greatest=3),
    Figure.PROCESSOR_BACKUP: Target(greatest=3),
}
_MANY: Final[Targets] = {
    Figure.START_ALL: None,
    Figure.SHARE_MASTER: Target(greatest=60),
    Figure.SHARE_BACKUP: Target(greatest=60),
    Figure.PROCESSOR_MASTER: Target(greatest=5),
    Figure.PROCESSOR_BACKUP: Target(greatest=5),
    Figure.LATENESS: Target(greatest=5, exclusive=False),
}
_FLOOD: Final[Targets] = {
    Figure.RATE: None,
    Figure.LOSSES: _NEVER,
    Figure.FALSE_FAILOVERS: _NEVER,
    Figure.LATENESS: Target(greatest=10, exclusive=False),
    Figure.PROCESSOR_MASTER: Target(greatest=30),
    Figure.PROCESSOR_BACKUP: Target(greatest=30),
    Figure.LOGGED: Target(greatest=10),
}
_CORE: Final[Targets] = {
    Figure.DISSECT: None,
    Figure.READ: None,
    Figure.VERIFY: Target(median=5),
    Figure.BUILD: Target(median=5),
    Figure.HEAR: Target(median=10),
    Figure.HEAR_FORGED: None,
    Figure.SIEVE: None,
    Figure.HEAR_SEALED: Target(median=10),
    Figure.SEND: None,
    Figure.SEND_SEALED: None,
}
_SIMULATOR: Final[Targets] = {
    Figure.SPEED_2: Target(beyond=500_000),
    Figure.SPEED_10: Target(beyond=500_000),
    Figure.SPEED_100: None,
    Figure.SPEED_1000: Target(beyond=300_000),
    Figure.GROWTH_HOSTS: None,
    Figure.GROWTH_TIME: None,
    Figure.MEMORY: Target(greatest=200),
    Figure.SWARM: Target(median=60),
}

SCENARIOS: Final = (
    Scenario("crash", "host dies, advskew 0", _each(takeover.host_dies), _TAKEOVER, seconds=7),
    Scenario("crash-skewed", "host dies, advskew 100", _each(takeover.host_dies_skewed), _TAKEOVER, seconds=9),
    Scenario(
        "stop",
        "master is stopped",
        _each(leaving.master_stops),
        {Figure.OUTAGE: Target(greatest=10)},
        seconds=7,
    ),
    Scenario(
        "stop-beside-ucarp",
        "master is stopped, the backup is a ucarp",
        _each(leaving.master_stops_beside_ucarp),
        {Figure.OUTAGE: Target(greatest=1000)},
        only=("carpd", "ucarp"),
        seconds=8,
    ),
    Scenario(
        "preferred-returns",
        "preferred host returns and preempts",
        _each(leaving.preferred_returns),
        {Figure.OUTAGE: None, Figure.OVERLAP: Target(greatest=1)},
        seconds=7,
    ),
    Scenario(
        "daemon-killed",
        "daemon is killed, its host lives on",
        _each(two_holders.daemon_killed),
        {Figure.BOTH_ANSWER: Target(greatest=4, exclusive=False)},
        seconds=12,
    ),
    Scenario(
        "split-brain",
        "split brain heals, client on the loser's side",
        _each(two_holders.split_brain_heals),
        _SPLIT,
        seconds=12,
    ),
    Scenario(
        "equal-hosts",
        "master dies, two equal survivors",
        _each(two_holders.equal_hosts),
        {Figure.OVERLAP: Target(greatest=2)},
        seconds=9,
    ),
    Scenario(
        "replay",
        "one captured advertisement is replayed with a better advskew, twice a second for 8 s",
        _each(attack.replay),
        {Figure.LONG_OUTAGE: None},
        seconds=13,
    ),
    Scenario(
        "replay-sealed",
        "the same among hosts with sealed counters",
        _each(attack.replay_sealed),
        {Figure.LONG_OUTAGE: Target(greatest=0.01)},
        settings=SKEWED_SEALED,
        seconds=10,
    ),
    Scenario(
        "sub-second",
        "host dies, advertisements every 11.7 ms (keepalived: 10 ms)",
        _each(takeover.host_dies_sub_second),
        {Figure.OUTAGE: Target(median=35), **_FAST_TAKEOVER},
        settings=SUB_SECOND,
        alone=True,
        seconds=1,
    ),
    Scenario(
        "fastest",
        "host dies, dead time 11.7 ms",
        _each(takeover.host_dies_fastest),
        {Figure.OUTAGE: Target(greatest=14), **_FAST_TAKEOVER},
        settings=FASTEST,
        alone=True,
        seconds=1,
    ),
    Scenario(
        "busy",
        "as many busy loops as cores, for {seconds} s",
        _all(load.busy_cores),
        _BUSY,
        together=True,
        alone=True,
        seconds=load.LOAD_S_PER_REPETITION,
    ),
    Scenario(
        "busy-sub-second",
        "the same, advertisements every 11.7 ms (keepalived: 10 ms)",
        _all(load.busy_cores_sub_second),
        _BUSY,
        settings=SUB_SECOND,
        together=True,
        alone=True,
        seconds=load.LOAD_S_PER_REPETITION,
    ),
    Scenario(
        "flood",
        f"{attack.RATE} forged advertisements a second (keepalived: VRRP, unsigned), for {{seconds}} s",
        _each(attack.flood),
        _FLOOD,
        alone=True,
        seconds=attack.FLOOD_S_PER_REPETITION,
    ),
    Scenario(
        "start",
        "daemon starts",
        _each(footprint.starts),
        {Figure.START: Target(greatest=250)},
        alone=True,
        seconds=1,
    ),
    Scenario(
        "idle",
        "one virtual host, nothing happens, for {seconds} s",
        _all(footprint.idles),
        _IDLE,
        together=True,
        alone=True,
        seconds=footprint.WINDOW_S,
    ),
    Scenario(
        "many",
        "255 virtual hosts (ucarp: as many processes), nothing happens, for {seconds} s",
        _each(many.many_idle),
        _MANY,
        settings=MANY,
        alone=True,
        seconds=footprint.WINDOW_S,
    ),
    Scenario(
        "many-crash",
        "255 virtual hosts, their host dies, {times} times",
        _each(many.many_die),
        {Figure.MOVED: None, Figure.MOVED_ALL: None},
        settings=MANY,
        alone=True,
        seconds=18,
        most=_MANY_TIMES,
    ),
    Scenario(
        "many-stop",
        "255 virtual hosts, their master is stopped, {times} times",
        _each(many.many_stop),
        {Figure.LEFT_ALL: None},
        settings=MANY,
        alone=True,
        seconds=18,
        most=_MANY_TIMES,
    ),
    Scenario(
        "core",
        "one call of the core, on one core (dpkt takes CARP for VRRP; neither it nor scapy verifies anything)",
        _call_core,
        _CORE,
        contenders=LIBRARIES,
        ours=frozenset(_CORE) - {Figure.DISSECT},
        together=True,
        alone=True,
        seconds=4,
    ),
    Scenario(
        "simulator",
        "one master, advbase 1, and its backups in virtual time: real frames, digests verified",
        simulator.simulate,
        _SIMULATOR,
        contenders=simulator.SIMULATORS,
        subject=simulator.OURS.name,
        ours=frozenset({Figure.SWARM}),
        together=True,
        alone=True,
        seconds=60,
        most=simulator.REPETITIONS_MOST,
    ),
)
BY_NAME: Final = {scenario.name: scenario for scenario in SCENARIOS}
