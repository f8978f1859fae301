"""A scene: two hosts, a client, and what happens to them. Both sides play it from this one description.

Nothing happens at an instant of its own. A step waits for an advertisement of one of the hosts, and happens a part
of its interval later. How large a part it is, is drawn from the seed, for both sides alike: so each repetition is
a pair, and how long a real daemon takes to start makes no difference.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias, final

from carpsim.faults import LinkLoss, Partition, Pause
from carpsim.randomness import stream
from tests.bench.carpd import Carpd
from tests.bench.ucarp import Ucarp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carpsim.faults import Crash, Stop
    from carpsim.world import World
    from tests.bench.implementation import Implementation
    from tests.bench.settings import Settings

MILLISECOND: Final = 1_000_000

CLIENT: Final = "client"

PROBE_INTERVAL: Final = MILLISECOND
"""From one question of the client to the next."""

PROBED_BEFORE: Final = 1_500 * MILLISECOND
"""For how long the client asks before the last step may happen."""

_IMPLEMENTATIONS: Final[Mapping[str, Implementation]] = {one.name: one for one in (Carpd(), Ucarp())}

# Whoever plays has to wait for an advertisement, and to be ready again before the next one.
_LEAST_PHASE, _MOST_PHASE = 0.03, 0.97

Phases: TypeAlias = "Mapping[str, float]"
"""The part of an interval, 0 to 1, of each name that a step gives it."""


@enum.unique
class Measure(enum.Enum):
    """What is compared. The values are what the table calls it."""

    OUTAGE = "outage"
    TWO_HOLDERS = "two hold"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A host.

    Attributes:
        name: its name.
        daemon: what it runs: ``carpd`` or ``ucarp``.
        number: the last byte of its address.
        settings: of the daemon.
    """

    name: str
    daemon: str
    number: int
    settings: Settings

    @property
    def implementation(self) -> Implementation:
        """What it runs."""
        return _IMPLEMENTATIONS[self.daemon]

    @property
    def interval(self) -> int:
        """From one of its advertisements to the next, nanoseconds."""
        return self.implementation.interval(self.settings)

    @property
    def dead_time(self) -> int:
        """How long it waits for an advertisement by the protocol's rules, nanoseconds."""
        return self.implementation.dead_time(self.settings)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A host's daemon is started; a `carpsim.faults.Fault` that scenario files have no need of.

    Attributes:
        at: when, if it is a scenario's.
        host: which.
    """

    at: int = 0
    host: str

    def happen(self, world: World) -> None:
        """Let it happen; see `carpsim.faults.Fault`."""
        world.hosts[self.host].start()


Lasting: TypeAlias = LinkLoss | Partition | Pause
"""What ends by itself."""

Happening: TypeAlias = "Start | Crash | Stop | Lasting"
"""What both sides know how to do, in the simulator's words; its instant is that of its step."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something happens.

    Attributes:
        what: it. What lasts does so for its duration, and a part of an interval of the cue more.
        cue: the host for whose advertisement it waits.
        wait: nanoseconds from the step before, or from the first advertisement of all, to when it begins to wait.
        phase: name of the part of an interval that passes from that advertisement.
        end_phase: name of the part that what lasts does so longer; empty for what does not last.
    """

    what: Happening
    cue: str
    wait: int
    phase: str
    end_phase: str = ""

    def happening(self, phases: Phases, interval: int) -> Happening:
        """Return what happens, as long as it lasts.

        Args:
            phases: of this repetition.
            interval: of the cue, nanoseconds.
        """
        if isinstance(self.what, LinkLoss | Partition | Pause) and self.what.duration is not None:
            return replace(self.what, duration=self.what.duration + round(phases[self.end_phase] * interval))
        return self.what


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is played.

    Attributes:
        event: what happens, in a word or two.
        members: the hosts; the first is started at the beginning, and is master when the first step comes.
        steps: what happens, one after the other; the last is the one that is measured.
        watch: how long after the last step it is watched, nanoseconds.
        measures: what is compared.
        from_end: whether it is measured from the end of what the last step began.
    """

    event: str
    members: tuple[Member, Member]
    steps: tuple[Step, ...]
    watch: int
    measures: tuple[Measure, ...]
    from_end: bool = False

    @property
    def pair(self) -> str:
        """Who plays: the preferred host, and the other one."""
        return "/".join(member.daemon for member in sorted(self.members, key=lambda one: one.name))

    @property
    def name(self) -> str:
        """For the command line and the tables."""
        return f"{self.event} {self.pair}"

    @property
    def seconds(self) -> float:
        """About how long it takes, without the preparations."""
        return (self.members[0].dead_time + self.before_last_step + self.watch) / 1e9 + len(self.steps)

    @property
    def before_last_step(self) -> int:
        """Nanoseconds from the first advertisement to when the last step may happen, at the least."""
        return sum(step.wait for step in self.steps)

    def member(self, name: str) -> Member:
        """Return a host.

        Args:
            name: its name.
        """
        return next(member for member in self.members if member.name == name)

    def measured_from(self, at: int, happening: Happening) -> int:
        """Return the instant from which on is measured.

        Args:
            at: the instant of the last step.
            happening: it.
        """
        lasted = happening.duration if isinstance(happening, LinkLoss | Partition | Pause) else None
        return at + lasted if self.from_end and lasted is not None else at

    def phases(self, seed: int, repetitions: int) -> tuple[Phases, ...]:
        """Return the phases of each repetition.

        They are spread evenly over the interval, each repetition in its own part of it, and those of different
        names are independent of each other (a Latin hypercube).

        Args:
            seed: of the campaign.
            repetitions: how many.
        """
        names = [name for step in self.steps for name in (step.phase, step.end_phase) if name]
        spread = {name: self._spread(seed, name, repetitions) for name in names}
        return tuple({name: spread[name][number] for name in names} for number in range(repetitions))

    def _spread(self, seed: int, name: str, repetitions: int) -> list[float]:
        rng = stream(seed, "phase", self.event, name)
        places = sorted(range(repetitions), key=lambda _: rng.random())
        return [
            _LEAST_PHASE + (place + rng.random()) / repetitions * (_MOST_PHASE - _LEAST_PHASE) for place in places
        ]
